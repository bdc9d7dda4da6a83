import { elementCount } from "../tensor/tensor.js";
import { fma } from "./float32.js";
import { dot, inColumns, sum } from "./floatSums.js";
import { rowMajorStrides, toIndex } from "./indices.js";
import { SumOrder, type Convolution, type InstructionOf } from "./instruction.js";
import type { Numeric } from "./types.js";
import { strided, windowPlaces, type Elements, type Shape, type Values } from "./values.js";

// Sums of float32 in a given order, one output element at a time.

/** `c` is added to each element, broadcast by strides. */
export function matMulFloat(
  { strides }: InstructionOf<"MatMul">,
  numeric: Numeric,
  a: Values,
  b: Values,
  c: Values | undefined,
  output: Shape,
): Elements {
  const length = a.dims.at(-1) ?? 0;
  const rows = a.dims.at(-2) ?? 0;
  const columns = b.dims.at(-1) ?? 0;
  return (element) => {
    const row = Math.floor(element / columns);
    const matrix = b.dims.length === 2 ? 0 : Math.floor(row / rows);
    const terms = { a: new Array<number>(length), b: new Array<number>(length) };
    for (let k = 0; k < length; k++) {
      terms.a[k] = Number(a.at(row * length + k));
      terms.b[k] = Number(b.at((matrix * length + k) * columns + (element % columns)));
    }
    return dot(terms, numeric, c && Number(c.at(strided(0, strides, toIndex(element, output.dims)))));
  };
}

/** Channel by channel over the places of the window; those outside of x are zeros, and take part. */
export function convolveFloat(
  convolution: Convolution,
  numeric: Numeric,
  x: Values,
  w: Values,
  bias: Values | undefined,
  output: Shape,
): Elements {
  const [filters = 0, channels = 0] = w.dims;
  const perGroup = filters / convolution.group;
  const spatial = x.dims.slice(2);
  const strides = rowMajorStrides(spatial);
  const [size, taps] = [elementCount(spatial), elementCount(convolution.kernel)];
  return (element) => {
    const [image = 0, filter = 0, ...place] = toIndex(element, output.dims);
    const firstChannel = image * (x.dims[1] ?? 0) + Math.floor(filter / perGroup) * channels;
    const places = new Array<number | undefined>(taps);
    for (const { at, tap } of windowPlaces(convolution, place, spatial)) {
      places[strided(0, rowMajorStrides(convolution.kernel), tap)] = strided(0, strides, at);
    }
    const terms = { a: new Array<number>(channels * taps), b: new Array<number>(channels * taps) };
    for (let k = 0; k < channels * taps; k++) {
      const at = places[k % taps];
      terms.a[k] = at === undefined ? 0 : Number(x.at((firstChannel + Math.floor(k / taps)) * size + at));
      terms.b[k] = Number(w.at(filter * channels * taps + k));
    }
    return dot(terms, numeric, bias && Number(bias.at(filter)));
  };
}

export function averagePool(
  { divisor, order, ...window }: InstructionOf<"AveragePool">,
  numeric: Numeric,
  x: Values,
  output: Shape,
): Elements {
  const [, channels = 0, ...spatial] = x.dims;
  const strides = rowMajorStrides(spatial);
  return (element) => {
    const [image = 0, channel = 0, ...place] = toIndex(element, output.dims);
    const first = (image * channels + channel) * elementCount(spatial);
    const places = [...windowPlaces(window, place, spatial)];
    const values = places.map(({ at }) => Number(x.at(first + strided(0, strides, at))));
    const columns = places.map(({ tap }) => tap.at(-1) ?? 0);
    const total =
      order === SumOrder.Columns
        ? inColumns(values, columns, window.kernel.at(-1) ?? 1)
        : sum(values, order, numeric, { block: 0, total: -0 }, first);
    return Math.fround(total / (divisor || places.length));
  };
}

/** Fused: from zero. A sum in blocks is computed as a product with ones. */
export function reduce(
  { operator, length, inner, order }: InstructionOf<"ReduceSum"> | InstructionOf<"ReduceMean">,
  numeric: Numeric,
  x: Values,
): Elements {
  const start = numeric.fused ? { block: 0, total: -0 } : { block: -0, total: numeric.block === 0 ? -0 : 0 };
  return (element) => {
    const first = Math.floor(element / inner) * length * inner + (element % inner);
    const values = Array.from({ length }, (_, i) => Number(x.at(first + i * inner)));
    const total = sum(values, order, numeric, start, first);
    return operator === "ReduceSum" ? total : Math.fround(total / length);
  };
}

export function batchNormalization({ fused }: Numeric, x: Values, scale: Values, offset: Values): Elements {
  const inner = elementCount(x.dims.slice(2));
  return (element) => {
    const channel = Math.floor(element / inner) % (x.dims[1] ?? 1);
    const [value, factor, added] = [x.at(element), scale.at(channel), offset.at(channel)].map(Number);
    if (value === undefined || factor === undefined || added === undefined) return NaN;
    return fused ? fma(value, factor, added) : Math.fround(Math.fround(value * factor) + added);
  };
}
