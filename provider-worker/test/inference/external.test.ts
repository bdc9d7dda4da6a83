import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";

import { AttributeType, encodeModel } from "@assay/sdk";

import { onnxModel, onnxTensor } from "../../../sdk/test/support/onnxModel.js";
import { ChildRuntime } from "../../src/court/runtime.js";
import { ChildRunner } from "../../src/inference/runner.js";
import { floats } from "../support/fakeRunner.js";

const LIMITS = { timeoutMs: 60_000, memoryMb: 1000 };

describe("A model that names a file besides its own", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), "assay-external-"));
    mkdirSync(path.join(folder, "files"));
    writeFileSync(path.join(folder, "files", "neighbour"), new Uint8Array(new Float32Array([7, 8]).buffer));
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  const entries = [
    ["location", "neighbour"],
    ["offset", "0"],
    ["length", "8"],
  ].map(([key, value]) => ({ key: key ?? "", value: value ?? "" }));
  const secret = { ...onnxTensor({ ...floats(0, 0) }, "secret"), externalData: entries, dataLocation: 1 };
  delete secret.rawData;

  /** y = x + secret. */
  function withInitializer(): Uint8Array {
    const model = onnxModel({
      nodes: [{ op: "Add", inputs: ["x", "secret"], outputs: ["y"] }],
      inputs: { x: ["float32", [2]] },
      outputs: { y: ["float32", [2]] },
    });
    model.graph.initializer.push(secret);
    return encodeModel(model);
  }

  /** The same with the tensor in an attribute of a node. */
  function withConstant(): Uint8Array {
    const model = onnxModel({
      nodes: [
        { op: "Constant", inputs: [], outputs: ["s"] },
        { op: "Add", inputs: ["x", "s"], outputs: ["y"] },
      ],
      inputs: { x: ["float32", [2]] },
      outputs: { y: ["float32", [2]] },
    });
    model.graph.node[0]?.attribute.push({ name: "value", type: AttributeType.tensor, t: secret });
    return encodeModel(model);
  }

  for (const [where, make] of [
    ["for an initializer", withInitializer],
    ["for an attribute", withConstant],
  ] as const) {
    it(`${where} is refused, and the tensor named`, async (test) => {
      const file = path.join(folder, "files", "model");
      writeFileSync(file, make());
      const refused = { name: "InferenceError", reason: "external", message: /tensor "secret"/ };
      await assert.rejects(async () => {
        const runner = await ChildRunner.start(file, LIMITS);
        test.after(() => {
          runner.stop();
        });
        const y = (await runner.run(new Map([["x", floats(0, 0)]]))).get("y");
        throw new Error(`it was told what the neighbour holds: ${String(y?.data)}`);
      }, refused);
    });
  }

  it("is not optimised either", async () => {
    await assert.rejects(new ChildRuntime(LIMITS).optimise(withInitializer()), /tensor "secret"/);
  });
});
