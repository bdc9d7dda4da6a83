import { expect } from "chai";
import type { Tensor } from "@assay/sdk";
import { elementCount, fromNumbers, initHash, prepareModel, runTrace } from "@assay/sdk";

import { inProcess } from "../../provider-worker/test/support/inProcessRuntime.js";
import type { ModelDescription } from "../../sdk/test/support/onnxModel.js";
import { onnxFile } from "../../sdk/test/support/onnxModel.js";
import { Random } from "../../sdk/test/tensor/random.js";
import { networkHelpers } from "../support/fixture.js";
import { uniform } from "../support/networks.js";
import { marketOf } from "../support/proofs.js";
import { verdict } from "../support/verdict.js";
import { withElement } from "../verifiers/support/values.js";

const CANONICAL = 2;
const random = new Random(9);

/** Nodes whose columns are whole fours and more, computed by wasm's kernel for one row. */
const MODELS: Readonly<Record<string, Pick<ModelDescription, "nodes" | "constants"> & { dims: number[] }>> = {
  "a product of one row with what is computed": {
    dims: [7, 7],
    nodes: [
      { op: "Slice", inputs: ["x", "zero", "one", "zero"], outputs: ["row"] },
      { op: "MatMul", inputs: ["row", "x"], outputs: ["y"] },
    ],
    constants: { zero: fromNumbers("int64", [1], [0]), one: fromNumbers("int64", [1], [1]) },
  },
  "the same with a bias": {
    dims: [7, 7],
    nodes: [
      { op: "Slice", inputs: ["x", "zero", "one", "zero"], outputs: ["row"] },
      { op: "Gemm", inputs: ["row", "x", "row"], outputs: ["y"] },
    ],
    constants: { zero: fromNumbers("int64", [1], [0]), one: fromNumbers("int64", [1], [1]) },
  },
  "a depthwise convolution with a bias": {
    dims: [1, 2, 5, 5],
    nodes: [{ op: "Conv", inputs: ["x", "w", "bias"], outputs: ["y"], attributes: { group: 2, pads: [1, 1, 1, 1] } }],
    constants: { w: uniform(random, 2, 1, 3, 3), bias: uniform(random, 2) },
  },
  "an average over the axis between": {
    dims: [2, 9, 5],
    nodes: [{ op: "ReduceMean", inputs: ["x", "axes"], outputs: ["y"], attributes: { keepdims: 0 } }],
    constants: { axes: fromNumbers("int64", [1], [1]) },
  },
};

describe("ProofCourt, sums of one row by wasm", function () {
  this.timeout(300_000);
  before(initHash);

  for (const [what, { dims, nodes, constants = {} }] of Object.entries(MODELS)) {
    it(`convicts a forged element of every step of ${what}, and no honest one`, async () => {
      const description = { nodes, constants, inputs: { x: ["float32", dims] }, outputs: { y: undefined } } as const;
      const { model } = await prepareModel(onnxFile({ ...description, opset: 18 }), { runtime: "wasm" }, inProcess);
      const market = () => marketOf(model, CANONICAL);
      const trace = await runTrace(model, new Map([["x", uniform(random, ...dims)]]), inProcess);
      expect(model.instructions.map(({ operator }) => operator)).to.include.members(["MatMul", "Concat"]);
      for (let tensor = model.inputNames.length; tensor < trace.length; tensor++) {
        const count = elementCount(trace[tensor]?.dims ?? []);
        // The last columns are another node's than the first ones.
        for (const element of new Set([0, count - 1])) {
          const opened = await networkHelpers.loadFixture(market);
          const about = `element ${element} of tensor ${tensor}`;
          const honest = await verdict(opened, model, trace, tensor, element);
          expect(honest, `an honest ${about}`).to.equal("ProofCourt_NoContradiction");
          const forged = trace.with(tensor, flipped(trace[tensor] as Tensor, element));
          expect(await verdict(opened, model, forged, tensor, element), `a forged ${about}`).to.equal("convicted");
        }
      }
    });
  }
});

/** With the lowest bit of one float32 turned over. */
function flipped(tensor: Tensor, element: number): Tensor {
  const bytes = tensor.data.slice(4 * element, 4 * element + 4);
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  return withElement(tensor, element, bytes);
}
