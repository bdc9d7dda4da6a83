import type { Log } from "ethers";

import { WorkerError } from "../errors.js";
import type { ChainEvent, Checkpoint, Gap, Journal } from "../jobs/journal.js";

/** The few calls the reader makes, so that tests can lie to it. */
export interface LogSource {
  getBlockNumber(): Promise<number>;
  getBlock(block: number): Promise<{ hash: string | null; number: number; timestamp: number } | null>;
  getLogs(filter: LogFilter): Promise<readonly Log[]>;
}

export interface LogFilter {
  address: string[];
  fromBlock: number;
  toBlock: number;
  /** Of the first topic, any of these; all logs if left out. */
  topics?: string[][];
}

export interface FollowedEvent {
  name: string;
  topic: string;
  /** First block in which it can matter, if that is another one than where the reader starts. */
  from?: number;
}

export interface LogReaderOptions {
  /** Contracts to follow. */
  addresses: readonly string[];
  /** First block that can hold one of their logs. */
  startBlock: number;
  /** What `decode` gives. One that the journal has not followed before is read in older blocks as well. */
  events: readonly FollowedEvent[];
  /** Blocks on top of a block before it is read. */
  confirmations: number;
  /** Most blocks in one request. */
  chunkBlocks: number;
  /** Blocks behind the cursor that are read again each time, in case a node left logs out at its head. */
  overlapBlocks: number;
  /** Decodes a log, or undefined for one that does not matter. */
  decode: (log: Log) => ChainEvent | undefined;
  /** Throws where the node is not on the chain that the journal is about. Asked before anything is rolled back. */
  requireChain?: () => Promise<void>;
}

/** Blocks are on the chain that was read before, but the node does not give their logs: it refuses, or has a limit. */
export class LogsError extends WorkerError {
  override name = "LogsError";
}

interface BlockRange {
  events: ChainEvent[];
  end: string;
  timestamp: number;
}

const KEPT_CHECKPOINT_BLOCKS = 10_000;
/** Of older blocks, read in one go: what is new must not wait for them. */
const OLDER_RANGES = 10;

/**
 * Follows the chain with a cursor of its own: `getLogs` by range, never filters or subscriptions, which lose events.
 * The cursor moves in the same transaction that stores the events. When the block at the cursor is no longer on the
 * chain, reader and events go back to the last checkpoint that is. An event that a journal did not follow from its
 * beginning is read in the older blocks too, the newest first, so that nothing is seen to open whose end is not.
 */
export class LogReader {
  #chunk: number;
  #readUntil = 0;

  constructor(
    private readonly source: LogSource,
    private readonly journal: Journal,
    private readonly options: LogReaderOptions,
  ) {
    this.#chunk = options.chunkBlocks;
  }

  /** Time of the newest block that was read, seconds since 1970; zero if none was since the start or a reorganisation. */
  get readUntil(): number {
    return this.#readUntil;
  }

  /** Reads up to the newest confirmed block. Returns whether anything new was read. */
  async poll(): Promise<boolean> {
    const head = (await this.source.getBlockNumber()) - this.options.confirmations;
    await this.#walkBack(head);
    this.#follow();
    let moved = false;
    for (;;) {
      const from = (this.journal.checkpoint()?.block ?? this.options.startBlock - 1) + 1;
      if (from > head) return moved;
      await this.#scan(from, Math.min(head, from + this.#chunk - 1));
      moved = true;
    }
  }

  /** Reads some ranges of older blocks, for events that were not looked for in them. Not every node still has those. */
  async readOlder(): Promise<void> {
    for (let i = 0; i < OLDER_RANGES; i++) {
      const gaps = this.journal.gaps();
      const to = gaps[0]?.to;
      if (to === undefined) return;
      await this.#readGaps(gaps.filter((gap) => gap.to === to));
    }
  }

  async #scan(from: number, to: number): Promise<void> {
    const fromBlock = Math.max(this.options.startBlock, from - this.options.overlapBlocks);
    const { events, end, timestamp } = await this.#read(fromBlock, to);
    this.journal.advance(events, { block: to, hash: end }, to - KEPT_CHECKPOINT_BLOCKS);
    this.#readUntil = timestamp;
  }

  #follow(): void {
    const { events, startBlock } = this.options;
    const named = events.map(({ name, from = startBlock }) => ({ name, from }));
    this.journal.follow(named, startBlock);
  }

  /** The last blocks of gaps that end in the same block. */
  async #readGaps(gaps: readonly Gap[]): Promise<void> {
    const firstOf = new Map(gaps.map(({ name, from }) => [name, from]));
    const to = Math.max(...gaps.map((gap) => gap.to));
    const from = Math.max(Math.min(...firstOf.values()), to - this.#chunk + 1);
    const topics = this.options.events.filter(({ name }) => firstOf.has(name)).map(({ topic }) => topic);
    const { events } = await this.#read(from, to, topics);
    const wanted = events.filter(({ name, block }) => block >= (firstOf.get(name) ?? Infinity));
    this.journal.fillGaps(wanted, [...firstOf.keys()], from);
  }

  /** What is followed in these blocks, with hash and time of the last. */
  async #read(fromBlock: number, to: number, topics?: string[]): Promise<BlockRange> {
    const { hash: end, timestamp } = await this.#blockAt(to);
    const logs = await this.#logs({
      address: [...this.options.addresses],
      fromBlock,
      toBlock: to,
      ...(topics && { topics: [topics] }),
    });
    // Logs are of one chain only if neither the cursor's block nor their last one changed while they were read.
    const start = this.journal.checkpoint();
    if ((start && (await this.#hashOf(start.block)) !== start.hash) || (await this.#hashOf(to)) !== end) {
      throw new WorkerError(`the chain changed while blocks ${fromBlock} to ${to} were read`, true);
    }
    this.#chunk = Math.min(this.options.chunkBlocks, this.#chunk * 2);
    const known = new Set(this.options.addresses.map((address) => address.toLowerCase()));
    const events = logs.flatMap((log) => {
      const ours = known.has(log.address.toLowerCase()) && log.blockNumber >= fromBlock && log.blockNumber <= to;
      if (!ours || (log.blockNumber === to && log.blockHash !== end)) return [];
      const event = this.options.decode(log);
      return event ? [event] : [];
    });
    return { events, end, timestamp };
  }

  /** Once the node refused a range, in parts no longer than the chunk: also what is read again may be too much at once. */
  async #logs({ fromBlock, toBlock, ...filter }: LogFilter): Promise<readonly Log[]> {
    const most = this.#chunk < this.options.chunkBlocks ? this.#chunk : Infinity;
    const parts: (readonly Log[])[] = [];
    for (let from = fromBlock; from <= toBlock; from += most) {
      const to = Math.min(toBlock, from + most - 1);
      parts.push(await this.#logsOf({ ...filter, fromBlock: from, toBlock: to }));
    }
    return parts.flat();
  }

  async #logsOf(filter: LogFilter): Promise<readonly Log[]> {
    try {
      return await this.source.getLogs(filter).catch((error: unknown) => this.#logsByEvent(filter, error));
    } catch (error) {
      // Nodes limit ranges and answers differently: ask for less next time.
      this.#chunk = Math.max(1, Math.floor(this.#chunk / 2));
      const message = `the node gives no logs of blocks ${filter.fromBlock} to ${filter.toBlock}`;
      throw new LogsError(`${message}: ${(error as Error).message}`, true, { cause: error });
    }
  }

  /** Where a node does not give all logs of one block, which anybody can fill: those of one event after another. */
  async #logsByEvent(filter: LogFilter, refusal: unknown): Promise<readonly Log[]> {
    const topics = filter.topics?.[0] ?? this.options.events.map(({ topic }) => topic);
    if (filter.fromBlock < filter.toBlock || topics.length === 1) throw refusal;
    const parts: (readonly Log[])[] = [];
    for (const topic of topics) parts.push(await this.source.getLogs({ ...filter, topics: [[topic]] }));
    return parts.flat();
  }

  async #hashOf(number: number): Promise<string> {
    return (await this.#blockAt(number)).hash;
  }

  async #blockAt(number: number): Promise<{ hash: string; timestamp: number }> {
    const block = await this.source.getBlock(number);
    if (!block?.hash) throw new WorkerError(`the node does not know block ${number}: it may be behind`, true);
    return { hash: block.hash, timestamp: block.timestamp };
  }

  async #walkBack(head: number): Promise<void> {
    const cursor = this.journal.checkpoint();
    if (!cursor) return;
    // A node behind the cursor proves nothing: wait for it rather than forget what was read.
    if (cursor.block > head + this.options.confirmations) {
      throw new WorkerError(
        `the node is at block ${head}, behind block ${cursor.block} read before: it is syncing, or its chain was ` +
          "started anew and needs another dataDir",
        true,
      );
    }
    if (await this.#isOnChain(cursor)) return;
    await this.options.requireChain?.();
    const gone = await this.#oldestGone();
    if (!gone) return;
    this.#readUntil = 0;
    this.journal.rollBack(gone.block);
  }

  /** The oldest checkpoint that is not on the chain, by bisection: whatever is above it is gone too. */
  async #oldestGone(): Promise<Checkpoint | undefined> {
    const checkpoints = this.journal.checkpoints();
    let [low, high] = [0, checkpoints.length - 1];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const checkpoint = checkpoints[middle];
      if (checkpoint && (await this.#isOnChain(checkpoint))) low = middle + 1;
      else high = middle;
    }
    const [first, gone, last] = [checkpoints[0], checkpoints[low], checkpoints.at(-1)];
    if (first && last && gone === first && last.block - first.block > KEPT_CHECKPOINT_BLOCKS) {
      throw new WorkerError(
        `no block that was read before is on the node's chain, from ${first.block} to ${last.block}: check rpcUrl; ` +
          "a chain that was started anew needs another dataDir",
        true,
      );
    }
    return gone;
  }

  async #isOnChain({ block, hash }: Checkpoint): Promise<boolean> {
    return (await this.#hashOf(block)) === hash;
  }
}
