import { rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

import type { Submitter } from "./chain/submitter.js";
import { LogsError } from "./chain/logReader.js";
import { Sweep } from "./content/sweep.js";
import { unlessAborted } from "./deadline.js";
import { JournalError, WorkerError } from "./errors.js";
import { makeRoles } from "./roles/makeRoles.js";
import type { Role } from "./roles/role.js";
import type { WorkerParts } from "./wiring.js";
import { Wiring } from "./wiring.js";

export type { WorkerParts } from "./wiring.js";

const PRUNE_EVERY_SECONDS = 600;

/** A worker at work. The constructor builds, `run` acts until its signal stops it. */
export class Worker {
  readonly #parts: WorkerParts;
  readonly #wiring: Wiring;
  /** Of the content store, once `run` began. */
  #sweep: Sweep | undefined;
  /** When to look again for something to forget. */
  #pruneAt = 0;

  constructor(parts: WorkerParts) {
    this.#parts = parts;
    this.#wiring = new Wiring(parts);
  }

  /** Works until `signal` aborts, then ends within the shutdown time. `onReady` gets the content store's port. */
  async run(signal: AbortSignal, onReady?: (contentPort: number) => void): Promise<void> {
    const { settings, wallet, log } = this.#parts;
    try {
      await unlessAborted(signal, this.#wiring.requireChain());
      // What a worker that was killed left; the journal is locked, so no other one is at work here.
      await rm(this.#wiring.scratch, { recursive: true, force: true });
      const port = await this.#wiring.server.start();
      await this.#wiring.metricsServer?.start();
      const submitter = this.#wiring.submitter(signal);
      submitter.recover();
      const roles = makeRoles(this.#wiring.roleContext(submitter, signal), settings, wallet);
      this.#sweep = new Sweep(this.#wiring.store, signal, (error) => {
        log.warn({ err: error }, "content store not looked through yet");
      });
      this.#sweep.tick(0);
      log.info({ roles: roles.map(({ name }) => name), contentPort: port }, "started");
      onReady?.(port);
      while (!signal.aborted) {
        await unlessAborted(signal, this.#step(roles, submitter)).catch((error: unknown) => {
          if (error instanceof JournalError) throw error;
          if (!signal.aborted) log.warn({ err: error }, "step failed: trying again");
        });
        await sleep(settings.pollMs, undefined, { signal }).catch(() => undefined);
      }
    } catch (error) {
      if (!signal.aborted || error instanceof JournalError) throw error;
    } finally {
      await this.#stop();
    }
  }

  async #step(roles: readonly Role[], submitter: Submitter): Promise<void> {
    await this.#read();
    await this.#readOlder();
    const block = await this.#wiring.provider.getBlock("latest");
    if (!block) throw new WorkerError("the node has no latest block", true);
    this.#sweep?.tick(block.timestamp);
    submitter.atBlock(block.number, block.timestamp);
    for (const role of roles) await this.#tick(role, block.timestamp);
    // After the roles: each has seen what is forgotten.
    // The chain's clock, or this machine's where that is behind: a node may say that it is later than it is.
    this.#prune(Math.min(block.timestamp, Date.now() / 1000));
    if (this.#wiring.metricsServer) await this.#measure(block.number);
  }

  /** What was read before has to be answered for in time, also while a node gives no logs. */
  async #read(): Promise<void> {
    try {
      await this.#wiring.reader.poll();
    } catch (error) {
      if (!(error instanceof LogsError)) throw error;
      this.#parts.log.warn({ err: error }, "new events not read yet");
    }
  }

  /** What keeps one role from looking keeps no other from its duties. */
  async #tick(role: Role, now: number): Promise<void> {
    try {
      await role.tick(now);
    } catch (error) {
      if (error instanceof JournalError) throw error;
      this.#parts.log.warn({ role: role.name, err: error }, "step failed: trying again");
    }
  }

  /** What a node does not give of long ago keeps nothing that is new waiting. */
  async #readOlder(): Promise<void> {
    try {
      await this.#wiring.reader.readOlder();
    } catch (error) {
      if (error instanceof JournalError) throw error;
      this.#parts.log.warn({ err: error }, "older events not read yet");
    }
  }

  /** Some at each look while there is something to forget. */
  #prune(now: number): void {
    if (now >= this.#pruneAt && this.#wiring.journal.prune(now) === 0) this.#pruneAt = now + PRUNE_EVERY_SECONDS;
  }

  async #measure(head: number): Promise<void> {
    const read = this.#wiring.journal.checkpoint()?.block;
    if (read !== undefined) {
      this.#wiring.metrics.readBlock.set(read);
      this.#wiring.metrics.lag.set(Math.max(0, head - read));
    }
    this.#wiring.metrics.balance.set(Number(await this.#wiring.provider.getBalance(this.#parts.wallet.address)));
  }

  async #stop(): Promise<void> {
    const { settings, log } = this.#parts;
    const stopped = Promise.allSettled([
      this.#wiring.server.stop(),
      this.#wiring.metricsServer?.stop(),
      this.#wiring.fetcher.stop(),
      this.#wiring.models.stop(),
      this.#wiring.checker.stop(),
      this.#sweep?.ended(),
    ]);
    await Promise.race([stopped, sleep(settings.shutdownMs, undefined, { ref: false })]);
    this.#wiring.provider.destroy();
    this.#wiring.store.close();
    this.#wiring.journal.close();
    log.info("stopped");
  }
}
