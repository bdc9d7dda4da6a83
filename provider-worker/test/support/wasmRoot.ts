/** Prints the root of a trace of the digits CNN for the runtime wasm: for processes with other flags, and without a network. */
import { readFileSync } from "node:fs";

import { commitTrace, initHash, prepareModel, runTrace } from "@assay/sdk";

import { inProcess } from "./inProcessRuntime.js";
import { modelFile, samples } from "./models.js";

globalThis.fetch = () => Promise.reject(new Error("everything is on disk"));
await initHash();
const bytes = new Uint8Array(readFileSync(modelFile("digits_cnn_fp32.onnx")));
const options = { dims: { N: 1 }, stripSoftmax: true, argMaxOfLogits: true, runtime: "wasm" } as const;
const { model } = await prepareModel(bytes, options, inProcess);
const [x] = samples("digits_cnn").x;
if (!x) throw new Error("there are no samples");
console.log(commitTrace(model, await runTrace(model, new Map([["x", x]]), inProcess)).traceRoot);
