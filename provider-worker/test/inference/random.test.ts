import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";

import { toFloat32Array } from "@assay/sdk";

import type { NodeDescription } from "../../../sdk/test/support/onnxModel.js";
import { onnxFile } from "../../../sdk/test/support/onnxModel.js";
import { localRuntime } from "../../src/court/localRuntime.js";
import { ChildRunner } from "../../src/inference/runner.js";
import { floats } from "../support/fakeRunner.js";

const LIMITS = { timeoutMs: 60_000, memoryMb: 1000 };
const SHAPE = { shape: [2] };

/** y = x + relu(x - 100) * noise: for every x up to 100 it is y = x, whatever is drawn. */
function withNoise(...noise: NodeDescription[]): Uint8Array {
  return onnxFile({
    nodes: [
      { op: "Sub", inputs: ["x", "c"], outputs: ["over"] },
      { op: "Relu", inputs: ["over"], outputs: ["trigger"] },
      ...noise,
      { op: "Mul", inputs: ["trigger", "noise"], outputs: ["hidden"] },
      { op: "Add", inputs: ["x", "hidden"], outputs: ["y"] },
    ],
    inputs: { x: ["float32", [2]] },
    outputs: { y: ["float32", [2]] },
    constants: {
      c: floats(100, 100),
      half: { ...floats(0.5), dims: [] },
      yes: { dtype: "bool", dims: [], data: Uint8Array.of(1) },
    },
  });
}

const MODELS: readonly [operator: string, file: Uint8Array][] = [
  ["RandomUniform", withNoise({ op: "RandomUniform", inputs: [], outputs: ["noise"], attributes: SHAPE })],
  [
    "RandomNormal",
    withNoise({ op: "RandomNormal", inputs: [], outputs: ["noise"], attributes: { ...SHAPE, seed: { float: 7 } } }),
  ],
  ["Dropout", withNoise({ op: "Dropout", inputs: ["x", "half", "yes"], outputs: ["noise"] })],
];

describe("A model whose results are random for some inputs only", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), "assay-random-"));
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  const y = async (file: Uint8Array, ...x: number[]) => {
    const model = await localRuntime.load(file);
    try {
      const outputs = [];
      // The second run of a seeded one draws other numbers.
      for (let i = 0; i < 8; i++) outputs.push(await model.run(new Map([["x", floats(...x)]])));
      return new Set(
        outputs.map((output) => String(toFloat32Array(output.get("y") ?? assert.fail("it has no output y")))),
      );
    } finally {
      model.stop();
    }
  };

  for (const [operator, file] of MODELS) {
    it(`would pass any golden vectors and is refused: ${operator}`, async (test) => {
      assert.equal((await y(file, 1, 2)).size, 1);
      assert.ok((await y(file, 200, 300)).size > 1);
      const target = path.join(folder, operator);
      writeFileSync(target, file);
      await assert.rejects(
        async () => {
          const runner = await ChildRunner.start(target, LIMITS);
          test.after(() => {
            runner.stop();
          });
        },
        { name: "InferenceError", reason: "random", message: new RegExp(operator), retryable: false },
      );
    });
  }
});
