import { readFileSync } from "node:fs";

import type { CourtModel, Tensor } from "@assay/sdk";
import { commitTrace, initHash, prepareModel, runTrace } from "@assay/sdk";

import type { CourtRun } from "../../src/court/courtRuns.js";
import { inProcess } from "./inProcessRuntime.js";
import { modelFile, samples } from "./models.js";

let prepared: Promise<CourtModel> | undefined;

/** The int8 digits CNN as the court sees it: some of its tensors have many leaves. Prepared once. */
export function digitsCnn(): Promise<CourtModel> {
  prepared ??= initHash().then(async () => {
    const bytes = new Uint8Array(readFileSync(modelFile("digits_cnn_int8_static.onnx")));
    const options = { dims: { N: 1 }, stripSoftmax: true, argMaxOfLogits: true };
    return (await prepareModel(bytes, options, inProcess)).model;
  });
  return prepared;
}

/** A real sample's run, with some bytes of one tensor changed afterwards if told so. */
export async function courtRun(sample: number, tamper?: { tensor: number; bytes: number[] }): Promise<CourtRun> {
  const model = await digitsCnn();
  const x = samples("digits_cnn").x[sample];
  if (!x) throw new Error(`there is no sample ${sample}`);
  const trace = await runTrace(model, new Map([["x", x]]), inProcess);
  const changed = trace.map((tensor, i) => (i === tamper?.tensor ? flip(tensor, tamper.bytes) : tensor));
  return { model, trace: commitTrace(model, changed) };
}

export const rootsOf = ({ trace }: CourtRun): string[] => trace.tensors.map(({ header }) => header.merkleRoot);

function flip(tensor: Tensor, bytes: readonly number[]): Tensor {
  const data = new Uint8Array(tensor.data);
  for (const byte of bytes) data[byte] = (data[byte] ?? 0) ^ 1;
  return { ...tensor, data };
}
