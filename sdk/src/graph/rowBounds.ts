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
  return (place) => {
    const below = largest - (values[place] ?? 0n);
    if (below >= NO_SOFTMAX) return around(0n, LEAST_NORMAL - BITS, 0n, LEAST_NORMAL);
    const { mantissa, exponent } = exp(-below);
    const center = (mantissa << BITS) / sum;
    const roundings = SOFTMAX_ROUNDINGS + 2n * ((below >> BITS) + 1n) + BigInt(row.length);
    const bound = around(center, exponent - BITS, 0n, LEAST_NORMAL);
    return { ...bound, radius: (bound.radius ?? 0n) + (center * roundings) / PRECISION };
  };
}

/** (x - mean) / sqrt(variance + epsilon), the element and how far a runtime may be from it, in units of 2^-96. */
export function normalized(
  row: readonly number[],
  epsilon: number,
): (place: number, scale: number, bias: number) => Bound {
  if (!row.every(Number.isFinite)) return () => ANYTHING;
  const n = BigInt(row.length);
  const sums = sumsOf(row, epsilon);
  const { least, variance } = varianceOf(sums, n);
  // Squares that a runtime adds up may overflow.
  if (sums.squares >> (576n - 2n * sums.shift) !== 0n || least === 0n) return () => ANYTHING;
  const offMean = (sums.magnitudes * (n + 8n)) / (PRECISION - (n + 8n)) + (n << 14n);
  const [root, leastRoot] = [squareRoot(variance), squareRoot(least)];
  return (place, scale, bias) => {
    if (!(Math.abs(scale) < LARGE_SCALE && Math.abs(bias) < LARGE_SCALE)) return ANYTHING;
    const from = n * (sums.scaled[place] ?? 0n) - sums.values;
    const z = (magnitude(from) << BITS) / root;
    const most = ((magnitude(from) + offMean) << BITS) / leastRoot + 1n;
    return affine(from < 0n, z, most + (most >> NORMALIZATION_BITS) - z, scale, bias);
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

interface Sums {
  readonly shift: bigint;
  readonly epsilon: bigint;
  readonly scaled: readonly bigint[];
  readonly values: bigint;
  readonly magnitudes: bigint;
  readonly squares: bigint;
}

function sumsOf(row: readonly number[], epsilon: number): Sums {
  const { m, shift: own } = floatParts(epsilon);
  const least = (own + 126n) / 2n;
  const shift = row.reduce((most, value) => (floatParts(value).shift > most ? floatParts(value).shift : most), least);
  const scaled = row.map((value) => {
    const parts = floatParts(value);
    const size = parts.m << (parts.shift + 76n - shift);
    return value < 0 ? -size : size;
  });
  return {
    shift,
    epsilon: m << (own + 301n - 2n * shift),
    scaled,
    values: scaled.reduce((sum, value) => sum + value, 0n),
    magnitudes: scaled.reduce((sum, value) => sum + magnitude(value), 0n),
    squares: scaled.reduce((sum, value) => sum + value * value, 0n),
  };
}

/** n^2 (variance + epsilon), and the least that a runtime can have for it; zero where that is less than half. */
function varianceOf({ values, squares, epsilon, shift }: Sums, n: bigint): { least: bigint; variance: bigint } {
  const scaled = n * squares;
  const variance = scaled - values * values + n * n * epsilon;
  const roundings = 3n * n + 9n;
  const off =
    (scaled * roundings) / (PRECISION - roundings) +
    (4n * variance) / PRECISION +
    n * n * powerOfTwo(324n - 2n * shift);
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
