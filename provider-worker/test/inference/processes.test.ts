import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import { describe, it } from "node:test";

import { sampleInputs } from "@assay/sdk";

import { ChildRuntime } from "../../src/court/runtime.js";
import { TraceSessions } from "../../src/court/traceSessions.js";
import { sha256 } from "../../src/content/store.js";
import type { InferenceError } from "../../src/errors.js";
import { ChildRunner } from "../../src/inference/runner.js";
import { digitsCnn } from "../support/courtRuns.js";
import { eventually } from "../support/eventually.js";
import { modelFile, samples } from "../support/models.js";
import { allowNoProcess } from "../support/noProcess.js";

const LIMITS = { timeoutMs: 60_000, memoryMb: 1000 };

/** Child processes of this one. */
const children = (): number[] =>
  readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);

/** Resolves once a process is gone. */
const gone = (pid: number) => eventually(`process ${pid} ends`, () => !children().includes(pid));

/** A runner that is stopped whatever becomes of its test, and its process. */
async function start(
  test: TestContext,
  file = modelFile("digits_mlp_fp32.onnx"),
): Promise<{ runner: ChildRunner; pid: number }> {
  const before = children();
  const runner = await ChildRunner.start(file, LIMITS);
  test.after(() => {
    runner.stop();
  });
  const [pid] = children().filter((each) => !before.includes(each));
  assert.ok(pid);
  return { runner, pid };
}

const options = { skip: process.platform !== "linux" && "it reads /proc", timeout: 300_000 };

describe("An inference process", options, () => {
  it("does not stay behind where the model cannot be loaded", async (test) => {
    const folder = mkdtempSync(path.join(tmpdir(), "assay-broken-"));
    test.after(() => {
      rmSync(folder, { recursive: true });
    });
    const broken = path.join(folder, "broken.onnx");
    writeFileSync(broken, "no model");
    const before = children();
    await assert.rejects(ChildRunner.start(broken, LIMITS), { reason: "rejected" });
    await Promise.all(
      children()
        .filter((pid) => !before.includes(pid))
        .map(gone),
    );
    assert.deepEqual(children(), before);
  });

  it("is asked for again where none can be started, at once", async (test) => {
    allowNoProcess(test);
    const starting = ChildRunner.start(modelFile("digits_mlp_fp32.onnx"), { ...LIMITS, timeoutMs: 5000 });
    await assert.rejects(starting, { retryable: true, message: /cannot be started: spawn .* ENOENT/ });
  });

  it("leaves it to the worker to stop when the terminal or a service manager tells all of them", async (test) => {
    const [x] = samples("digits").x;
    assert.ok(x);
    const { runner, pid } = await start(test);
    process.kill(pid, "SIGINT");
    process.kill(pid, "SIGTERM");
    assert.equal((await runner.run(new Map([["x", x]]))).size, 2);
    assert.ok(children().includes(pid));
    runner.stop();
    await gone(pid);
  });

  it("is started again after it died with nothing to do", async (test) => {
    const [x] = samples("digits").x;
    assert.ok(x);
    const { runner, pid } = await start(test);
    process.kill(pid, "SIGKILL");
    await gone(pid);
    // Seen by the system, not by this process yet: the first run may fail, and nothing else may.
    await runner.run(new Map([["x", x]])).catch((error: unknown) => {
      assert.equal((error as InferenceError).reason, "crash");
    });
    assert.equal((await runner.run(new Map([["x", x]]))).size, 2);
  });

  it("is killed where the signal of its run aborts, also before its turn, and started again", async (test) => {
    const [x] = samples("digits").x;
    assert.ok(x);
    const { runner, pid } = await start(test);
    const inputs = new Map([["x", x]]);
    const stop = new AbortController();
    const runs = [runner.run(inputs, stop.signal), runner.run(inputs, stop.signal), runner.run(inputs)];
    await Promise.resolve();
    stop.abort(new Error("the worker stops"));
    for (const aborted of runs.slice(0, 2)) await assert.rejects(aborted, /the worker stops/);
    assert.equal((await runs[2])?.size, 2);
    await gone(pid);
  });

  it("does not stay behind where the signal aborts before its model is loaded", async () => {
    const stop = new AbortController();
    const before = children();
    const starting = ChildRunner.start(modelFile("digits_mlp_fp32.onnx"), LIMITS, undefined, stop.signal);
    stop.abort(new Error("the worker stops"));
    await assert.rejects(starting, /the worker stops/);
    await eventually("no child is left", () => children().every((pid) => before.includes(pid)));
    await assert.rejects(
      ChildRunner.start(modelFile("digits_mlp_fp32.onnx"), LIMITS, undefined, stop.signal),
      /the worker stops/,
    );
  });

  it("is started again after somebody killed it", async (test) => {
    const [x] = samples("digits").x;
    assert.ok(x);
    const { runner, pid } = await start(test);
    const running = runner.run(new Map([["x", x]]));
    process.kill(pid, "SIGKILL");
    await assert.rejects(running, { reason: "crash" });
    assert.equal((await runner.run(new Map([["x", x]]))).size, 2);
  });

  it("that is kept for traces is replaced after somebody killed it", async (test) => {
    const stop = new AbortController();
    test.after(() => {
      stop.abort(new Error("the test is over"));
    });
    const before = children();
    const model = await digitsCnn();
    const sessions = new TraceSessions((signal) => new ChildRuntime(LIMITS, signal), 2, stop.signal);
    const trace = () => sessions.use(model, (loaded) => loaded.run(sampleInputs(model, 0)));
    const { size } = await trace();
    for (const pid of children().filter((each) => !before.includes(each))) {
      process.kill(pid, "SIGKILL");
      await gone(pid);
    }
    assert.equal((await trace()).size, size);
  });

  it("is not started again on another model that somebody put into its file", async (test) => {
    const folder = mkdtempSync(path.join(tmpdir(), "assay-changed-"));
    test.after(() => {
      rmSync(folder, { recursive: true });
    });
    const [x] = samples("digits").x;
    assert.ok(x);
    const file = path.join(folder, "model.onnx");
    const changed = { reason: "changed", retryable: true };
    const model = readFileSync(modelFile("digits_mlp_fp32.onnx"));
    writeFileSync(file, model);
    const { runner, pid } = await start(test, file);
    const ask = () => runner.run(new Map([["x", x]]));

    process.kill(pid, "SIGKILL");
    await gone(pid);
    writeFileSync(file, readFileSync(modelFile("digits_mlp_int8_dynamic.onnx")));
    // Seen by the system, not by this process yet: the first run may fail with the old process.
    await ask().catch(() => undefined);
    await assert.rejects(ask(), changed);
    rmSync(file);
    await assert.rejects(ask(), changed);
    writeFileSync(file, model);
    assert.equal((await ask()).size, 2);
  });

  it("is started on the file of the given hash only", async (test) => {
    const file = modelFile("digits_mlp_fp32.onnx");
    const hash = sha256(readFileSync(file));
    const before = children();
    await assert.rejects(ChildRunner.start(file, LIMITS, sha256(new Uint8Array([1]))), {
      reason: "changed",
      message: new RegExp(`has sha-256 ${hash}, not 0x`),
    });
    await eventually("no child is left", () => children().length === before.length);
    const runner = await ChildRunner.start(file, LIMITS, hash);
    test.after(() => {
      runner.stop();
    });
    assert.equal(runner.outputs.length, 2);
  });
});
