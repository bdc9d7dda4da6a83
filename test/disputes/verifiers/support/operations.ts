import type { SoftFloat32Harness } from "../../../../sdk/src/typechain/index.js";
import { fma, isFinite32, roundExact, roundHalfEven, SIGN, toBits, toNumber } from "./float32.js";
import { chains, integers, numbers, pairs, radicands, roundings, triples } from "./vectors.js";

/** One word of 32 bytes, as `SoftFloat32Harness` takes it. */
export type Word = bigint;

export interface Operation {
  name: string;
  /** `count` operands, edges first. */
  operands: (count: number, seed: number) => Iterable<Word>;
  /** The right result. */
  expected: (operand: Word) => bigint;
}

type Numbers = readonly [a: number, b: number, c: number];

/** binary64 has more than twice the digits and two, so that rounding its result again is rounding once. */
const viaDouble =
  (compute: (a: number, b: number) => number) =>
  ([a, b]: Numbers): number =>
    toBits(compute(toNumber(a), toNumber(b)));

const truth =
  (decide: (a: number, b: number) => boolean) =>
  ([a, b]: Numbers): number =>
    decide(toNumber(a), toNumber(b)) ? 1 : 0;

/** The first of two numbers if it is preferred, else the second; NaN if either is. */
const select = (prefers: (a: number, b: number) => boolean): ((operands: Numbers) => number) =>
  viaDouble((a, b) => (Number.isNaN(a) || Number.isNaN(b) ? NaN : prefers(a, b) ? a : b));

function ofNumbers(
  name: string,
  operands: (count: number, seed: number) => Iterable<Numbers>,
  expected: (operands: Numbers) => number,
): Operation {
  return {
    name,
    *operands(count, seed) {
      for (const numbers of operands(count, seed)) yield pack(numbers);
    },
    expected: (word) => BigInt(expected(unpack(word))),
  };
}

/** Three terms added to the last number. */
function chain(name: string, add: (a: number, b: number, sum: number) => number): Operation {
  return {
    name,
    *operands(count, seed) {
      for (const numbers of chains(count, seed)) yield packAll(numbers);
    },
    expected: (word) => {
      const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, start = 0] = unpackAll(word);
      return BigInt(add(e, f, add(c, d, add(a, b, start))));
    },
  };
}

/** In the order of `SoftFloat32Harness.Operation`. */
export const OPERATIONS: readonly Operation[] = [
  ofNumbers(
    "add",
    pairs,
    viaDouble((a, b) => a + b),
  ),
  ofNumbers(
    "sub",
    pairs,
    viaDouble((a, b) => a - b),
  ),
  ofNumbers(
    "mul",
    pairs,
    viaDouble((a, b) => a * b),
  ),
  ofNumbers("fma", triples, ([a, b, c]) => fma(a, b, c)),
  ofNumbers(
    "div",
    pairs,
    viaDouble((a, b) => a / b),
  ),
  ofNumbers(
    "sqrt",
    radicands,
    viaDouble((a) => Math.sqrt(a)),
  ),
  ofNumbers(
    "neg",
    numbers,
    viaDouble((a) => -a),
  ),
  ofNumbers(
    "abs",
    numbers,
    viaDouble((a) => Math.abs(a)),
  ),
  ofNumbers(
    "min",
    pairs,
    select((a, b) => a < b),
  ),
  ofNumbers(
    "max",
    pairs,
    select((a, b) => a > b),
  ),
  ofNumbers(
    "eq",
    pairs,
    truth((a, b) => a === b),
  ),
  ofNumbers(
    "lt",
    pairs,
    truth((a, b) => a < b),
  ),
  ofNumbers(
    "le",
    pairs,
    truth((a, b) => a <= b),
  ),
  { name: "fromInt", operands: integers, expected: (word) => BigInt(roundExact(BigInt.asIntN(256, word), 0)) },
  { name: "fromUint", operands: integers, expected: (word) => BigInt(roundExact(word, 0)) },
  {
    name: "toIntRne",
    *operands(count, seed) {
      let left = count;
      // Few of the numbers are not finite.
      for (const operand of numbers(2 * count, seed)) {
        if (isFinite32(operand[0]) && left-- > 0) yield pack(operand);
      }
    },
    expected: (word) => BigInt.asUintN(256, BigInt(roundHalfEven(toNumber(unpack(word)[0])))),
  },
  ofNumbers("roundHalfEven", numbers, viaDouble(roundHalfEven)),
  { name: "round", operands: roundings, expected: expectedRounding },
  chain("fusedChain", fma),
  chain("separateChain", (a, b, sum) => toBits(toNumber(toBits(toNumber(a) * toNumber(b))) + toNumber(sum))),
];

export interface Mismatch {
  operand: Word;
  expected: bigint;
  got: bigint;
}

export interface Verdict {
  cases: number;
  mismatches: Mismatch[];
}

/** Cases in one call: a call stays below 2^24 gas. */
const BATCH = 2_500;

/** Compares the Solidity code with the expected results, case by case. */
export async function judge(
  harness: SoftFloat32Harness,
  operation: Operation,
  count: number,
  seed: number,
): Promise<Verdict> {
  const index = OPERATIONS.indexOf(operation);
  const verdict: Verdict = { cases: 0, mismatches: [] };
  for (const batch of inBatches(operation.operands(count, seed))) {
    const results = await harness.run(index, `0x${batch.map(toHex).join("")}`);
    batch.forEach((operand, i) => {
      const got = BigInt(`0x${results.slice(2 + 64 * i, 2 + 64 * (i + 1))}`);
      const expected = operation.expected(operand);
      if (got !== expected) verdict.mismatches.push({ operand, expected, got });
    });
    verdict.cases += batch.length;
  }
  return verdict;
}

export function describeMismatch({ operand, expected, got }: Mismatch): string {
  return `${toHex(operand)}: ${expected.toString(16)} expected, got ${got.toString(16)}`;
}

function* inBatches(words: Iterable<Word>): Generator<Word[]> {
  let batch: Word[] = [];
  for (const word of words) {
    batch.push(word);
    if (batch.length === BATCH) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}

function expectedRounding(word: Word): bigint {
  const sign = word >> 255n === 1n ? SIGN : 0;
  const m = (word >> 160n) & ((1n << 88n) - 1n);
  const k = Number(BigInt.asIntN(160, word));
  return BigInt((roundExact(m, k - 151) | sign) >>> 0);
}

/** Up to eight numbers, from the left. */
function packAll(numbers: readonly number[]): Word {
  return numbers.reduce((word, bits, i) => word | (BigInt(bits) << BigInt(224 - 32 * i)), 0n);
}

function unpackAll(word: Word): number[] {
  return Array.from({ length: 8 }, (_, i) => Number((word >> BigInt(224 - 32 * i)) & 0xffffffffn));
}

function pack(numbers: Numbers): Word {
  return packAll(numbers);
}

function unpack(word: Word): Numbers {
  const [a = 0, b = 0, c = 0] = unpackAll(word);
  return [a, b, c];
}

function toHex(word: Word): string {
  return word.toString(16).padStart(64, "0");
}
