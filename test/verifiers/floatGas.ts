import { expect } from "chai";

import { TERM_GAS } from "../../sdk/src/graph/lowering/budget.js";
import { SumOrder } from "../../sdk/src/graph/instruction.js";
import { EXACT, type Numeric } from "../../sdk/src/graph/types.js";
import { commitTensor, fromFloat32Array, initHash, Layout } from "../../sdk/src/tensor/index.js";
import { claimOf, nodeOf } from "./support/cases.js";
import { deployVerifier, gasOf } from "./support/judge.js";

const LENGTH = 1024;
const SHORT = 8;

/** The factors of each product. */
const FACTORS: Readonly<Record<string, (i: number) => readonly [number, number]>> = {
  "subnormal numbers": (i) => [(i % 2 === 0 ? 1 : -1) * (4_000_000 + i) * 2 ** -149, (4_000_000 + i) * 2 ** -149],
  "normal numbers, rounded to zero": (i) => [2 ** -100 * (1 + i / 2 ** 17), 1.5 * 2 ** -100],
  "subnormal and small numbers": (i) => [4_000_001 * 2 ** -149, (1.5 + i / 2 ** 17) * 2 ** -20],
  infinities: () => [Infinity, Infinity],
  NaN: () => [NaN, 1],
  "subnormal times normal numbers": (i) => [(i % 2 === 0 ? 1 : -1) * (4_000_000 + i) * 2 ** -149, 1.5 + i / 2 ** 17],
  "products that are subnormal": (i) => [(i % 2 === 0 ? 1 : -1) * (1.5 + i / 2 ** 17) * 2 ** -70, 2 ** -70 * 1.7],
  "zeros that are filled in": () => [-0, 0],
  "ordinary numbers": (i) => [1.5 + i, -1 / (1 + i)],
  "ordinary and subnormal numbers by turns": (i) => [i % 2 === 0 ? 1.5 + i : (4_000_000 + i) * 2 ** -149, 1.25],
  "numbers that take one another back": (i) => [i % 2 === 0 ? 1.5 + i : -0.5 - i, 1.25],
  "numbers whose sums are close to the largest": (i) => [
    i % 128 === 0 ? (i % 256 === 0 ? 1.5 : -1.5) * 2 ** 127 : 2 ** 100 * (1 + (i % 7)),
    1,
  ],
  "numbers each far above the sum so far": (i) => [2 ** -50 * (i % 2 === 0 ? 1 : 2 ** 60), i % 4 === 3 ? -1 : 1],
};

const ORDERS: Readonly<Record<string, { numeric: Numeric; most: number }>> = {
  "fused, in blocks": { numeric: { ...EXACT, fused: true, block: 128 }, most: TERM_GAS.fused },
  "separate, in one block": { numeric: { ...EXACT, biasFirst: true }, most: TERM_GAS.separate },
  "separate, in fours": { numeric: { ...EXACT, block: 4, biasFirst: true }, most: TERM_GAS.separate },
  "separate, one after the other from a bias": {
    numeric: { ...EXACT, block: 1, biasFirst: true },
    most: TERM_GAS.alone,
  },
};

function claim(numeric: Numeric, factors: (i: number) => readonly [number, number], count: number) {
  const [a, b] = [0, 1].map((side) => Float32Array.from({ length: count }, (_, i) => factors(i)[side] ?? 0));
  const operands = [
    fromFloat32Array(a ?? new Float32Array(), [1, count]),
    fromFloat32Array(b ?? new Float32Array(), [count, 1]),
    fromFloat32Array(Float32Array.of(-0), []),
  ];
  const node = nodeOf({ operator: "MatMul", strides: [0, 0] }, [true, true, true]);
  const output = fromFloat32Array(Float32Array.of(0), [1, 1]);
  const layouts = [Layout.Rows, Layout.Columns];
  const tensors = [...operands, output].map((tensor, i) => commitTensor(tensor, layouts[i]));
  return claimOf({ node: { ...node, numeric }, tensors }, 0);
}

/** A sum in fours of numbers that are read one by one: the first factors. */
function reduction(factors: (i: number) => readonly [number, number], count: number) {
  const x = fromFloat32Array(
    Float32Array.from({ length: count }, (_, i) => factors(i)[0]),
    [1, count],
  );
  const shape = { outer: 1, length: count, inner: 1, order: SumOrder.Sequence };
  const node = nodeOf({ operator: "ReduceSum", ...shape }, [true]);
  const tensors = [x, fromFloat32Array(Float32Array.of(0), [1])].map((tensor) => commitTensor(tensor));
  return claimOf({ node: { ...node, numeric: { ...EXACT, block: 4 } }, tensors }, 0);
}

describe("FloatDot, gas", function () {
  this.timeout(60_000);
  before(initHash);

  for (const [order, { numeric, most }] of Object.entries(ORDERS)) {
    for (const [what, factors] of Object.entries(FACTORS)) {
      it(`${order}: a product of ${what} costs no more than preparing a model allows for`, async () => {
        const claims = [claim(numeric, factors, LENGTH), claim(numeric, factors, SHORT)];
        const [long = 0, short = 0] = await gasOf(await deployVerifier("FloatDot"), claims);
        expect((long - short) / (LENGTH - SHORT)).to.be.lessThan(most);
      });
    }
  }

  for (const [what, factors] of Object.entries(FACTORS)) {
    it(`read one by one, in fours: a number of ${what} costs no more than preparing a model allows for`, async () => {
      const claims = [reduction(factors, LENGTH), reduction(factors, SHORT)];
      const [long = 0, short = 0] = await gasOf(await deployVerifier("FloatDot"), claims);
      expect((long - short) / (LENGTH - SHORT)).to.be.lessThan(TERM_GAS.read);
    });
  }
});
