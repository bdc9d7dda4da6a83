import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import { holds, type Bound } from "../../src/graph/bounds.js";
import { evaluate } from "../../src/graph/evaluate.js";
import { fromBits, toBits } from "../../src/graph/float32.js";
import { functionBounds, type FunctionInstruction } from "../../src/graph/functions.js";
import type { Instruction } from "../../src/graph/instruction.js";
import { judgeOf } from "../../src/graph/judge.js";
import { blocksOf, type BlockSumInstruction } from "../../src/graph/longRows.js";
import { normalized, softmax } from "../../src/graph/rowBounds.js";
import { ANY_ORDER } from "../../src/graph/types.js";
import { valuesOf } from "../../src/graph/values.js";
import { fromFloat32Array, initHash, toFloat32Array, type Tensor } from "../../src/tensor/index.js";
import { exp, STATISTICS, summed } from "../support/implementations.js";
import { Random } from "../tensor/random.js";

// What a cheat gains by totals that are as far off as the court lets them be, and that no honest element falls for it.

const f = Math.fround;
const EPSILON = f(1e-5);
const LARGEST = 0x7f7fffff;
const PLACES = 24;

const random = new Random(3);
const uniform = (): number => random.next() / 2 ** 31 - 1;
const normal = (): number => uniform() + uniform() + uniform();

const KINDS: Readonly<Record<string, (i: number) => number>> = {
  "like activations": normal,
  "far from zero": () => 3 + normal(),
  "of many magnitudes": () => uniform() * 2 ** (random.below(40) - 30),
  "with one far above the others": (i) => (i === 77 ? 300 : normal()),
  tiny: () => normal() * 1e-20,
};

const tensor = (values: readonly number[], ...dims: number[]): Tensor =>
  fromFloat32Array(Float32Array.from(values), dims);

/** The last number on one side that stands as an element of a node. */
function farthest(
  instruction: Instruction,
  operands: readonly Tensor[],
  output: Tensor,
  element: number,
  side: number,
) {
  const values = toFloat32Array(output);
  const stands = (y: number) =>
    !judgeOf(instruction, operands, fromFloat32Array(values.with(element, y), output.dims), ANY_ORDER)(element);
  const rankOf = (value: number) => (value < 0 ? -toBits(-value) : toBits(Math.abs(value)));
  const atRank = (rank: number) => (rank < 0 ? -fromBits(-rank) : fromBits(rank));
  let [last, next] = [rankOf(values[element] ?? NaN), side * LARGEST];
  assert.ok(stands(atRank(last)));
  while (Math.abs(next - last) > 1) {
    const middle = Math.trunc((last + next) / 2);
    if (stands(atRank(middle))) last = middle;
    else next = middle;
  }
  return atRank(last);
}

/** An output of which every element is as far off as may be. */
function pushed(instruction: Instruction, operands: readonly Tensor[], dims: number[], side: number): Tensor {
  const nearest = evaluate(instruction, operands, { dtype: "float32", dims });
  if (side === 0) return nearest;
  const values = Array.from(toFloat32Array(nearest), (_, i) => farthest(instruction, operands, nearest, i, side));
  return tensor(values, ...dims);
}

/** The sum of a row, by sums of its blocks. */
function total(instruction: BlockSumInstruction, x: Tensor, side: number, ofRow?: Tensor): Tensor {
  const blocks = blocksOf(instruction.length);
  const ofBlocks = pushed(instruction, ofRow ? [x, ofRow] : [x], [1, blocks], side);
  return pushed({ operator: "ToleranceReduceSum", outer: 1, length: blocks, inner: 1 }, [ofBlocks], [1], side);
}

/** By how much more an element may be off than by the whole row. */
function wider(one: Bound, all: Bound): number {
  if (all.radius === undefined) return one.radius === undefined ? 1 : Infinity;
  assert.ok(one.radius !== undefined && one.exponent === all.exponent);
  const apart = one.center > all.center ? one.center - all.center : all.center - one.center;
  assert.ok(apart + one.radius <= all.radius + 1n, `${one.center} ± ${one.radius} in ${all.center} ± ${all.radius}`);
  return Number(apart + all.radius) / Number(one.radius);
}

const placesOf = (length: number): number[] => [77, ...Array.from({ length: PLACES }, () => random.below(length))];
const boundsOf = (instruction: FunctionInstruction, operands: readonly Tensor[]) =>
  functionBounds(instruction, operands.map(valuesOf));

describe("An element of a long row, by totals that are as far off as they may be", () => {
  before(initHash);

  for (const [length, most] of [
    [1025, 1.05],
    [4097, 1.02],
    [20_000, 1.01],
  ] as const) {
    for (const [kind, draw] of Object.entries(KINDS)) {
      const row = Array.from({ length }, (_, i) => f(draw(i)));
      const x = tensor(row, 1, length);

      it(`of a softmax of ${length} ${kind} may be what it may be by the whole row, and less than ${most} times as far off`, () => {
        const max = tensor([Math.max(...row)], 1);
        const whole = softmax(row);
        for (const side of [-1, 0, 1]) {
          const sum = total({ operator: "BlockExponentials", length }, x, side, max);
          const bounds = boundsOf({ operator: "LongSoftmax", length, inner: 1 }, [x, max, sum]);
          for (const place of placesOf(length)) {
            const ratio = wider(whole(place), bounds(place));
            assert.ok(ratio < most, `${ratio} at ${place}, ${side}`);
          }
        }
      });

      it(`of a normalisation of ${length} ${kind} as well`, () => {
        const whole = normalized(row, EPSILON);
        const [scale, bias] = [uniform, uniform].map((each) => tensor(row.map(each), length));
        assert.ok(scale && bias);
        for (const [side, others] of [
          [0, 0],
          [-1, -1],
          [-1, 1],
          [1, -1],
          [1, 1],
        ] as const) {
          const sum = total({ operator: "BlockSum", length }, x, side);
          const magnitudes = total({ operator: "BlockMagnitudes", length }, x, others);
          const squares = total({ operator: "BlockSquares", length }, x, others, sum);
          const operands = [x, sum, magnitudes, squares, scale, bias];
          const bounds = boundsOf({ operator: "LongLayerNormalization", length, epsilon: toBits(EPSILON) }, operands);
          for (const place of placesOf(length)) {
            const [factor = 0, added = 0] = [toFloat32Array(scale)[place], toFloat32Array(bias)[place]];
            const ratio = wider(whole(place, factor, added), bounds(place));
            assert.ok(ratio < most, `${ratio} at ${place}, ${side}, ${others}`);
          }
        }
      });
    }
  }
});

describe("A long row, however it is computed", () => {
  before(initHash);

  for (const length of [20_000, 100_000]) {
    it(`of ${length} elements: no softmax of the stated accuracy is contradicted`, () => {
      for (const scale of [0.01, 1, 30]) {
        const row = Array.from({ length }, () => f(uniform() * scale));
        const [x, most] = [tensor(row, 1, length), Math.max(...row)];
        const max = tensor([most], 1);
        const sum = total({ operator: "BlockExponentials", length }, x, 0, max);
        const bounds = boundsOf({ operator: "LongSoftmax", length, inner: 1 }, [x, max, sum]);
        const exponentials = row.map((value) => exp(random, f(value - most)));
        for (const own of [summed(random, exponentials), exponentials.reduce((all, each) => f(all + each))]) {
          for (const place of placesOf(length)) {
            const [value = 0] = exponentials.slice(place);
            for (const y of [f(value / own), f(value * f(1 / own))]) assert.ok(holds(bounds(place), y), `${y}`);
          }
        }
      }
    });

    it(`of ${length} elements: no way to normalise is contradicted`, () => {
      for (const [offset, scale] of [
        [0, 1],
        [2, 1e-3],
        [-20, 1e4],
      ] as const) {
        const row = Array.from({ length }, () => f((normal() + offset) * scale));
        const x = tensor(row, 1, length);
        const one = tensor(new Array<number>(length).fill(1), length);
        const sum = total({ operator: "BlockSum", length }, x, 0);
        const magnitudes = total({ operator: "BlockMagnitudes", length }, x, 0);
        const squares = total({ operator: "BlockSquares", length }, x, 0, sum);
        const instruction = { operator: "LongLayerNormalization", length, epsilon: toBits(EPSILON) } as const;
        const bounds = boundsOf(instruction, [x, sum, magnitudes, squares, one]);
        for (const statistics of STATISTICS) {
          const [mean, variance] = statistics(random, row);
          const deviation = f(Math.sqrt(f(variance + EPSILON)));
          for (const place of placesOf(length)) {
            const y = f(f((row[place] ?? 0) - mean) / deviation);
            assert.ok(holds(bounds(place), y), `${y} at ${place} of ${offset}`);
          }
        }
      }
    });
  }
});
