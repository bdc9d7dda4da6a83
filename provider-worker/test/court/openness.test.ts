import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import type { CourtModel, Difference, Tensor } from "@assay/sdk";
import { differenceOf, fromNumbers, initHash, Open, openTensors, prepareModel, runTrace } from "@assay/sdk";

import type { NodeDescription } from "../../../sdk/test/support/onnxModel.js";
import { onnxFile } from "../../../sdk/test/support/onnxModel.js";
import { inProcess } from "../support/inProcessRuntime.js";

const DIMS = [1, 2, 3];
const floats = (...values: number[]): Tensor => fromNumbers("float32", values.length === 1 ? [] : DIMS, values);
const CONSTANTS: Record<string, Tensor> = {
  eps: floats(1e-5),
  zero: floats(0),
  // Not zero everywhere, or onnxruntime leaves the node out.
  some: floats(0, 1, 2, 3, 4, 5),
  someMinus: floats(-0, 1, 2, 3, 4, 5),
  half: floats(0.5),
  six: floats(6),
  two: floats(2),
};

const node = (op: string, inputs: string, output: string, attributes: NodeDescription["attributes"] = {}) => ({
  ...{ op, inputs: inputs.split(" "), attributes },
  outputs: [output],
});
const RELU = node("Relu", "x", "r");
const DIVIDED = node("Div", "x d", "y");

/** A model of inputs x and z; constants that it does not name are left out. */
async function prepared(nodes: NodeDescription[], tolerance = false, outputs = ["y"]): Promise<CourtModel> {
  const used = new Set(nodes.flatMap(({ inputs }) => inputs));
  const pick = <T>(from: Record<string, T>) =>
    Object.fromEntries(Object.entries(from).filter(([name]) => used.has(name)));
  const file = onnxFile({
    nodes,
    inputs: pick({ x: ["float32", DIMS], z: ["float32", DIMS] } as const),
    outputs: Object.fromEntries(outputs.map((name) => [name, undefined])),
    constants: pick(CONSTANTS),
  });
  return (await prepareModel(file, { tolerance }, inProcess)).model;
}

describe("A divisor whose zeros have either sign", () => {
  before(initHash);

  const refused: Record<string, NodeDescription[]> = {
    "out of a Relu": [node("Relu", "x", "d"), DIVIDED],
    "out of a Clip that reaches zero": [node("Clip", "x zero six", "d"), DIVIDED],
    "out of a MaxPool": [node("MaxPool", "x", "d", { kernel_shape: [1] }), DIVIDED],
    "out of a Max": [node("Max", "x z", "d"), DIVIDED],
    "out of an Abs": [node("Abs", "x", "d"), DIVIDED],
    "of a Reciprocal": [RELU, node("Reciprocal", "r", "y")],
    "that was moved": [
      RELU,
      node("Transpose", "r", "t", { perm: [0, 1, 2] }),
      node("Concat", "t", "d", { axis: 0 }),
      DIVIDED,
    ],
    "that was scaled": [RELU, node("Mul", "r half", "d"), DIVIDED],
    "that -0 was added to": [RELU, node("Add", "r someMinus", "d"), DIVIDED],
    "that 0 was taken off": [RELU, node("Sub", "r some", "d"), DIVIDED],
    "of a sum": [RELU, node("ReduceSum", "r", "s", { keepdims: 1 }), node("Sqrt", "s", "d"), DIVIDED],
    "chosen by a Where": [RELU, node("Less", "x half", "c"), node("Where", "c x r", "d"), DIVIDED],
    "that divides after a divisor that is fine": [
      ...[RELU, node("Add", "r eps", "e"), node("Div", "x e", "q")],
      ...[node("Relu", "q", "d"), DIVIDED],
    ],
  };
  for (const [what, nodes] of Object.entries(refused)) {
    it(`is refused by name: ${what}`, async () => {
      const name = nodes.at(-1)?.outputs[0] ?? "";
      await assert.rejects(prepared(nodes), new RegExp(`Div "${name}": its divisor can be a zero.*Add a constant`));
    });
  }

  const fine: Record<string, NodeDescription[]> = {
    "an epsilon was added": [RELU, node("Add", "r eps", "d"), DIVIDED],
    "0 was added, which leaves no -0": [RELU, node("Add", "r some", "d"), DIVIDED],
    "it was taken off a constant": [RELU, node("Sub", "half r", "d"), DIVIDED],
    "it was clipped above zero": [RELU, node("Clip", "r half six", "d"), DIVIDED],
    "it is another operand": [RELU, node("Div", "r x", "y")],
    "it went through integers": [
      ...[RELU, node("QuantizeLinear", "r half", "q"), node("DequantizeLinear", "q half", "d"), DIVIDED],
    ],
    "only its size was compared": [
      ...[RELU, node("Greater", "r half", "c"), node("Where", "c six half", "d"), DIVIDED],
    ],
  };
  for (const [what, nodes] of Object.entries(fine)) {
    it(`is none where ${what}`, async () => {
      assert.ok((await prepared(nodes)).instructions.some(({ operator }) => operator === "Div"));
    });
  }

  const mean = { axes: [2], keepdims: 1 };
  const normalised = [
    ...[RELU, node("ReduceMean", "r", "m", mean), node("Sub", "r m", "c"), node("Pow", "c two", "p")],
    ...[node("ReduceMean", "p", "v", mean), node("Add", "v eps", "e"), node("Sqrt", "e", "d"), node("Div", "c d", "y")],
  ];
  for (const tolerance of [false, true]) {
    it(`lets a normalisation with an epsilon pass, ${tolerance ? "in any order" : "bit for bit"}`, async () => {
      assert.ok(await prepared(normalised, tolerance));
    });
  }

  it("lets a softmax pass that is written out", async () => {
    const softmax = [
      ...[RELU, node("ReduceMax", "r", "m", mean), node("Sub", "r m", "c"), node("Exp", "c", "e")],
      ...[node("ReduceSum", "e", "s", { keepdims: 1 }), node("Div", "e s", "y")],
    ];
    assert.ok(await prepared(softmax, true));
  });
});

describe("A result that differs from one's own", () => {
  let model: CourtModel;
  before(async () => {
    await initHash();
    const nodes = [
      RELU,
      node("Mul", "r two", "y"),
      node("Sub", "r half", "s"),
      node("MaxPool", "x", "p", { kernel_shape: [3] }),
    ];
    model = await prepared(nodes, false, ["y", "s", "p"]);
  });
  const traceOf = (...x: number[]) => runTrace(model, new Map([["x", fromNumbers("float32", DIMS, x)]]), inProcess);
  const outputsOf = (trace: readonly Tensor[]) =>
    new Map(model.outputNames.map((name, i) => [name, trace[model.outputs[i] ?? -1] as Tensor]));
  /** The result with one bit of an output turned. */
  const turned = (trace: readonly Tensor[], name: string, byte: number, bit: number) => {
    const outputs = outputsOf(trace);
    const own = outputs.get(name) as Tensor;
    const data = Uint8Array.from(own.data, (value, i) => (i === byte ? value ^ bit : value));
    return outputs.set(name, { ...own, data });
  };
  const said = (trace: readonly Tensor[], claimed?: ReadonlyMap<string, Tensor>): Difference =>
    differenceOf(model, trace, claimed);

  it("is wrong in any byte where no Relu read -0", async () => {
    const trace = await traceOf(0, 1, -2, 3, -4, 5);
    assert.ok(openTensors(model, trace).every((each) => each === Open.Nothing));
    assert.equal(said(trace, turned(trace, "y", 3, 0x80)), "wrong");
    assert.equal(said(trace), "wrong");
  });

  it("is open in the sign of a zero that came of -0, and of no other number", async () => {
    const trace = await traceOf(-0, 1, -2, 3, -4, 5);
    assert.equal(said(trace, turned(trace, "y", 3, 0x80)), "open");
    assert.equal(said(trace, turned(trace, "y", 4, 1)), "wrong");
    assert.equal(said(trace, turned(trace, "s", 3, 0x80)), "wrong");
    assert.equal(said(trace, new Map()), "wrong");
  });

  it("cannot be told unseen where its own has such a zero", async () => {
    assert.equal(said(await traceOf(-0, 1, 2, 3, 4, 5)), "unknown");
  });

  it("cannot be told at all where a pooling met a NaN, but for what does not depend on it", async () => {
    const trace = await traceOf(NaN, 1, 2, 3, 4, 5);
    assert.equal(said(trace, turned(trace, "p", 0, 1)), "unknown");
    assert.equal(said(trace, turned(trace, "s", 4, 1)), "wrong");
  });
});
