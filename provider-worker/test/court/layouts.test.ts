import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import type { CourtModel } from "@assay/sdk";
import { fromFloat32Array, fromNumbers, initHash, Layout, readModel, Source } from "@assay/sdk";

import type { ModelDescription, NodeDescription } from "../../../sdk/test/support/onnxModel.js";
import { onnxFile } from "../../../sdk/test/support/onnxModel.js";
import { randomTensor } from "../../../sdk/test/support/values.js";
import { Random } from "../../../sdk/test/tensor/random.js";
import { inProcess } from "../support/inProcessRuntime.js";
import { checkModel } from "../support/oneNode.js";

const one = fromNumbers("float32", [], [1]);
const zero = fromNumbers("uint8", [], [0]);
const random = new Random(31);
const filters = (dims: number[]) => randomTensor(random, "uint8", dims);

/** y = conv(x) with weights of unsigned bytes and scales of one. */
const conv = (x: string, w: string, y: string): NodeDescription => ({
  op: "QLinearConv",
  inputs: [x, "one", "zero", w, "one", "zero", "one", "zero"],
  outputs: [y],
});
const matMul = (a: string, b: string, y: string): NodeDescription => ({
  op: "MatMulInteger",
  inputs: [a, b],
  outputs: [y],
});

async function read(description: ModelDescription): Promise<CourtModel> {
  const feeds = new Map(
    Object.entries(description.inputs).map(([name, [dtype, dims]]) => [
      name,
      randomTensor(random, dtype, dims.map(Number)),
    ]),
  );
  return (await checkModel(description, feeds)).model;
}

const layouts = (model: CourtModel) => model.tensors.map(({ name, layout }) => [name, layout]);
const operators = (model: CourtModel) => model.instructions.map(({ operator }) => operator);

describe("Layouts of a graph", () => {
  before(initHash);

  it("bring an input into pixels once for all who read it so", async () => {
    const model = await read({
      nodes: [conv("x", "w", "a"), conv("x", "w", "b")],
      inputs: { x: ["uint8", [1, 3, 5, 5]] },
      outputs: { a: undefined, b: undefined },
      constants: { one, zero, w: filters([2, 3, 2, 2]) },
    });
    assert.deepEqual(operators(model), ["View", "QLinearConv", "QLinearConv"]);
    assert.deepEqual(layouts(model), [
      ["x", Layout.RowMajor],
      ["x", Layout.Pixels],
      ["a", Layout.RowMajor],
      ["b", Layout.RowMajor],
    ]);
  });

  it("keep pixels from convolution to pooling to convolution without a VIEW", async () => {
    const model = await read({
      nodes: [
        { op: "Identity", inputs: ["x"], outputs: ["x1"] },
        conv("x1", "w", "a"),
        { op: "MaxPool", inputs: ["a"], outputs: ["p"], attributes: { kernel_shape: [2, 2] } },
        conv("p", "v", "y"),
      ],
      inputs: { x: ["uint8", [1, 3, 6, 6]] },
      outputs: { y: undefined },
      constants: { one, zero, w: filters([4, 3, 2, 2]), v: filters([2, 4, 1, 1]) },
    });
    assert.deepEqual(operators(model), ["View", "QLinearConv", "MaxPool", "QLinearConv"]);
    assert.deepEqual(
      model.tensors.map(({ layout }) => layout),
      [Layout.RowMajor, Layout.Pixels, Layout.Pixels, Layout.Pixels, Layout.RowMajor],
    );
  });

  it("keep an output row-major even where a convolution reads it", async () => {
    const model = await read({
      nodes: [conv("x", "w", "a"), conv("a", "v", "y")],
      inputs: { x: ["uint8", [1, 3, 6, 6]] },
      outputs: { a: undefined, y: undefined },
      constants: { one, zero, w: filters([4, 3, 2, 2]), v: filters([2, 4, 1, 1]) },
    });
    assert.deepEqual(operators(model), ["View", "QLinearConv", "View", "QLinearConv"]);
    assert.equal(model.tensors[model.outputs[0] ?? 0]?.layout, Layout.RowMajor);
  });

  it("reverse constant weights of bytes, and only these", async () => {
    const model = await read({
      nodes: [matMul("a", "w", "y"), matMul("a", "b", "z")],
      inputs: { a: ["uint8", [2, 3]], b: ["uint8", [3, 4]] },
      outputs: { y: undefined, z: undefined },
      constants: { w: filters([3, 4]) },
    });
    assert.deepEqual(operators(model), ["View", "MatMulInteger", "View", "MatMulInteger"]);
    const columns = model.tensors.find(({ name, layout }) => name === "b" && layout !== Layout.RowMajor);
    assert.equal(columns?.layout, Layout.Columns);
    assert.ok(model.nodes[1]?.operands[1]?.source === Source.Constant);
  });

  it("serve each matrix of a batch with its own copy of a factor that is broadcast", async () => {
    const model = await read({
      nodes: [matMul("a", "b", "y")],
      inputs: { a: ["uint8", [2, 1, 2, 3]], b: ["uint8", [1, 5, 3, 4]] },
      outputs: { y: undefined },
    });
    const [a, b] = model.tensors.slice(2, 4);
    assert.deepEqual([a?.dims, a?.layout, a?.name], [[2, 5, 2, 3], Layout.Rows, undefined]);
    assert.deepEqual([b?.dims, b?.layout, b?.name], [[2, 5, 3, 4], Layout.Columns, undefined]);
  });

  it("leave out nodes that no output depends on", async () => {
    const model = await read({
      nodes: [
        { op: "Relu", inputs: ["x"], outputs: ["unused"] },
        { op: "Split", inputs: ["x"], outputs: ["first", "second"], attributes: { axis: 0 } },
      ],
      inputs: { x: ["float32", [4]] },
      outputs: { second: undefined },
      opset: 13,
    });
    assert.deepEqual(operators(model), ["View"]);
  });

  it("make a constant that is an output the VIEW of it", async () => {
    const c = fromFloat32Array(Float32Array.of(1, -0, NaN));
    const model = await read({
      nodes: [
        { op: "Relu", inputs: ["x"], outputs: ["y"] },
        { op: "Identity", inputs: ["c"], outputs: ["z"] },
      ],
      inputs: { x: ["float32", [4]] },
      outputs: { y: undefined, z: undefined },
      constants: { c },
    });
    assert.equal(model.nodes[1]?.operands[0]?.source, Source.Constant);
  });

  it("refuse a sum of which one element reads more than a leaf holds", async () => {
    const file = onnxFile({
      nodes: [matMul("a", "b", "y")],
      inputs: { a: ["uint8", [1, 65_537]], b: ["uint8", [65_537, 1]] },
      outputs: { y: undefined },
    });
    await assert.rejects(readModel(file, inProcess), /uint8\[1, 65537\] is too large to open/);
  });
});
