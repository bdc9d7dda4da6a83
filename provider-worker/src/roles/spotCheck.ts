import { id } from "ethers";

import { isProven } from "../court/courtModels.js";
import { RunRank, urgencyAbout } from "../court/courtRuns.js";
import { Backoff } from "../jobs/backoff.js";
import { Deadlines } from "../jobs/deadlines.js";
import type { ChainEvent, Journal } from "../jobs/journal.js";
import type { Place } from "../jobs/taskPool.js";
import { TaskPool } from "../jobs/taskPool.js";
import { challenge } from "./challenge.js";
import { differenceOfResult } from "./difference.js";
import type { Role, RoleContext } from "./role.js";
import { isOurs, requestOf } from "./role.js";

export interface SpotCheckOptions {
  /** Share of other providers' results to execute again, 0 to 1. */
  sampleRate: number;
  concurrency: number;
  /** Makes the sample unpredictable to providers. */
  secret: string;
}

/** Executes other providers' jobs again and challenges results that differ. */
export class SpotCheck implements Role {
  readonly name = "spotCheck";
  readonly #tasks: TaskPool;
  readonly #backoff = new Backoff();
  readonly #deadlines: Deadlines;
  /** Jobs of which nothing could be told yet. */
  readonly #untold = new Set<string>();

  constructor(
    private readonly context: RoleContext,
    private readonly options: SpotCheckOptions,
  ) {
    this.#tasks = new TaskPool(options.concurrency, context.signal, (job, error) => {
      context.log.warn({ job, err: error }, "job not audited yet");
    });
    this.#deadlines = new Deadlines(context.signal);
  }

  tick(now: number): Promise<void> {
    this.#deadlines.tick(now);
    this.#backoff.tick(now);
    const { journal } = this.context;
    const open = journal.challengeable(now, ["JobDisputed"]);
    for (const event of open) {
      const verdict = journal.note(noteOf(event));
      const done = verdict === "right" || verdict === "failed";
      if (done || isOurs(this.context, event) || !this.#drawn(event.key)) continue;
      if (!this.#backoff.isDue(event.key)) continue;
      this.#tasks.start(event.key, (place) => this.#audit(event, place));
    }
    this.#forgetBut(open);
    return Promise.resolve();
  }

  #forgetBut(open: readonly ChainEvent[]): void {
    const { journal, log } = this.context;
    const jobs = new Set(open.map(({ key }) => key));
    for (const job of this.#untold) {
      if (jobs.has(job)) continue;
      this.#untold.delete(job);
      if (journal.events("JobDisputed", job).length > 0) continue;
      log.warn({ job }, "cannot audit: its challenge window is over");
    }
  }

  /** Jobs kept in mind beside the journal. */
  get remembered(): number {
    return this.#untold.size;
  }

  #drawn(job: string): boolean {
    return Number(BigInt(id(`${this.options.secret} ${job}`)) % 1_000_000n) < this.options.sampleRate * 1_000_000;
  }

  async #audit(event: ChainEvent, place: Place): Promise<void> {
    const verdict = this.context.journal.note(noteOf(event)) ?? (await this.#execute(event, place));
    // Again until the challenge is on chain: whatever became of a transaction, `JobDisputed` ends this.
    if (verdict === "wrong") await challenge(this.context, event);
  }

  /** Executes the job again and notes what came of it. */
  async #execute(event: ChainEvent, place: Place): Promise<string> {
    const { journal, executor, signal, log } = this.context;
    const claimed = String(event.args.outputCommitment);
    const until = Number(event.args.challengeableUntil);
    let verdict: string;
    try {
      const { terms, inputUri } = requestOf(journal, event.key);
      const check = async (stop: AbortSignal) => {
        const { root: found } = await executor.execute(terms, inputUri, place, stop);
        const isRight = found === claimed || (await this.#stands(event, place, stop));
        return { found, isRight };
      };
      // The input is read twice.
      const holding = (stop: AbortSignal) => executor.hold(terms, () => check(stop));
      const { found, isRight } = await this.#deadlines.until(until, holding);
      verdict = isRight ? "right" : "wrong";
      if (verdict === "wrong") log.warn({ job: event.key, claimed, found }, "wrong result: challenging");
    } catch (error) {
      // Nothing is challenged on the ground that it could not be checked.
      if (signal.aborted || this.#backoff.retries(event.key, error, until)) {
        this.#untold.add(event.key);
        throw error;
      }
      log.warn({ job: event.key, err: error }, "cannot audit");
      verdict = "failed";
    }
    this.#backoff.succeeded(event.key);
    this.#untold.delete(event.key);
    journal.setNote(noteOf(event), verdict, event.key);
    return verdict;
  }

  /** Whether it may have been right to deliver other bytes than this machine computes. */
  async #stands(event: ChainEvent, place: Place, signal: AbortSignal): Promise<boolean> {
    const { contracts, journal, tracer } = this.context;
    const { terms, inputUri } = requestOf(journal, event.key);
    const { profile } = await contracts.models.factsOf(terms.modelId);
    // A jury compares bytes.
    if (!isProven(profile)) return false;
    const urgency = urgencyAbout(terms.provider, RunRank.Wrong, Number(event.args.challengeableUntil));
    const run = await tracer.trace(terms, inputUri, urgency);
    return (await differenceOfResult(this.context, event, run, place, signal)) !== "wrong";
  }
}

/** Name of the note about one delivery: another branch of the chain may bring another. */
function noteOf({ key, blockHash }: ChainEvent): string {
  return `audited ${key} in ${blockHash}`;
}

/** What came of the audit of one delivery, `wrong` for one; undefined if there was none. */
export function verdictOn(journal: Journal, delivery: ChainEvent): string | undefined {
  return journal.note(noteOf(delivery));
}
