import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import type { DType, OnnxModel, PrepareOptions, Problem, Tensor } from "@assay/sdk";
import { encodeModel, fromNumbers, initHash, PreparationError, prepareModel, readModel } from "@assay/sdk";

import type { ModelDescription, NodeDescription } from "../../../sdk/test/support/onnxModel.js";
import { onnxModel } from "../../../sdk/test/support/onnxModel.js";
import { inProcess } from "../support/inProcessRuntime.js";

const filled = (dtype: DType, dims: number[], value: number): Tensor =>
  fromNumbers(dtype, dims, new Array<number>(dims.reduce((a, b) => a * b, 1)).fill(value));
const scalar = (dtype: DType, value: number): Tensor => fromNumbers(dtype, [], [value]);

const CONSTANTS: Record<string, Tensor> = {
  one: scalar("float32", 1),
  zero: scalar("uint8", 0),
  zeroWeight: scalar("int8", 0),
  two: fromNumbers("int64", [1], [2]),
  heavy: filled("int8", [4, 4], -65),
  light: filled("int8", [4, 4], -64),
  heavyFilter: filled("int8", [2, 1, 1, 1], 65),
  lightFilter: filled("int8", [2, 1, 1, 1], 64),
};
const INPUTS = {
  x: ["float32", [2, 4]],
  u: ["uint8", [2, 4]],
  s: ["int8", [4, 4]],
  i: ["uint8", [1, 1, 2, 2]],
  n: ["int64", [2]],
  b: ["bool", [2, 4]],
  d: ["float64", [2, 4]],
  scale: ["float32", []],
  count: ["int64", [1]],
  z: ["uint8", []],
  column: ["float32", [4, 1]],
  square: ["int32", [2, 2]],
  long: ["float32", [2, 12_001]],
  full: ["float32", [2, 15_400]],
  plane: ["uint8", [1, 1, 110, 110]],
  longer: ["float32", [2, 16_385]],
  many: ["float32", [45_000]],
  image: ["float32", [1, 1, 80, 80]],
  picture: ["uint8", [1, 1, 80, 80]],
  wide: ["float32", [3, 33]],
  deep: ["float32", [2, 3, 2]],
  tall: ["float32", [200, 2, 2]],
} as const;

const node = (op: string, inputs: string[], attributes: NodeDescription["attributes"] = {}): NodeDescription => ({
  op,
  inputs,
  outputs: ["y"],
  attributes,
});
/** A model of some nodes; inputs and constants that they do not name are left out. */
function modelOf(nodes: NodeDescription[], more: Record<string, Tensor> = {}, opset = 17): OnnxModel {
  const used = new Set(nodes.flatMap(({ inputs }) => inputs));
  const pick = <T>(from: Record<string, T>) =>
    Object.fromEntries(Object.entries(from).filter(([name]) => used.has(name)));
  const description: ModelDescription = {
    nodes,
    inputs: { x: INPUTS.x, ...pick(INPUTS) },
    outputs: Object.fromEntries(nodes.flatMap(({ outputs }) => outputs).map((name) => [name, undefined])),
    constants: pick({ ...CONSTANTS, ...more }),
    opset,
  };
  return onnxModel(description);
}

async function problemsOf(model: OnnxModel, options: PrepareOptions = {}): Promise<readonly Problem[]> {
  try {
    await prepareModel(encodeModel(model), options, inProcess);
  } catch (error) {
    if (error instanceof PreparationError) return error.problems;
    throw error;
  }
  return [];
}

async function requireRefused(
  model: OnnxModel,
  reason: RegExp,
  options?: PrepareOptions,
  remedy?: RegExp,
): Promise<void> {
  const found = await problemsOf(model, options);
  assert.ok(
    found.some((problem) => reason.test(problem.reason) && (remedy?.test(problem.remedy) ?? true)),
    JSON.stringify(found),
  );
  for (const { what, reason: why, remedy } of found) assert.ok(what && why && remedy, JSON.stringify(found));
}

const quantised = (op: string, x: string, w: string): NodeDescription =>
  node(op, [x, "one", "zero", w, "one", "zeroWeight", "one", "zero"]);
const dynamic = (index: number): NodeDescription => {
  const inputs = ["u", "one", "zero", "light", "one", "zeroWeight", "one", "zero"];
  return node("QLinearMatMul", inputs.with(index, "scale"));
};

const NODES: Record<
  string,
  { nodes: NodeDescription[]; reason: RegExp; remedy?: RegExp; more?: Record<string, Tensor>; opset?: number }
> = {
  "MatMulInteger of u8 and s8 beyond 64": { nodes: [node("MatMulInteger", ["u", "heavy"])], reason: /saturates/ },
  "MatMulInteger of u8 and s8 that are no constants": {
    nodes: [node("MatMulInteger", ["u", "s"])],
    reason: /saturates/,
  },
  "QLinearMatMul of u8 and s8 beyond 64": { nodes: [quantised("QLinearMatMul", "u", "heavy")], reason: /saturates/ },
  "ConvInteger of u8 and s8 beyond 64": { nodes: [node("ConvInteger", ["i", "heavyFilter"])], reason: /saturates/ },
  "QLinearConv of u8 and s8 beyond 64": { nodes: [quantised("QLinearConv", "i", "heavyFilter")], reason: /saturates/ },
  "dynamic quantisation": {
    nodes: [{ ...node("DynamicQuantizeLinear", ["x"]), outputs: ["y", "y1", "y2"] }],
    reason: /scale is taken over the whole input/,
  },
  "a scale of a QLinearMatMul that is no constant": { nodes: [dynamic(1)], reason: /scale .* is not constant/ },
  "a scale of weights that is no constant": { nodes: [dynamic(4)], reason: /scale .* is not constant/ },
  "a scale of the result that is no constant": { nodes: [dynamic(6)], reason: /scale .* is not constant/ },
  "a scale of QuantizeLinear that is no constant": {
    nodes: [node("QuantizeLinear", ["x", "scale", "zero"])],
    reason: /scale .* is not constant/,
  },
  "a scale of zero": {
    nodes: [node("QuantizeLinear", ["x", "bad", "zero"])],
    more: { bad: scalar("float32", 0) },
    reason: /not a positive number/,
  },
  "a scale for each channel of QuantizeLinear": {
    nodes: [node("QuantizeLinear", ["x", "scales"], { axis: 1 })],
    more: { scales: filled("float32", [4], 1) },
    reason: /a scale for each channel/,
  },
  "zero points that differ between channels": {
    nodes: [node("MatMulInteger", ["u", "light", "zero", "zeros"])],
    more: { zeros: fromNumbers("int8", [4], [0, 0, 0, 1]) },
    reason: /differs between channels/,
  },
  "a target shape that is no constant": {
    nodes: [node("Reshape", ["x", "count"])],
    reason: /target shape is not constant/,
  },
  "an Expand to a shape that is no constant": { nodes: [node("Expand", ["scale", "count"])], reason: /not constant/ },
  "a Slice from where the data say": {
    nodes: [node("Slice", ["x", "count", "two"])],
    reason: /starts is not constant/,
  },
  "a Slice to where the data say": {
    nodes: [node("Slice", ["x", "two", "count"])],
    reason: /ends is not constant|no elements/,
  },
  "pads that are no constants": { nodes: [node("Pad", ["n", "n"])], reason: /list of pads is not constant/ },
  NonZero: { nodes: [node("NonZero", ["x"])], reason: /shape of its result depends on the data/ },
  Unique: { nodes: [node("Unique", ["x"])], reason: /shape of its result depends on the data/ },
  TopK: { nodes: [{ ...node("TopK", ["x", "two"]), outputs: ["y", "y1"] }], reason: /depends on the data/ },
  NonMaxSuppression: {
    nodes: [node("NonMaxSuppression", ["boxes", "scores"])],
    more: { boxes: filled("float32", [1, 3, 4], 0), scores: filled("float32", [1, 1, 3], 0) },
    reason: /depends on the data/,
  },
  "a random operator": { nodes: [node("RandomNormalLike", ["x"])], reason: /random/ },
  "a random operator without inputs": { nodes: [node("RandomUniform", [], { shape: [2] })], reason: /random/ },
  Bernoulli: { nodes: [node("Bernoulli", ["x"])], reason: /random/ },
  "a sum of floats that is no operator": {
    nodes: [node("CumSum", ["x", "zeroAxis"])],
    more: { zeroAxis: scalar("int64", 0) },
    reason: /no such sum/,
  },
  "a MatMul whose row and column are longer than a transaction": {
    nodes: [node("MatMul", ["full", "w"])],
    more: { w: filled("float32", [15_400, 2], 1) },
    reason:
      /read out of 3 leaves, 12\d{4} bytes with their proofs, and 3 operands.* more than 8 transactions of 131072 bytes can carry/,
  },
  "a MaxPool of more places than a transaction can compare": {
    nodes: [node("MaxPool", ["plane"], { kernel_shape: [110, 110] })],
    reason: /takes 12100 terms out of 14 leaves, more than one transaction can judge/,
  },
  "an ArgMax of more elements than a transaction can compare": {
    nodes: [node("ArgMax", ["long"], { axis: 1 })],
    reason: /takes 12001 terms out of 49 leaves, more than one transaction can judge/,
  },
  "a MatMul whose sums are too long": {
    nodes: [node("MatMul", ["longer", "w"])],
    more: { w: filled("float32", [16_385, 2], 1) },
    reason: /too large to open/,
  },
  "a ReduceSum of too many numbers": {
    nodes: [node("ReduceSum", ["many"])],
    reason: /takes 45000 terms out of 178 leaves, more than 8 transactions can judge/,
  },
  "a GlobalAveragePool of more than one transaction, whose order cannot be cut": {
    nodes: [node("GlobalAveragePool", ["image"])],
    reason: /takes 6400 terms out of 27 leaves, more than one transaction can judge/,
  },
  "a convolution of integers over more places than transactions can open": {
    nodes: [node("ConvInteger", ["picture", "w"])],
    more: { w: filled("uint8", [1, 1, 80, 80], 1) },
    reason: /takes 6400 terms out of 6404 leaves, more than 8 transactions can judge/,
  },
  "a MatMul of integers": {
    nodes: [node("MatMul", ["square", "square"])],
    reason: /computes with int32/,
  },
  "a Gemm with a factor": {
    nodes: [node("Gemm", ["x", "w"], { alpha: { float: 0.5 } })],
    more: { w: filled("float32", [4, 2], 1) },
    reason: /alpha or beta is not one/,
  },
  "a MatMul with a vector": {
    nodes: [node("MatMul", ["x", "w"])],
    more: { w: filled("float32", [4], 1) },
    reason: /a factor is a vector/,
  },
  "a product whose order of summation is none that the court knows": {
    nodes: [node("MatMul", ["x", "column"])],
    reason: /none of the \d+ orders/,
  },
  "a sum of rows of an input, whose order depends on where it lies in memory": {
    nodes: [node("ReduceSum", ["wide", "axes"])],
    more: { axes: fromNumbers("int64", [1], [1]) },
    opset: 18,
    reason: /none of the 4 orders/,
    remedy: /of an input of the model, put an operator that computes before it/,
  },
  "a sum over axes that are no neighbours": {
    nodes: [node("ReduceSum", ["deep", "axes"])],
    more: { axes: fromNumbers("int64", [2], [0, 2]) },
    opset: 18,
    reason: /no neighbours/,
  },
  "a Concat of more operands than a transaction can name": {
    nodes: [node("Concat", new Array<string>(125).fill("x"), { axis: 0 })],
    reason: /125 operands, 125000 bytes with their headers/,
    remedy: /fewer operands/,
  },
  "a sum of elements that lie far apart": {
    nodes: [node("ReduceMean", ["tall"], { axes: [0] })],
    reason: /lie far apart/,
  },
  "a Sigmoid without tolerance": { nodes: [node("Sigmoid", ["x"])], reason: /profile Tolerance only/ },
  "a LayerNormalization without tolerance": {
    nodes: [node("LayerNormalization", ["x", "gain"])],
    more: { gain: filled("float32", [4], 1) },
    reason: /profile Tolerance only/,
  },
  "a Pow of another exponent": {
    nodes: [node("Pow", ["x", "power"])],
    more: { power: scalar("float32", 2.5) },
    reason: /exponent is not 2 or 3/,
  },
  "a Pow of a single element, which is not multiplied out": {
    nodes: [node("Pow", ["scale", "power"])],
    more: { power: scalar("float32", 3) },
    reason: /power of each single element by itself/,
  },
  "a Pow of rows of one element with an exponent of fewer axes, which is not multiplied out": {
    nodes: [node("Pow", ["column", "power"])],
    more: { power: fromNumbers("float32", [1], [3]) },
    reason: /power of each single element by itself/,
  },
  "a Pow whose exponent is no constant": { nodes: [node("Pow", ["x", "scale"])], reason: /exponent is not constant/ },
  "an operator nobody judges": { nodes: [node("Mod", ["n", "count"])], reason: /no such operator/ },
  "a Where of too many axes": {
    nodes: [node("Where", ["mask", "n", "n"])],
    more: { mask: filled("bool", new Array<number>(8).fill(1), 1) },
    reason: /it has 8 axes/,
  },
  "a Min of floats": { nodes: [node("Min", ["x", "scale"])], reason: /which of two zeros/ },
  "a Max of floats with too few axes": { nodes: [node("Max", ["x", "scale"])], reason: /fewer than three axes/ },
  "a Pad that reflects further than its operand is long": {
    nodes: [node("Pad", ["x", "pads"], { mode: "wrap" })],
    more: { pads: fromNumbers("int64", [4], [0, 5, 0, 0]) },
    opset: 19,
    reason: /further away than x is long/,
  },
  "an AveragePool whose windows are divided by different numbers": {
    nodes: [
      node("AveragePool", ["deep"], {
        kernel_shape: [3],
        strides: [2],
        pads: [1, 1],
        ceil_mode: 1,
        count_include_pad: 1,
      }),
    ],
    reason: /divided by different numbers/,
  },
  "a sequence": {
    nodes: [{ ...node("SplitToSequence", ["x"]), outputs: ["q"] }, node("SequenceLength", ["q"])],
    reason: /sequences/,
  },
  "float64 arithmetic": { nodes: [node("Add", ["d", "d"])], reason: /float64/ },
  "a cast of floats to integers": { nodes: [node("Cast", ["x"], { to: 6 })], reason: /casts float32 to int32/ },
  "an integer division by what is no constant": {
    nodes: [node("Div", ["n", "count"])],
    reason: /divisor is not constant/,
  },
  "an integer division by -1": {
    nodes: [node("Div", ["n", "minus"])],
    more: { minus: fromNumbers("int64", [1], [-1]) },
    reason: /divisor is 0 or -1/,
  },
  "a MaxPool whose indices are read": {
    nodes: [{ ...node("MaxPool", ["i"], { kernel_shape: [2, 2] }), outputs: ["y", "y1"] }],
    reason: /indices/,
  },
  "a Clip to what is no number": {
    nodes: [node("Clip", ["x", "bad"])],
    more: { bad: scalar("float32", NaN) },
    reason: /no number/,
  },
  "a Split of which a part has no name": {
    nodes: [{ ...node("Split", ["x", "parts"]), outputs: ["", "y"] }],
    more: { parts: fromNumbers("int64", [2], [1, 1]) },
    reason: /a part of it has no name/,
  },
  "a window of which the first place is cut off": {
    nodes: [node("MaxPool", ["picture"], { kernel_shape: [1, 1], strides: [4, 4], auto_pad: "SAME_UPPER" })],
    reason: /negative pads/,
    remedy: /instead of auto_pad/,
  },
  "an operator of another domain": {
    nodes: [{ ...node("Gelu", ["x"]), domain: "com.microsoft" }],
    reason: /domain "com.microsoft"/,
  },
  "an opset that is too old": { nodes: [node("Relu", ["x"])], opset: 5, reason: /version 5 is unknown/ },
  "an opset that is unknown": { nodes: [node("Relu", ["x"])], opset: 99, reason: /version 99 is unknown/ },
};

describe("Preparing a model refuses", () => {
  before(initHash);

  for (const [what, { nodes, reason, remedy, more, opset }] of Object.entries(NODES)) {
    it(what, () => requireRefused(modelOf(nodes, more, opset), reason, {}, remedy));
  }

  it("an opset that is said twice: onnxruntime takes the last of both", async () => {
    const model = modelOf([node("Clip", ["x"])], {}, 13);
    model.graph.node[0]?.attribute.push({ name: "max", type: 1, f: 2 });
    for (const domain of ["", "ai.onnx"]) {
      const twice = { ...model, opsetImport: [...model.opsetImport, { domain, version: 10n }] };
      await requireRefused(twice, /said more than once/);
    }
  });

  it("control flow", async () => {
    const graph = onnxModel({ nodes: [], inputs: {}, outputs: {} }).graph;
    const model = modelOf([node("If", ["b"])]);
    model.graph.node[0]?.attribute.push({ name: "then_branch", type: 5, g: graph });
    await requireRefused(model, /is a graph: control flow/);
    await requireRefused(model, /it is control flow/);
  });

  it("functions, training info and sparse constants", async () => {
    const model = modelOf([node("Relu", ["x"])]);
    await requireRefused({ ...model, functions: [new Uint8Array(1)] }, /hide operators/);
    await requireRefused({ ...model, trainingInfo: [new Uint8Array(1)] }, /changes constants/);
    const graph = { ...model.graph, sparseInitializer: [new Uint8Array(1)] };
    await requireRefused({ ...model, graph }, /no commitment/);
  });

  it("data outside of the file, wherever it is named", async () => {
    const model = modelOf([node("Add", ["x", "one"])]);
    const [constant] = model.graph.initializer;
    assert.ok(constant);
    constant.externalData = [{ key: "location", value: "weights.bin" }];
    await requireRefused(model, /outside of the file/);
    const inNode = modelOf([node("ConstantOfShape", ["count"])]);
    const t = { dims: [1n], dataType: 1, externalData: [{ key: "location", value: "/etc/passwd" }] };
    inNode.graph.node[0]?.attribute.push({ name: "value", type: 4, t });
    await requireRefused(inNode, /no tensor of numbers/);
  });

  it("constants whose elements are too few or too many", async () => {
    const model = modelOf([node("Add", ["x", "one"])]);
    const [constant] = model.graph.initializer;
    assert.ok(constant);
    constant.rawData = new Uint8Array(8);
    await requireRefused(model, /cannot be read: float32\[\] takes 4 bytes, got 8/);
  });

  it("text, sequences and optional values as inputs or outputs", async () => {
    const model = modelOf([node("Relu", ["x"])]);
    const text = { name: "t", type: { tensorType: { elemType: 8, shape: { dim: [] } } } };
    await requireRefused({ ...model, graph: { ...model.graph, input: [...model.graph.input, text] } }, /no tensor/);
    const sequence = { name: "y", type: {} };
    await requireRefused({ ...model, graph: { ...model.graph, output: [sequence] } }, /no tensor/);
  });

  it("dimensions that have no length, and lengths that no input has", async () => {
    const model = onnxModel({
      nodes: [node("Relu", ["x"])],
      inputs: { x: ["float32", ["N", "M"]] },
      outputs: { y: undefined },
    });
    await requireRefused(model, /axis 1 has no fixed length/, { dims: { N: 2 } });
    await requireRefused(model, /no input has it/, { dims: { N: 2, M: 2, K: 2 } });
    assert.deepEqual(await problemsOf(model, { dims: { N: 2, M: 2 } }), []);
  });

  it("a Softmax to strip that is not there or not last", async () => {
    const strip = { stripSoftmax: true };
    await requireRefused(modelOf([node("Relu", ["x"])]), /no Softmax is the last step/, strip);
    const inside = modelOf([{ ...node("Softmax", ["x"]), outputs: ["p"] }, node("Relu", ["p"])]);
    await requireRefused(inside, /no Softmax is the last step/, strip);
  });

  it("rows whose totals cannot be judged, or whose scale is beyond the range, even with tolerance", async () => {
    const tolerance = { tolerance: true };
    const wide = { ...modelOf([node("Softmax", ["r"])]) };
    wide.graph.input.push(
      ...onnxModel({ nodes: [], inputs: { r: ["float32", [1, 2 ** 20 + 1]] }, outputs: {} }).graph.input,
    );
    await requireRefused(wide, /more than the 1048576 whose totals are judged/, tolerance);
    const large = modelOf([node("LayerNormalization", ["x", "gain"])], { gain: filled("float32", [4], 2 ** 50) });
    await requireRefused(large, /2\^50 or more/, tolerance);
    const broadcast = modelOf([node("LayerNormalization", ["x", "gain"])], { gain: filled("float32", [1], 1) });
    await requireRefused(broadcast, /is broadcast|does not run/, tolerance);
    const read = modelOf([{ ...node("LayerNormalization", ["x", "gain"]), outputs: ["y", "mean"] }], {
      gain: filled("float32", [4], 1),
    });
    await requireRefused(read, /mean or deviation is read/, tolerance);
  });

  it("a Neg of an unsigned tensor, which onnxruntime refuses too, in a file that is only read", async () => {
    const refused = (error: unknown) => error instanceof PreparationError && /is uint8/.test(error.message);
    await assert.rejects(readModel(encodeModel(modelOf([node("Neg", ["u"])])), inProcess), refused);
  });

  it("a batch normalisation whose scale is lost below the range: a runtime that multiplies x first keeps it", async () => {
    const model = modelOf([node("BatchNormalization", ["x", "gamma", "none", "none", "variance"])], {
      gamma: filled("float32", [4], 2 ** -140),
      none: filled("float32", [4], 0),
      variance: filled("float32", [4], 2 ** 40),
    });
    await requireRefused(model, /beyond the range/, { tolerance: true });
  });

  it("an ArgMax of logits along another axis than the Softmax", async () => {
    const label = node("ArgMax", ["p"], { axis: 0 });
    const model = modelOf([{ ...node("Softmax", ["x"], { axis: 1 }), outputs: ["p"] }, label]);
    await requireRefused(model, /its axis/, { stripSoftmax: true, argMaxOfLogits: true });
  });

  it("all of it at once, each with its node, reason and remedy", async () => {
    const named = (name: string, each: NodeDescription): NodeDescription => ({ ...each, outputs: [name] });
    const model = modelOf([
      named("a", node("Sigmoid", ["x"])),
      named("b", node("MatMulInteger", ["u", "heavy", "z"])),
      named("c", node("Cast", ["a"], { to: 7 })),
    ]);
    const found = await problemsOf(model);
    assert.deepEqual(
      found.map(({ where, what, reason }) => `${what} ${where}: ${reason.slice(0, 20)}`),
      [
        "Sigmoid a: functions differ bet",
        "MatMulInteger b: u8 times s8 saturate",
        "MatMulInteger b: the zero point (inpu",
        "Cast c: it casts float32 to ",
      ],
    );
    const error = new PreparationError(found);
    for (const { where, reason, remedy } of found) {
      for (const part of [where, reason, remedy]) assert.ok(error.message.includes(part));
    }
  });
});

describe("Preparing a model accepts", () => {
  before(initHash);

  it("u8 times s8 with weights up to 64", async () => {
    for (const nodes of [
      [node("MatMulInteger", ["u", "light"])],
      [quantised("QLinearMatMul", "u", "light")],
      [node("ConvInteger", ["i", "lightFilter"])],
      [quantised("QLinearConv", "i", "lightFilter")],
    ]) {
      assert.deepEqual(await problemsOf(modelOf(nodes)), []);
    }
  });

  it("sums that take several transactions", async () => {
    const columns = { w: filled("float32", [12_001, 2], 1) };
    assert.deepEqual(await problemsOf(modelOf([node("MatMul", ["long", "w"])], columns)), []);
    assert.deepEqual(await problemsOf(modelOf([node("GlobalAveragePool", ["image"])]), { tolerance: true }), []);
    assert.deepEqual(await problemsOf(modelOf([node("ReduceSum", ["many"])]), { tolerance: true }), []);
  });

  it("shapes that onnxruntime computes from frozen ones", async () => {
    const model = onnxModel({
      nodes: [
        { op: "Shape", inputs: ["x"], outputs: ["shape"] },
        { op: "Gather", inputs: ["shape", "first"], outputs: ["batch"] },
        { op: "Concat", inputs: ["batch", "rest"], outputs: ["target"], attributes: { axis: 0 } },
        { op: "Reshape", inputs: ["x", "target"], outputs: ["y"] },
      ],
      inputs: { x: ["float32", ["N", 2, 3]] },
      outputs: { y: ["float32", ["N", "M"]] },
      constants: { first: fromNumbers("int64", [1], [0]), rest: fromNumbers("int64", [1], [-1]) },
    });
    const { model: prepared } = await prepareModel(encodeModel(model), { dims: { N: 5 } }, inProcess);
    assert.deepEqual(
      prepared.tensors.map(({ dims }) => dims),
      [
        [5, 2, 3],
        [5, 6],
      ],
    );
    assert.deepEqual(
      prepared.instructions.map(({ operator }) => operator),
      ["View"],
    );
  });
});
