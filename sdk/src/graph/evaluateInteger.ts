import type { DType } from "../tensor/dtype.js";
import { roundHalfEven } from "./float32.js";
import { rowMajorStrides, toIndex } from "./indices.js";
import type { Convolution, InstructionOf } from "./instruction.js";
import { strided, windowPlaces, type Elements, type Shape, type Values } from "./values.js";

// Sums of integers, and what is requantized of them, one output element at a time.

const INTEGER_LIMITS: Partial<Record<DType, readonly [number, number]>> = {
  uint8: [0, 255],
  int8: [-128, 127],
  uint16: [0, 65_535],
  int16: [-32_768, 32_767],
};

/** Sums as int32; exact in a double, because a leaf holds at most 65,536 factors of nine bits. */
export function matMul(a: Values, b: Values, zeroA: number, zeroB: number): Elements {
  const length = a.dims.at(-1) ?? 0;
  const rows = a.dims.at(-2) ?? 0;
  const columns = b.dims.at(-1) ?? 0;
  return (element) => {
    const row = Math.floor(element / columns);
    const matrix = b.dims.length === 2 ? 0 : Math.floor(row / rows);
    let sum = 0;
    for (let k = 0; k < length; k++) {
      const left = Number(a.at(row * length + k)) - zeroA;
      sum += left * (Number(b.at((matrix * length + k) * columns + (element % columns))) - zeroB);
    }
    return sum | 0;
  };
}

export function qlinearMatMul(
  { zeroA, zeroB, zeroY }: InstructionOf<"QLinearMatMul">,
  a: Values,
  b: Values,
  multiplier: Values,
  output: Shape,
): Elements {
  const sums = matMul(a, b, zeroA, zeroB);
  const columns = b.dims.at(-1) ?? 0;
  return (element) => requantize(Number(sums(element)), perChannel(multiplier, element % columns), zeroY, output.dtype);
}

export function convolve(
  convolution: Convolution,
  x: Values,
  w: Values,
  zeroX: number,
  zeroW: number,
  output: Shape,
): Elements {
  const [filters = 0, channels = 0] = w.dims;
  const perGroup = filters / convolution.group;
  const [stridesX, stridesW] = [rowMajorStrides(x.dims), rowMajorStrides(w.dims)];
  return (element) => {
    const [image = 0, filter = 0, ...place] = toIndex(element, output.dims);
    const firstChannel = Math.floor(filter / perGroup) * channels;
    let sum = 0;
    for (const { at, tap } of windowPlaces(convolution, place, x.dims.slice(2))) {
      for (let channel = 0; channel < channels; channel++) {
        const value = Number(x.at(strided(0, stridesX, [image, firstChannel + channel, ...at]))) - zeroX;
        sum += value * (Number(w.at(strided(0, stridesW, [filter, channel, ...tap]))) - zeroW);
      }
    }
    return sum | 0;
  };
}

export function qlinearConv(
  { convolution, zeroX, zeroW, zeroY }: InstructionOf<"QLinearConv">,
  x: Values,
  w: Values,
  multiplier: Values,
  bias: Values | undefined,
  output: Shape,
): Elements {
  const sums = convolve(convolution, x, w, zeroX, zeroW, output);
  return (element) => {
    const filter = toIndex(element, output.dims)[1] ?? 0;
    const sum = (Number(sums(element)) + Number(bias?.at(filter) ?? 0)) | 0;
    return requantize(sum, perChannel(multiplier, filter), zeroY, output.dtype);
  };
}

function requantize(sum: number, multiplier: number, zero: number, dtype: DType): number {
  return saturate(roundHalfEven(Math.fround(Math.fround(sum) * multiplier)) + zero, dtype);
}

function perChannel(multiplier: Values, channel: number): number {
  return Number(multiplier.at(multiplier.dims[0] === 1 ? 0 : channel));
}

export function saturate(value: number, dtype: DType): number {
  const [low, high] = INTEGER_LIMITS[dtype] ?? [-Infinity, Infinity];
  return Math.min(Math.max(value, low), high);
}
