import type { Random } from "../../../../sdk/test/tensor/random.js";
import { fma, toBits, toNumber, toUnits } from "./float32.js";

/** Factors of a dot product, as bits. */
export interface Factors {
  a: readonly number[];
  b: readonly number[];
}

/** In units of 2^-298. */
export interface ExactSums {
  sum: bigint;
  magnitudes: bigint;
}

export function exactSums({ a, b }: Factors): ExactSums {
  const products = a.map((x, i) => toUnits(x) * toUnits(b[i] ?? 0));
  return {
    sum: products.reduce((total, product) => total + product, 0n),
    magnitudes: products.reduce((total, product) => total + (product < 0n ? -product : product), 0n),
  };
}

/** |y - S| (1 - n u) <= n u (M + 2^-126), with u = 2^-24, in rational arithmetic. */
export function isWithin(y: number, { sum, magnitudes }: ExactSums, n: number): boolean {
  const error = (toUnits(y) << 149n) - sum;
  return (error < 0n ? -error : error) * (2n ** 24n - BigInt(n)) <= BigInt(n) * (magnitudes + 2n ** 172n);
}

const add = (x: number, y: number): number => toBits(toNumber(x) + toNumber(y));
const multiply = (x: number, y: number): number => toBits(toNumber(x) * toNumber(y));

function inOrder({ a, b }: Factors, step: (sum: number, x: number, y: number) => number): number {
  return a.reduce((sum, x, i) => step(sum, x, b[i] ?? 0), 0);
}

function slice({ a, b }: Factors, from: number, to: number): Factors {
  return { a: a.slice(from, to), b: b.slice(from, to) };
}

const fused = (factors: Factors): number => inOrder(factors, (sum, x, y) => fma(x, y, sum));
const separate = (factors: Factors): number => inOrder(factors, (sum, x, y) => add(sum, multiply(x, y)));

const blocked =
  (size: number) =>
  (factors: Factors): number => {
    let sum = 0;
    for (let from = 0; from < factors.a.length; from += size) {
      sum = add(sum, fused(slice(factors, from, from + size)));
    }
    return sum;
  };

function pairwise(factors: Factors): number {
  const length = factors.a.length;
  if (length === 1) return separate(factors);
  const middle = length >> 1;
  return add(pairwise(slice(factors, 0, middle)), pairwise(slice(factors, middle, length)));
}

function reversed({ a, b }: Factors): number {
  return fused({ a: [...a].reverse(), b: [...b].reverse() });
}

/** Ways in which honest hardware adds up. */
export const ORDERS: readonly { name: string; compute: (factors: Factors) => number }[] = [
  { name: "fused multiply-add in order", compute: fused },
  { name: "multiply and add in order", compute: separate },
  { name: "blocks of 128", compute: blocked(128) },
  { name: "blocks of 256", compute: blocked(256) },
  { name: "pairwise", compute: pairwise },
  { name: "backwards", compute: reversed },
];

/** Shapes of operands: fields of the exponent that are drawn from, and whether sums cancel. */
export const KINDS: readonly { name: string; fields: readonly [from: number, to: number]; cancels: boolean }[] = [
  { name: "like activations and weights", fields: [110, 128], cancels: false },
  { name: "that cancel", fields: [120, 130], cancels: true },
  { name: "of all sizes", fields: [1, 180], cancels: false },
  { name: "whose products are subnormal", fields: [40, 75], cancels: false },
  { name: "that are subnormal", fields: [0, 2], cancels: false },
  { name: "that are large", fields: [170, 188], cancels: false },
];

export function randomFactors(random: Random, kind: (typeof KINDS)[number], length: number): Factors {
  const [from, to] = kind.fields;
  const number = (): number => {
    if (random.below(10) === 0) return 0;
    return ((random.next() & 0x807fffff) | ((from + random.below(to - from + 1)) << 23)) >>> 0;
  };
  const a = Array.from({ length }, number);
  const b = Array.from({ length }, number);
  if (kind.cancels) {
    // Every second product is nearly the opposite of the one before.
    for (let i = 1; i < length; i += 2) {
      a[i] = ((a[i - 1] ?? 0) ^ 0x80000000) >>> 0;
      b[i] = ((b[i - 1] ?? 0) ^ random.below(4)) >>> 0;
    }
  }
  return { a, b };
}

/** Eight numbers to a word, the first one leftmost, the last word filled up with zeros. */
export function toWords(numbers: readonly number[]): bigint[] {
  const words: bigint[] = [];
  for (let from = 0; from < numbers.length; from += 8) {
    let word = 0n;
    for (let i = from; i < from + 8; i++) word = (word << 32n) | BigInt(numbers[i] ?? 0);
    words.push(word);
  }
  return words;
}
