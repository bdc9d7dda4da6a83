import { writeFile } from "node:fs/promises";
import path from "node:path";

import type { CourtModel, SumsProfile } from "@assay/sdk";
import { AssayError } from "@assay/sdk";

import { RefusedModelError, runModelChild } from "./modelChild.js";
import type { RuntimeLimits } from "./runtime.js";
import { inFolder } from "./runtime.js";

/**
 * The graph of a file, computed in a child process: sums are added up in every known order, for as long as the model's
 * owner likes. Throws `AssayError` where the model is refused.
 */
export async function readGraph(
  file: Uint8Array,
  sums: SumsProfile,
  limits: RuntimeLimits,
  signal: AbortSignal,
): Promise<CourtModel> {
  return inFolder(limits.scratch, async (folder) => {
    const source = path.join(folder, "model.onnx");
    await writeFile(source, file);
    const task = { script: "graphChild", words: [source, sums], what: "computing the graph", folder };
    try {
      // All but the file, which is here already.
      return { ...(await runModelChild<CourtModel>(task, limits, signal)), file };
    } catch (error) {
      if (error instanceof RefusedModelError) throw new AssayError(error.message, { cause: error });
      throw error;
    }
  });
}
