import { BITS, floatParts, magnitude } from "./fixedFunctions.js";

/** Numbers at most `radius` away from `center`, in units of 2^exponent; as `Bounds` has them on chain. */
export interface Bound {
  readonly center: bigint;
  /** Undefined where every result stands. */
  readonly radius: bigint | undefined;
  readonly exponent: bigint;
}

const ULP_BITS = 23n;
const FLOAT_EXPONENT = -149n;
const MAX_SHIFT = 226n;
/** 2^128 - 2^103, from which on numbers are rounded to infinity. */
const OVERFLOW = { m: (1n << 25n) - 1n, shift: 252n };

/** Honest results differ too much, or are no numbers. */
export const ANYTHING: Bound = { center: 0n, radius: undefined, exponent: 0n };
export const INFINITY: Bound = { center: 1n << 64n, radius: 0n, exponent: 200n };

/** A distance of `ulps` units in the last place, and one of 2^absolute. */
export function around(center: bigint, exponent: bigint, ulps: bigint, absolute: bigint): Bound {
  const radius = ((magnitude(center) * ulps) >> ULP_BITS) + powerOfTwo(absolute - exponent);
  return { center, radius, exponent };
}

/** Whether `y` is one of the numbers. An infinity stands if one of them is rounded to it. */
export function holds({ center, radius, exponent }: Bound, y: number): boolean {
  if (radius === undefined) return true;
  if (Number.isNaN(y)) return false;
  const isInfinite = !Number.isFinite(y);
  const { m, shift } = isInfinite ? OVERFLOW : floatParts(y);
  const distance = shift + FLOAT_EXPONENT - exponent;
  if (distance > MAX_SHIFT && m !== 0n) return false;
  const value = m << distance;
  const turned = y < 0 || Object.is(y, -0) ? -center : center;
  const most = radius + 1n;
  return isInfinite ? turned + most > value : magnitude(value - turned) <= most;
}

/** Zero if it is less than one. */
export function powerOfTwo(exponent: bigint): bigint {
  return exponent < 0n ? 0n : 1n << exponent;
}

/** The float32 nearest to the center. */
export function nearest({ center, radius, exponent }: Bound): number {
  if (radius === undefined) return NaN;
  // All bits that a double holds, and more.
  const length = BigInt(magnitude(center).toString(2).length);
  const cut = length > BITS ? length - BITS : 0n;
  return Math.fround(Number(center >> cut) * 2 ** Number(cut + exponent));
}
