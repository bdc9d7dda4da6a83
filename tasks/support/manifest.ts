import { ChildRuntime } from "@assay/provider-worker";
import type { CourtModel } from "@assay/sdk";
import { initHash, readManifest, verifyManifest } from "@assay/sdk";

import { UserError } from "./errors.js";
import { readBytes } from "./files.js";
import { signatureOf } from "./signature.js";

/** Of each step of onnxruntime in a child process. */
export const RUN_LIMITS = { timeoutMs: 120_000, memoryMb: 4000 };

export interface PreparedFile extends CourtModel {
  /** Signatures as `model:register` takes them. */
  readonly input: string;
  readonly output: string;
}

/** A model that `model:prepare` wrote. All of the manifest is computed anew: what is registered cannot be mended. */
export async function preparedModel(file: Uint8Array, manifest: string, golden: Uint8Array): Promise<PreparedFile> {
  const text = new TextDecoder().decode(readBytes("--manifest", manifest));
  const model = await verified(file, text, golden);
  const { inputNames, outputNames, graph } = model;
  return {
    ...model,
    input: signatureOf(inputNames, graph.inputs),
    output: signatureOf(outputNames, graph.outputs),
  };
}

async function verified(file: Uint8Array, text: string, golden: Uint8Array): Promise<CourtModel> {
  await initHash();
  try {
    return await verifyManifest(file, readManifest(text), new ChildRuntime(RUN_LIMITS), { golden });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UserError(`--manifest does not fit file and --golden: ${reason}`);
  }
}
