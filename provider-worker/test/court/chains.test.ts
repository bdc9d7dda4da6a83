import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import type { DType, Tensor } from "@assay/sdk";
import { commitBundle, commitTrace, fromNumbers, initHash, prepareModel, runTrace } from "@assay/sdk";

import type { ModelDescription, NodeDescription } from "../../../sdk/test/support/onnxModel.js";
import { onnxFile } from "../../../sdk/test/support/onnxModel.js";
import { randomTensor } from "../../../sdk/test/support/values.js";
import { Random } from "../../../sdk/test/tensor/random.js";
import { inProcess } from "../support/inProcessRuntime.js";
import { checkTrace } from "../support/oneNode.js";

const SIDE = 4;

const FLOAT_STEPS = ["relu", "add", "quantise"] as const;
const BYTE_STEPS = ["convolve", "convolve", "pool", "dequantise"] as const;
const MOVES = ["twice", "transpose", "flip", "there"] as const;

/** Grows a model node by node; each step takes a tensor [1, C, 4, 4] to another. */
class Chain {
  readonly nodes: NodeDescription[] = [];
  readonly constants: Record<string, Tensor> = {
    scale: fromNumbers("float32", [], [0.5]),
    zero: fromNumbers("uint8", [], [128]),
  };
  tip = "x";
  dtype: DType = "float32";
  channels = 3;
  readonly earlier: string[] = [];

  constructor(private readonly random: Random) {}

  step(): void {
    this.earlier.push(this.tip);
    const own = this.dtype === "float32" ? FLOAT_STEPS : BYTE_STEPS;
    this[this.random.pick([...own, ...MOVES])]();
  }

  private then(op: string, more: string[] = [], attributes: NodeDescription["attributes"] = {}): void {
    const y = `t${this.nodes.length}`;
    this.nodes.push({ op, inputs: [this.tip, ...more], outputs: [y], attributes });
    this.tip = y;
  }

  private constant(tensor: Tensor): string {
    const name = `c${Object.keys(this.constants).length}`;
    this.constants[name] = tensor;
    return name;
  }

  relu(): void {
    this.then("Relu");
  }

  add(): void {
    this.then("Add", [this.constant(randomTensor(this.random, "float32", [this.channels, 1, 1]))]);
  }

  quantise(): void {
    this.then("QuantizeLinear", ["scale", "zero"]);
    this.dtype = "uint8";
  }

  dequantise(): void {
    this.then("DequantizeLinear", ["scale", "zero"]);
    this.dtype = "float32";
  }

  convolve(): void {
    const channels = 1 + this.random.below(5);
    const w = this.constant(randomTensor(this.random, "uint8", [channels, this.channels, 3, 3]));
    const inputs = ["scale", "zero", w, "scale", "zero", this.constant(fromNumbers("float32", [], [64])), "zero"];
    this.then("QLinearConv", inputs, { pads: [1, 1, 1, 1] });
    this.channels = channels;
  }

  pool(): void {
    this.then("MaxPool", [], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] });
  }

  twice(): void {
    if (this.channels > 6) return;
    this.then("Concat", [this.tip], { axis: 1 });
    this.channels *= 2;
  }

  transpose(): void {
    this.then("Transpose", [], { perm: [0, 1, 3, 2] });
  }

  flip(): void {
    const [from, to, axis, step] = [-1, -(SIDE + 1), 2, -1].map((value) =>
      this.constant(fromNumbers("int64", [1], [value])),
    );
    this.then("Slice", [from ?? "", to ?? "", axis ?? "", step ?? ""]);
  }

  /** Flattens, and back again. */
  there(): void {
    this.then("Flatten");
    this.then("Reshape", [this.constant(fromNumbers("int64", [4], [1, this.channels, SIDE, SIDE]))]);
  }
}

function chainOf(random: Random): ModelDescription {
  const chain = new Chain(random);
  for (let length = 3 + random.below(8); length > 0; length--) chain.step();
  const outputs = new Set([chain.tip, random.pick(chain.earlier)].filter((name) => name !== "x"));
  return {
    nodes: chain.nodes,
    inputs: { x: ["float32", ["N", 3, SIDE, SIDE]] },
    outputs: Object.fromEntries([...outputs].map((name) => [name, undefined])),
    constants: chain.constants,
  };
}

describe("Random chains of operators", () => {
  before(initHash);

  it("are prepared, traced and committed to as onnxruntime runs them", async () => {
    const random = new Random(51);
    const used = new Set<string>();
    for (let round = 0; round < 60; round++) {
      const { model } = await prepareModel(onnxFile(chainOf(random)), { dims: { N: 1 } }, inProcess);
      const inputs = new Map([["x", randomTensor(random, "float32", [1, 3, SIDE, SIDE])]]);
      const trace = await runTrace(model, inputs, inProcess);
      checkTrace(model, trace);
      const loaded = await inProcess.load(model.file);
      const plain = await loaded.run(inputs);
      loaded.stop();
      assert.equal(commitTrace(model, trace).outputRoot, commitBundle(plain, model.outputNames).root);
      for (const { operator } of model.instructions) used.add(operator);
    }
    for (const operator of [
      "View",
      "Concat",
      "Relu",
      "Add",
      "MaxPool",
      "QuantizeLinear",
      "DequantizeLinear",
      "QLinearConv",
    ]) {
      assert.ok(used.has(operator), operator);
    }
  });
});
