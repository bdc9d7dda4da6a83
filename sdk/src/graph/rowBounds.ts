import { around, ANYTHING, powerOfTwo, type Bound } from "./bounds.js";
import { BITS, exp, expOfNegative, floatParts, magnitude, toFixed } from "./fixedFunctions.js";

// What an honest element of a row may be that is computed from the whole row, as `RowBounds` has it on chain
// (docs/verifiers/FUNCTIONS.md). What depends on the row alone is computed once.

const SOFTMAX_ROUNDINGS = 64n;
const NORMALIZATION_BITS = 20n;
const PRECISION = 1n << 24n;
const NO_SOFTMAX = 150n << BITS;
const INFINITE = 1n << 224n;
const LEAST_NORMAL = -126n;
/** Its shift is 63: its square is below every number that counts beside 2^-126. */
const LEAST_UNIT = 2 ** -63;
/** No product with a smaller scale overflows. */
export const LARGE_SCALE = 2 ** 50;

type Place = (place: number) => Bound;

/** Softmax of a row. */
export function softmax(row: readonly number[]): Place {
  if (row.some(Number.isNaN)) return () => ANYTHING;
  const values = row.map(toFixed);
  const largest = values.reduce((most, value) => (value > most ? value : most), -INFINITE);
  // Infinity less infinity is no number.
  if (magnitude(largest) === INFINITE) return () => ANYTHING;
  const sum = values.reduce((total, value) => total + expOfNegative(largest - value), 0n);
  return (place) => share(largest - (values[place] ?? 0n), sum, row.length, 0n);
}

/** e^-below / sum, for a row of so many elements. `apart`: roundings by which the sum may be off itself. */
export function share(below: bigint, sum: bigint, length: number, apart: bigint): Bound {
  if (below >= NO_SOFTMAX) return around(0n, LEAST_NORMAL - BITS, 0n, LEAST_NORMAL);
  const { mantissa, exponent } = exp(-below);
  const center = (mantissa << BITS) / sum;
  const roundings = SOFTMAX_ROUNDINGS + 2n * ((below >> BITS) + 1n) + BigInt(length) + apart;
  const bound = around(center, exponent - BITS, 0n, LEAST_NORMAL);
  // Of long rows products of errors count too.
  const radius = (center * roundings) / (apart === 0n ? PRECISION : PRECISION - roundings);
  return { ...bound, radius: (bound.radius ?? 0n) + radius };
}

/** What is added up of a row, in units of 2^(shift - 225); squares in units of the square of that. */
export interface Sums {
  readonly shift: bigint;
  readonly epsilon: bigint;
  readonly values: bigint;
  readonly magnitudes: bigint;
  readonly squares: bigint;
}

/** (x - mean) / sqrt(variance + epsilon), and how far a runtime may be from it, times scale plus bias. */
export function normalized(
  row: readonly number[],
  epsilon: number,
): (place: number, scale: number, bias: number) => Bound {
  if (!row.every(Number.isFinite)) return () => ANYTHING;
  const shift = most(unitOf(row), unitOfSquare(epsilon));
  const sums = { shift, epsilon: scaledSquare(epsilon, shift), ...sumsOf(row, shift) };
  const ofSums = normalizedBy(sums, row.length, 0n);
  return (place, scale, bias) => ofSums(row[place] ?? NaN, scale, bias);
}

/** The same, of a row of which so much was added up. `apart`: roundings by which the sums may be off themselves. */
export function normalizedBy(
  sums: Sums,
  length: number,
  apart: bigint,
): (x: number, scale: number, bias: number) => Bound {
  const n = BigInt(length);
  const { least, variance } = varianceOf(sums, n, apart);
  // Squares that a runtime adds up may overflow.
  if (sums.squares >> (576n - 2n * sums.shift) !== 0n || least === 0n) return () => ANYTHING;
  const roundings = n + 8n + apart;
  const offMean = (sums.magnitudes * roundings) / (PRECISION - roundings) + ((n * (1n + apart)) << 14n);
  const [root, leastRoot] = [squareRoot(variance), squareRoot(least)];
  return (x, scale, bias) => {
    if (!(Math.abs(scale) < LARGE_SCALE && Math.abs(bias) < LARGE_SCALE)) return ANYTHING;
    const from = n * scaled(x, sums.shift) - sums.values;
    const z = (magnitude(from) << BITS) / root;
    const farthest = ((magnitude(from) + offMean) << BITS) / leastRoot + 1n;
    return affine(from < 0n, z, farthest + (farthest >> NORMALIZATION_BITS) - z, scale, bias);
  };
}

function affine(isNegative: boolean, z: bigint, error: bigint, scale: number, bias: number): Bound {
  const [factor, added] = [exactly(scale), exactly(bias)];
  const product = (z * factor) >> BITS;
  const center = (isNegative !== isMinus(scale) ? -product : product) + (isMinus(bias) ? -added : added);
  const radius = ((error * factor) >> BITS) + 2n * ((product + added) / PRECISION + (1n << 23n));
  return { center, radius, exponent: -149n };
}

const isMinus = (value: number): boolean => value < 0 || Object.is(value, -0);

/** The magnitude in units of 2^-149. */
function exactly(value: number): bigint {
  const { m, shift } = floatParts(value);
  return m << shift;
}

export const most = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/** The shift of a unit of which the largest element is about 2^100; at least 63. */
export function unitOf(row: readonly number[]): bigint {
  return floatParts(row.reduce((largest, value) => Math.max(largest, Math.abs(value)), LEAST_UNIT)).shift;
}

/** The same, of which the root of a square is about 2^100. */
export function unitOfSquare(square: number): bigint {
  return (floatParts(square).shift + 126n) / 2n;
}

/** The magnitude of a square in units of the square of the unit. */
export function scaledSquare(square: number, shift: bigint): bigint {
  const { m, shift: own } = floatParts(square);
  return m << (own + 301n - 2n * shift);
}

/** A finite number in units of 2^(shift - 225). */
export function scaled(value: number, shift: bigint): bigint {
  const parts = floatParts(value);
  const size = parts.m << (parts.shift + 76n - shift);
  return value < 0 ? -size : size;
}

/** Sums of a row's elements, of their magnitudes and of their squares. */
export function sumsOf(row: readonly number[], shift: bigint): Pick<Sums, "values" | "magnitudes" | "squares"> {
  let [values, magnitudes, squares] = [0n, 0n, 0n];
  for (const each of row) {
    const value = scaled(each, shift);
    values += value;
    magnitudes += magnitude(value);
    squares += value * value;
  }
  return { values, magnitudes, squares };
}

/** n^2 (variance + epsilon), and the least that a runtime can have for it; zero where that is less than half. */
function varianceOf(
  { values, squares, epsilon, shift }: Sums,
  n: bigint,
  apart: bigint,
): { least: bigint; variance: bigint } {
  const total = n * squares;
  const variance = total - values * values + n * n * epsilon;
  const roundings = 3n * n + 9n + apart;
  const off =
    (total * roundings) / (PRECISION - roundings) +
    (4n * variance) / PRECISION +
    n * n * powerOfTwo((apart === 0n ? 324n : 325n) - 2n * shift);
  return { least: 2n * off < variance ? variance - off : 0n, variance };
}

/** Rounded down. */
function squareRoot(value: bigint): bigint {
  if (value < 2n) return value;
  let root = 1n << BigInt((value.toString(2).length + 1) >> 1);
  for (;;) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}
