import type { AssayContracts, JobTerms } from "@assay/sdk";
import { parseTerms } from "@assay/sdk";
import type { Logger } from "pino";

import type { Submitter } from "../chain/submitter.js";
import { WorkerError } from "../errors.js";
import type { Executor } from "../jobs/executor.js";
import type { ChainEvent, Journal } from "../jobs/journal.js";
import type { Metrics } from "../metrics.js";

/** What every role works with. */
export interface RoleContext {
  contracts: AssayContracts;
  journal: Journal;
  submitter: Submitter;
  executor: Executor;
  /** The provider this worker works for, and the key it signs with. */
  provider: string;
  operator: string;
  metrics: Metrics;
  log: Logger;
}

/** One thing a worker does. `tick` looks at the journal and the chain and starts what is due; it never waits long. */
export interface Role {
  readonly name: string;
  /** `now` is the chain's clock, seconds since 1970. */
  tick(now: number): Promise<void>;
}

export const sameAddress = (a: unknown, b: string): boolean => String(a).toLowerCase() === b.toLowerCase();

/** Terms and input URI of a job that was requested. */
export function requestOf(journal: Journal, job: string): { terms: JobTerms; inputUri: string } {
  const [event] = journal.events("JobRequested", job);
  if (!event) throw new WorkerError(`job ${job} is not in the journal: start the worker from an earlier block`);
  return { terms: parseTerms(event.args.terms), inputUri: String(event.args.inputUri) };
}

/** Runs one task a key at a time, at most `limit` together; a key under way is not started twice. */
export class TaskPool {
  readonly #keys = new Set<string>();

  constructor(
    private readonly limit: number,
    private readonly onError: (key: string, error: unknown) => void,
  ) {}

  start(key: string, task: () => Promise<void>): void {
    if (this.#keys.has(key) || this.#keys.size >= this.limit) return;
    this.#keys.add(key);
    task()
      .catch((error: unknown) => {
        this.onError(key, error);
      })
      .finally(() => this.#keys.delete(key));
  }

  get size(): number {
    return this.#keys.size;
  }
}

/** Delivered jobs whose window is over and that nobody settled. */
export function dueSettlements(context: RoleContext, now: number, limit: number) {
  return context.journal
    .openEvents("ResultSubmitted", ["JobPaid", "JobRefunded", "JobDisputed"])
    .filter((event) => isOurs(context, event) && Number(event.args.challengeableUntil) < now)
    .slice(0, limit)
    .map(({ key, args }) => ({
      terms: requestOf(context.journal, key).terms,
      outputCommitment: String(args.outputCommitment),
    }));
}

export function isOurs(context: RoleContext, event: ChainEvent): boolean {
  return sameAddress(event.args.provider, context.provider);
}
