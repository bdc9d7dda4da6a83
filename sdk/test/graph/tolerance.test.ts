import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import { fma, fromBits, toBits } from "../../src/graph/float32.js";
import { contradicts } from "../../src/graph/judge.js";
import type { ToleranceInstruction } from "../../src/graph/tolerance.js";
import { ANY_ORDER } from "../../src/graph/types.js";
import { fromFloat32Array, initHash, type Tensor } from "../../src/tensor/index.js";
import { Random } from "../tensor/random.js";

// Honest results of one element in orders of summation that nobody has listed, and results that no order gives.

const CASES = 400;

interface Terms {
  readonly a: readonly number[];
  readonly b: readonly number[];
}

/** Numbers of which sums round, cancel, underflow or nearly overflow. */
const SCALES: Readonly<Record<string, (random: Random) => number>> = {
  "like activations": (random) => uniform(random),
  "of many magnitudes": (random) => uniform(random) * 2 ** (random.below(40) - 20),
  "that cancel": (random) => (random.below(2) === 0 ? 1 : -1) * (1 + random.below(4) * 2 ** -23),
  "whose products underflow": (random) => uniform(random) * 2 ** -(60 + random.below(25)),
  "whose products overflow": (random) => uniform(random) * 2 ** 64,
};

const uniform = (random: Random): number => Math.fround(random.next() / 2 ** 31 - 1);
const numbers = (random: Random, scale: (random: Random) => number, length: number): number[] =>
  Array.from({ length }, () => Math.fround(scale(random)));

/** Adds up pair by pair in a random tree, with multiply-add fused where a single product meets a sum, or not. */
function inSomeOrder(random: Random, { a, b }: Terms): number {
  const fused = random.below(2) === 0;
  const open = shuffled(random, a.length).map((i) => [i]);
  const partial = (terms: readonly number[]): number =>
    terms.reduce((sum, i, at) => {
      const [x, y] = [a[i] ?? 0, b[i] ?? 0];
      if (at === 0) return Math.fround(x * y);
      return fused ? fma(x, y, sum) : Math.fround(sum + Math.fround(x * y));
    }, 0);
  const blocks = inBlocks(open.flat(), 1 + random.below(a.length)).map(partial);
  while (blocks.length > 1) {
    const [left = 0] = blocks.splice(random.below(blocks.length), 1);
    const at = random.below(blocks.length);
    blocks[at] = Math.fround((blocks[at] ?? 0) + left);
  }
  return blocks[0] ?? 0;
}

function inBlocks(terms: readonly number[], size: number): number[][] {
  return Array.from({ length: Math.ceil(terms.length / size) }, (_, i) => terms.slice(size * i, size * (i + 1)));
}

function shuffled(random: Random, length: number): number[] {
  const order = Array.from({ length }, (_, i) => i);
  for (let i = length - 1; i > 0; i--) {
    const at = random.below(i + 1);
    [order[i], order[at]] = [order[at] ?? 0, order[i] ?? 0];
  }
  return order;
}

const tensor = (dims: readonly number[], values: readonly number[]): Tensor =>
  fromFloat32Array(Float32Array.from(values), dims);

/** One element of a node, its terms, and what an honest party makes of a sum of them. */
interface Element {
  readonly instruction: ToleranceInstruction;
  readonly operands: readonly (Tensor | undefined)[];
  readonly honest: (random: Random) => number;
  /** Roundings that the bound allows for, and what the sum of magnitudes is divided by. */
  readonly roundings: number;
  readonly magnitudes: number;
  readonly exact: number;
}

const magnitudesOf = ({ a, b }: Terms): number => a.reduce((sum, x, i) => sum + Math.abs(x * (b[i] ?? 0)), 0);
const exactOf = ({ a, b }: Terms): number => a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0);
const ones = (a: readonly number[]): Terms => ({ a, b: a.map(() => 1) });

const lengthOf = (random: Random): number => 1 + random.below(random.pick([4, 30, 300, 1152]));

const NODES: Readonly<Record<string, (random: Random, scale: (random: Random) => number) => Element>> = {
  MatMul: (random, scale) => {
    const length = lengthOf(random);
    const terms = { a: numbers(random, scale, length), b: numbers(random, scale, length) };
    const operands = [tensor([1, length], terms.a), tensor([length, 1], terms.b), undefined];
    return sumOf({ operator: "ToleranceMatMul", strides: [] }, operands, terms, length);
  },
  "MatMul with c": (random, scale) => {
    const length = lengthOf(random);
    const [a, b] = [numbers(random, scale, length), numbers(random, scale, length)];
    const [c = 0] = numbers(random, scale, 1);
    const operands = [tensor([1, length], a), tensor([length, 1], b), tensor([1], [c])];
    const terms = { a: [...a, c], b: [...b, 1] };
    return sumOf({ operator: "ToleranceMatMul", strides: [0, 0] }, operands, terms, length + 1);
  },
  "Conv with padding and a bias": (random, scale) => {
    const channels = 1 + random.below(40);
    const x = numbers(random, scale, channels * 2);
    const w = numbers(random, scale, channels * 3);
    const [bias = 0] = numbers(random, scale, 1);
    const window = { kernel: [3], strides: [1], dilations: [1], padsBegin: [1] };
    const inside = w.flatMap((weight, k) => (k % 3 === 0 ? [] : [weight]));
    const terms = { a: [...x, bias], b: [...inside, 1] };
    const operands = [tensor([1, channels, 2], x), tensor([1, channels, 3], w), tensor([1], [bias])];
    return sumOf({ operator: "ToleranceConv", convolution: { ...window, group: 1 } }, operands, terms, x.length + 1);
  },
  ReduceSum: (random, scale) => {
    const a = numbers(random, scale, lengthOf(random));
    const instruction = { operator: "ToleranceReduceSum", outer: 1, length: a.length, inner: 1 } as const;
    return sumOf(instruction, [tensor([a.length], a)], ones(a), a.length - 1);
  },
  ReduceMean: (random, scale) => {
    const a = numbers(random, scale, lengthOf(random));
    const instruction = { operator: "ToleranceReduceMean", outer: 1, length: a.length, inner: 1 } as const;
    return meanOf(instruction, [tensor([a.length], a)], a);
  },
  AveragePool: (random, scale) => {
    const a = numbers(random, scale, 1 + random.below(49));
    const window = { kernel: [a.length], strides: [1], dilations: [1], padsBegin: [0], divisor: 0 };
    return meanOf({ operator: "ToleranceAveragePool", ...window }, [tensor([1, 1, a.length], a)], a);
  },
  BatchNormalization: (random, scale) => {
    const [x = 0, mean = 0, beta = 0, gamma = 0] = numbers(random, scale, 4);
    const variance = Math.abs(uniform(random)) + 2 ** -10;
    return normalized(x, mean, beta, gamma, Math.fround(variance));
  },
};

function sumOf(
  instruction: ToleranceInstruction,
  operands: Element["operands"],
  terms: Terms,
  roundings: number,
): Element {
  const [magnitudes, exact] = [magnitudesOf(terms), exactOf(terms)];
  return { instruction, operands, honest: (random) => inSomeOrder(random, terms), roundings, magnitudes, exact };
}

/** Divided, or multiplied by the reciprocal at the end, or term by term. */
function meanOf(instruction: ToleranceInstruction, operands: Element["operands"], a: readonly number[]): Element {
  const reciprocal = Math.fround(1 / a.length);
  const honest = (random: Random): number =>
    random.pick([
      () => Math.fround(inSomeOrder(random, ones(a)) / a.length),
      () => Math.fround(inSomeOrder(random, ones(a)) * reciprocal),
      () => inSomeOrder(random, { a, b: a.map(() => reciprocal) }),
    ])();
  const [magnitudes, exact] = [magnitudesOf(ones(a)) / a.length, exactOf(ones(a)) / a.length];
  return { instruction, operands, honest, roundings: a.length + 1, magnitudes, exact };
}

/** Folded as onnxruntime does it, or as ONNX says it, by a root or a reciprocal root. */
function normalized(x: number, mean: number, beta: number, gamma: number, variance: number): Element {
  const f = Math.fround;
  const scale = f(f(1 / f(Math.sqrt(variance))) * gamma);
  const others = [scale, f(gamma / f(Math.sqrt(variance))), f(gamma * (f(1 / Math.sqrt(variance)) * (1 + 2 ** -22)))];
  const honest = (random: Random): number => {
    const factor = random.pick(others);
    return random.pick([
      () => f(f(x * factor) + f(beta - f(mean * factor))),
      () => fma(x, factor, f(beta - f(mean * factor))),
      () => f(f(f(x - mean) * factor) + beta),
      () => fma(f(x - mean), factor, beta),
    ])();
  };
  const terms = { a: [x, -mean, beta], b: [scale, scale, 1] };
  const operands = [tensor([1, 1], [x]), ...[scale, mean, beta].map((each) => tensor([1], [each]))];
  const instruction = { operator: "ToleranceBatchNormalization" } as const;
  return { ...sumOf(instruction, operands, terms, 13), honest };
}

const isContradicted = ({ instruction, operands }: Element, y: number): boolean => {
  const dims =
    instruction.operator === "ToleranceAveragePool" || instruction.operator === "ToleranceConv" ? [1, 1, 1] : [1, 1];
  return contradicts(instruction, operands, tensor(dims, [y]), 0, ANY_ORDER);
};

describe("Sums of float32 in any order", () => {
  before(initHash);

  for (const [operator, make] of Object.entries(NODES)) {
    for (const [kind, scale] of Object.entries(SCALES)) {
      it(`${operator} of numbers ${kind}: no order is contradicted`, () => {
        const random = new Random(operator.length + kind.length);
        for (let i = 0; i < CASES; i++) {
          const element = make(random, scale);
          const y = element.honest(random);
          assert.equal(isContradicted(element, y), false, `case ${i}: ${y} beside ${element.exact}`);
        }
      });
    }

    it(`${operator}: stands just within the bound and is contradicted just beyond`, () => {
      const random = new Random(operator.length);
      let [within, beyond] = [0, 0];
      for (let i = 0; i < CASES; i++) {
        const element = make(random, SCALES["of many magnitudes"] as (random: Random) => number);
        const { roundings, magnitudes, exact } = element;
        const bound = (roundings * magnitudes) / (2 ** 24 - roundings);
        for (const side of [-1, 1]) {
          // A double says where the bound is; the float32 next to it is on one side or the other.
          const edge = Math.fround(exact + side * bound);
          const [inside, outside] = [step(edge, -2 * side), step(edge, 2 * side)];
          if (Math.abs(inside - exact) < 0.999 * bound) {
            within++;
            assert.equal(isContradicted(element, inside), false);
          }
          if (Math.abs(outside - exact) > 1.001 * bound + 2 ** -100) {
            beyond++;
            assert.equal(isContradicted(element, outside), true);
          }
        }
      }
      assert.ok(beyond > CASES / 4 && (within > CASES / 4 || operator === "ReduceSum"), `${within}, ${beyond}`);
    });
  }

  it("contradicts bfloat16 factors in sums that are short", () => {
    const random = new Random(5);
    const scale = SCALES["like activations"] as (random: Random) => number;
    let caught = 0;
    for (let i = 0; i < CASES; i++) {
      const terms = { a: numbers(random, scale, 64), b: numbers(random, scale, 64) };
      const operands = [tensor([1, 64], terms.a), tensor([64, 1], terms.b), undefined];
      const element = sumOf({ operator: "ToleranceMatMul", strides: [] }, operands, terms, 64);
      const short = { a: terms.a.map(bfloat16), b: terms.b.map(bfloat16) };
      if (isContradicted(element, inSomeOrder(random, short))) caught++;
    }
    assert.ok(caught > 0.9 * CASES, String(caught));
  });
});

/** `steps` numbers further up. */
function step(value: number, steps: number): number {
  const rank = (value < 0 ? -toBits(-value) : toBits(value)) + steps;
  return rank < 0 ? -fromBits(-rank) : fromBits(rank);
}

const bfloat16 = (value: number): number => fromBits((toBits(value) & 0xffff0000) >>> 0);
