import { expect } from "chai";

import { fromBits } from "../../sdk/src/graph/float32.js";
import type { Instruction } from "../../sdk/src/graph/instruction.js";
import { contradicts } from "../../sdk/src/graph/judge.js";
import { TERM_GAS } from "../../sdk/src/graph/lowering/budget.js";
import { LONGEST_WHOLE_ROW } from "../../sdk/src/graph/lowering/longRows.js";
import { ANY_ORDER } from "../../sdk/src/graph/types.js";
import type { Tensor } from "../../sdk/src/tensor/index.js";
import { commitTensor, fromFloat32Array, initHash, Layout } from "../../sdk/src/tensor/index.js";
import { Random } from "../../sdk/test/tensor/random.js";
import { FUNCTION_BOUNDS } from "./cases/functions.js";
import type { RawClaim } from "./support/abi.js";
import { claimOf, nodeOf } from "./support/cases.js";
import { claimsAtEdges } from "./support/edges.js";
import { deployVerifier, gasOf, Verdict, verdicts } from "./support/judge.js";

const CASES = 15;
const LENGTH = 1024;
/** For judging the longest row that is not judged by its totals. */
const MOST_GAS = 4_000_000;

const EPSILON = 0x3727c5ac;
const normalization: Instruction = { operator: "LayerNormalization", epsilon: EPSILON };
const ELEMENTWISE: readonly Instruction[] = [
  { operator: "Exp" },
  { operator: "Log" },
  { operator: "Sigmoid" },
  { operator: "Tanh" },
  { operator: "Erf" },
  { operator: "Gelu", tanh: false },
  { operator: "Gelu", tanh: true },
];

const floats = (dims: readonly number[], values: readonly number[]) =>
  fromFloat32Array(Float32Array.from(values), dims);

function claim(instruction: Instruction, operands: readonly (Tensor | undefined)[], output: Tensor): RawClaim {
  const node = nodeOf(
    instruction,
    operands.map((operand) => operand !== undefined),
  );
  const isRow = instruction.operator === "Softmax" || instruction.operator === "LayerNormalization";
  const layouts = [isRow ? Layout.Rows : Layout.RowMajor];
  const tensors = [...operands, output].map((tensor, i) => tensor && commitTensor(tensor, layouts[i]));
  return claimOf({ node: { ...node, numeric: ANY_ORDER }, tensors }, 0);
}

const judged = async (claims: readonly RawClaim[]) => verdicts(await deployVerifier("FunctionBounds"), claims);
const gas = async (claims: readonly RawClaim[]) => gasOf(await deployVerifier("FunctionBounds"), claims);

describe("FunctionBounds, at the bound", function () {
  this.timeout(0);
  before(initHash);

  // The largest element of a block is judged bit for bit.
  for (const [operator, generate] of Object.entries(FUNCTION_BOUNDS).filter(([name]) => name !== "BLOCK_MAX")) {
    it(`${operator}: the last number on either side stands, the next one is contradicted`, async () => {
      const { within, beyond } = await claimsAtEdges(generate, CASES);
      expect(within.length).to.be.greaterThan(CASES);
      expect(new Set(await judged(within))).to.deep.equal(new Set([Verdict.Stands]));
      expect(new Set(await judged(beyond))).to.deep.equal(new Set([Verdict.Contradicted]));
    });
  }

  it("judges any bits of an operand and of a result as integers of any length do", async () => {
    const random = new Random(17);
    const bits = [0, 0x80000000, 1, 0x80000001, 0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000, 0x7fc00000, 0x3f800000];
    const any = () => fromBits(random.below(2) === 0 ? random.pick(bits) : random.next());
    const made = ELEMENTWISE.flatMap((instruction) =>
      Array.from({ length: 200 }, () => ({ instruction, x: floats([1], [any()]), y: floats([1], [any()]) })),
    );
    const found = await judged(made.map(({ instruction, x, y }) => claim(instruction, [x], y)));
    const expected = made.map(({ instruction, x, y }) =>
      contradicts(instruction, [x], y, 0, ANY_ORDER) ? Verdict.Contradicted : Verdict.Stands,
    );
    expect(found).to.deep.equal(expected);
    expect(new Set(expected).size).to.equal(2);
  });
});

describe("FunctionBounds, what is not finite", function () {
  this.timeout(60_000);
  before(initHash);

  const YS = [0, 1, Infinity, -Infinity, NaN];
  const [stands, wrong] = [Verdict.Stands, Verdict.Contradicted];
  const of = (operator: "Exp" | "Log" | "Sigmoid" | "Tanh" | "Erf", x: number) => (y: number) =>
    claim({ operator }, [floats([1], [x])], floats([1], [y]));
  const gelu = (x: number) => (y: number) =>
    claim({ operator: "Gelu", tanh: false }, [floats([1], [x])], floats([1], [y]));
  const softmax =
    (...row: number[]) =>
    (y: number) =>
      claim({ operator: "Softmax", inner: 1 }, [floats([1, row.length], row)], floats([1, row.length], row.with(0, y)));
  const normalized =
    (scale: number, ...row: number[]) =>
    (y: number) =>
      claim(
        normalization,
        [floats([1, row.length], row), floats([row.length], row.with(0, scale)), undefined],
        floats([1, row.length], row.with(0, y)),
      );

  for (const [what, made, expected] of [
    ["whatever a function makes of a NaN stands", of("Tanh", NaN), [stands, stands, stands, stands, stands]],
    ["exp of infinity is infinite", of("Exp", Infinity), [wrong, wrong, stands, wrong, wrong]],
    ["exp of minus infinity is zero", of("Exp", -Infinity), [stands, wrong, wrong, wrong, wrong]],
    ["exp of 89 overflows", of("Exp", 89), [wrong, wrong, stands, wrong, wrong]],
    ["exp of 88 does not", of("Exp", 88), [wrong, wrong, wrong, wrong, wrong]],
    ["whatever log makes of a negative number stands", of("Log", -1), [stands, stands, stands, stands, stands]],
    ["sigmoid of infinity is one", of("Sigmoid", Infinity), [wrong, stands, wrong, wrong, wrong]],
    ["erf of infinity is one", of("Erf", Infinity), [wrong, stands, wrong, wrong, wrong]],
    ["whatever GELU makes of minus infinity stands", gelu(-Infinity), [stands, stands, stands, stands, stands]],
    ["GELU of a large negative number is zero", gelu(-1000), [stands, wrong, wrong, wrong, wrong]],
    ["whatever softmax makes of an infinity stands", softmax(1, Infinity), [stands, stands, stands, stands, stands]],
    ["softmax of minus infinity is zero", softmax(-Infinity, 1), [stands, wrong, wrong, wrong, wrong]],
    ["softmax of what is far below is zero", softmax(-3e38, 3e38), [stands, wrong, wrong, wrong, wrong]],
    [
      "whatever a normalisation makes of an infinity stands",
      normalized(1, Infinity, 1),
      [stands, stands, stands, stands, stands],
    ],
    [
      "so does what it makes of squares that overflow",
      normalized(1, 1e20, 1),
      [stands, stands, stands, stands, stands],
    ],
    [
      "so does what it makes of a scale that is no number",
      normalized(NaN, 1, 2),
      [stands, stands, stands, stands, stands],
    ],
    ["a normalisation of equal elements is zero", normalized(1, 0, 0), [stands, wrong, wrong, wrong, wrong]],
  ] as const) {
    it(what, async () => {
      expect(await judged(YS.map(made))).to.deep.equal(expected);
    });
  }

  it("judges no node that is to be judged bit for bit, and no normalisation with a negative epsilon", async () => {
    const made = of("Exp", 1)(1);
    const negative = normalized(1, 1, 2)(1);
    const attributes = nodeOf({ ...normalization, epsilon: 0xb727c5ac }, []).attributes;
    expect(
      await judged([
        { ...made, node: { ...made.node, numeric: { ...ANY_ORDER, mode: 0 } } },
        { ...negative, node: { ...negative.node, attributes } },
      ]),
    ).to.deep.equal([Verdict.NotJudged, Verdict.NotJudged]);
  });
});

describe("FunctionBounds, gas", function () {
  this.timeout(60_000);
  before(initHash);

  const softmax = (length: number, value: number) => {
    const row = floats([1, length], new Array<number>(length).fill(value));
    return claim({ operator: "Softmax", inner: 1 }, [row], row);
  };
  const normalized = (length: number, value: number) => {
    const row = Array.from({ length }, (_, i) => (i % 2 === 0 ? value : -value));
    const each = floats([length], row);
    return claim(normalization, [floats([1, length], row), each, each], floats([1, length], row));
  };

  for (const [what, value] of [
    ["infinities", Infinity],
    ["NaN", NaN],
    ["subnormal numbers", 2 ** -149],
    ["ordinary numbers", 1.5],
  ] as const) {
    it(`an element of a row of ${what} costs no more than preparing a model allows for`, async () => {
      for (const made of [softmax, normalized]) {
        const [most = 0, least = 0] = await gas([made(LENGTH, value), made(8, value)]);
        expect((most - least) / (LENGTH - 8)).to.be.lessThan(TERM_GAS.function);
      }
    });
  }

  it(`an element of the longest row that is read as a whole costs less than ${MOST_GAS}`, async () => {
    const used = await gas([softmax(LONGEST_WHOLE_ROW, 1.5), normalized(LONGEST_WHOLE_ROW, 1.5)]);
    expect(Math.max(...used)).to.be.lessThan(MOST_GAS);
  });
});
