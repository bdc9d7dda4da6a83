import { elementCount } from "../tensor/tensor.js";
import { rowMajorStrides, toIndex } from "./indices.js";
import type { Convolution, Rows, Window } from "./instruction.js";
import { strided, windowPlaces, type Shape, type Values } from "./values.js";

// The terms of an output element that is a sum of float32, whatever the order in which they are then taken.

/** Factors of a row and a column. */
export function matMulTerms(a: Values, b: Values): (element: number) => { a: number[]; b: number[] } {
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
    return terms;
  };
}

/** Channel by channel over the places of the window; undefined outside of x. */
export function convTerms(
  convolution: Convolution,
  x: Values,
  w: Values,
  output: Shape,
): (element: number) => { a: (number | undefined)[]; b: number[]; filter: number } {
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
    const terms = { a: new Array<number | undefined>(channels * taps), b: new Array<number>(channels * taps), filter };
    for (let k = 0; k < channels * taps; k++) {
      const at = places[k % taps];
      terms.a[k] = at === undefined ? undefined : Number(x.at((firstChannel + Math.floor(k / taps)) * size + at));
      terms.b[k] = Number(w.at(filter * channels * taps + k));
    }
    return terms;
  };
}

/** Places of the window inside of x, with their columns and the row-major element before them. */
export function poolTerms(
  window: Window,
  x: Values,
  output: Shape,
): (element: number) => { a: number[]; columns: number[]; first: number } {
  const [, channels = 0, ...spatial] = x.dims;
  const strides = rowMajorStrides(spatial);
  return (element) => {
    const [image = 0, channel = 0, ...place] = toIndex(element, output.dims);
    const first = (image * channels + channel) * elementCount(spatial);
    const places = [...windowPlaces(window, place, spatial)];
    return {
      a: places.map(({ at }) => Number(x.at(first + strided(0, strides, at)))),
      columns: places.map(({ tap }) => tap.at(-1) ?? 0),
      first,
    };
  };
}

/** `length` elements of x, `inner` apart. */
export function rowTerms({ length, inner }: Rows, x: Values): (element: number) => { a: number[]; first: number } {
  return (element) => {
    const first = Math.floor(element / inner) * length * inner + (element % inner);
    return { a: Array.from({ length }, (_, i) => Number(x.at(first + i * inner))), first };
  };
}
