import { toBits } from "./float32.js";

// Functions of fixed-point numbers in units of 2^-96, step by step as `FixedFunctions` computes them on chain
// (docs/verifiers/FUNCTIONS.md).

export const BITS = 96n;
export const ONE = 1n << BITS;

const FLOAT_SHIFT = 53n;
const LN2 = 0xb17217f7d1cf79abc9e3b398n;
const LOG2_E = 0x171547652b82fe1777d0ffda1n;
const TWO_BY_ROOT_PI = 0x120dd750429b6d11ae3a914ffn;
const ROOT_TWO = 0x16a09e667f3bcc908b2fb1367n;
const NO_EXP = 67n << BITS;
const ERF_IS_ONE = 6n << BITS;

/** 1 / 15! down to 1 / 1!. */
const COEFFICIENTS = [
  0xd73f9f399dc0f9n,
  0xc9cba54603e4e90n,
  0xb092309d43684be5n,
  0x8f76c77fc6c4bdaa2n,
  0x6b99159fd5138e3f9dn,
  0x49f93edde27d71cbbc0n,
  0x2e3bc74aad8e671f5584n,
  0x1a01a01a01a01a01a01a0n,
  0xd00d00d00d00d00d00d01n,
  0x5b05b05b05b05b05b05b06n,
  0x22222222222222222222222n,
  0xaaaaaaaaaaaaaaaaaaaaaabn,
  0x2aaaaaaaaaaaaaaaaaaaaaabn,
  0x800000000000000000000000n,
  ONE,
  ONE,
];

/** A finite or infinite float32 as m * 2^(shift - 149). */
export function floatParts(value: number): { m: bigint; shift: bigint } {
  const bits = toBits(Math.abs(value));
  const field = bits >>> 23;
  return field === 0
    ? { m: BigInt(bits), shift: 0n }
    : { m: BigInt((bits & 0x7fffff) | 0x800000), shift: BigInt(field - 1) };
}

/** Cut below the unit; infinities are 2^128. */
export function toFixed(value: number): bigint {
  const { m, shift } = floatParts(value);
  const magnitude = shift < FLOAT_SHIFT ? m >> (FLOAT_SHIFT - shift) : m << (shift - FLOAT_SHIFT);
  return value < 0 ? -magnitude : magnitude;
}

/** e^x = mantissa * 2^exponent. */
export function exp(x: bigint): { mantissa: bigint; exponent: bigint } {
  const exponent = (x * LOG2_E + (1n << 191n)) >> 192n;
  const r = x - exponent * LN2;
  const mantissa = COEFFICIENTS.reduce((sum, coefficient) => coefficient + ((sum * r) >> BITS), 0n);
  return { mantissa, exponent };
}

/** e^-x for x >= 0. */
export function expOfNegative(x: bigint): bigint {
  if (x >= NO_EXP) return 0n;
  const { mantissa, exponent } = exp(-x);
  return mantissa << exponent;
}

export function sigmoid(x: bigint): bigint {
  const e = expOfNegative(magnitude(x));
  return ((x < 0n ? e : ONE) << BITS) / (ONE + e);
}

export function tanh(x: bigint): bigint {
  const e = expOfNegative(2n * magnitude(x));
  const positive = ((ONE - e) << BITS) / (ONE + e);
  return x < 0n ? -positive : positive;
}

export function erf(x: bigint): bigint {
  const z = magnitude(x);
  if (z >= ERF_IS_ONE) return x < 0n ? -ONE : ONE;
  const square = (z * z) >> BITS;
  let [sum, term] = [z, z];
  for (let odd = 3n; term !== 0n; odd += 2n) {
    term = (term * 2n * square) / (odd << BITS);
    sum += term;
  }
  const { mantissa, exponent } = exp(-square);
  sum = (sum * mantissa) >> (BITS - exponent);
  sum = (sum * TWO_BY_ROOT_PI) >> BITS;
  return x < 0n ? -sum : sum;
}

/** The natural logarithm of a positive, finite number. */
export function log(value: number): bigint {
  const { m: bits, shift } = floatParts(value);
  let [m, exponent] = [bits, shift - 149n + BITS];
  for (; m < ONE; exponent--) m <<= 1n;
  if (m > ROOT_TWO) {
    m >>= 1n;
    exponent++;
  }
  let t = ((m - ONE) << BITS) / (m + ONE);
  const square = (t * t) >> BITS;
  let sum = 0n;
  for (let odd = 1n; t !== 0n && t !== -1n; odd += 2n) {
    sum += t / odd;
    t = (t * square) >> BITS;
  }
  return 2n * sum + exponent * LN2;
}

export function magnitude(x: bigint): bigint {
  return x < 0n ? -x : x;
}
