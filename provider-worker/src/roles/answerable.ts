import type { JobTerms } from "@assay/sdk";
import { jobIdText } from "@assay/sdk";

import { isProven } from "../court/courtModels.js";
import type { JobFacts, JobOrder, RoleContext } from "./role.js";
import { findFacts } from "./role.js";

/** Seconds that a trace takes to be sent and mined, at least: 64 at once are on their way, and a block may take 12. */
const SENDING_SECONDS = 0.2;

/** What traces have of a chain: 30 million gas in a block of 12 seconds. */
const GAS_PER_SECOND = 30_000_000 / 12;

/** Of what can be traced within a reply period. The other half is for what the machine does besides. */
const SHARE = 0.5;

/** How many results can be answered for within a reply period, with so many seconds for each. */
export function answerableWithin(replyPeriod: number, seconds: number): number {
  return Math.floor((SHARE * replyPeriod) / seconds);
}

/**
 * How many results of its own a worker can answer for. All that are open may be challenged within a moment, and whatever
 * is not traced within the court's reply period is slashed, however right it is. Jobs without stake do not count: their
 * cases are defended after all others.
 */
export class Answerable {
  /** Whether the proof court judges a model, by its id. */
  readonly #proven = new Map<bigint, boolean>();
  /** Results that may be challenged, by job. */
  #delivered = new Map<string, JobFacts>();
  /** Models of jobs that were taken on and are not delivered yet, as far as that was read. */
  readonly #taken = new Map<string, bigint>();
  /** Models of which this machine could not make a trace. */
  readonly #untraced = new Set<bigint>();
  /** What has to be answered for, and in how many seconds that could be. */
  #open = { count: 0, seconds: 0 };
  #replyPeriod = 0;

  constructor(
    private readonly context: RoleContext,
    /** Results open at once, whatever the machine can do. */
    private readonly most: number | undefined,
  ) {}

  /**
   * Looks at what may be challenged from now on, and what may have been without that it was read; `requested` are the jobs
   * that are still to be delivered, `readUntil` the time up to which all is known.
   */
  async look(readUntil: number, requested: readonly JobOrder[]): Promise<void> {
    const { journal, provider, contracts } = this.context;
    if (this.#replyPeriod === 0) this.#replyPeriod = Number(await contracts.court.REPLY_PERIOD());
    await this.#lookAtTaken(requested);
    const delivered = new Map<string, JobFacts>();
    for (const { key, args } of journal.openEventsOf(provider, "ResultSubmitted")) {
      const isOpen = Number(args.challengeableUntil) >= readUntil || journal.events("JobDisputed", key).length > 0;
      const terms = this.#delivered.get(key) ?? findFacts(journal, key);
      if (!isOpen || !terms) continue;
      if (!this.#proven.has(terms.modelId)) await this.#learn(terms.modelId);
      delivered.set(key, terms);
    }
    this.#delivered = delivered;
    this.#open = { count: 0, seconds: 0 };
    for (const { modelId, stake } of delivered.values())
      if (stake > 0n && this.#proven.get(modelId)) this.#add(modelId);
    for (const modelId of this.#taken.values()) this.#add(modelId);
  }

  /** What is bound to a result will be sent, whatever else is open, also after a restart. */
  async #lookAtTaken(requested: readonly JobOrder[]): Promise<void> {
    const jobs = new Map(requested.map(({ terms }) => [jobIdText(terms.id), terms]));
    for (const job of this.#taken.keys()) if (!jobs.has(job)) this.#taken.delete(job);
    for (const [job, terms] of jobs) {
      if (this.context.journal.resultOf(job) === undefined || !(await this.#counts(job, terms))) continue;
      this.#taken.set(job, terms.modelId);
    }
  }

  /** Whether one more job can be answered for; if so, it is counted from now on. */
  async takes(job: string, terms: JobTerms): Promise<boolean> {
    const { modelId } = terms;
    if (!(await this.#counts(job, terms))) return true;
    if (this.#untraced.has(modelId) || !this.#hasRoomFor(modelId)) return false;
    this.#taken.set(job, modelId);
    this.#add(modelId);
    return true;
  }

  /** Notes whether this machine can trace a model. While it cannot, any challenge would take the stake. */
  noteTraceable(modelId: bigint, isTraceable: boolean): void {
    if (isTraceable) this.#untraced.delete(modelId);
    else this.#untraced.add(modelId);
  }

  /** Seconds that one more result of a model adds to what may have to be answered for. */
  secondsOf(modelId: bigint): number {
    const { costs } = this.context.tracer;
    return costs.secondsOf(modelId) + Math.max(SENDING_SECONDS, costs.gasOf(modelId) / GAS_PER_SECOND);
  }

  /** What the log says of it. */
  numbers(): { open: number; seconds: number; replyPeriod: number } {
    const { count, seconds } = this.#open;
    return { open: count, seconds: Math.ceil(seconds), replyPeriod: this.#replyPeriod };
  }

  /** Whether a job is to be counted and is not yet. */
  async #counts(job: string, { modelId, stake }: JobTerms): Promise<boolean> {
    return stake > 0n && !this.#taken.has(job) && (await this.#learn(modelId));
  }

  #hasRoomFor(modelId: bigint): boolean {
    if (this.most !== undefined) return this.#open.count < this.most;
    return this.#open.seconds + this.secondsOf(modelId) <= SHARE * this.#replyPeriod;
  }

  #add(modelId: bigint): void {
    this.#open.count++;
    this.#open.seconds += this.secondsOf(modelId);
  }

  async #learn(modelId: bigint): Promise<boolean> {
    const known = this.#proven.get(modelId);
    if (known !== undefined) return known;
    const { profile } = await this.context.contracts.models.factsOf(modelId);
    this.#proven.set(modelId, isProven(profile));
    return isProven(profile);
  }
}
