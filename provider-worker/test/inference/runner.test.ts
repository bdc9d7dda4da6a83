import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { commitBundle, toTypedArray } from "@assay/sdk";

import { InferenceError } from "../../src/errors.js";
import { ChildRunner } from "../../src/inference/runner.js";
import { modelFile, samples } from "../support/models.js";

const LIMITS = { timeoutMs: 20_000, memoryMb: 1000 };

// First, while this process has no other children.
describe("A file that is no model", () => {
  it("is refused, and leaves no child behind", async () => {
    const start = ChildRunner.start(modelFile("README.md"), LIMITS);
    await assert.rejects(start, { reason: "rejected" });
    for (let i = 0; i < 20 && children() > 0; i++) await sleep(100);
    assert.equal(children(), 0);
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

/** Processes that keep this one alive. */
function children(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === "ProcessWrap").length;
}
