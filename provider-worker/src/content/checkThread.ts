import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { parentPort } from "node:worker_threads";

import { initHash, TensorError, unpackBundle } from "@assay/sdk";

import type { CheckAnswer, CheckTask } from "./checker.js";

// A thread of its own, for as long as the worker runs: to read and hash what may be large takes up to seconds.

function answer({ kind, source, wantsBytes }: CheckTask): CheckAnswer {
  const bytes = typeof source === "string" ? read(source) : source;
  if (!bytes) return { kind: "unreadable" };
  if (kind === "file") {
    const sha256 = `0x${createHash("sha256").update(bytes).digest("hex")}`;
    return { kind: "file", sha256, bytes: wantsBytes ? bytes : undefined };
  }
  try {
    const bundle = unpackBundle(bytes, { maxBytes: bytes.length });
    return { kind: "bundle", root: bundle.root, bundle: wantsBytes ? bundle : undefined };
  } catch (error) {
    if (!(error instanceof TensorError)) throw error;
    return { kind: "refused", code: error.code, message: error.message };
  }
}

function read(file: string): Uint8Array | undefined {
  try {
    const bytes = readFileSync(file);
    // A small one lies in memory that it shares, which cannot be handed over.
    return bytes.length === bytes.buffer.byteLength ? new Uint8Array(bytes.buffer) : Uint8Array.from(bytes);
  } catch {
    return undefined;
  }
}

/** What is handed back, not copied. */
function buffersOf(given: CheckAnswer): ArrayBuffer[] {
  const bytes = given.kind === "bundle" ? given.bundle?.bytes : given.kind === "file" ? given.bytes : undefined;
  return bytes?.buffer instanceof ArrayBuffer ? [bytes.buffer] : [];
}

await initHash();
parentPort?.on("message", (task: CheckTask) => {
  const given = answer(task);
  parentPort?.postMessage(given, buffersOf(given));
});
