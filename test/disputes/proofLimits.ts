import { expect } from "chai";
import type { DType, Tensor } from "@assay/sdk";
import {
  dtypeSize,
  elementCount,
  fromFloat32Array,
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

const node = (op: string, attributes: NodeDescription["attributes"] = {}): Omit<NodeDescription, "outputs"> => ({
  op,
  inputs: ["x"],
  attributes,
});

/** Numbers for which a proof is dearest. */
const VALUES = {
  ascending: (i: number) => -1e30 + i * 1e26,
  infinite: () => Infinity,
  subnormal: (i: number) => (i % 2 === 0 ? 1 : -1) * (1 + i) * 2 ** -149,
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

const { ascending, infinite, subnormal } = VALUES;

interface Limit {
  readonly node: Omit<NodeDescription, "outputs">;
  readonly dims: (length: number) => number[];
  readonly values: (dims: number[]) => Tensor;
  readonly operator: string;
  readonly tolerance?: boolean;
  /** The greatest length that is taken. */
  readonly most: number;
}

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
  "a Softmax": {
    node: node("Softmax"),
    dims: (length) => [2, length],
    values: floats(subnormal),
    operator: "Softmax",
    tolerance: true,
    most: 15_174,
  },
};

/** ReduceSum has its axes as an input from opset 13 on. */
const AXES = { axes: fromAxis(0) };

function fromAxis(axis: number): Tensor {
  return makeTensor("int64", [1], new Uint8Array(new BigInt64Array([BigInt(axis)]).buffer));
}

function sumOf({ node, dims, values, operator, tolerance = false }: Limit, length: number): LongSum {
  const x = values(dims(length));
  const isSum = node.op === "ReduceSum";
  const file = onnxFile({
    nodes: [{ ...node, inputs: isSum ? ["x", "axes"] : node.inputs, outputs: ["y"] }],
    inputs: { x: [x.dtype, x.dims] },
    outputs: { y: undefined },
    constants: isSum ? AXES : {},
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

/** Convicts the provider of a wrong element; the node takes no call that needs more than a transaction has. */
async function convict(sum: LongSum) {
  const opened = await longCase(sum, true);
  const { market, caseId, accusation } = opened;
  const to = await market.court.getAddress();
  for (const { data } of (await callsFor(opened, accusation)) ?? []) {
    const sent = await market.challenger.sendTransaction({ to, data, gasLimit: MOST_GAS });
    expect((await sent.wait())?.gasUsed).to.be.lessThan(MOST_GAS);
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
});
