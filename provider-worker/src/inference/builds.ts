import { readFileSync } from "node:fs";

import type { RuntimeBuild, RuntimeName } from "@assay/sdk";

import { SESSION_OPTIONS, WASM_SHA256 } from "./sessionOptions.js";

/** Where the packages of onnxruntime are; both have their own description one folder up. */
const entryOf = (name: string): string => import.meta.resolve(name);

function versionOf(name: string): string {
  const description = readFileSync(new URL("../package.json", entryOf(name)), "utf8");
  return (JSON.parse(description) as { version: string }).version;
}

/** Which runtimes and settings this worker computes with, as profiles state them. */
export const BUILDS: Readonly<Record<RuntimeName, RuntimeBuild>> = {
  native: {
    name: "onnxruntime",
    version: versionOf("onnxruntime-node"),
    settings: JSON.stringify(SESSION_OPTIONS.native),
  },
  wasm: {
    name: "onnxruntime-web",
    version: versionOf("onnxruntime-web"),
    settings: JSON.stringify({ ...SESSION_OPTIONS.wasm, kernels: WASM_SHA256 }),
  },
};

/** The WebAssembly file, which lies beside the package's entry. */
export const WASM_FILE = new URL("ort-wasm-simd-threaded.wasm", entryOf("onnxruntime-web"));
