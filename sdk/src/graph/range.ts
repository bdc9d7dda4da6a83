import { elementCount, type Tensor } from "../tensor/tensor.js";
import { valuesOf, type Elements, type Shape, type Values } from "./values.js";

// Between which numbers the elements of all honest parties lie.

/**
 * The least and the greatest that an honest party can have, by element. Where that is not known, of infinities and NaN
 * for example, -Infinity and Infinity: then anything stands, NaN too.
 */
export interface Range {
  readonly low: Float64Array;
  readonly high: Float64Array;
}

export type Side = keyof Range;

/** What is not known, as an operand: whatever is computed from NaN is NaN, and is not known either. */
const UNKNOWN = NaN;

/** Nothing is known of any element. */
export function unknown({ dims }: Shape): Range {
  const count = elementCount(dims);
  return { low: new Float64Array(count).fill(-Infinity), high: new Float64Array(count).fill(Infinity) };
}

export function isKnown({ low, high }: Range, element: number): boolean {
  return Number.isFinite(low[element]) && Number.isFinite(high[element]);
}

/** Learns where an element lies, unless an end is no finite number. */
export function learn({ low, high }: Range, element: number, least: number, most: number): void {
  if (!Number.isFinite(least) || !Number.isFinite(most)) return;
  low[element] = least;
  high[element] = most;
}

/** The same for everybody, but for what is not finite: there honest processors differ. */
export function exactly(tensor: Tensor): Range {
  const { at } = valuesOf(tensor);
  const range = unknown(tensor);
  for (let element = 0; element < range.low.length; element++) {
    const value = Number(at(element));
    learn(range, element, value, value);
  }
  return range;
}

/** From the least to the greatest of some results. */
export function hull(shape: Shape, results: readonly Elements[]): Range {
  const range = unknown(shape);
  for (let element = 0; element < range.low.length; element++) {
    const values = results.map((at) => Number(at(element)));
    learn(range, element, Math.min(...values), Math.max(...values));
  }
  return range;
}

export function isPoint({ low, high }: Range): boolean {
  return low.every((value, element) => value === high[element]);
}

/** An operand, as it is here, and where that of others lies. */
export interface Ranged {
  readonly tensor: Tensor;
  readonly range: Range;
}

/** One end of a range as an operand: numbers, also of wide integers. */
export function endOf({ tensor, range }: Ranged, side: Side): Values {
  return valuesWhere(tensor, (element) => (isKnown(range, element) ? range[side][element] : UNKNOWN));
}

/** An operand where it is the same for everybody. */
export function pointsOf({ tensor, range: { low, high } }: Ranged): Values {
  return valuesWhere(tensor, (element) => (low[element] === high[element] ? low[element] : UNKNOWN));
}

/** How large an operand is here or, `widened`, can be for others at most: |x|, or |x| and how far its range reaches. */
export function magnitudesOf({ tensor, range }: Ranged, widened: boolean): Values {
  const { at } = valuesOf(tensor);
  const reach = (element: number, own: number) =>
    Math.max((range.high[element] ?? UNKNOWN) - own, own - (range.low[element] ?? UNKNOWN));
  return valuesWhere(tensor, (element) => {
    if (!isKnown(range, element)) return UNKNOWN;
    const own = Number(at(element));
    return Math.abs(own) + (widened ? reach(element, own) : 0);
  });
}

function valuesWhere({ dtype, dims }: Shape, at: (element: number) => number | undefined): Values {
  return { dtype, dims, at: (element) => at(element) ?? UNKNOWN };
}
