import type { Log } from "ethers";

import type { LogFilter, LogSource } from "../../src/chain/logReader.js";
import type { ChainEvent } from "../../src/jobs/journal.js";

export const OURS = "0x00000000000000000000000000000000000000AA";

interface FakeBlock {
  number: number;
  hash: string;
  timestamp: number;
  logs: Log[];
}

/** A chain in memory that can be reorganised, and a node in front of it that can lie. Block 0 has no logs. */
export class FakeChain implements LogSource {
  #blocks: FakeBlock[] = [{ number: 0, hash: "genesis", timestamp: timeOf(0), logs: [] }];
  #born = 0;
  /** Newest blocks whose logs the node does not give out yet. */
  lateBlocks = 0;
  /** Most blocks the node reads in one request. */
  maxRange = Infinity;
  /** Most events whose logs the node gives in one answer; those of all events are more than any number. */
  mostTopics = Infinity;
  /** Logs that are not on the chain but in every answer. */
  lies: Log[] = [];
  /** Ranges asked for. */
  readonly asked: { fromBlock: number; toBlock: number }[] = [];
  /** Topics asked for. The node may give logs with others all the same. */
  readonly topics: string[][] = [];
  /** Runs before each answer: what happens on the chain between two requests. */
  beforeAnswer: (call: "number" | "block" | "logs") => void = () => undefined;

  get head(): number {
    return this.#blocks.length - 1;
  }

  /** Adds a block with this many logs of ours. */
  mine(logs = 1): void {
    const number = this.#blocks.length;
    const hash = `block ${number}, number ${this.#born++} made`;
    const ours = Array.from({ length: logs }, (_, index) => logAt(number, hash, index));
    this.#blocks.push({ number, hash, timestamp: timeOf(number), logs: ours });
  }

  mineMany(count: number): void {
    for (let i = 0; i < count; i++) this.mine();
  }

  /** Replaces the newest `depth` blocks by as many others. */
  reorg(depth: number, logs = 1): void {
    this.drop(depth);
    for (let i = 0; i < depth; i++) this.mine(logs);
  }

  drop(depth: number): void {
    this.#blocks = this.#blocks.slice(0, Math.max(1, this.#blocks.length - depth));
  }

  hashOf(block: number): string {
    return this.#blocks[block]?.hash ?? "no such block";
  }

  /** What a reader must have: every log of ours up to a block. */
  eventsUpTo(block: number): ChainEvent[] {
    return this.#blocks.slice(0, block + 1).flatMap(({ logs }) => logs.map(toEvent));
  }

  getBlockNumber(): Promise<number> {
    return this.#answer("number", () => this.head);
  }

  getBlock(block: number): Promise<FakeBlock | null> {
    return this.#answer("block", () => this.#blocks[block] ?? null);
  }

  getLogs({ fromBlock, toBlock, topics = [] }: LogFilter): Promise<Log[]> {
    this.asked.push({ fromBlock, toBlock });
    this.topics.push(...topics);
    return this.#answer("logs", () => {
      if (toBlock - fromBlock + 1 > this.maxRange) throw new Error("query exceeds max block range");
      if ((topics[0]?.length ?? Infinity) > this.mostTopics) throw new Error("query returned more than 10000 results");
      const known = this.#blocks.slice(fromBlock, Math.min(toBlock, this.head - this.lateBlocks) + 1);
      return [...known.flatMap(({ logs }) => logs), ...this.lies];
    });
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- a node's answer, or its refusal, is a promise
  async #answer<T>(call: "number" | "block" | "logs", give: () => T): Promise<T> {
    this.beforeAnswer(call);
    return give();
  }
}

/** A block every twelve seconds. */
export const timeOf = (block: number): number => 1_000 + 12 * block;

export function logAt(blockNumber: number, blockHash: string, index: number, address = OURS): Log {
  return { address, blockNumber, blockHash, index } as Log;
}

export function toEvent({ blockNumber: block, blockHash, index: logIndex }: Log): ChainEvent {
  return { block, blockHash, logIndex, name: "Happened", key: String(block), args: {} };
}
