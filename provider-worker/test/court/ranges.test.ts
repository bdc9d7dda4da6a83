import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import type { CourtModel, Range, Tensor } from "@assay/sdk";
import {
  firstContradiction,
  firstUnexplained,
  fromFloat32Array,
  fromNumbers,
  initHash,
  outside,
  rangesOf,
  runTrace,
  toFloat32Array,
} from "@assay/sdk";

import { inProcess } from "../support/inProcessRuntime.js";
import { samples } from "../support/models.js";
import { inAnyOrder, ORDERS, outputsOf } from "../support/otherOrder.js";

const MODELS = [
  ["breast_cancer_mlp_fp32", "breast_cancer"],
  ["digits_mlp_fp32", "digits"],
  ["digits_cnn_fp32", "digits_cnn"],
] as const;
/** The tensor with one element moved. */
function moved(tensor: Tensor, element: number, value: number): Tensor {
  assert.ok(tensor.dtype === "float32");
  return fromFloat32Array(toFloat32Array(tensor).with(element, value), tensor.dims);
}

describe("What rounding explains", () => {
  before(initHash);

  for (const [name, data] of MODELS) {
    describe(name, () => {
      let network: Awaited<ReturnType<typeof inAnyOrder>>;
      let model: CourtModel;
      before(async () => {
        network = await inAnyOrder(name);
        model = network.model;
      });
      const xs = () => samples(data).x.slice(0, 2);
      const run = (x: Tensor) => runTrace(model, new Map([["x", x]]), inProcess);
      const logitsOf = (trace: readonly Tensor[]) => outputsOf(model, trace).get("logits") as Tensor;
      const rangeOfLogits = (trace: readonly Tensor[]) => rangesOf(model, trace)[model.outputs[0] ?? -1] as Range;

      it("explains every tensor of those who add in other orders, whose bytes differ", async () => {
        let different = 0;
        for (const x of xs()) {
          const own = await run(x);
          const ranges = rangesOf(model, own);
          for (const numeric of ORDERS) {
            const other = network.run(x, numeric);
            assert.equal(firstUnexplained(model, own, outputsOf(model, other)), undefined);
            for (const [i, range] of ranges.entries()) assert.equal(outside(range, other[i] as Tensor), undefined);
            if (Buffer.compare(logitsOf(own).data, logitsOf(other).data) !== 0) different++;
          }
        }
        assert.ok(different > 0);
      });

      it("does not explain a logit beyond its range, and explains one at its end", async () => {
        for (const x of xs()) {
          const own = await run(x);
          const { high } = rangeOfLogits(own);
          const [outputs, most] = [outputsOf(model, own), high[1] ?? NaN];
          const above = new Float32Array([most * (most < 0 ? 0.99 : 1.01)])[0] ?? NaN;
          const wrong = new Map(outputs).set("logits", moved(logitsOf(own), 1, above));
          assert.deepEqual(firstUnexplained(model, own, wrong), { name: "logits", element: 1 });
          const between = Math.fround((most + (toFloat32Array(logitsOf(own))[1] ?? NaN)) / 2);
          assert.equal(outside(rangeOfLogits(own), moved(logitsOf(own), 1, between)), undefined);
        }
      });

      it("does not explain a label that does not follow from the logits beside it", async () => {
        const own = await run(xs()[0] as Tensor);
        const outputs = outputsOf(model, own);
        const label = outputs.get("label") as Tensor;
        const other = fromNumbers("int64", label.dims, [label.data[0] === 0 ? 1 : 0]);
        assert.deepEqual(firstUnexplained(model, own, new Map(outputs).set("label", other)), {
          name: "label",
          element: 0,
        });
      });

      it("leaves less than the margin between the first and the second class", async () => {
        for (const x of xs()) {
          const own = await run(x);
          const { low, high } = rangeOfLogits(own);
          const values = [...toFloat32Array(logitsOf(own))].sort((a, b) => b - a);
          const margin = (values[0] ?? NaN) - (values[1] ?? NaN);
          const widest = Math.max(...high.map((most, i) => (most - (low[i] ?? NaN)) / 2));
          assert.ok(2 * widest < margin);
        }
      });

      it("needs a contradiction in the trace of whoever is beyond it", async () => {
        const [x] = xs();
        const own = await run(x as Tensor);
        const wrong = [...own];
        wrong[model.outputs[0] ?? -1] = moved(logitsOf(own), 1, (rangeOfLogits(own).high[1] ?? NaN) + 1);
        assert.ok(firstContradiction(model, wrong));
      });
    });
  }
});
