import { findExternalTensor } from "@assay/sdk";

import { InferenceError } from "../errors.js";

/**
 * Throws if a model file names others: onnxruntime would read its neighbours, among them other people's models. For
 * child processes, before they make a session: the file may be large, and made to be slow to walk.
 */
export function requireSelfContained(model: Uint8Array): void {
  const external = findExternalTensor(model);
  if (external !== undefined) {
    throw new InferenceError("external", `tensor ${JSON.stringify(external)} of the model lies in another file`);
  }
}
