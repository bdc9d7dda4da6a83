import { readFile } from "node:fs/promises";

import type { RuntimeName } from "@assay/sdk";
import { contentHash } from "@assay/sdk";
import type * as native from "onnxruntime-node";

import { WorkerError } from "../errors.js";
import { WASM_FILE } from "./builds.js";
import { WASM_SHA256 } from "./sessionOptions.js";

/** What the two packages of onnxruntime have in common. */
export type Ort = Pick<typeof native, "InferenceSession" | "Tensor">;

let wasm: Promise<Ort> | undefined;

/** The package that a runtime is in. Loaded when it is first needed: most processes need one of them. */
export function ortOf(runtime: RuntimeName): Promise<Ort> {
  if (runtime === "native") return import("onnxruntime-node");
  return (wasm ??= loadWasm());
}

/** onnxruntime-web without threads of its own, on the kernels that this worker has on disk. */
async function loadWasm(): Promise<Ort> {
  const kernels = await readFile(WASM_FILE);
  requireKernels(kernels);
  const ort = await import("onnxruntime-web");
  Object.assign(ort.env.wasm, { numThreads: 1, proxy: false, wasmBinary: kernels });
  return ort;
}

/** Throws unless these are the kernels that profiles state. */
export function requireKernels(kernels: Uint8Array): void {
  const found = contentHash(kernels);
  if (found === WASM_SHA256) return;
  throw new WorkerError(`${WASM_FILE.pathname} has sha-256 ${found}, not ${WASM_SHA256}: install onnxruntime-web anew`);
}
