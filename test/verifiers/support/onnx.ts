import * as ort from "onnxruntime-node";

import type { OnnxAttribute } from "../../../sdk/src/onnx/index.js";
import { AttributeType, encodeModel } from "../../../sdk/src/onnx/index.js";
import type { DType, Tensor } from "../../../sdk/src/tensor/index.js";
import { DTYPES, fromTypedArray, toTypedArray } from "../../../sdk/src/tensor/index.js";

export const int = (name: string, value: number): OnnxAttribute => ({
  name,
  type: AttributeType.int,
  i: BigInt(value),
});
export const ints = (name: string, values: readonly number[]): OnnxAttribute => ({
  name,
  type: AttributeType.ints,
  ints: values.map(BigInt),
});
export const float = (name: string, value: number): OnnxAttribute => ({ name, type: AttributeType.float, f: value });

export interface OneNode {
  opType: string;
  /** Undefined for an optional input that is absent. */
  inputs: readonly (Tensor | undefined)[];
  dtype: DType;
  attribute?: OnnxAttribute[];
  opset?: number;
  /** Which of the node's outputs, and of how many. */
  output?: { index: number; of: number };
}

/** What onnxruntime has for a model of one node. */
export async function runOneNode(given: OneNode): Promise<Tensor> {
  const { opType, inputs, dtype, attribute = [], opset = 21, output = { index: 0, of: 1 } } = given;
  const inputNames = inputs.map((input, i) => (input ? `x${i}` : ""));
  const outputNames = Array.from({ length: output.of }, (_, i) => `y${i}`);
  const bytes = encodeModel({
    irVersion: 10n,
    opsetImport: [{ domain: "", version: BigInt(opset) }],
    graph: {
      name: "one node",
      node: [{ opType, attribute, input: inputNames, output: outputNames }],
      initializer: [],
      input: inputs.flatMap((input, i) => (input ? [valueInfo(`x${i}`, input.dtype, input.dims)] : [])),
      output: outputNames.map((name) => ({ name, type: { tensorType: { elemType: DTYPES[dtype].onnx } } })),
    },
  });
  const session = await ort.InferenceSession.create(bytes, {
    graphOptimizationLevel: "disabled",
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: 4,
  });
  try {
    const feeds = inputs.flatMap((input, i) => (input ? [[`x${i}`, toOrt(input)] as const] : []));
    const result = (await session.run(Object.fromEntries(feeds)))[`y${output.index}`];
    if (!result) throw new Error("onnxruntime gave no output");
    return fromTypedArray(dtype, result.dims, result.data as never);
  } finally {
    await session.release();
  }
}

function valueInfo(name: string, dtype: DType, dims: readonly number[]) {
  const shape = { dim: dims.map((dim) => ({ dimValue: BigInt(dim) })) };
  return { name, type: { tensorType: { elemType: DTYPES[dtype].onnx, shape } } };
}

function toOrt(tensor: Tensor): ort.Tensor {
  return new ort.Tensor(tensor.dtype as "float32", toTypedArray(tensor) as never, [...tensor.dims]);
}
