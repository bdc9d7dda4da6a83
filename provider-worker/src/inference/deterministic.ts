import { findRandomOperator } from "@assay/sdk";

import { InferenceError } from "../errors.js";

/**
 * Throws if a model draws random numbers: golden vectors need not show it, and an honest provider would be convicted by
 * jurors who drew others. For child processes, as the file may be made to be slow to walk.
 */
export function requireDeterministic(model: Uint8Array): void {
  const random = findRandomOperator(model);
  if (random !== undefined) {
    throw new InferenceError("random", `the model has a ${random}: its results are random, nobody can judge them`);
  }
}
