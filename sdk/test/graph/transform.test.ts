import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { freeze } from "../../src/graph/freeze.js";
import { stripSoftmax } from "../../src/graph/softmax.js";
import { trim } from "../../src/graph/trim.js";
import type { OnnxModel } from "../../src/onnx/index.js";
import { tensorFromOnnx } from "../../src/onnx/index.js";
import { DTYPE_NAMES, fromNumbers, makeTensor, onnxCode } from "../../src/tensor/index.js";
import { onnxModel, onnxTensor } from "../support/onnxModel.js";
import { Random } from "../tensor/random.js";

const names = (values: readonly { name?: string }[]) => values.map(({ name }) => name);
const dimsOf = (model: OnnxModel, name: string) =>
  model.graph.input
    .find((value) => value.name === name)
    ?.type?.tensorType?.shape?.dim.map(({ dimValue, dimParam }) => dimValue ?? dimParam);

/** logits = Relu(x), probabilities = Softmax(logits), label = ArgMax(probabilities) */
function classifier(outputs: string[]): OnnxModel {
  return onnxModel({
    nodes: [
      { op: "Relu", inputs: ["x"], outputs: ["logits"] },
      { op: "Softmax", inputs: ["logits"], outputs: ["probabilities"], attributes: { axis: 1 } },
      { op: "ArgMax", inputs: ["probabilities"], outputs: ["label"], attributes: { axis: 1 } },
    ],
    inputs: { x: ["float32", [1, 3]] },
    outputs: Object.fromEntries(outputs.map((name) => [name, ["float32", [1, 3]]])),
  });
}

describe("Freezing", () => {
  const model = onnxModel({
    nodes: [],
    inputs: { x: ["float32", ["N", 3]], y: ["float32", ["N", "M"]] },
    outputs: { z: ["float32", ["N", 3]] },
    constants: { y: fromNumbers("float32", [1, 1], [0]) },
  });

  it("gives a symbolic dimension its length wherever an input has it", () => {
    const { model: frozen, problems } = freeze(model, { N: 4 });
    assert.deepEqual(dimsOf(frozen, "x"), [4n, 3n]);
    assert.deepEqual(problems, []);
  });

  it("makes a default that callers could override a constant", () => {
    assert.deepEqual(names(freeze(model, { N: 4 }).model.graph.input), ["x"]);
  });

  it("names dimensions without a name by their place", () => {
    const nameless = onnxModel({ nodes: [], inputs: { x: ["float32", ["", 3]] }, outputs: {} });
    assert.deepEqual(dimsOf(freeze(nameless, { "x:0": 2 }).model, "x"), [2n, 3n]);
  });

  it("finds fault with a length that no dimension takes", () => {
    assert.deepEqual(
      freeze(model, { K: 4 }).problems.map(({ where }) => where),
      ["K"],
    );
  });
});

describe("Stripping the Softmax", () => {
  const apply = (model: OnnxModel, argMaxOfLogits: boolean) => stripSoftmax(model, { argMaxOfLogits });

  it("makes its operand the output, in the same place", () => {
    const { model, problems, changes } = apply(trim(classifier(["probabilities"])), false);
    assert.deepEqual(problems, []);
    assert.deepEqual(names(model.graph.output), ["logits"]);
    assert.deepEqual(
      model.graph.node.map(({ opType }) => opType),
      ["Relu"],
    );
    assert.equal(changes.length, 1);
  });

  it("does not make one output two", () => {
    const { model } = apply(trim(classifier(["logits", "probabilities"])), false);
    assert.deepEqual(names(model.graph.output), ["logits"]);
  });

  it("lets ArgMax read the operand only when asked to, and says so", () => {
    const given = classifier(["probabilities", "label"]);
    const refused = apply(given, false);
    assert.deepEqual(
      refused.problems.map(({ what, where }) => `${what} ${where}`),
      ["ArgMax label"],
    );
    const { model, changes } = apply(given, true);
    assert.deepEqual(model.graph.node.find(({ opType }) => opType === "ArgMax")?.input, ["logits"]);
    assert.ok(changes.includes("label is the ArgMax of logits"));
  });

  it("leaves the given model as it was", () => {
    const given = classifier(["probabilities", "label"]);
    const before = structuredClone(given);
    apply(given, true);
    assert.deepEqual(given, before);
  });
});

describe("Trimming", () => {
  it("leaves out nodes and constants that no output depends on", () => {
    const model = onnxModel({
      nodes: [
        { op: "Add", inputs: ["x", "used"], outputs: ["y"] },
        { op: "Add", inputs: ["x", "unused"], outputs: ["dead"] },
        { op: "Relu", inputs: ["dead"], outputs: ["deader"] },
      ],
      inputs: { x: ["float32", [1]] },
      outputs: { y: ["float32", [1]] },
      constants: { used: fromNumbers("float32", [1], [1]), unused: fromNumbers("float32", [1], [2]) },
    });
    const { graph } = trim(model);
    assert.deepEqual(names(graph.node), ["y"]);
    assert.deepEqual(names(graph.initializer), ["used"]);
  });
});

describe("A constant of an ONNX file", () => {
  it("is the same whether its elements are raw or not", () => {
    const random = new Random(41);
    const fields = { float32: "floatData", float64: "doubleData", int64: "int64Data", uint64: "uint64Data" } as const;
    for (const dtype of DTYPE_NAMES) {
      const values = dtype === "bool" ? [0, 1, 1] : [0, 1, dtype.startsWith("u") ? 200 : -100];
      const tensor = dtype === "float16" ? makeTensor(dtype, [3], random.bytes(6)) : fromNumbers(dtype, [3], values);
      assert.deepEqual(tensorFromOnnx(onnxTensor(tensor)), tensor);
      const field = dtype === "uint32" ? "uint64Data" : (fields[dtype as keyof typeof fields] ?? "int32Data");
      const wide = field.endsWith("64Data");
      const stored =
        dtype === "float16"
          ? Array.from(new Uint16Array(tensor.data.slice().buffer))
          : values.map((value) => (wide ? BigInt(value) : value));
      const typed = { dims: [3n], dataType: onnxCode(dtype), [field]: stored };
      assert.deepEqual([...tensorFromOnnx(typed).data], [...tensor.data], dtype);
    }
  });

  it("is refused if its data lie elsewhere", () => {
    const given = { dims: [1n], dataType: 1, dataLocation: 1 };
    assert.throws(() => tensorFromOnnx(given), /outside of the file/);
  });
});
