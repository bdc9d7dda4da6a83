import { readFile } from "node:fs/promises";
import { argv } from "node:process";

import { AssayError, initHash, readModel, TensorError } from "@assay/sdk";

import { InferenceError } from "../errors.js";
import { isOutOfMemory } from "../inference/memory.js";
import { requireSelfContained } from "../inference/selfContained.js";
import type { GraphAnswer } from "./readGraph.js";
import { localRuntime } from "./localRuntime.js";

// A process of its own: a model can be made so that its graph takes hours, crashes onnxruntime or takes all memory.

const [, , path = "", sums = "Canonical"] = argv;

async function answer(): Promise<GraphAnswer> {
  try {
    const bytes = new Uint8Array(await readFile(path));
    requireSelfContained(bytes);
    await initHash();
    const model = await readModel(bytes, localRuntime, sums === "Tolerance" ? sums : "Canonical");
    return { model: { ...model, file: new Uint8Array(0) } };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return isRefusal(error) && !isOutOfMemory(message) ? { refusal: message } : { failure: message };
  }
}

/** Whether the model is at fault. Anything else may be so for the moment only. */
function isRefusal(error: unknown): boolean {
  return [AssayError, TensorError, InferenceError].some((kind) => error instanceof kind);
}

// The terminal and service managers signal the whole group: when to stop is the parent's decision.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => undefined);
// A child never outlives its parent.
process.on("disconnect", () => process.exit(0));
process.send?.(await answer());
