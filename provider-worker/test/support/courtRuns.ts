import { readFileSync } from "node:fs";

import type { CourtModel, Tensor } from "@assay/sdk";
import { commitTrace, elementCount, fromNumbers, initHash, prepareModel, runTrace } from "@assay/sdk";

import type { CourtRun } from "../../src/court/courtRuns.js";
import { onnxFile } from "../../../sdk/test/support/onnxModel.js";
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

/** Bytes of one tensor, each changed in these bits: the lowest if nothing is said. */
export interface Tampering {
  tensor: number;
  bytes: readonly number[];
  by?: number;
}

/** A real sample's run, with some bytes changed afterwards if told so. */
export async function courtRun(sample: number, ...tamperings: readonly Tampering[]): Promise<CourtRun> {
  const model = await digitsCnn();
  const x = samples("digits_cnn").x[sample];
  if (!x) throw new Error(`there is no sample ${sample}`);
  const trace = await runTrace(model, new Map([["x", x]]), inProcess);
  for (const { tensor, ...change } of tamperings) trace[tensor] = flip(trace[tensor], change);
  return { model, trace: commitTrace(model, trace) };
}

/** A run of a convolution of 32,768 products, more than one transaction can judge; wrong in bits of its only element. */
export function longRun(by = 0): Promise<CourtRun> {
  return bytesRun("ConvInteger", [1, 32, 32, 32], [1, 32, 32, 32], by);
}

/** A run of 1,024 products, which one transaction judges, but which may be taken in 32 parts. */
export function productRun(by = 0): Promise<CourtRun> {
  return bytesRun("MatMulInteger", [1, 1024], [1024, 1], by);
}

async function bytesRun(op: string, dims: number[], weights: number[], by: number): Promise<CourtRun> {
  await initHash();
  const file = onnxFile({
    nodes: [{ op, inputs: ["x", "w"], outputs: ["y"] }],
    inputs: { x: ["uint8", dims] },
    outputs: { y: undefined },
    constants: { w: bytes(weights, 7) },
    opset: 21,
  });
  const { model } = await prepareModel(file, {}, inProcess);
  const trace = await runTrace(model, new Map([["x", bytes(dims, 0)]]), inProcess);
  const last = trace.length - 1;
  trace[last] = flip(trace[last], { bytes: [0], by });
  return { model, trace: commitTrace(model, trace) };
}

function bytes(dims: readonly number[], start: number): Tensor {
  const data = Uint8Array.from({ length: elementCount(dims) }, (_, i) => (i * 31 + start) % 251);
  return { dtype: "uint8", dims, data };
}

/** Places in the trace of `openRun`. */
export const OPEN = { relu: 1, sum: 2, doubled: 3 } as const;

/** Of a Relu of -0, whose result may be either zero; one output keeps its sign, the other does not show it. */
export async function openRun(...tamperings: readonly Tampering[]): Promise<CourtRun> {
  await initHash();
  const file = onnxFile({
    nodes: [
      { op: "Relu", inputs: ["x"], outputs: ["r"] },
      { op: "Sub", inputs: ["r", "one"], outputs: ["s"] },
      { op: "Add", inputs: ["r", "r"], outputs: ["d"] },
    ],
    inputs: { x: ["float32", [1, 4]] },
    outputs: { s: undefined, d: undefined },
    constants: { one: fromNumbers("float32", [], [1]) },
  });
  const { model } = await prepareModel(file, {}, inProcess);
  const x = fromNumbers("float32", [1, 4], [-0, 1, -2, 3]);
  const trace = await runTrace(model, new Map([["x", x]]), inProcess);
  for (const { tensor, ...change } of tamperings) trace[tensor] = flip(trace[tensor], change);
  return { model, trace: commitTrace(model, trace) };
}

export const rootsOf = ({ trace }: CourtRun): string[] => trace.tensors.map(({ header }) => header.merkleRoot);

function flip(tensor: Tensor | undefined, { bytes, by = 1 }: Omit<Tampering, "tensor">): Tensor {
  if (!tensor) throw new Error("there is no such tensor");
  const data = new Uint8Array(tensor.data);
  for (const byte of bytes) data[byte] = (data[byte] ?? 0) ^ by;
  return { ...tensor, data };
}
