import type { OnnxModel } from "../onnx/model.js";
import { dtypeFromOnnx } from "../tensor/dtype.js";
import { elementCount, fromNumbers, type Tensor } from "../tensor/tensor.js";
import type { Shape } from "./values.js";
import { expose } from "./expose.js";
import type { GraphRuntime } from "./runtime.js";

/** Type and dims of each tensor between inputs and outputs, found by running the model once. */
export async function inferShapes(
  file: Uint8Array,
  inputs: ReadonlyMap<string, Shape>,
  runtime: GraphRuntime,
): Promise<Map<string, Shape>> {
  const loaded = await runtime.load(expose(file));
  try {
    // Zeros suit any index, ones any divisor.
    const results = await loaded.run(filled(inputs, 0)).catch(() => loaded.run(filled(inputs, 1)));
    return new Map([...results].map(([name, { dtype, dims }]) => [name, { dtype, dims }]));
  } finally {
    loaded.stop();
  }
}

/** Type and dims of the inputs of a model whose dims are fixed. */
export function inputShapes({ graph }: OnnxModel): Map<string, Shape> {
  return new Map(
    graph.input.map(({ name, type }) => {
      const dims = type?.tensorType?.shape?.dim.map(({ dimValue }) => Number(dimValue)) ?? [];
      return [name, { dtype: dtypeFromOnnx(type?.tensorType?.elemType ?? 0), dims }];
    }),
  );
}

function filled(inputs: ReadonlyMap<string, Shape>, value: 0 | 1): Map<string, Tensor> {
  return new Map([...inputs].map(([name, shape]) => [name, filledWith(shape, value)]));
}

function filledWith({ dtype, dims }: Shape, value: 0 | 1): Tensor {
  const count = elementCount(dims);
  if (dtype === "float16") {
    const bits = new Uint16Array(count).fill(value === 0 ? 0 : 0x3c00);
    return { dtype, dims, data: new Uint8Array(bits.buffer) };
  }
  return fromNumbers(dtype, dims, new Array<number>(count).fill(value));
}
