import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import type { GraphRuntime, Tensor } from "@assay/sdk";
import { initHash, PreparationError, readModel } from "@assay/sdk";

import { onnxFile } from "../../../sdk/test/support/onnxModel.js";
import { inProcess } from "../support/inProcessRuntime.js";

/** A Relu between two that move. */
const FILE = onnxFile({
  nodes: [
    { op: "Transpose", inputs: ["x"], outputs: ["a"] },
    { op: "Relu", inputs: ["a"], outputs: ["b"] },
    { op: "Concat", inputs: ["b", "a"], outputs: ["y"], attributes: { axis: 0 } },
  ],
  inputs: { x: ["float32", [3, 4]] },
  outputs: { y: undefined },
});

type Run = (results: Map<string, Tensor>, inputs: ReadonlyMap<string, Tensor>) => Map<string, Tensor>;

/** onnxruntime, of whose results something else is made. */
const otherwise = (change: Run): GraphRuntime => ({
  ...inProcess,
  async load(file) {
    const loaded = await inProcess.load(file);
    return { ...loaded, run: async (inputs) => change(await loaded.run(inputs), inputs) };
  },
});

describe("A model is read only if a run of it is what its graph says", () => {
  before(initHash);

  it("and refused with the node that onnxruntime computes otherwise", async () => {
    const runtime = otherwise((results) => {
      const b = results.get("b");
      return b ? new Map([...results, ["b", { ...b, data: b.data.map((byte) => byte ^ 1) }]]) : results;
    });
    await assert.rejects(readModel(FILE, runtime), (error: unknown) => {
      assert.ok(error instanceof PreparationError);
      assert.deepEqual(
        error.problems.map(({ where, what }) => [where, what]),
        [
          ["b", "Relu"],
          ["y", "Concat"],
        ],
      );
      return true;
    });
  });

  it("and read without one if it does not take the inputs that are tried", async () => {
    const runtime = otherwise((results, inputs) => {
      if (inputs.get("x")?.data.some((byte) => byte !== 0)) throw new Error("zeros only");
      return results;
    });
    assert.equal((await readModel(FILE, runtime)).commitment, (await readModel(FILE, inProcess)).commitment);
  });
});
