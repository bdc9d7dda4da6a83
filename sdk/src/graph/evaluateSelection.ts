import { AssayError } from "../errors.js";
import { fromHex, type Hex } from "../tensor/bytes.js";
import type { DType } from "../tensor/dtype.js";
import { elementCount } from "../tensor/tensor.js";
import { rowMajorStrides, toIndex } from "./indices.js";
import type { InstructionOf, Window } from "./instruction.js";
import { strided, valuesOf, windowPlaces, type Elements, type Scalar, type Shape, type Values } from "./values.js";

// Operators that move elements or choose among them, one output element at a time.

export function concat(axis: number, parts: readonly Values[], output: Shape): Elements {
  return (element) => {
    const index = toIndex(element, output.dims);
    for (const part of parts) {
      const length = part.dims[axis] ?? 0;
      const along = index[axis] ?? 0;
      if (along < length) return part.at(strided(0, rowMajorStrides(part.dims), index));
      index[axis] = along - length;
    }
    throw new AssayError("the parts of a Concat are shorter than its output");
  };
}

export function pad({ low, value }: InstructionOf<"Pad">, x: Values, output: Shape): Elements {
  const outside = fromBytes(value, x.dtype);
  return (element) => {
    const index = toIndex(element, output.dims).map((at, axis) => at - (low[axis] ?? 0));
    const inside = index.every((at, axis) => at >= 0 && at < (x.dims[axis] ?? 0));
    return inside ? x.at(strided(0, rowMajorStrides(x.dims), index)) : outside;
  };
}

export function gather(axis: number, x: Values, indices: Values, output: Shape): Elements {
  const length = x.dims[axis] ?? 0;
  return (element) => {
    const index = toIndex(element, output.dims);
    const behind = axis + indices.dims.length;
    const position = strided(0, rowMajorStrides(indices.dims), index.slice(axis, behind));
    const chosen = Number(indices.at(position));
    if (chosen < -length || chosen >= length) throw new AssayError(`index ${chosen} is outside of ${length} entries`);
    const place = [...index.slice(0, axis), chosen < 0 ? chosen + length : chosen, ...index.slice(behind)];
    return x.at(strided(0, rowMajorStrides(x.dims), place));
  };
}

export function clip({ min, max }: InstructionOf<"Clip">, x: Values): Elements {
  const low = min === "0x" ? undefined : fromBytes(min, x.dtype);
  const high = max === "0x" ? undefined : fromBytes(max, x.dtype);
  return (element) => {
    const raised = low === undefined ? x.at(element) : larger(x.at(element), low);
    return high !== undefined && high < raised ? high : raised;
  };
}

export function leakyRelu(alpha: number, x: Values): Elements {
  return (element) => {
    const value = Number(x.at(element));
    return value >= 0 ? value : Math.fround(alpha * value);
  };
}

export function maxPool(window: Window, x: Values, output: Shape): Elements {
  const strides = rowMajorStrides(x.dims);
  return (element) => {
    const [image = 0, channel = 0, ...place] = toIndex(element, output.dims);
    let best: Scalar | undefined;
    for (const { at } of windowPlaces(window, place, x.dims.slice(2))) {
      const value = x.at(strided(0, strides, [image, channel, ...at]));
      if (Number.isNaN(value)) return NaN;
      best = best === undefined ? value : larger(best, value);
    }
    if (best === undefined) throw new AssayError("a window of a MaxPool lies outside of its operand");
    return best;
  };
}

export function argMax({ axis, last }: InstructionOf<"ArgMax">, x: Values): Elements {
  const length = x.dims[axis] ?? 0;
  const inner = elementCount(x.dims.slice(axis + 1));
  return (element) => {
    const first = Math.floor(element / inner) * length * inner + (element % inner);
    let best = 0;
    for (let i = 1; i < length; i++) {
      const [value, champion] = [x.at(first + i * inner), x.at(first + best * inner)];
      if (value > champion || (last && value === champion)) best = i;
    }
    return BigInt(best);
  };
}

/** `b` where `a` is below it. */
export function larger(a: Scalar, b: Scalar): Scalar {
  return a < b ? b : a;
}

export function zeroOf(dtype: DType): Scalar {
  return dtype === "int64" || dtype === "uint64" ? 0n : 0;
}

/** The one element that an attribute holds. */
export function fromBytes(bytes: Hex, dtype: DType): Scalar {
  return valuesOf({ dtype, dims: [], data: fromHex(bytes) }).at(0);
}
