import type { DType, Tensor } from "../../../sdk/src/tensor/index.js";
import { chunking, dtypeSize, elementCount, Layout, makeTensor } from "../../../sdk/src/tensor/index.js";
import type { Random } from "../../../sdk/test/tensor/random.js";

/** Bits of float32 numbers at which rounding, overflow or comparison go wrong if they do. */
const EDGES = [
  0x00000000, 0x80000000, 0x7fc00000, 0x7f800000, 0xff800000, 0x00000001, 0x80000001, 0x007fffff, 0x00800000,
  0x7f7fffff, 0xff7fffff, 0x3f000000, 0x3fc00000, 0xbf000000, 0x40200000, 0x3f800000, 0xbf800000, 0x4b7fffff,
];

export type Kind = "any" | "edges" | "small" | "finite";

/** A tensor with random elements; for float32: bits of any kind, edges often, or small multiples of a half. */
export function randomTensor(random: Random, dtype: DType, dims: readonly number[], kind: Kind = "any"): Tensor {
  const count = elementCount(dims);
  const size = dtypeSize(dtype);
  const data = new Uint8Array(count * size);
  const view = new DataView(data.buffer);
  for (let i = 0; i < count; i++) {
    const bytes = dtype === "float32" ? floatBytes(random, kind) : integerBytes(random, dtype, kind);
    bytes.forEach((byte, at) => view.setUint8(i * size + at, byte));
  }
  return makeTensor(dtype, dims, data);
}

function floatBytes(random: Random, kind: Kind): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(4));
  const choice = random.below(4);
  if (kind === "small" || (kind === "any" && choice === 0)) bytes.setFloat32(0, (random.below(41) - 20) / 2, true);
  else if (kind === "edges" || (kind === "any" && choice === 1)) bytes.setUint32(0, random.pick(EDGES), true);
  else if (kind === "finite" || choice === 2) {
    bytes.setFloat32(0, ((random.next() - 2 ** 31) / 2 ** 31) * 10 ** (random.below(9) - 3), true);
  } else bytes.setUint32(0, random.next(), true);
  // Which NaN it is says nothing: a committed tensor has one only.
  if (Number.isNaN(bytes.getFloat32(0, true))) bytes.setUint32(0, 0x7fc00000, true);
  return new Uint8Array(bytes.buffer);
}

function integerBytes(random: Random, dtype: DType, kind: Kind): Uint8Array {
  const size = dtypeSize(dtype);
  if (dtype === "bool") return Uint8Array.of(random.below(2));
  const choice = random.below(4);
  if (kind === "small" || (kind === "any" && choice === 0)) {
    const small = random.below(5);
    return Uint8Array.from({ length: size }, (_, i) => (i === 0 ? small : 0));
  }
  if (kind === "edges" || choice === 1) {
    const [low, high] = random.pick([
      [0x00, 0x80],
      [0xff, 0x7f],
      [0xff, 0xff],
      [0x00, 0x00],
    ] as const);
    return Uint8Array.from({ length: size }, (_, i) => (i === size - 1 ? high : low));
  }
  return random.bytes(size);
}

export function randomDims(random: Random, rank: number, largest = 5): number[] {
  return Array.from({ length: rank }, () => 1 + random.below(largest));
}

/** A layout that suits the tensor. */
export function randomLayout(random: Random, { dtype, dims }: Tensor): Layout {
  const layouts = Object.values(Layout).filter((layout) => chunking(layout, dims, dtypeSize(dtype)) !== undefined);
  return random.below(3) === 0 ? Layout.RowMajor : random.pick(layouts);
}

/** The bytes of an element. */
export function bytesAt({ data, dtype }: Tensor, element: number): Uint8Array {
  const size = dtypeSize(dtype);
  return data.subarray(element * size, (element + 1) * size);
}

/** A tensor with other bytes for an element. */
export function withElement(tensor: Tensor, element: number, bytes: Uint8Array): Tensor {
  const data = Uint8Array.from(tensor.data);
  data.set(bytes, element * dtypeSize(tensor.dtype));
  return makeTensor(tensor.dtype, tensor.dims, data);
}

export function float32At(tensor: Tensor, element: number): number {
  return new DataView(Uint8Array.from(bytesAt(tensor, element)).buffer).getFloat32(0, true);
}

export function float32Bits(value: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value);
  return Number.isNaN(value) ? 0x7fc00000 : view.getUint32(0);
}

export function float32Bytes(value: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, float32Bits(value), true);
  return new Uint8Array(view.buffer);
}
