import { expect } from "chai";

import { toBits } from "../../sdk/src/graph/float32.js";
import type { Instruction } from "../../sdk/src/graph/instruction.js";
import { encodeInstruction } from "../../sdk/src/graph/instruction.js";
import { contradicts } from "../../sdk/src/graph/judge.js";
import { BLOCK, LONGEST_ROW } from "../../sdk/src/graph/longRows.js";
import { TERM_GAS } from "../../sdk/src/graph/lowering/budget.js";
import { ANY_ORDER } from "../../sdk/src/graph/types.js";
import type { Tensor } from "../../sdk/src/tensor/index.js";
import { commitTensor, fromFloat32Array, initHash, Layout, toFloat32Array } from "../../sdk/src/tensor/index.js";
import { Random } from "../../sdk/test/tensor/random.js";
import { floats } from "./cases/floatDot.js";
import { numbers, totalOf } from "./cases/longRows.js";
import type { RawClaim } from "./support/abi.js";
import { claimOf, nodeOf } from "./support/cases.js";
import { deployVerifier, gasOf, Verdict, verdicts } from "./support/judge.js";

const CASES = 150;
/** Of an element of a long row, without calldata. */
const MOST_GAS = 50_000;
const NAMES = ["BlockMax", "BlockSum", "BlockMagnitudes", "BlockSquares", "BlockExponentials"] as const;

type Operands = readonly (Tensor | undefined)[];

const tensor = (dims: readonly number[], values: readonly number[]): Tensor =>
  fromFloat32Array(Float32Array.from(values), dims);

function claim(instruction: Instruction, operands: Operands, output: Tensor, element: number, layout?: Layout) {
  const node = nodeOf(
    instruction,
    operands.map((operand) => operand !== undefined),
  );
  const tensors = [...operands, output].map((each, i) => each && commitTensor(each, i === 0 ? layout : undefined));
  return claimOf({ node: { ...node, numeric: ANY_ORDER }, tensors }, element);
}

const judged = async (claims: readonly RawClaim[]) => verdicts(await deployVerifier("FunctionBounds"), claims);
const gas = async (claims: readonly RawClaim[]) => gasOf(await deployVerifier("FunctionBounds"), claims);

/** Numbers of any kind, some of which are as large as they come. */
function anything(random: Random, dims: readonly number[]): Tensor {
  const edges = toFloat32Array(floats(random, dims));
  const near = toFloat32Array(numbers(random, dims));
  return tensor(
    dims,
    [...near].map((value, i) => (random.below(3) === 0 ? (edges[i] ?? 0) : value)),
  );
}

describe("FunctionBounds, long rows of which anything was claimed", function () {
  this.timeout(120_000);
  before(initHash);

  const NODES: Readonly<Record<string, (random: Random) => { instruction: Instruction; operands: Operands }>> = {
    BLOCK_SQUARES: (random) => ({
      instruction: { operator: "BlockSquares", length: 5 },
      operands: [anything(random, [2, 5]), anything(random, [2])],
    }),
    BLOCK_EXPONENTIALS: (random) => ({
      instruction: { operator: "BlockExponentials", length: 5 },
      operands: [anything(random, [2, 5]), anything(random, [2])],
    }),
    LONG_SOFTMAX: (random) => ({
      instruction: { operator: "LongSoftmax", length: 5, inner: 2 },
      operands: [anything(random, [5, 2]), anything(random, [2]), anything(random, [2])],
    }),
    LONG_LAYER_NORMALIZATION: (random) => ({
      instruction: { operator: "LongLayerNormalization", length: 5, epsilon: toBits(random.pick([0, 1e-30, 1e-5, 1])) },
      operands: [
        anything(random, [2, 5]),
        ...[1, 2, 3].map(() => anything(random, [2])),
        ...[1, 2].map(() => anything(random, [5])),
      ],
    }),
  };

  for (const [operator, make] of Object.entries(NODES)) {
    it(`${operator} judges any totals as integers of any length do`, async () => {
      const random = new Random(operator.length);
      const made = Array.from({ length: CASES }, () => {
        const { instruction, operands } = make(random);
        const isBlock = instruction.operator.startsWith("Block");
        const output = anything(random, isBlock ? [2] : (operands[0]?.dims ?? []));
        return { instruction, operands, output, element: random.below(isBlock ? 2 : 10) };
      });
      const found = await judged(
        made.map(({ instruction, operands, output, element }) => claim(instruction, operands, output, element)),
      );
      const expected = made.map(({ instruction, operands, output, element }) =>
        contradicts(instruction, operands, output, element, ANY_ORDER) ? Verdict.Contradicted : Verdict.Stands,
      );
      expect(found).to.deep.equal(expected);
      expect(new Set(expected).size).to.equal(2);
    });
  }
});

describe("FunctionBounds, long rows that are not what they should be", function () {
  this.timeout(60_000);
  before(initHash);

  const x = tensor([2, 6], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  const [two, three, six] = [tensor([2], [6, 12]), tensor([3], [6, 12, 18]), tensor([6], [1, 1, 1, 1, 1, 1])];
  const sum = { operator: "BlockSum", length: 6 } as const;
  const softmax = { operator: "LongSoftmax", length: 6, inner: 1 } as const;
  const normalization = { operator: "LongLayerNormalization", length: 6, epsilon: toBits(1e-5) } as const;
  const ofSoftmax = [x, two, two];
  const ofNormalization = [x, two, two, two, six, undefined];

  /** A node that is right, but for its attributes, an operand, the output or the layout of x. */
  const REFUSED: readonly [what: string, Instruction, wrong: object, Operands, Tensor, Layout?][] = [
    ["rows of no elements", sum, { length: 0 }, [x], two],
    ["rows longer than those whose variance can be judged", sum, { length: LONGEST_ROW + 1 }, [x], two],
    ["rows that x does not consist of", sum, { length: 5 }, [x], two],
    ["fewer blocks than there are", sum, {}, [x], tensor([1], [21])],
    ["x in another layout", sum, {}, [x], two, Layout.Rows],
    ["three maxima for two rows", { operator: "BlockExponentials", length: 6 }, {}, [x, three], two],
    ["three sums for two rows", { operator: "BlockSquares", length: 6 }, {}, [x, three], two],
    ["a softmax of places that are nothing apart", softmax, { inner: 0 }, ofSoftmax, x],
    ["a softmax of no elements", softmax, { length: 0 }, ofSoftmax, x],
    ["a softmax whose rows do not go into x", softmax, { length: 5 }, ofSoftmax, x],
    ["a softmax whose places do not go into x", softmax, { inner: 5 }, ofSoftmax, x],
    ["a softmax of another shape than x", softmax, {}, ofSoftmax, tensor([12], [...toFloat32Array(x)])],
    ["a softmax with three maxima", softmax, {}, [x, three, two], x],
    ["a softmax with three sums", softmax, {}, [x, two, three], x],
    ["a normalisation with three sums", normalization, {}, ofNormalization.with(1, three), x],
    ["a normalisation with three sums of magnitudes", normalization, {}, ofNormalization.with(2, three), x],
    ["a normalisation with three sums of squares", normalization, {}, ofNormalization.with(3, three), x],
    ["a normalisation with three scales", normalization, {}, ofNormalization.with(4, three), x],
    ["a normalisation with three biases", normalization, {}, ofNormalization.with(5, three), x],
    ["a normalisation with a negative epsilon", normalization, { epsilon: toBits(-1e-5) }, ofNormalization, x],
    ["a normalisation with an infinite epsilon", normalization, { epsilon: toBits(Infinity) }, ofNormalization, x],
    ["a normalisation of rows that are too long", normalization, { length: LONGEST_ROW + 1 }, ofNormalization, x],
  ];

  for (const [what, instruction, wrong, operands, output, layout] of REFUSED) {
    it(`judges nothing of ${what}`, async () => {
      const made = claim(instruction, operands, output, 0, layout);
      const { attributes } = encodeInstruction({ ...instruction, ...wrong });
      expect(await judged([{ ...made, node: { ...made.node, attributes } }])).to.deep.equal([Verdict.NotJudged]);
    });
  }

  it("judges the same where nothing is wrong", async () => {
    const found = await judged([
      claim(sum, [x], tensor([2], [21, 57]), 1),
      claim(sum, [x], tensor([2], [21, 57.1]), 1),
      claim(softmax, ofSoftmax, x, 0),
      claim(normalization, ofNormalization, x, 0),
    ]);
    const { Stands, Contradicted } = Verdict;
    expect(found).to.deep.equal([Stands, Contradicted, Contradicted, Contradicted]);
  });
});

describe("FunctionBounds, gas of long rows", function () {
  this.timeout(60_000);
  before(initHash);

  /** The second row of two, of one block that begins within a leaf. */
  const blockOf = (operator: (typeof NAMES)[number], length: number, value: number): RawClaim => {
    const values = Array.from({ length: 2 * length }, (_, i) =>
      i % 2 === 0 || operator === "BlockExponentials" ? value : -value,
    );
    const x = tensor([2, length], values);
    const ofRow = operator === "BlockSquares" || operator === "BlockExponentials" ? [tensor([2], [value, value])] : [];
    return claim({ operator, length }, [x, ...ofRow], tensor([2], [1, 1]), 1);
  };

  for (const [what, value] of [
    ["infinities", Infinity],
    ["NaN", NaN],
    ["subnormal numbers", 2 ** -149],
    ["ordinary numbers", 1.5],
    ["large numbers", 3e38],
  ] as const) {
    it(`an element of a block of ${what} costs no more than preparing a model allows for`, async () => {
      for (const operator of NAMES) {
        const [most = 0, least = 0] = await gas([blockOf(operator, BLOCK - 1, value), blockOf(operator, 7, value)]);
        expect((most - least) / (BLOCK - 8), operator).to.be.lessThan(TERM_GAS.function);
      }
    });
  }

  it(`an element of a row costs less than ${MOST_GAS} however long the row is`, async () => {
    const of = (length: number): RawClaim[] => {
      const x = tensor(
        [length],
        Array.from({ length }, (_, i) => Math.sin(i)),
      );
      const max = totalOf("BlockMax", x, length);
      const sums = totalOf("BlockSum", x, length);
      const squares = totalOf("BlockSquares", x, length, sums);
      const exponentials = totalOf("BlockExponentials", x, length, max);
      return [
        claim({ operator: "LongSoftmax", length, inner: 1 }, [x, max, exponentials], x, 0),
        claim(
          { operator: "LongLayerNormalization", length, epsilon: toBits(1e-5) },
          [x, sums, totalOf("BlockMagnitudes", x, length), squares, x, x],
          x,
          0,
        ),
      ];
    };
    const used = await gas([...of(50_257), ...of(8)]);
    for (const each of used) expect(each).to.be.lessThan(MOST_GAS);
  });
});
