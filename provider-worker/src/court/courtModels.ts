import type { AssayContracts, CourtModel, SumsProfile, Tensor } from "@assay/sdk";
import { AssayError, ModelProfile, runTrace } from "@assay/sdk";

import { WorkerError } from "../errors.js";
import { Kept } from "../kept.js";
import { Shared } from "../shared.js";
import type { Judge } from "./judge.js";
import type { StartRuntime } from "./runtime.js";

/** Profiles that the proof court judges. */
const PROVEN: readonly bigint[] = [ModelProfile.Exact, ModelProfile.Canonical, ModelProfile.Tolerance];

export const isProven = (profile: bigint): boolean => PROVEN.includes(profile);

type Tensors = ReadonlyMap<string, Tensor>;
/** Computes the graph of a file, until the signal aborts. */
export type ReadGraph = (file: Uint8Array, sums: SumsProfile, signal: AbortSignal) => Promise<CourtModel>;

/** Models as the proof court sees them: never as their owner says, always as computed from the file. */
export class CourtModels {
  /** By model id. A registered graph never changes. */
  readonly #kept: Kept<CourtModel>;
  readonly #reads = new Shared<CourtModel>();

  constructor(
    private readonly contracts: Pick<AssayContracts, "models">,
    private readonly readGraph: ReadGraph,
    private readonly startRuntime: StartRuntime,
    private readonly judge: Judge,
    /** Of all that are kept. */
    mostBytes: number,
  ) {
    this.#kept = new Kept(mostBytes);
  }

  /** The graph of a model that was read before; undefined if it is not kept. */
  find(modelId: bigint): CourtModel | undefined {
    return this.#kept.get(modelId.toString());
  }

  /**
   * The graph of a registered file. Throws unless it is the registered one: the court would take right results for
   * wrong, or wrong ones for right.
   */
  async read(modelId: bigint, file: Uint8Array, signal: AbortSignal): Promise<CourtModel> {
    const kept = this.find(modelId);
    if (kept) return kept;
    return this.#reads.get(modelId.toString(), signal, async (stop) => {
      const model = await this.#read(modelId, file, stop);
      this.#kept.set(modelId.toString(), model, bytesOf(model));
      return model;
    });
  }

  async #read(modelId: bigint, file: Uint8Array, signal: AbortSignal): Promise<CourtModel> {
    const { models } = this.contracts;
    const [registered, { profile }] = await Promise.all([models.graphOf(modelId), models.factsOf(modelId)]);
    const sums = profile === ModelProfile.Tolerance ? "Tolerance" : "Canonical";
    const model = await this.readGraph(file, sums, signal).catch((error: unknown) => {
      signal.throwIfAborted();
      if (!(error instanceof AssayError)) throw error;
      throw new WorkerError(`model ${modelId} has no graph on this machine: ${error.message}`, false, { cause: error });
    });
    if (model.commitment !== registered) {
      throw new WorkerError(
        `model ${modelId} is registered with graph ${registered}, on this machine its file has ${model.commitment}: ` +
          `it must be neither served nor judged here`,
      );
    }
    return model;
  }

  /** Whether others may get these outputs although this machine has other bytes: rounding in another order. */
  async explains(model: CourtModel, inputs: Tensors, outputs: Tensors, signal: AbortSignal): Promise<boolean> {
    if (model.profile.kind !== "Tolerance") return false;
    const own = await runTrace(model, inputs, this.startRuntime(signal));
    return (await this.judge.difference(model, own, outputs, signal)) === "open";
  }
}

/** About what a graph takes in memory. */
function bytesOf({ file, nodes, tensors, constants }: CourtModel): number {
  const weights = [...constants.values()].reduce((sum, { data }) => sum + data.length, 0);
  return file.length + weights + 1000 * (nodes.length + tensors.length);
}
