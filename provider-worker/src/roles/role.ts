import type { AssayContracts, JobTerms } from "@assay/sdk";
import { parseTerms } from "@assay/sdk";
import type { Logger } from "pino";

import type { Submitter } from "../chain/submitter.js";
import type { RunMaker, Tracer } from "../court/courtRuns.js";
import { CourtRuns } from "../court/courtRuns.js";
import type { Judge } from "../court/judge.js";
import type { TraceFile } from "../court/traceFile.js";
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
  tracer: Tracer;
  judge: Judge;
  /** Where `doctor` and `status` read what answering for a result costs. */
  traceFile: Pick<TraceFile, "note">;
  /** Most bytes of runs for the court that each role keeps. */
  keptRunBytes: number;
  /** Time of the newest block that was read; zero while that is not known. */
  readUntil: () => number;
  /** The provider this worker works for, and the key it signs with. */
  provider: string;
  operator: string;
  metrics: Metrics;
  /** Aborts when the worker is to stop. */
  signal: AbortSignal;
  log: Logger;
}

/** One thing a worker does. `tick` looks at the journal and the chain and starts what is due; it never waits long. */
export interface Role {
  readonly name: string;
  /** `now` is the chain's clock, seconds since 1970. */
  tick(now: number): Promise<void>;
}

/** `JuryArbiter.Phase`. */
export const Phase = { Draw: 1n, Commit: 2n, Reveal: 3n, Count: 4n, Closed: 5n } as const;

export const sameAddress = (a: unknown, b: string): boolean => String(a).toLowerCase() === b.toLowerCase();

export interface JobOrder {
  terms: JobTerms;
  inputUri: string;
}

/** Terms and input URI of a job that was requested; undefined if that was before the worker's first block. */
export function findRequest(journal: Journal, job: string): JobOrder | undefined {
  const [event] = journal.events("JobRequested", job);
  return event && orderIn(event);
}

/** Some terms of a job. All of them have its id, which is their hash and takes a hundred times as long. */
export type JobFacts = Pick<JobTerms, "modelId" | "stake" | "inputCommitment" | "executionDeadline">;

/** Those of a job that was requested; undefined if that was before the worker's first block. */
export function findFacts(journal: Journal, job: string): JobFacts | undefined {
  const [event] = journal.events("JobRequested", job);
  return event && factsIn(event);
}

/** Whether a job locks stake, which one that is not known may. */
export function hasStake(journal: Journal, job: string): boolean {
  return findFacts(journal, job)?.stake !== 0n;
}

/** The same, out of the event itself. */
export function factsIn({ args }: ChainEvent): JobFacts {
  const { modelId, stake, inputCommitment, executionDeadline } = args.terms as Record<keyof JobFacts, string>;
  return {
    modelId: BigInt(modelId),
    stake: BigInt(stake),
    inputCommitment,
    executionDeadline: BigInt(executionDeadline),
  };
}

const orders = new WeakMap<ChainEvent, JobOrder>();

/** The same, out of the event itself: once, since the id is the hash of all terms. */
export function orderIn(event: ChainEvent): JobOrder {
  const known = orders.get(event);
  if (known) return known;
  const { args } = event;
  const order = { terms: parseTerms(args.terms), inputUri: String(args.inputUri) };
  orders.set(event, order);
  return order;
}

/** A job that a reorganisation took, or that is in blocks still to be read, may be there later. */
export function requestOf(journal: Journal, job: string): JobOrder {
  const found = findRequest(journal, job);
  if (!found) throw new WorkerError(`job ${job} is not in the journal: start the worker from an earlier block`, true);
  return found;
}

/** Runs again the jobs of cases before the court. */
export function runsOf({ journal, tracer, keptRunBytes }: RoleContext): CourtRuns {
  const orderOf = (job: string) => requestOf(journal, job);
  const maker: RunMaker = {
    hold: (job, act) => tracer.hold(orderOf(job).terms, act),
    fetch: (job, place) => tracer.fetch(orderOf(job).terms, orderOf(job).inputUri, place),
    make: (job, urgency) => tracer.trace(orderOf(job).terms, orderOf(job).inputUri, urgency),
  };
  return new CourtRuns(maker, keptRunBytes);
}

/** Delivered jobs whose window is over and that nobody settled. */
export function dueSettlements({ journal, provider }: RoleContext, now: number, limit: number): JobTerms[] {
  const due: JobTerms[] = [];
  for (const { key, args } of journal.openEventsOf(provider, "ResultSubmitted", ["JobDisputed"])) {
    if (Number(args.challengeableUntil) >= now) continue;
    const found = findRequest(journal, key);
    if (found) due.push(found.terms);
    if (due.length === limit) break;
  }
  return due;
}

export function isOurs(context: Pick<RoleContext, "provider">, event: ChainEvent): boolean {
  return sameAddress(event.args.provider, context.provider);
}
