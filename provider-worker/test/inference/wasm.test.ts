import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";

import { fromNumbers, makeTensor, withRuntime } from "@assay/sdk";

import { decodeModel, encodeModel } from "../../../sdk/src/onnx/index.js";
import type { ModelDescription } from "../../../sdk/test/support/onnxModel.js";
import { onnxFile } from "../../../sdk/test/support/onnxModel.js";
import { WASM_FILE } from "../../src/inference/builds.js";
import { requireKernels } from "../../src/inference/ort.js";
import type { RunnerLimits } from "../../src/inference/runner.js";
import { ChildRunner } from "../../src/inference/runner.js";
import { modelFile, samples } from "../support/models.js";

const LIMITS = { timeoutMs: 60_000, memoryMb: 1000 };
const DIVISION: ModelDescription = {
  nodes: [{ op: "Div", inputs: ["a", "b"], outputs: ["y"] }],
  inputs: { a: ["int32", [1]], b: ["int32", [1]] },
  outputs: { y: undefined },
  runtime: "wasm",
};
/** As many bytes as it is told. */
const GROWING: ModelDescription = {
  nodes: [
    {
      op: "ConstantOfShape",
      inputs: ["x"],
      outputs: ["y"],
      attributes: { value: { tensor: makeTensor("uint8", [1], Uint8Array.of(0)) } },
    },
  ],
  inputs: { x: ["int64", [1]] },
  outputs: { y: ["uint8", ["n"]] },
  runtime: "wasm",
};

const quotient = (a: number, b: number) =>
  new Map([
    ["a", fromNumbers("int32", [1], [a])],
    ["b", fromNumbers("int32", [1], [b])],
  ]);

describe("A process that runs WebAssembly", () => {
  let folder: string;
  const runners: ChildRunner[] = [];
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), "assay-wasm-"));
  });
  after(() => {
    for (const runner of runners) runner.stop();
    rmSync(folder, { recursive: true });
  });

  async function start(model: Uint8Array, limits: RunnerLimits = LIMITS): Promise<ChildRunner> {
    const file = path.join(folder, `${runners.length}.onnx`);
    writeFileSync(file, model);
    const runner = await ChildRunner.start(file, limits);
    runners.push(runner);
    return runner;
  }

  it("gives back what the model or its input is refused for, and goes on", async () => {
    const runner = await start(onnxFile(DIVISION));
    await assert.rejects(runner.run(quotient(1, 0)), { reason: "rejected", message: /division by zero/ });
    assert.deepEqual((await runner.run(quotient(6, 3))).get("y"), fromNumbers("int32", [1], [2]));
  });

  it("dies of a trap, as native code does, and starts again for the next job", async () => {
    const runner = await start(onnxFile(DIVISION));
    await assert.rejects(runner.run(quotient(-(2 ** 31), -1)), { reason: "crash" });
    assert.deepEqual((await runner.run(quotient(6, 3))).get("y"), fromNumbers("int32", [1], [2]));
  });

  it("is killed above its memory limit, and starts again for the next job", async () => {
    const runner = await start(onnxFile(GROWING), { ...LIMITS, memoryMb: 600 });
    const ask = (length: number) => runner.run(new Map([["x", fromNumbers("int64", [1], [length])]]));
    await assert.rejects(ask(900_000_000), { reason: "memory" });
    assert.equal((await ask(1)).get("y")?.data.length, 1);
  });

  it("is killed at its deadline, and starts again for the next job", async (test) => {
    const [x] = samples("digits").x;
    assert.ok(x);
    const digits = decodeModel(new Uint8Array(readFileSync(modelFile("digits_mlp_fp32.onnx"))));
    const runner = await start(encodeModel(withRuntime(digits, "wasm")));
    test.mock.timers.enable({ apis: ["setTimeout"] });
    const late = assert.rejects(runner.run(new Map([["x", x]])), { reason: "timeout" });
    // The question is asked within these turns of the microtask queue; no answer can arrive during them.
    for (let i = 0; i < 10; i++) await Promise.resolve();
    test.mock.timers.tick(LIMITS.timeoutMs);
    await late;
    test.mock.timers.reset();
    assert.equal((await runner.run(new Map([["x", x]]))).size, 2);
  });

  it("runs no model that names a runtime nobody knows", async () => {
    const file = encodeModel({
      ...decodeModel(onnxFile(DIVISION)),
      metadataProps: [{ key: "assay.runtime", value: "cuda" }],
    });
    await assert.rejects(start(file), { reason: "rejected", message: /names \["cuda"\] as its runtime/ });
  });

  it("takes the kernels that profiles state, and no others", () => {
    const kernels = new Uint8Array(readFileSync(WASM_FILE));
    requireKernels(kernels);
    kernels[kernels.length - 1] = (kernels[kernels.length - 1] ?? 0) ^ 1;
    assert.throws(() => {
      requireKernels(kernels);
    }, /has sha-256 0x[0-9a-f]{64}, not 0x3398c10d.*: install onnxruntime-web anew/);
  });
});
