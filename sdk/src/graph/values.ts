import { AssayError } from "../errors.js";
import type { DType } from "../tensor/dtype.js";
import { elementCount, toTypedArray, type AnyTypedArray, type Tensor } from "../tensor/tensor.js";
import { toIndex } from "./indices.js";
import type { Window } from "./instruction.js";

// What evaluating an operator reads and writes.

export type Scalar = number | bigint;
/** The value of an output element by its row-major index. */
export type Elements = (element: number) => Scalar;

export interface Shape {
  readonly dtype: DType;
  readonly dims: readonly number[];
}

/** An operand and its elements as numbers. */
export interface Values extends Shape {
  readonly at: Elements;
}

export function valuesOf(tensor: Tensor | Values): Values {
  if ("at" in tensor) return tensor;
  const array: AnyTypedArray = toTypedArray(tensor);
  return {
    dtype: tensor.dtype,
    dims: tensor.dims,
    at: (element) => {
      const value = array[element];
      if (value === undefined) throw new AssayError(`element ${element} lies outside of its tensor`);
      return value;
    },
  };
}

export function valuesOfAll(operands: readonly (Tensor | Values | undefined)[]): (Values | undefined)[] {
  return operands.map((operand) => operand && valuesOf(operand));
}

/** The places of an operand that a window covers, and the tap of the kernel that falls on each. */
export function* windowPlaces(
  { kernel, strides, dilations, padsBegin }: Window,
  place: readonly number[],
  dims: readonly number[],
): Generator<{ at: number[]; tap: number[] }> {
  for (let i = 0; i < elementCount(kernel); i++) {
    const tap = toIndex(i, kernel);
    const at = tap.map(
      (step, axis) =>
        (place[axis] ?? 0) * (strides[axis] ?? 1) + step * (dilations[axis] ?? 1) - (padsBegin[axis] ?? 0),
    );
    if (at.every((coordinate, axis) => coordinate >= 0 && coordinate < (dims[axis] ?? 0))) yield { at, tap };
  }
}

export function strided(base: number, strides: readonly number[], index: readonly number[]): number {
  return strides.reduce((sum, stride, axis) => sum + stride * (index[axis] ?? 0), base);
}

/** Cuts integers to width, two's complement. */
export function store(array: AnyTypedArray, element: number, value: Scalar): void {
  if (array instanceof BigInt64Array || array instanceof BigUint64Array) array[element] = BigInt(value);
  else array[element] = typeof value === "bigint" ? Number(BigInt.asIntN(32, value)) : value;
}
