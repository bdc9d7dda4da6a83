import { readFile } from "node:fs/promises";

import { contentHash } from "@assay/sdk";
import type { Tensor as OrtTensor } from "onnxruntime-node";

import { InferenceError } from "../errors.js";
import { requireDeterministic } from "./deterministic.js";
import { bytesOf, fromOrt } from "./ortTensors.js";
import type { Request, Response } from "./protocol.js";
import { requireSelfContained } from "./selfContained.js";
import { Session } from "./session.js";

let session: Session | undefined;
let maxOutputBytes = Infinity;

async function answer(request: Request): Promise<Response> {
  const { id } = request;
  try {
    if (request.kind === "load") {
      maxOutputBytes = request.outputBytes;
      const model = await read(request.path);
      const sha256 = contentHash(model);
      requireSame(request, sha256);
      requireSelfContained(model);
      requireDeterministic(model);
      session = await Session.open(model);
      return { id, kind: "loaded", sha256, inputs: [...session.inputNames], outputs: [...session.outputNames] };
    }
    if (!session) throw new Error("no model is loaded");
    const outputs = await session.run(request.inputs);
    requireSmall(outputs);
    return { id, kind: "ran", outputs: outputs.map(([name, value]) => [name, fromOrt(value)]) };
  } catch (error) {
    requireUsable(error);
    const reason = error instanceof InferenceError ? error.reason : "rejected";
    return { id, kind: "failed", reason, message: error instanceof Error ? error.message : String(error) };
  }
}

async function read(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new InferenceError("changed", `the model cannot be read: ${(error as Error).message}`);
  }
}

/**
 * What was thrown by WebAssembly itself, or by C++ in it, leaves its memory as it was in the middle of the run: the
 * process ends as it would of the same fault in native code.
 */
function requireUsable(error: unknown): void {
  const isSound = error instanceof Error && error.name !== "RuntimeError" && error.name !== "RangeError";
  if (!isSound) process.exit(1);
}

/** Of the bytes that the session is made of: a file that is read a second time may be another one. */
function requireSame({ path, sha256 }: { path: string; sha256: string | undefined }, found: string): void {
  if (sha256 !== undefined && sha256 !== found) {
    throw new InferenceError("changed", `the model ${path} has sha-256 ${found}, not ${sha256}`);
  }
}

/** Before the outputs are copied, sent and written, each of which takes their size again. */
function requireSmall(outputs: readonly [string, OrtTensor][]): void {
  const bytes = outputs.reduce((sum, [, value]) => sum + bytesOf(value).length, 0);
  if (bytes > maxOutputBytes) {
    throw new InferenceError("output", `the model puts out ${bytes} bytes, more than ${maxOutputBytes}`);
  }
}

process.on("message", (request: Request) => {
  void answer(request).then((response) => process.send?.(response));
});
// The terminal and service managers signal the whole group: when to stop is the parent's decision.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => undefined);
// A child never outlives its parent.
process.on("disconnect", () => process.exit(0));
