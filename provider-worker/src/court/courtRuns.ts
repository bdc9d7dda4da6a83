import type { CourtModel, JobTerms, TraceCommitment } from "@assay/sdk";
import { initHash, runTrace } from "@assay/sdk";

import type { Executor } from "../jobs/executor.js";
import type { Place } from "../jobs/taskPool.js";
import { STAYS } from "../jobs/taskPool.js";
import type { ModelCache } from "../models/modelCache.js";
import { commitInThread } from "./commit.js";
import type { CourtModels } from "./courtModels.js";
import type { StartRuntime } from "./runtime.js";

/** A job's run on this machine, tensor by tensor. */
export interface CourtRun {
  readonly model: CourtModel;
  readonly trace: TraceCommitment;
}

/** Runs jobs again for the court. */
export class Tracer {
  constructor(
    private readonly models: ModelCache,
    private readonly courtModels: CourtModels,
    private readonly executor: Executor,
    private readonly startRuntime: StartRuntime,
    /** Ends every run. */
    private readonly signal: AbortSignal,
  ) {}

  /** Keeps the input here, once it is, until `act` ended. */
  hold<T>(terms: JobTerms, act: () => Promise<T>): Promise<T> {
    return this.executor.hold(terms, act);
  }

  /** Brings here what a run needs, which may be slow: others have the place meanwhile. */
  async fetch(terms: JobTerms, inputUri: string, place: Place): Promise<void> {
    const { modelId } = terms;
    if (!(await this.models.isHere(modelId))) {
      await place.leaveFor(`model ${modelId}`, () => this.models.fileOf(modelId, this.signal));
    }
    await this.executor.input(terms, inputUri, place, this.signal);
  }

  async trace(terms: JobTerms, inputUri: string): Promise<CourtRun> {
    await initHash();
    const file = await this.models.fileOf(terms.modelId, this.signal);
    const model = await this.courtModels.read(terms.modelId, file, this.signal);
    const { tensors } = await this.executor.input(terms, inputUri, STAYS, this.signal);
    const trace = await runTrace(model, tensors, this.startRuntime(this.signal));
    return { model, trace: await commitInThread(model, trace, this.signal) };
  }
}

/** How one job is run again. */
export interface RunMaker {
  /** Keeps what was fetched until `act` ended. */
  hold: <T>(job: string, act: () => Promise<T>) => Promise<T>;
  fetch: (job: string, place: Place) => Promise<void>;
  make: (job: string) => Promise<CourtRun>;
}

/**
 * Runs of jobs whose cases are open. A run is made when it is first needed, one at a time, and may be large: only the
 * last few are kept, an older one is made again.
 */
export class CourtRuns {
  readonly #kept = new Map<string, Promise<CourtRun>>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly maker: RunMaker,
    private readonly most = 2,
  ) {}

  get(job: string, place: Place): Promise<CourtRun> {
    // A run may wait long for the others: nothing that was fetched for it goes meanwhile.
    return this.maker.hold(job, () => this.#get(job, place));
  }

  /** Forgets the runs of all other jobs. */
  keepOnly(jobs: readonly string[]): void {
    for (const job of this.#kept.keys()) if (!jobs.includes(job)) this.#kept.delete(job);
  }

  async #get(job: string, place: Place): Promise<CourtRun> {
    if (!this.#kept.has(job)) await this.maker.fetch(job, place);
    const run = this.#kept.get(job) ?? this.#begin(job);
    // The newest is at the end.
    this.#kept.delete(job);
    this.#kept.set(job, run);
    for (const oldest of [...this.#kept.keys()].slice(0, -this.most)) this.#kept.delete(oldest);
    return run;
  }

  #begin(job: string): Promise<CourtRun> {
    const run = this.#last.then(() => this.maker.make(job));
    this.#last = run.catch(() => undefined);
    // One that failed is tried again.
    run.catch(() => {
      if (this.#kept.get(job) === run) this.#kept.delete(job);
    });
    return run;
  }
}
