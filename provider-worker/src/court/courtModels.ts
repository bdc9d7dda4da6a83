import type { AssayContracts, CourtModel, GraphRuntime } from "@assay/sdk";
import { AssayError, readModel } from "@assay/sdk";

import { WorkerError } from "../errors.js";

/** `IModelRegistry.Profile` of models that the proof court judges: Exact and Canonical. */
const PROVEN: readonly bigint[] = [1n, 2n];

export const isProven = (profile: bigint): boolean => PROVEN.includes(profile);

/** Models as the proof court sees them: never as their owner says, always as computed from the file. */
export class CourtModels {
  constructor(
    private readonly contracts: Pick<AssayContracts, "models">,
    private readonly runtime: GraphRuntime,
  ) {}

  /**
   * The graph of a registered file. Throws unless it is the registered one: the court would take right results for
   * wrong, or wrong ones for right.
   */
  async read(modelId: bigint, file: Uint8Array): Promise<CourtModel> {
    const registered = await this.contracts.models.graphOf(modelId);
    const model = await readModel(file, this.runtime).catch((error: unknown) => {
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
}
