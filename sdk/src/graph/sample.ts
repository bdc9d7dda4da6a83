import type { DType } from "../tensor/dtype.js";
import { dtypeFromOnnx } from "../tensor/dtype.js";
import { elementCount, fromNumbers, type Tensor } from "../tensor/tensor.js";
import type { CourtModel } from "./prepare.js";

/** Inputs of a model that anyone gets again from the same seed. */
export function sampleInputs({ graph, inputNames }: CourtModel, seed: number): Map<string, Tensor> {
  const next = generator(seed);
  return new Map(
    graph.inputs.map(({ meta }, i) => {
      const dtype = dtypeFromOnnx(meta.dtype);
      const dims = meta.dims.slice(0, meta.rank);
      const values = Array.from({ length: elementCount(dims) }, () => valueOf(dtype, next()));
      return [inputNames[i] ?? "", fromValues(dtype, dims, values)];
    }),
  );
}

/** Bytes take any value; other integers only 0 and 1, because they may be indices. */
function valueOf(dtype: DType, random: number): number {
  switch (dtype) {
    case "float32":
    case "float64":
      return (random / 2 ** 32) * 8 - 4;
    case "uint8":
      return random >>> 24;
    case "int8":
      return (random >>> 24) - 128;
    default:
      return random >>> 31;
  }
}

function fromValues(dtype: DType, dims: readonly number[], values: readonly number[]): Tensor {
  if (dtype !== "float16") return fromNumbers(dtype, dims, values);
  // 0 and 1 in half precision.
  const bits = Uint16Array.from(values, (value) => (value === 0 ? 0 : 0x3c00));
  return { dtype, dims, data: new Uint8Array(bits.buffer) };
}

/** mulberry32: 32 random bits at a time. */
export function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}
