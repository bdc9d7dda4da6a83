import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import { after, before, describe, it } from "node:test";

import { commitBundle, makeTensor, toTypedArray } from "@assay/sdk";

import { onnxFile } from "../../../sdk/test/support/onnxModel.js";
import { InferenceError } from "../../src/errors.js";
import { ChildRunner } from "../../src/inference/runner.js";
import { eventually } from "../support/eventually.js";
import { modelFile, samples } from "../support/models.js";

const ZERO = makeTensor("uint8", [1], new Uint8Array(1));
const LIMITS = { timeoutMs: 60_000, memoryMb: 1000 };

// First, while this process has no other children.
describe("A file that is no model", () => {
  it("is refused, and leaves no child behind", async () => {
    const start = ChildRunner.start(modelFile("README.md"), LIMITS);
    await assert.rejects(start, { reason: "rejected" });
    await eventually("no child is left", () => children() === 0);
  });
});

describe("A model in a child process", () => {
  let runner: ChildRunner;
  before(async () => {
    runner = await ChildRunner.start(modelFile("digits_mlp_fp32.onnx"), LIMITS);
  });
  after(() => {
    runner.stop();
  });

  it("classifies held-out digits as well as its authors measured", async () => {
    const { x, labels } = samples("digits");
    let right = 0;
    for (const [i, tensor] of x.entries()) {
      const outputs = await runner.run(new Map([["x", tensor]]));
      const label = outputs.get("label");
      assert.ok(label?.dtype === "int64");
      if (Number(toTypedArray({ ...label, dtype: "int64" })[0]) === labels[i]) right++;
    }
    assert.equal(right, Math.round(0.9759 * labels.length));
  });

  it("gives the same bits each time", async () => {
    const [tensor] = samples("digits").x;
    assert.ok(tensor);
    const roots = new Set<string>();
    for (let i = 0; i < 5; i++) {
      roots.add(commitBundle(await runner.run(new Map([["x", tensor]])), runner.outputs).root);
    }
    assert.equal(roots.size, 1);
  });

  it("refuses an input the model does not take, and goes on", async () => {
    const [tensor] = samples("breast_cancer").x;
    const [good] = samples("digits").x;
    assert.ok(tensor && good);
    await assert.rejects(runner.run(new Map([["x", tensor]])), InferenceError);
    assert.equal((await runner.run(new Map([["x", good]]))).size, 2);
  });

  it("is killed at its deadline and starts again for the next job", async (test) => {
    const [good] = samples("digits").x;
    assert.ok(good);
    const slow = await ChildRunner.start(modelFile("digits_mlp_fp32.onnx"), LIMITS);
    test.after(() => {
      slow.stop();
    });
    test.mock.timers.enable({ apis: ["setTimeout"] });
    const late = assert.rejects(slow.run(new Map([["x", good]])), { reason: "timeout" });
    // The question is asked within these turns of the microtask queue; no answer can arrive during them.
    for (let i = 0; i < 10; i++) await Promise.resolve();
    test.mock.timers.tick(LIMITS.timeoutMs);
    await late;
    test.mock.timers.reset();
    assert.equal((await slow.run(new Map([["x", good]]))).size, 2);
  });

  it("is killed above its memory limit", async () => {
    const start = ChildRunner.start(modelFile("digits_mlp_fp32.onnx"), { ...LIMITS, memoryMb: 1 });
    await assert.rejects(start, { reason: "memory" });
  });
});

describe("A model that puts out more than it takes in", () => {
  /** Two outputs as long as the number given to it, of one byte an element. */
  const file = onnxFile({
    nodes: [
      { op: "ConstantOfShape", inputs: ["x"], outputs: ["y"], attributes: { value: { tensor: ZERO } } },
      { op: "Identity", inputs: ["y"], outputs: ["z"] },
    ],
    inputs: { x: ["int64", [1]] },
    outputs: { y: ["uint8", ["n"]], z: ["uint8", ["n"]] },
  });
  const ask = (length: number) => new Map([["x", makeTensor("int64", [1], bytesOf(length))]]);

  const start = async (test: TestContext, outputBytes: number): Promise<ChildRunner> => {
    const folder = mkdtempSync(path.join(tmpdir(), "assay-output-"));
    test.after(() => {
      rmSync(folder, { recursive: true });
    });
    const model = path.join(folder, "model.onnx");
    writeFileSync(model, file);
    const growing = await ChildRunner.start(model, { ...LIMITS, outputBytes });
    test.after(() => {
      growing.stop();
    });
    return growing;
  };

  it("is held to a limit of all its outputs together, and goes on", async (test) => {
    const growing = await start(test, 1000);
    assert.equal((await growing.run(ask(500))).get("y")?.data.length, 500);
    await assert.rejects(growing.run(ask(501)), {
      reason: "output",
      message: "the model puts out 1002 bytes, more than 1000",
    });
    assert.equal((await growing.run(ask(1))).get("z")?.data.length, 1);
  });

  it("is not refused where the process found no memory for them", async (test) => {
    const growing = await start(test, 1000);
    await assert.rejects(growing.run(ask(2 ** 45)), { reason: "memory", message: /[Ff]ailed to allocate memory/ });
  });
});

/** Processes that keep this one alive. */
function children(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === "ProcessWrap").length;
}

function bytesOf(value: number): Uint8Array {
  return new Uint8Array(BigInt64Array.of(BigInt(value)).buffer);
}
