import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import type { CourtModel, GraphRuntime, Numeric, Tensor } from "@assay/sdk";
import {
  decodeModel,
  elementCount,
  fromFloat32Array,
  fromNumbers,
  initHash,
  readModel,
  RUNTIMES,
  runTrace,
} from "@assay/sdk";

import { onnxFile } from "../../../sdk/test/support/onnxModel.js";
import { Random } from "../../../sdk/test/tensor/random.js";
import { ChildRuntime } from "../../src/court/runtime.js";
import { inProcess } from "../support/inProcessRuntime.js";
import type { Case } from "../support/oneNode.js";
import { check, checkTrace, modelOf } from "../support/oneNode.js";

/** Numbers between -4 and 4. */
function floats(random: Random, ...dims: number[]): Tensor {
  const count = dims.reduce((a, b) => a * b, 1);
  return fromFloat32Array(
    Float32Array.from({ length: count }, () => random.next() / 2 ** 29 - 4),
    dims,
  );
}

const random = new Random(6);
const filled = (length: number, value: number): Tensor =>
  fromFloat32Array(new Float32Array(length).fill(value), [length]);
const fused = (block: number, biasFirst = false): Numeric => ({ mode: 0, fused: true, block, biasFirst });
const separate = (block: number, biasFirst = false): Numeric => ({ ...fused(block, biasFirst), fused: false });
const FOURS: Numeric = { mode: 0, fused: false, block: 4, biasFirst: false };

/** What onnxruntime 1.30 does on x86-64 with AVX2 or more, and onnxruntime-web 1.30 where it does otherwise. */
const ORDERS: Record<string, { given: Case; numeric: Numeric; wasm?: Numeric }> = {
  "a product with a constant adds 256 products at a time": {
    given: { op: "MatMul", inputs: [floats(random, 3, 600)], constants: { 1: floats(random, 600, 5) } },
    numeric: fused(256),
    wasm: separate(256),
  },
  "a dense layer adds them to its bias": {
    given: {
      op: "Gemm",
      inputs: [floats(random, 1, 600)],
      constants: { 1: floats(random, 5, 600), 2: floats(random, 5) },
      attributes: { transB: 1 },
    },
    numeric: fused(256, true),
    wasm: separate(256, true),
  },
  "a product of two tensors of a run adds as many as its narrow result allows": {
    given: { op: "MatMul", inputs: [floats(random, 4, 1200), floats(random, 1200, 40)] },
    numeric: fused(256),
    wasm: separate(256),
  },
  "and 1024 where it is narrower": {
    given: { op: "MatMul", inputs: [floats(random, 4, 1200), floats(random, 1200, 10)] },
    numeric: fused(1024),
    wasm: separate(1024),
  },
  "one row times a matrix is added in fours, without fusing": {
    given: { op: "MatMul", inputs: [floats(random, 1, 31), floats(random, 31, 9)] },
    numeric: FOURS,
    wasm: { ...FOURS, biasFirst: true },
  },
  "a convolution adds 128 at a time, and its bias at the end": {
    given: {
      op: "Conv",
      inputs: [floats(random, 1, 32, 16, 16)],
      constants: { 1: floats(random, 4, 32, 3, 3), 2: floats(random, 4) },
      attributes: { pads: [1, 1, 1, 1] },
    },
    numeric: fused(128),
    wasm: separate(128),
  },
  "a depthwise convolution adds in fours": {
    given: {
      op: "Conv",
      inputs: [floats(random, 1, 6, 8, 8)],
      constants: { 1: floats(random, 6, 1, 3, 3), 2: floats(random, 6) },
      attributes: { group: 6 },
    },
    numeric: FOURS,
    wasm: separate(0),
  },
  "a sum over the middle axis is a product with ones": {
    given: { op: "ReduceSum", inputs: [floats(random, 3, 19, 8)], constants: { 1: fromNumbers("int64", [1], [1]) } },
    numeric: FOURS,
    wasm: separate(0),
  },
  "a sum over the first axis goes row by row": {
    given: { op: "ReduceMean", inputs: [floats(random, 9, 7)], attributes: { axes: [0] }, opset: 17 },
    numeric: fused(0),
  },
  "an average goes over the window": {
    given: {
      op: "AveragePool",
      inputs: [floats(random, 1, 2, 9, 9)],
      attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] },
      opset: 17,
    },
    numeric: { ...fused(0), fused: false },
  },
  "an average of everything goes in lanes": {
    given: { op: "GlobalAveragePool", inputs: [floats(random, 2, 2, 7, 5)] },
    numeric: { ...fused(0), fused: false },
  },
  "batch normalisation rounds twice": {
    given: {
      op: "BatchNormalization",
      inputs: [floats(random, 2, 3, 5)],
      constants: { 1: floats(random, 3), 2: floats(random, 3), 3: floats(random, 3), 4: filled(3, 0.7) },
      opset: 15,
    },
    numeric: { ...fused(0), fused: false },
  },
};

const withoutEpsilon = {
  op: "BatchNormalization",
  inputs: [floats(random, 2, 3, 5)],
  constants: { 1: floats(random, 3), 2: floats(random, 3), 3: floats(random, 3), 4: filled(3, 0.7) },
  attributes: { epsilon: { float: 0 } },
  opset: 15,
};

const lastSum = ({ nodes }: CourtModel) => nodes.findLast(({ operator }) => operator >> 8 === 6);

/** An operator as another processor computes it: of some numbers a unit in the last place off, as ARM64 takes reciprocals. */
const estimating = (operator: string): GraphRuntime => ({
  ...inProcess,
  load: async (file) => {
    const estimates = decodeModel(file).graph.node.flatMap(({ opType, output }) => (opType === operator ? output : []));
    const loaded = await inProcess.load(file);
    const run = async (inputs: ReadonlyMap<string, Tensor>) => {
      const results = await loaded.run(inputs);
      for (const name of estimates) {
        const data = results.get(name)?.data;
        if (data) data[4] = (data[4] ?? 0) ^ 1;
      }
      return results;
    };
    return { ...loaded, run };
  },
});

describe("The order of summation that onnxruntime shows", () => {
  before(initHash);

  for (const [what, { given, numeric, wasm = numeric }] of Object.entries(ORDERS)) {
    it(what, { skip: process.arch === "x64" ? false : "measured on x86-64" }, async () => {
      const { model } = await check({ opset: 18, ...given });
      assert.deepEqual(model.nodes.at(-1)?.numeric, numeric);
    });

    it(`${what}: what wasm does instead`, async () => {
      const checked = check({ opset: 18, ...given, runtime: "wasm" });
      assert.deepEqual(lastSum((await checked).model)?.numeric, wasm);
    });
  }

  it("by wasm, of one row in whole fours of columns, is one product after the other", async () => {
    const inputs = [floats(random, 1, 600), floats(random, 600, 8)];
    const { model } = await check({ op: "MatMul", inputs, opset: 18, runtime: "wasm" });
    assert.deepEqual(model.nodes.at(-1)?.numeric, separate(0, true));
  });

  it("holds for zeros of both signs, infinities and the smallest numbers throughout", async () => {
    for (const { given } of Object.values(ORDERS)) {
      for (const runtime of RUNTIMES) {
        for (const value of [0, -0, Infinity, -Infinity, NaN, 2 ** -149, -(2 ** -149)]) {
          const same = (tensor: Tensor | undefined) =>
            tensor && { ...filled(elementCount(tensor.dims), value), dims: tensor.dims };
          await check({ opset: 18, ...given, inputs: given.inputs.map(same), runtime });
        }
      }
    }
  });

  it("of a batch normalisation without an epsilon is tried with variances that are not zero", async () => {
    const file = onnxFile(modelOf(withoutEpsilon).description);
    for (const sums of ["Canonical", "Tolerance"] as const) {
      const { instructions } = await readModel(file, inProcess, sums);
      assert.match(instructions.at(-1)?.operator ?? "", /BatchNormalization/);
    }
  });

  it("of an average that counts pads leaves out what ceil_mode adds", async () => {
    const attributes = { kernel_shape: [3], strides: [2], ceil_mode: 1, count_include_pad: 1 };
    const { model } = await check({ op: "AveragePool", inputs: [floats(random, 1, 2, 6)], attributes, opset: 21 });
    const [instruction] = model.instructions;
    assert.equal(instruction && "divisor" in instruction ? instruction.divisor : undefined, 0);
  });

  it("of an average is column by column in older versions of the operator", async () => {
    const inputs = [floats(random, 1, 3, 9, 9)];
    const attributes = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] };
    const orderOf = async (opset: number) => {
      const [instruction] = (await check({ op: "AveragePool", inputs, attributes, opset })).model.instructions;
      return instruction && "order" in instruction ? instruction.order : undefined;
    };
    assert.deepEqual([await orderOf(15), await orderOf(21)], [3, 0]);
  });

  it("is the same each time, and part of the commitment", async () => {
    const file = onnxFile(modelOf(ORDERS["a dense layer adds them to its bias"]?.given as Case).description);
    const [first, second] = [await readModel(file, inProcess), await readModel(file, inProcess)];
    assert.equal(first.commitment, second.commitment);
  });

  it("of rows is the same in a process of its own, wherever the rows lie there", async () => {
    const copy = { op: "LeakyRelu", inputs: ["x"], outputs: ["rows"], attributes: { alpha: { float: 1 } } };
    const file = onnxFile({
      nodes: [copy, { op: "ReduceMean", inputs: ["rows"], outputs: ["y"], attributes: { axes: [1] } }],
      inputs: { x: ["float32", [5, 37]] },
      outputs: { y: undefined },
    });
    const child = new ChildRuntime({ timeoutMs: 60_000, memoryMb: 1000 });
    const [here, there] = [await readModel(file, inProcess), await readModel(file, child)];
    assert.equal(here.commitment, there.commitment);
    const trace = await runTrace(there, new Map([["x", floats(random, 5, 37)]]), child);
    assert.equal(checkTrace(there, trace), 5 * 37 + 5);
  });

  it("is asked of reciprocals too: a processor that estimates them has no graph of the model", async () => {
    const nodes = [{ op: "Reciprocal", inputs: ["x"], outputs: ["y"] }];
    const file = onnxFile({ nodes, inputs: { x: ["float32", [4, 9]] }, outputs: { y: undefined } });
    assert.equal((await readModel(file, inProcess)).instructions[0]?.operator, "Div");
    for (const sums of ["Canonical", "Tolerance"] as const) {
      await assert.rejects(readModel(file, estimating("Reciprocal"), sums), /Reciprocal "y".* from an estimate/);
    }
  });

  for (const power of [2, 3]) {
    it(`is asked of x^${power} too: a processor that does not multiply it out has no graph of the model`, async () => {
      const file = onnxFile({
        nodes: [{ op: "Pow", inputs: ["x", "power"], outputs: ["y"] }],
        inputs: { x: ["float32", [4, 9]] },
        outputs: { y: undefined },
        constants: { power: fromNumbers("float32", [], [power]) },
      });
      assert.equal((await readModel(file, inProcess)).profile.kind, "Exact");
      for (const sums of ["Canonical", "Tolerance"] as const) {
        await assert.rejects(readModel(file, estimating("Pow"), sums), /Pow "y".* does not multiply this power out/);
      }
    });
  }

  it("is not hidden by constants that are all zero", async () => {
    const zeros = fromFloat32Array(new Float32Array(600 * 5), [600, 5]);
    const { model } = await check({ op: "MatMul", inputs: [floats(random, 3, 600)], constants: { 1: zeros } });
    assert.equal(model.nodes.at(-1)?.numeric.block, 256);
  });
});
