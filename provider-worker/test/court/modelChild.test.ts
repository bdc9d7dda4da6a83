import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";

import { encodeModel } from "../../../sdk/src/onnx/index.js";
import { onnxFile, onnxModel } from "../../../sdk/test/support/onnxModel.js";
import { runModelChild } from "../../src/court/modelChild.js";
import { ChildRuntime } from "../../src/court/runtime.js";
import { isHopeless, mayPass } from "../../src/errors.js";
import { eventually } from "../support/eventually.js";
import { modelFile } from "../support/models.js";
import { allowNoProcess } from "../support/noProcess.js";

const LIMITS = { timeoutMs: 60_000, memoryMb: 1000 };
const MODEL = modelFile("digits_mlp_fp32.onnx");

/** Child processes of this one. */
const children = (): number[] =>
  readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);

const options = { skip: process.platform !== "linux" && "it reads /proc", timeout: 300_000 };

describe("A process that works on a model", options, () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), "assay-child-"));
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });
  const taskTo = (target: string, script = "exposeChild") => ({
    ...{ script, words: [MODEL, target], what: "exposing the model", folder },
  });
  const rejected = async (running: Promise<unknown>): Promise<Error> => {
    const error = await running.then(
      () => assert.fail("it ended well"),
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof Error);
    return error;
  };

  it("refuses a model once and for all only by what it says of it", async () => {
    const error = await rejected(new ChildRuntime({ ...LIMITS, scratch: folder }).expose(new Uint8Array(10)));
    assert.ok(isHopeless(error) && !mayPass(error), String(error));
    assert.deepEqual(readdirSync(folder), []);
  });

  it("may do better next time where the disk takes nothing", async () => {
    const error = await rejected(runModelChild(taskTo(path.join(folder, "nowhere", "target")), LIMITS));
    assert.ok(mayPass(error), String(error));
    assert.match(error.message, /exposing the model failed: ENOENT/);
  });

  it("may do better next time where its own code is being replaced", async () => {
    const error = await rejected(runModelChild(taskTo(path.join(folder, "target"), "goneChild"), LIMITS));
    assert.ok(mayPass(error), String(error));
    assert.match(error.message, /the process ended with code 1/);
  });

  it("may do better next time where somebody killed it", async () => {
    const earlier = children();
    const running = rejected(runModelChild(taskTo(path.join(folder, "target")), LIMITS));
    const [pid = assert.fail()] = children().filter((each) => !earlier.includes(each));
    process.kill(pid, "SIGKILL");
    const error = await running;
    assert.ok(mayPass(error), String(error));
    assert.match(error.message, /the process ended with SIGKILL/);
  });

  it("has the memory that rewriting takes, which says nothing of running the model", async () => {
    const large = onnxFile({
      nodes: [{ op: "Add", inputs: ["x", "w"], outputs: ["y"] }],
      inputs: { x: ["uint8", [1]] },
      outputs: { y: undefined },
      constants: { w: { dtype: "uint8", dims: [40 * 2 ** 20], data: new Uint8Array(40 * 2 ** 20) } },
    });
    assert.ok((await new ChildRuntime({ ...LIMITS, memoryMb: 100 }).expose(large)).length > 0);
    const limited = runModelChild(taskTo(path.join(folder, "target")), { ...LIMITS, memoryMb: 10 });
    await assert.rejects(limited, { reason: "memory", message: "exposing the model took more than 10 MB" });
  });

  it("takes no more memory for exposing a model whose weights are written number by number", async () => {
    const count = 5 * 2 ** 20;
    const dims = [BigInt(count)];
    const model = onnxModel({
      nodes: [{ op: "Add", inputs: ["x", "w"], outputs: ["y"] }],
      inputs: { x: ["float32", [1]] },
      outputs: { y: undefined },
    });
    model.graph.initializer.push({ name: "w", dims, dataType: 1, floatData: new Array<number>(count).fill(0.5) });
    const source = path.join(folder, "numbers.onnx");
    writeFileSync(source, encodeModel(model));
    const task = { ...taskTo(path.join(folder, "target")), words: [source, path.join(folder, "target")] };
    await runModelChild(task, { ...LIMITS, memoryMb: 300 });
  });

  it("is asked for again where none can be started, at once", async (test) => {
    allowNoProcess(test);
    const starting = runModelChild(taskTo(path.join(folder, "target")), { ...LIMITS, timeoutMs: 5000 });
    await assert.rejects(starting, { retryable: true, message: /cannot be started: spawn .* ENOENT/ });
  });

  it("is not started for who has stopped, and leaves none behind", async () => {
    const stop = AbortSignal.abort(new Error("the worker stops"));
    const earlier = children();
    await assert.rejects(runModelChild(taskTo(path.join(folder, "target")), LIMITS, stop), /the worker stops/);
    await runModelChild(taskTo(path.join(folder, "target")), LIMITS);
    await eventually("no child is left", () => children().every((pid) => earlier.includes(pid)));
  });
});
