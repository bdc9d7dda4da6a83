import {
  dtypeSize,
  elementCount,
  fromTypedArray,
  makeTensor,
  type DType,
  type Tensor,
} from "../../src/tensor/index.js";
import type { Random } from "../tensor/random.js";

const EDGES = [
  NaN,
  Infinity,
  -Infinity,
  -0,
  0,
  1,
  -1,
  0.5,
  1.5,
  2.5,
  -0.5,
  -1.5,
  1e-45,
  -1e-45,
  3.4e38,
  -3.4e38,
  1e-38,
];
const word = new DataView(new ArrayBuffer(4));

/** Numbers of ordinary size, ties, edges and any bits at all. */
export function randomFloat(random: Random): number {
  switch (random.below(4)) {
    case 0:
      return random.pick(EDGES);
    case 1:
      return (random.below(2001) - 1000) / 4;
    case 2:
      return Math.fround((random.next() / 2 ** 32 - 0.5) * 20);
    default:
      word.setUint32(0, random.next());
      return word.getFloat32(0);
  }
}

/** Elements of any value the type has, its extremes more often than chance would. */
export function randomTensor(random: Random, dtype: DType, dims: readonly number[]): Tensor {
  const count = elementCount(dims);
  if (dtype === "float32") {
    return fromTypedArray(
      dtype,
      dims,
      Float32Array.from({ length: count }, () => randomFloat(random)),
    );
  }
  const data = random.bytes(count * dtypeSize(dtype));
  if (dtype === "bool")
    return makeTensor(
      dtype,
      dims,
      data.map((byte) => byte & 1),
    );
  const size = dtypeSize(dtype);
  for (let element = 0; element < count; element++) {
    const kind = random.below(8);
    if (kind > 2) continue;
    // All zeros, all ones, or the least signed integer.
    data.fill(kind === 1 ? 0xff : 0, element * size, (element + 1) * size);
    if (kind === 2) data[(element + 1) * size - 1] = 0x80;
  }
  return makeTensor(dtype, dims, data);
}

/** Finite positive scales over many orders of magnitude. */
export function randomScale(random: Random): number {
  return Math.fround((0.5 + random.next() / 2 ** 32) * 2 ** (random.below(16) - 12));
}

export function randomDims(random: Random, rank: number, most = 5): number[] {
  return Array.from({ length: rank }, () => 1 + random.below(most));
}
