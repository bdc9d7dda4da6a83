import { AssayError, TensorError } from "@assay/sdk";

import { InferenceError } from "../errors.js";
import { isOutOfMemory } from "../inference/memory.js";

/** The only message of a child process that works on a model: what it found, why it refuses the model, or how it failed. */
export type ChildAnswer<T> = { result: T } | { refusal: string } | { failure: string };

/** As much of a message as anybody reads: a model can be made so that there is more. */
const MESSAGE_LENGTH = 2_000;

/** In a child process: acts, says what came of it, and waits for its end. */
export async function answerParent<T>(act: () => Promise<T>): Promise<void> {
  // The terminal and service managers signal the whole group: when to stop is the parent's decision.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => undefined);
  // A child never outlives its parent.
  process.on("disconnect", () => process.exit(0));
  process.send?.(await answerOf(act));
}

async function answerOf<T>(act: () => Promise<T>): Promise<ChildAnswer<T>> {
  try {
    return { result: await act() };
  } catch (error) {
    const message = (error instanceof Error ? error.message : String(error)).slice(0, MESSAGE_LENGTH);
    return isRefusal(error) && !isOutOfMemory(message) ? { refusal: message } : { failure: message };
  }
}

/** Whether the model is at fault. Anything else may be so for the moment only. */
function isRefusal(error: unknown): boolean {
  return [AssayError, TensorError, InferenceError].some((kind) => error instanceof kind);
}
