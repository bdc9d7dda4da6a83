import type { CourtModel, GraphRuntime } from "@assay/sdk";
import { sampleInputs } from "@assay/sdk";

import { WorkerError } from "../errors.js";
import type { GoldenVector } from "../models/golden.js";

/** Golden vectors of a model on sample inputs; an input that the model does not take is left out. */
export async function goldenVectors(model: CourtModel, count: number, runtime: GraphRuntime): Promise<GoldenVector[]> {
  const loaded = await runtime.load(model.file);
  const vectors: GoldenVector[] = [];
  try {
    for (let seed = 0; seed < count; seed++) {
      const inputs = sampleInputs(model, seed);
      const outputs = await loaded.run(inputs).catch(() => undefined);
      if (outputs) vectors.push({ inputs, outputs });
    }
  } finally {
    loaded.stop();
  }
  if (vectors.length === 0) throw new WorkerError("the model takes none of the sample inputs");
  return vectors;
}
