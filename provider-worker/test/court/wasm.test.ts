import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import type { CourtModel, PrepareOptions, Tensor } from "@assay/sdk";
import { commitTrace, initHash, prepareModel, readModel, runtimeOf, runTrace } from "@assay/sdk";

import { ChildRuntime } from "../../src/court/runtime.js";
import { inProcess, inProcessBy } from "../support/inProcessRuntime.js";
import { modelFile, samples } from "../support/models.js";
import { checkTrace } from "../support/oneNode.js";

const OPTIONS: PrepareOptions = { dims: { N: 1 }, stripSoftmax: true, argMaxOfLogits: true };
const LIMITS = { timeoutMs: 60_000, memoryMb: 1000 };
const SAMPLES = 5;

/** Trained models, their data, and the root of the outputs of the first sample on every processor. */
const TRAINED = [
  ["breast_cancer_mlp_fp32", "breast_cancer", "0x40391d2732d5b210376564644bb601ef89cd3c04d8cf1502f003d2cdb621d60a"],
  ["digits_mlp_fp32", "digits", "0xefb6bd721ab083ea9c2516463758af7c72f4f363edf3c00b9f0598c559191aa9"],
  ["digits_cnn_fp32", "digits_cnn", "0xc37fe97c30d7b2591768de7b5523223d484e1c6a25df9b46501c053ed7d6b1e3"],
] as const;

const prepare = async (name: string, more: PrepareOptions): Promise<CourtModel> => {
  const bytes = new Uint8Array(readFileSync(modelFile(`${name}.onnx`)));
  return (await prepareModel(bytes, { ...OPTIONS, ...more }, inProcess)).model;
};
const inputsOf = (data: string, count = SAMPLES): Map<string, Tensor>[] =>
  samples(data)
    .x.slice(0, count)
    .map((x) => new Map([["x", x]]));

describe("A model for the runtime wasm", () => {
  before(initHash);

  for (const [name, data, root] of TRAINED) {
    describe(name, () => {
      let model: CourtModel;
      before(async () => {
        model = await prepare(name, { runtime: "wasm" });
      });

      it("says so in its file, and in its profile with the version and the hash of the kernels", () => {
        const { kind, runtime, version, settings } = model.profile;
        assert.equal(runtimeOf(model.file), "wasm");
        assert.deepEqual(
          { kind, runtime, version },
          { kind: "Canonical", runtime: "onnxruntime-web", version: "1.30.0" },
        );
        assert.match(settings, /"executionProviders":\["wasm"\].*"kernels":"0x3398c10d[0-9a-f]{56}"/);
      });

      it("adds without fused operations, in the blocks that native kernels have", async () => {
        const native = await prepare(name, {});
        const sums = ({ nodes }: CourtModel) => nodes.filter(({ operator }) => operator >> 8 === 6);
        const unfused = sums(native).map(({ numeric }) => ({ ...numeric, fused: false }));
        assert.deepEqual(
          sums(model).map(({ numeric }) => numeric),
          unfused,
        );
        assert.notEqual(model.commitment, native.commitment);
      });

      it("gives the same bits in two processes and in this one, tensor by tensor", async () => {
        const processes = [new ChildRuntime(LIMITS), new ChildRuntime(LIMITS), inProcess];
        for (const inputs of inputsOf(data, 2)) {
          const roots: string[] = [];
          for (const runtime of processes) {
            roots.push(commitTrace(model, await runTrace(model, inputs, runtime)).traceRoot);
          }
          assert.equal(new Set(roots).size, 1);
        }
      });

      it("gives the bits that were found when this was written, on whatever processor it runs now", async () => {
        const [inputs] = inputsOf(data);
        assert.ok(inputs);
        assert.equal(commitTrace(model, await runTrace(model, inputs, inProcess)).outputRoot, root);
      });

      it("has a trace in which no element contradicts its operands", async () => {
        for (const inputs of inputsOf(data)) checkTrace(model, await runTrace(model, inputs, inProcess));
      });

      it("is computed anew from its file alone, and is another model for native kernels", async () => {
        assert.equal((await readModel(model.file, new ChildRuntime(LIMITS))).commitment, model.commitment);
        const byNative = await readModel(model.file, inProcessBy("native"));
        assert.notEqual(byNative.commitment, model.commitment);
      });

      it("is not run by native kernels unseen: some element contradicts its operands", async () => {
        for (const inputs of inputsOf(data)) {
          const trace = await runTrace(model, inputs, inProcessBy("native"));
          assert.throws(() => checkTrace(model, trace), {
            name: "AssertionError",
            message: /"operator":"(Conv|MatMul)"/,
          });
        }
      });
    });
  }

  it("gives the same bits whether V8 compiles it in a hurry or with care, and without AVX", async () => {
    const worker = fileURLToPath(new URL("../support/wasmRoot.ts", import.meta.url));
    const roots: string[] = [];
    for (const flags of [["--liftoff-only"], ["--no-liftoff"], ["--no-enable-avx", "--no-enable-fma3"]]) {
      const { stdout } = await promisify(execFile)(process.execPath, [...flags, "--import", "tsx", worker]);
      roots.push(stdout.trim());
    }
    assert.match(roots[0] ?? "", /^0x[0-9a-f]{64}$/);
    assert.equal(new Set(roots).size, 1, roots.join());
  });
});

describe("An honest trace of the other runtime", () => {
  before(initHash);

  for (const [name, data] of [
    ["breast_cancer_mlp", "breast_cancer"],
    ["digits_mlp", "digits"],
    ["digits_cnn", "digits_cnn"],
  ] as const) {
    it(`of ${name}, all integers, is the same to the bit`, async () => {
      for (const runtime of ["native", "wasm"] as const) {
        const model = await prepare(`${name}_int8_static`, { runtime });
        assert.equal(model.profile.kind, "Exact");
        for (const inputs of inputsOf(data)) {
          const roots = await Promise.all(
            (["native", "wasm"] as const).map(async (other) =>
              commitTrace(model, await runTrace(model, inputs, inProcessBy(other))),
            ),
          );
          assert.equal(roots[0]?.traceRoot, roots[1]?.traceRoot);
        }
      }
    });

    it(`of ${name}, within tolerance, contradicts nothing although its bits differ`, async () => {
      const [native, wasm] = [inProcessBy("native"), inProcessBy("wasm")];
      const model = await prepare(`${name}_fp32`, { tolerance: true });
      let different = 0;
      for (const inputs of inputsOf(data)) {
        const [own, others] = [await runTrace(model, inputs, native), await runTrace(model, inputs, wasm)];
        checkTrace(model, others);
        if (commitTrace(model, own).traceRoot !== commitTrace(model, others).traceRoot) different++;
      }
      assert.equal(different, SAMPLES);
    });
  }
});
