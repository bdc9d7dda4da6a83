import { toBits } from "./float32.js";

// Sums of products of float32 without any rounding, in units of 2^-298, as `ExactAccumulator` has them on chain.

export const UNIT = 1n << 298n;
/** The inverse of the unit roundoff. */
export const FLOAT_PRECISION = 1n << 24n;
/** From here on a number is rounded to infinity: 2^128 - 2^103. */
export const OVERFLOW = ((1n << 128n) - (1n << 103n)) * UNIT;

/** Sum of the finite products and of their magnitudes; `special` is the sum of the others, or zero. */
export function exactSum({ a, b }: { readonly a: readonly number[]; readonly b: readonly number[] }): {
  sum: bigint;
  magnitudes: bigint;
  special: number;
} {
  let [sum, magnitudes, special] = [0n, 0n, 0];
  a.forEach((x, i) => {
    const y = b[i] ?? 0;
    if (!Number.isFinite(x) || !Number.isFinite(y)) {
      special += x * y;
      return;
    }
    const exact = product(x, y);
    sum += exact;
    magnitudes += exact < 0n ? -exact : exact;
  });
  return { sum, magnitudes, special };
}

/** The product of two finite numbers. */
export function product(x: number, y: number): bigint {
  const [left, right] = [parts(x), parts(y)];
  return BigInt(left.m * right.m) << BigInt(left.shift + right.shift);
}

/** m * 2^(shift - 149), with |m| < 2^24. */
function parts(value: number): { m: number; shift: number } {
  const bits = toBits(value);
  const field = (bits >>> 23) & 0xff;
  const m = field === 0 ? bits & 0x7fffff : (bits & 0x7fffff) | 0x800000;
  return { m: bits >>> 31 === 1 ? -m : m, shift: field === 0 ? 0 : field - 1 };
}
