import assert from "node:assert/strict";
import { describe, it } from "node:test";

import {
  BITS,
  erf,
  exp,
  expOfNegative,
  log,
  magnitude,
  sigmoid,
  tanh,
  toFixed,
} from "../../src/graph/fixedFunctions.js";
import { fromBits } from "../../src/graph/float32.js";
import { Random } from "../tensor/random.js";

// Beside functions computed otherwise, in units of 2^-400.

const CASES = 500;
const DIGITS = 400n;
const ONE = 1n << DIGITS;
const FINER = DIGITS - BITS;
/** What docs/verifiers/FUNCTIONS.md promises: 2^-55. */
const ERROR = ONE >> 55n;

const times = (a: bigint, b: bigint): bigint => (a * b) >> DIGITS;
const over = (a: bigint, b: bigint): bigint => (a << DIGITS) / b;

/** Taylor's series of x / 2^20, squared twenty times. */
function exactExp(x: bigint): bigint {
  const small = x >> 20n;
  let [sum, term] = [ONE, ONE];
  for (let n = 1n; term !== 0n && term !== -1n; n++) {
    term = times(term, small) / n;
    sum += term;
  }
  for (let i = 0; i < 20; i++) sum = times(sum, sum);
  return sum;
}

/** The alternating series x - x^3 / 3 + x^5 / 10 - ... */
function exactErf(x: bigint): bigint {
  const square = times(x, x);
  let [sum, power] = [x, x];
  for (let n = 1n; power !== 0n && power !== -1n; n++) {
    power = -times(power, square) / n;
    sum += power / (2n * n + 1n);
  }
  return over(2n * sum, rootOfPi());
}

/** Machin's formula, and Newton's method. */
function rootOfPi(): bigint {
  const pi = 4n * (4n * inverseTangent(5n) - inverseTangent(239n));
  let root = 2n * ONE;
  for (let i = 0; i < 12; i++) root = (root + over(pi, root)) / 2n;
  return root;
}

function inverseTangent(inverse: bigint): bigint {
  let [sum, power, sign] = [0n, ONE / inverse, 1n];
  for (let n = 1n; power !== 0n; n += 2n) {
    sum += (sign * power) / n;
    power /= inverse * inverse;
    sign = -sign;
  }
  return sum;
}

/** Fixed-point numbers of many magnitudes up to a limit, both ends and zero among them. */
function* numbers(limit: number): Generator<bigint> {
  const random = new Random(limit);
  yield* [0, limit, -limit, 2 ** -126, -(2 ** -40)].map(toFixed);
  for (let i = 0; i < CASES; i++) yield toFixed((random.next() / 2 ** 31 - 1) * limit * 2 ** -random.below(12));
}

const finer = (x: bigint): bigint => x << FINER;
const requireNear = (found: bigint, exact: bigint, of: bigint): void => {
  assert.ok(
    magnitude(found - exact) <= ERROR,
    `off by ${Number(found - exact) / Number(ONE)} at ${Number(of) / 2 ** 96}`,
  );
};

describe("Functions of fixed-point numbers", () => {
  it("exp is within 2^-55 of its mantissa", () => {
    for (const x of numbers(150)) {
      const { mantissa, exponent } = exp(x);
      const exact = exactExp(finer(x));
      // Divided by the power of two.
      requireNear(finer(mantissa), exact >> exponent, x);
    }
  });

  it("exp of what is not positive is within 2^-55", () => {
    for (const x of numbers(80)) requireNear(finer(expOfNegative(magnitude(x))), exactExp(-finer(magnitude(x))), x);
  });

  it("sigmoid is within 2^-55", () => {
    for (const x of numbers(100)) requireNear(finer(sigmoid(x)), over(ONE, ONE + exactExp(-finer(x))), x);
  });

  it("tanh is within 2^-55", () => {
    for (const x of numbers(50)) {
      const e = exactExp(2n * finer(x));
      requireNear(finer(tanh(x)), over(e - ONE, e + ONE), x);
    }
  });

  it("erf is within 2^-55", () => {
    for (const x of numbers(8)) requireNear(finer(erf(x)), exactErf(finer(x)), x);
  });

  it("exp of log is the number, within 2^-55 of it", () => {
    const random = new Random(3);
    for (const x of [1, fromBits(0x3f800001), fromBits(0x3f7fffff), 2 ** -149, 2 ** -126, fromBits(0x7f7fffff)]) {
      requireLog(x);
    }
    for (let i = 0; i < CASES; i++) requireLog(fromBits(1 + random.below(0x7f7fffff)));
  });

  function requireLog(x: number): void {
    const value = exactExp(finer(log(x)));
    // A double holds x, and 2^149 x is an integer.
    const exact = (BigInt(x * 2 ** 149) << DIGITS) >> 149n;
    requireNear(over(value, exact), ONE, toFixed(x));
  }
});
