import { expect } from "chai";

import type { Instruction } from "../../sdk/src/graph/instruction.js";
import { TERM_GAS } from "../../sdk/src/graph/lowering/budget.js";
import { ANY_ORDER } from "../../sdk/src/graph/types.js";
import type { Tensor } from "../../sdk/src/tensor/index.js";
import { commitTensor, fromFloat32Array, initHash, Layout } from "../../sdk/src/tensor/index.js";
import { TOLERANCE_DOT } from "./cases/floatDot.js";
import type { RawClaim } from "./support/abi.js";
import { claimOf, nodeOf } from "./support/cases.js";
import { atRank, claimsAtEdges, rankOf } from "./support/edges.js";
import { deployVerifier, gasOf, Verdict, verdicts } from "./support/judge.js";

const CASES = 15;

function claim(
  instruction: Instruction,
  operands: readonly (Tensor | undefined)[],
  output: Tensor,
  layouts: readonly Layout[] = [],
): RawClaim {
  const node = nodeOf(
    instruction,
    operands.map((operand) => operand !== undefined),
  );
  const tensors = [...operands, output].map((tensor, i) => tensor && commitTensor(tensor, layouts[i]));
  return claimOf({ node: { ...node, numeric: ANY_ORDER }, tensors }, 0);
}

const judged = async (claims: readonly RawClaim[]) => verdicts(await deployVerifier("ToleranceDot"), claims);
const floats = (dims: readonly number[], ...values: number[]) => fromFloat32Array(Float32Array.from(values), dims);

describe("ToleranceDot, at the bound", function () {
  this.timeout(0);
  before(initHash);

  for (const [operator, generate] of Object.entries(TOLERANCE_DOT)) {
    it(`${operator}: the last number on either side stands, the next one is contradicted`, async () => {
      const { within, beyond } = await claimsAtEdges(generate, CASES);
      expect(within.length).to.be.greaterThan(CASES);
      expect(new Set(await judged(within))).to.deep.equal(new Set([Verdict.Stands]));
      expect(new Set(await judged(beyond))).to.deep.equal(new Set([Verdict.Contradicted]));
    });
  }
});

describe("ToleranceDot, what is not finite", function () {
  this.timeout(60_000);
  before(initHash);

  const YS = [1, -1e38, Infinity, -Infinity, NaN];
  const [stands, wrong] = [Verdict.Stands, Verdict.Contradicted];
  const window = { kernel: [2], strides: [1], dilations: [1], padsBegin: [1] };

  /** Of a filter of two places, the first of which lies outside of x. */
  const conv = (outside: number, inside: number, x: number) => (y: number) =>
    claim(
      { operator: "ToleranceConv", convolution: { ...window, group: 1 } },
      [floats([1, 1, 1], x), floats([1, 1, 2], outside, inside), undefined],
      floats([1, 1, 1], y),
      [Layout.Pixels, Layout.Filters],
    );
  const sum =
    (...values: number[]) =>
    (y: number) =>
      claim(
        { operator: "ToleranceReduceSum", outer: 1, length: values.length, inner: 1 },
        [floats([values.length], ...values)],
        floats([1], y),
      );
  const mean =
    (...values: number[]) =>
    (y: number) =>
      claim(
        { operator: "ToleranceReduceMean", outer: 1, length: values.length, inner: 1 },
        [floats([values.length], ...values)],
        floats([1], y),
      );

  for (const [what, made, expected] of [
    [
      "finite terms that cannot overflow leave no infinity and no NaN",
      conv(5, 1, 1),
      [stands, wrong, wrong, wrong, wrong],
    ],
    [
      "an infinite weight that meets no pixel may make a NaN, or nothing",
      conv(Infinity, 1, 1),
      [stands, wrong, wrong, wrong, stands],
    ],
    ["so may a NaN that meets no pixel", conv(NaN, 1, 1), [stands, wrong, wrong, wrong, stands]],
    [
      "an infinite weight that meets a pixel makes an infinity",
      conv(0, Infinity, 1),
      [wrong, wrong, stands, wrong, wrong],
    ],
    ["an infinite weight that meets a zero makes a NaN", conv(0, Infinity, 0), [wrong, wrong, wrong, wrong, stands]],
    ["infinities of both signs make a NaN", sum(Infinity, -Infinity, 1), [wrong, wrong, wrong, wrong, stands]],
    [
      "a sum that some order may overflow is infinite or NaN, or within the bound",
      sum(3e38, 3e38, -3e38, -3e38, 1),
      [stands, wrong, stands, stands, stands],
    ],
    ["the sum of a mean may overflow", mean(3e38, 3e38), [wrong, wrong, stands, stands, stands]],
    ["a NaN leaves only NaN", mean(NaN, 1), [wrong, wrong, wrong, wrong, stands]],
  ] as const) {
    it(what, async () => {
      expect(await judged(YS.map(made))).to.deep.equal(expected);
    });
  }

  it("takes both zeros for the same", async () => {
    expect(await judged([0, -0].map(sum(0, 0)))).to.deep.equal([stands, stands]);
  });

  it("lets no other number stand for a sum of one term", async () => {
    const [value] = Float32Array.of(0.1);
    const neighbours = [-1, 0, 1].map((step) => atRank(rankOf(value ?? 0) + step));
    expect(await judged(neighbours.map(sum(value ?? 0)))).to.deep.equal([wrong, stands, wrong]);
  });

  it("judges no node that is to be judged bit for bit", async () => {
    const made = sum(1)(1);
    const numeric = { ...ANY_ORDER, mode: 0 };
    expect(await judged([{ ...made, node: { ...made.node, numeric } }])).to.deep.equal([Verdict.NotJudged]);
  });
});

describe("ToleranceDot, gas", function () {
  this.timeout(60_000);
  before(initHash);

  for (const [what, value] of [
    ["infinities", Infinity],
    ["NaN", NaN],
    ["subnormal numbers", 2 ** -149],
    ["ordinary numbers", 1.5],
  ] as const) {
    it(`a product of ${what} costs no more than preparing a model allows for`, async () => {
      const length = 1024;
      const row = new Float32Array(length).fill(value);
      const made = (count: number) =>
        claim(
          { operator: "ToleranceMatMul", strides: [] },
          [
            fromFloat32Array(row.slice(0, count), [1, count]),
            fromFloat32Array(row.slice(0, count), [count, 1]),
            undefined,
          ],
          floats([1, 1], 0),
          [Layout.Rows, Layout.Columns],
        );
      const [most = 0, least = 0] = await gasOf(await deployVerifier("ToleranceDot"), [made(length), made(8)]);
      expect((most - least) / (length - 8)).to.be.lessThan(TERM_GAS.exact);
    });
  }
});
