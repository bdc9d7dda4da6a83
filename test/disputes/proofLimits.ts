import { expect } from "chai";
import { dataLength, Transaction } from "ethers";
import type { DType, Tensor } from "@assay/sdk";
import {
  dtypeSize,
  elementCount,
  fromFloat32Array,
  fromNumbers,
  initHash,
  makeTensor,
  PreparationError,
  prepareModel,
} from "@assay/sdk";

import type { NodeDescription } from "../../sdk/test/support/onnxModel.js";
import { onnxFile } from "../../sdk/test/support/onnxModel.js";
import { inProcess } from "../../provider-worker/test/support/inProcessRuntime.js";
import { RULING } from "../support/assemble.js";
import type { LongSum } from "../support/longSums.js";
import { callsFor, longCase } from "../support/longSums.js";

/** EIP-7825. */
const MOST_GAS = 2n ** 24n;
/** Of a signed transaction: go-ethereum passes on no longer one. */
const MOST_BYTES = 131_072;

const node = (
  op: string,
  attributes: NodeDescription["attributes"] = {},
  inputs = ["x"],
): Omit<NodeDescription, "outputs"> => ({ op, inputs, attributes });

/** Numbers for which a proof is dearest. */
const VALUES = {
  ascending: (i: number) => -1e30 + i * 1e26,
  infinite: () => Infinity,
  subnormal: (i: number) => (i % 2 === 0 ? 1 : -1) * (1 + i) * 2 ** -149,
  /** Their products with `normal` numbers are subnormal too. */
  small: (i: number) => (i % 2 === 0 ? 1 : -1) * (4_000_000 + i) * 2 ** -149,
  normal: (i: number) => 1.5 + i / 2 ** 17,
};

const floats =
  (values: (i: number) => number) =>
  (dims: number[]): Tensor =>
    fromFloat32Array(
      Float32Array.from({ length: elementCount(dims) }, (_, i) => values(i)),
      dims,
    );

/** All of them different, whatever their bytes mean. */
const integers =
  (dtype: DType) =>
  (dims: number[]): Tensor => {
    const data = Uint8Array.from({ length: elementCount(dims) * dtypeSize(dtype) }, (_, i) => i * 7919);
    return makeTensor(dtype, dims, data);
  };

const { ascending, infinite, subnormal, small, normal } = VALUES;

interface Limit {
  readonly node: Omit<NodeDescription, "outputs">;
  readonly dims: (length: number) => number[];
  readonly values: (dims: number[]) => Tensor;
  readonly operator: string;
  readonly tolerance?: boolean;
  /** What the node reads besides x. */
  readonly constants?: (length: number) => Readonly<Record<string, Tensor>>;
  /** The greatest length that is taken. */
  readonly most: number;
}

const scalar = (dtype: DType, value: number): Tensor => fromNumbers(dtype, [], [value]);

/** The same factors as x, of a convolution. */
const filters =
  (dims: (length: number) => number[], values: (dims: number[]) => Tensor): Limit["constants"] =>
  (length) => ({ w: values(dims(length)) });

const quantised =
  (dims: (length: number) => number[]): Limit["constants"] =>
  (length) => ({
    fine: scalar("float32", 0.01),
    zero: scalar("uint8", 3),
    w: integers("uint8")(dims(length)),
    coarse: scalar("float32", 30),
  });
/** Inputs of QLinearConv. */
const QUANTISED = ["x", "fine", "zero", "w", "fine", "zero", "coarse", "zero"];

const LIMITS: Readonly<Record<string, Limit>> = {
  "a GlobalMaxPool of a row": {
    node: node("GlobalMaxPool"),
    dims: (length) => [1, 2, length],
    values: floats(ascending),
    operator: "MaxPool",
    most: 6860,
  },
  "a GlobalMaxPool of rows of one element": {
    node: node("GlobalMaxPool"),
    dims: (length) => [1, 2, length, 1],
    values: floats(ascending),
    operator: "MaxPool",
    most: 4133,
  },
  "a GlobalMaxPool of planes of one element": {
    node: node("GlobalMaxPool"),
    dims: (length) => [1, 2, length, 1, 1],
    values: floats(ascending),
    operator: "MaxPool",
    most: 3336,
  },
  "a ReduceMax over the last axis": {
    node: node("ReduceMax", { axes: [2] }),
    dims: (length) => [2, 2, length],
    values: floats(ascending),
    operator: "MaxPool",
    most: 6854,
  },
  "a ReduceMax of int8": {
    node: node("ReduceMax"),
    dims: (length) => [length],
    values: integers("int8"),
    operator: "MaxPool",
    most: 7168,
  },
  "a ReduceMax of int64": {
    node: node("ReduceMax"),
    dims: (length) => [length],
    values: integers("int64"),
    operator: "MaxPool",
    most: 6489,
  },
  "an ArgMax": {
    node: node("ArgMax", { axis: 0 }),
    dims: (length) => [length],
    values: floats(ascending),
    operator: "ArgMax",
    most: 7227,
  },
  "an ArgMin of int64": {
    node: node("ArgMin", { axis: 0 }),
    dims: (length) => [length],
    values: integers("int64"),
    operator: "ArgMax",
    most: 6791,
  },
  "a GlobalAveragePool of rows of one element, bit for bit": {
    node: node("GlobalAveragePool"),
    dims: (length) => [1, 2, length, 1],
    values: floats(subnormal),
    operator: "AveragePool",
    most: 3061,
  },
  "a GlobalAveragePool of planes of one element, bit for bit": {
    node: node("GlobalAveragePool"),
    dims: (length) => [1, 1, length, 1, 1],
    values: floats(subnormal),
    operator: "AveragePool",
    most: 2595,
  },
  "a GlobalAveragePool of rows of one element, in parts": {
    node: node("GlobalAveragePool"),
    dims: (length) => [1, 1, length, 1],
    values: floats(infinite),
    operator: "ToleranceAveragePool",
    tolerance: true,
    most: 32_256,
  },
  "a GlobalAveragePool of planes of one element, in parts": {
    node: node("GlobalAveragePool"),
    dims: (length) => [1, 1, length, 1, 1],
    values: floats(infinite),
    operator: "ToleranceAveragePool",
    tolerance: true,
    most: 26_112,
  },
  "a ReduceSum of columns, bit for bit, in parts": {
    node: node("ReduceSum"),
    dims: (length) => [length, 2],
    values: floats(subnormal),
    operator: "ReduceSum",
    most: 16_384,
  },
  "a ReduceSum of columns, in parts": {
    node: node("ReduceSum"),
    dims: (length) => [length, 2],
    values: floats(infinite),
    operator: "ToleranceReduceSum",
    tolerance: true,
    most: 16_384,
  },
  "a ReduceMean of a row, in parts": {
    node: node("ReduceMean"),
    dims: (length) => [length],
    values: floats(infinite),
    operator: "ToleranceReduceMean",
    tolerance: true,
    most: 54_792,
  },
  "a Softmax, by its totals": {
    node: node("Softmax"),
    dims: (length) => [1, length],
    values: floats(subnormal),
    operator: "BlockExponentials",
    tolerance: true,
    most: 2 ** 20,
  },
  "a LayerNormalization, by its totals": {
    node: node("LayerNormalization", {}, ["x", "scale"]),
    dims: (length) => [1, length],
    values: floats(subnormal),
    constants: (length) => ({ scale: floats(() => 1)([length]) }),
    operator: "BlockSquares",
    tolerance: true,
    most: 2 ** 20,
  },
  "a Conv of one place, bit for bit, in parts": {
    node: node("Conv", {}, ["x", "w"]),
    dims: (length) => [1, length, 1, 1],
    values: floats(small),
    constants: filters((length) => [1, length, 1, 1], floats(normal)),
    operator: "Conv",
    most: 15_280,
  },
  "a Conv of products that round to zero, bit for bit, in parts": {
    node: node("Conv", {}, ["x", "w"]),
    dims: (length) => [1, length, 1, 1],
    values: floats(small),
    constants: filters((length) => [1, length, 1, 1], floats(small)),
    operator: "Conv",
    most: 15_280,
  },
  "a Conv along one axis, bit for bit, in parts": {
    node: node("Conv", {}, ["x", "w"]),
    dims: (length) => [1, length, 2],
    values: floats(small),
    constants: filters((length) => [1, length, 2], floats(normal)),
    operator: "Conv",
    most: 7624,
  },
  "a depthwise Conv of columns, bit for bit": {
    node: node("Conv", { group: 8 }, ["x", "w"]),
    dims: (length) => [1, 8, length + 15, 4],
    values: floats(small),
    constants: filters((length) => [8, 1, length, 1], floats(normal)),
    operator: "Conv",
    most: 210,
  },
  "a Conv of one place, in any order": {
    node: node("Conv", {}, ["x", "w"]),
    dims: (length) => [1, length, 1, 1],
    values: floats(infinite),
    constants: filters((length) => [1, length, 1, 1], floats(normal)),
    operator: "ToleranceConv",
    tolerance: true,
    most: 15_280,
  },
  "a Conv of three by three places, in any order, in parts": {
    node: node("Conv", {}, ["x", "w"]),
    dims: (length) => [1, length, 3, 3],
    values: floats(infinite),
    constants: filters((length) => [1, length, 3, 3], floats(normal)),
    operator: "ToleranceConv",
    tolerance: true,
    most: 1820,
  },
  "a depthwise Conv of columns, in any order, in parts": {
    node: node("Conv", { group: 64 }, ["x", "w"]),
    dims: (length) => [1, 64, length, 1],
    values: floats((i) => (i % 7 === 0 ? NaN : infinite())),
    constants: filters((length) => [64, 1, length, 1], floats(normal)),
    operator: "ToleranceConv",
    tolerance: true,
    most: 1128,
  },
  "a ConvInteger along one axis, in parts": {
    node: node("ConvInteger", {}, ["x", "w"]),
    dims: (length) => [1, length, 2],
    values: integers("uint8"),
    constants: filters((length) => [1, length, 2], integers("uint8")),
    operator: "ConvInteger",
    most: 32_768,
  },
  "a depthwise QLinearConv of columns, in parts": {
    node: node("QLinearConv", { group: 64 }, QUANTISED),
    dims: (length) => [1, 64, length, 1],
    values: integers("uint8"),
    constants: quantised((length) => [64, 1, length, 1]),
    operator: "QLinearConv",
    most: 1032,
  },
};

/** ReduceSum has its axes as an input from opset 13 on. */
const AXES = { axes: fromAxis(0) };

function fromAxis(axis: number): Tensor {
  return makeTensor("int64", [1], new Uint8Array(new BigInt64Array([BigInt(axis)]).buffer));
}

function sumOf({ node, dims, values, operator, tolerance = false, constants }: Limit, length: number): LongSum {
  const x = values(dims(length));
  const isSum = node.op === "ReduceSum";
  const file = onnxFile({
    nodes: [{ ...node, inputs: isSum ? ["x", "axes"] : node.inputs, outputs: ["y"] }],
    inputs: { x: [x.dtype, x.dims] },
    outputs: { y: undefined },
    constants: isSum ? AXES : (constants?.(length) ?? {}),
    opset: 17,
  });
  return { file, x, tolerance, operator };
}

/** A row of subnormal numbers times normal ones that are no constant: onnxruntime's kernel for one row adds in fours. */
function fours(): LongSum {
  const x = floats((i) => (i % 2 === 0 ? 1 : -1) * (4_000_000 + i) * 2 ** -149)([1, 14_336]);
  const file = onnxFile({
    nodes: [
      { op: "Add", inputs: ["x", "c"], outputs: ["s"] },
      { op: "Transpose", inputs: ["s"], outputs: ["t"] },
      { op: "MatMul", inputs: ["x", "t"], outputs: ["y"] },
    ],
    inputs: { x: [x.dtype, x.dims] },
    outputs: { y: undefined },
    constants: { c: floats((i) => 1.5 + i / 2 ** 17)([1, 14_336]) },
    opset: 17,
  });
  return { file, x, operator: "MatMul" };
}

/**
 * A filter of 4,192 planes of one element of which the first element of the output meets the last: one between 1 and 2,
 * which with another bit 30 is no number. Only of such a claim the zeros around the image are added up too.
 */
function padded(): LongSum {
  const planes = 4192;
  const x = floats(() => 1)([1, 1, 20, 1, 1]);
  const file = onnxFile({
    nodes: [
      { op: "Conv", inputs: ["x", "w"], outputs: ["y"], attributes: { pads: [planes - 1, 0, 0, planes - 1, 0, 0] } },
    ],
    inputs: { x: [x.dtype, x.dims] },
    outputs: { y: undefined },
    constants: { w: floats(normal)([1, 1, planes, 1, 1]) },
    opset: 17,
  });
  return { file, x, tolerance: true, operator: "ToleranceConv" };
}

/** Convicts the provider of a wrong element; the node takes no call that needs more than a transaction has. */
async function convict(sum: LongSum) {
  const opened = await longCase(sum, true);
  const { market, caseId, accusation } = opened;
  const to = await market.court.getAddress();
  for (const { data } of (await callsFor(opened, accusation)) ?? []) {
    const sent = await market.challenger.sendTransaction({ to, data, gasLimit: MOST_GAS });
    expect((await sent.wait())?.gasUsed).to.be.lessThan(MOST_GAS);
    expect(dataLength(Transaction.from(sent).serialized)).to.be.at.most(MOST_BYTES);
  }
  expect(await market.court.rulingOf(caseId)).to.deep.equal([RULING.upheld, market.challenger.address]);
  return opened.model;
}

describe("ProofCourt, the longest elements of each kind at their dearest", function () {
  this.timeout(300_000);
  before(initHash);

  for (const [what, limit] of Object.entries(LIMITS)) {
    it(`convicts within the gas of a transaction, and what is longer is refused: ${what}`, async () => {
      const { file, tolerance = false } = sumOf(limit, limit.most + 1);
      const refused: unknown = await prepareModel(file, { tolerance }, inProcess).catch((error: unknown) => error);
      expect(refused).to.be.instanceOf(PreparationError);
      await convict(sumOf(limit, limit.most));
    });
  }

  it("convicts within the gas of each transaction by 14,336 products in fours", async () => {
    const { nodes } = await convict(fours());
    expect(nodes.at(-1)?.numeric).to.include({ fused: false, block: 4 });
  });

  it("convicts within the gas of each transaction who claims that a sum with 4,191 zeros around it is no number", async () => {
    await convict(padded());
  });
});
