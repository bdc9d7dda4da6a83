import type { CourtModel, JobTerms, LoadedModel, Tensor, TraceCommitment } from "@assay/sdk";
import { initHash, sampleInputs, traceOn } from "@assay/sdk";

import type { Executor } from "../jobs/executor.js";
import type { Gate } from "../jobs/gate.js";
import type { Urgency } from "../jobs/line.js";
import type { Place } from "../jobs/taskPool.js";
import { STAYS } from "../jobs/taskPool.js";
import { Kept } from "../kept.js";
import type { ModelCache } from "../models/modelCache.js";
import type { Committer } from "./commit.js";
import type { CourtModels } from "./courtModels.js";
import type { TraceCosts } from "./traceCosts.js";
import type { TraceSessions } from "./traceSessions.js";

/**
 * What is run before what. All that saves the provider's own stake or record goes before whatever is run about others: how
 * much of that there is, and how long each of it runs, is up to strangers.
 */
export const RunRank = {
  /** May save a stake or a clean record in time. */
  Own: 0,
  /** Hardly can any more. */
  OwnLate: 1,
  /** Has no stake to save: nobody counted how many of these there are. */
  OwnUnstaked: 2,
  /** About a case in which the worker's own bond is. */
  OwnBond: 3,
  /** About a result that is known, or thought, to be wrong. */
  Wrong: 4,
  /** About whatever else. */
  Others: 5,
} as const;

/** Of a run about another provider. Each has its turn: whoever is looked at by the hundred delays what is about itself only. */
export function urgencyAbout(provider: string, rank: number, due: number): Urgency {
  return { rank, group: provider.toLowerCase(), due };
}

/** A job's run on this machine, tensor by tensor. */
export interface CourtRun {
  readonly model: CourtModel;
  readonly trace: TraceCommitment;
}

export interface TracerParts {
  readonly models: Pick<ModelCache, "isHere" | "fileOf">;
  readonly courtModels: Pick<CourtModels, "find" | "read">;
  readonly executor: Pick<Executor, "hold" | "input">;
  readonly sessions: Pick<TraceSessions, "use">;
  readonly committer: Pick<Committer, "commit">;
  /** Lets so many runs happen at once, whoever's role they are for. */
  readonly gate: Gate;
  readonly costs: TraceCosts;
  /** Milliseconds since some moment. */
  readonly now?: () => number;
  /** Ends every run. */
  readonly signal: AbortSignal;
}

/** Runs jobs again for the court. */
export class Tracer {
  constructor(private readonly parts: TracerParts) {}

  /** Keeps the input here, once it is, until `act` ended. */
  hold<T>(terms: JobTerms, act: () => Promise<T>): Promise<T> {
    return this.parts.executor.hold(terms, act);
  }

  get costs(): Pick<TraceCosts, "secondsOf" | "gasOf"> {
    return this.parts.costs;
  }

  /** Runs a model on a sample, to know how long that takes. Twice: the first run loads it. */
  async measure(modelId: bigint): Promise<void> {
    const { gate, costs } = this.parts;
    const model = await this.#modelOf(modelId);
    await gate.pass(() => this.#run(modelId, model, sampleInputs(model, 0)));
    costs.forget(modelId);
    await gate.pass(() => this.#run(modelId, model, sampleInputs(model, 1)));
  }

  /** Brings here what a run needs, which may be slow: others have the place meanwhile. */
  async fetch(terms: JobTerms, inputUri: string, place: Place): Promise<void> {
    const { models, courtModels, executor, signal } = this.parts;
    const { modelId } = terms;
    if (!courtModels.find(modelId) && !(await models.isHere(modelId))) {
      await place.leaveFor(`model ${modelId}`, () => models.fileOf(modelId, signal));
    }
    await executor.input(terms, inputUri, place, signal);
  }

  /** Makes a run, when its turn has come. */
  trace(terms: JobTerms, inputUri: string, urgency?: Urgency): Promise<CourtRun> {
    return this.parts.gate.pass(() => this.#trace(terms, inputUri), urgency);
  }

  async #trace(terms: JobTerms, inputUri: string): Promise<CourtRun> {
    const { executor, signal } = this.parts;
    const model = await this.#modelOf(terms.modelId);
    const { tensors } = await executor.input(terms, inputUri, STAYS, signal);
    return this.#run(terms.modelId, model, tensors);
  }

  async #run(modelId: bigint, model: CourtModel, inputs: ReadonlyMap<string, Tensor>): Promise<CourtRun> {
    const { sessions, committer, costs, now = () => performance.now() } = this.parts;
    await initHash();
    let serial = 0;
    const began = now();
    const trace = await sessions.use(model, async (loaded) => {
      let ran = began;
      const run: LoadedModel["run"] = (given) => loaded.run(given).finally(() => (ran = now()));
      const tensors = await traceOn({ ...loaded, run }, model, inputs);
      // The thread of the worker itself computes what the run does not give.
      serial = now() - ran;
      return tensors;
    });
    const run = now() - began - serial;
    const commitment = await committer.commit(model, trace, (commit) => {
      const turn = now();
      return commit().finally(() => (serial += now() - turn));
    });
    costs.note(modelId, model, { run, serial });
    return { model, trace: commitment };
  }

  async #modelOf(modelId: bigint): Promise<CourtModel> {
    const { models, courtModels, signal } = this.parts;
    const kept = courtModels.find(modelId);
    return kept ?? courtModels.read(modelId, await models.fileOf(modelId, signal), signal);
  }
}

/** How one job is run again. */
export interface RunMaker {
  /** Keeps what was fetched until `act` ended. */
  hold: <T>(job: string, act: () => Promise<T>) => Promise<T>;
  fetch: (job: string, place: Place) => Promise<void>;
  make: (job: string, urgency?: Urgency) => Promise<CourtRun>;
}

/**
 * Runs of jobs whose cases are open. A run is made when it is first needed, and kept while all of them are small enough:
 * one that is not there any more is made again.
 */
export class CourtRuns {
  readonly #kept: Kept<CourtRun>;
  readonly #underWay = new Map<string, Promise<CourtRun>>();
  #wanted: ((job: string) => boolean) | undefined;

  constructor(
    private readonly maker: RunMaker,
    mostBytes: number,
  ) {
    this.#kept = new Kept(mostBytes);
  }

  async get(job: string, place: Place, urgency?: Urgency): Promise<CourtRun> {
    // A run may wait long for the others: nothing that was fetched for it goes meanwhile.
    return this.#kept.get(job) ?? this.maker.hold(job, () => this.#get(job, place, urgency));
  }

  /** Forgets the runs of all other jobs. */
  keepOnly(jobs: readonly string[]): void {
    const wanted = new Set(jobs);
    this.#wanted = (job) => wanted.has(job);
    for (const job of this.#kept.keys()) if (!wanted.has(job)) this.#kept.delete(job);
  }

  async #get(job: string, place: Place, urgency: Urgency | undefined): Promise<CourtRun> {
    if (!this.#underWay.has(job)) await this.maker.fetch(job, place);
    return this.#kept.get(job) ?? this.#underWay.get(job) ?? this.#begin(job, urgency);
  }

  #begin(job: string, urgency: Urgency | undefined): Promise<CourtRun> {
    const run = Promise.resolve().then(() => this.#make(job, urgency));
    this.#underWay.set(job, run);
    return run;
  }

  /** One that failed is tried again. */
  async #make(job: string, urgency: Urgency | undefined): Promise<CourtRun> {
    try {
      const run = await this.maker.make(job, urgency);
      // Its case may have ended meanwhile.
      if (this.#wanted?.(job) ?? true) this.#kept.set(job, run, bytesOf(run));
      return run;
    } finally {
      this.#underWay.delete(job);
    }
  }
}

/** About what a run takes in memory. */
function bytesOf({ trace }: CourtRun): number {
  return trace.tensors.reduce((sum, { tensor, leaves, tree }) => {
    // A tree has less than two hashes of 32 bytes a leaf.
    return sum + tensor.data.length + leaves.length + 64 * tree.leafCount + 1000;
  }, 0);
}
