import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import { describe, it } from "node:test";

import { AssayError, initHash, makeTensor } from "@assay/sdk";

import { onnxFile } from "../../../sdk/test/support/onnxModel.js";
import { readGraph } from "../../src/court/readGraph.js";
import type { RuntimeLimits } from "../../src/court/runtime.js";
import { digitsCnn } from "../support/courtRuns.js";
import { eventually } from "../support/eventually.js";
import { allowNoProcess } from "../support/noProcess.js";

const LIMITS = { timeoutMs: 60_000, memoryMb: 1000 };
const NEVER = new AbortController().signal;

/** Child processes of this one. */
const children = (): string[] =>
  readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, "utf8").split(" ").filter(Boolean);

/** Float products of large matrices in a row: each is added up in every known order, again and again. */
async function slowFile(): Promise<Uint8Array> {
  await initHash();
  const [rows, length] = [16, 2048];
  const count = 40;
  return onnxFile({
    nodes: Array.from({ length: count }, (_, i) => ({
      op: "MatMul",
      inputs: [i === 0 ? "x" : `t${i}`, "w"],
      outputs: [i === count - 1 ? "y" : `t${i + 1}`],
    })),
    inputs: { x: ["float32", [rows, length]] },
    outputs: { y: ["float32", [rows, length]] },
    constants: { w: makeTensor("float32", [length, length], new Uint8Array(4 * length * length).fill(1)) },
  });
}

describe("The graph of a file", { skip: process.platform !== "linux" && "it reads /proc", timeout: 300_000 }, () => {
  it("is the same from a child process as from this one", async () => {
    const model = await digitsCnn();
    assert.deepEqual(await readGraph(model.file, "Canonical", LIMITS, NEVER), model);
  });

  it("is refused with the child's reason", async () => {
    const refused = readGraph(new Uint8Array([1, 2, 3]), "Canonical", LIMITS, NEVER);
    await assert.rejects(refused, (error: unknown) => error instanceof AssayError && error.message.length > 0);
  });

  /** Begins to read a graph that takes long; resolves once its child is at work. */
  async function begin(test: TestContext, limits: RuntimeLimits) {
    const stop = new AbortController();
    test.after(() => {
      stop.abort();
    });
    const file = await slowFile();
    const before = children();
    const fresh = () => children().filter((pid) => !before.includes(pid));
    const reading = readGraph(file, "Canonical", limits, stop.signal);
    reading.catch(() => undefined);
    await eventually("its child is there", () => fresh().length > 0);
    const gone = () => eventually("its child is gone", () => fresh().length === 0);
    return { reading, stop, gone };
  }

  it("leaves no child behind once the worker stops", async (test) => {
    const { reading, stop, gone } = await begin(test, LIMITS);
    stop.abort(new Error("the worker stops"));
    await assert.rejects(reading, /the worker stops/);
    await gone();
  });

  it("has a deadline, whatever the model's owner made", async (test) => {
    const { reading, gone } = await begin(test, { ...LIMITS, timeoutMs: 3000 });
    await assert.rejects(reading, { reason: "timeout", message: "computing the graph took more than 3000 ms" });
    await gone();
  });

  it("keeps its files below the folder that is named for them, and leaves none when its child is killed", async (test) => {
    const scratch = path.join(mkdtempSync(path.join(tmpdir(), "assay-scratch-")), "scratch");
    test.after(() => {
      rmSync(path.dirname(scratch), { recursive: true });
    });
    const { reading, stop, gone } = await begin(test, { ...LIMITS, scratch });
    // The child's own file is below the one it was given: it asks its system where.
    const files = () => readdirSync(scratch, { recursive: true }).map(String);
    await eventually("both are at work", () => files().filter((each) => each.includes("assay-model-")).length >= 3);
    assert.match(files().join("\n"), /assay-model-\w+\Wassay-model-/);
    stop.abort(new Error("the worker stops"));
    await assert.rejects(reading, /the worker stops/);
    await gone();
    assert.deepEqual(files(), []);
  });

  it("is not refused because its child found no memory", async () => {
    // More than any machine has, which here stands for one that has none left.
    const length = makeTensor("int64", [1], new Uint8Array(BigInt64Array.of(1n << 45n).buffer));
    const file = onnxFile({
      nodes: [
        { op: "ConstantOfShape", inputs: ["length"], outputs: ["zeros"] },
        { op: "Concat", inputs: ["x", "zeros"], outputs: ["y"], attributes: { axis: 0 } },
      ],
      inputs: { x: ["float32", [1]] },
      outputs: { y: ["float32", ["n"]] },
      constants: { length },
    });
    await assert.rejects(readGraph(file, "Canonical", LIMITS, NEVER), { reason: "memory" });
  });

  it("is asked for again where no process can be started, at once", async (test) => {
    allowNoProcess(test);
    const reading = readGraph(new Uint8Array([1]), "Canonical", { ...LIMITS, timeoutMs: 5000 }, NEVER);
    await assert.rejects(reading, { retryable: true, message: /cannot be started: spawn .* ENOENT/ });
  });

  it("has a memory limit", async (test) => {
    const { reading, gone } = await begin(test, { ...LIMITS, memoryMb: 10 });
    await assert.rejects(reading, { reason: "memory", message: "computing the graph took more than 10 MB" });
    await gone();
  });
});
