import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, describe, it } from "node:test";

import type { CourtModel, PreparedModel, PrepareOptions, Tensor } from "@assay/sdk";
import {
  commitBundle,
  commitTrace,
  initHash,
  Layout,
  MerkleTree,
  PreparationError,
  prepareModel,
  readModel,
  runTrace,
  Source,
  toTypedArray,
} from "@assay/sdk";

import { inProcess } from "../support/inProcessRuntime.js";
import { modelFile, samples } from "../support/models.js";
import { checkTrace } from "../support/oneNode.js";

const LOGITS: PrepareOptions = { dims: { N: 1 }, stripSoftmax: true, argMaxOfLogits: true };
const JUDGED = [
  ["breast_cancer_mlp_int8_static", "breast_cancer", "Exact"],
  ["digits_mlp_int8_static", "digits", "Exact"],
  ["digits_cnn_int8_static", "digits_cnn", "Exact"],
  ["breast_cancer_mlp_fp32", "breast_cancer", "Canonical"],
  ["digits_mlp_fp32", "digits", "Canonical"],
  ["digits_cnn_fp32", "digits_cnn", "Canonical"],
] as const;

const bytesOf = (name: string): Uint8Array => new Uint8Array(readFileSync(modelFile(`${name}.onnx`)));
const prepare = (name: string, options: PrepareOptions): Promise<PreparedModel> =>
  prepareModel(bytesOf(name), options, inProcess);

async function obstacles(name: string, options: PrepareOptions): Promise<string[]> {
  try {
    await prepare(name, options);
  } catch (error) {
    assert.ok(error instanceof PreparationError, String(error));
    return error.problems.map(({ what, where }) => `${what} ${where}`);
  }
  return [];
}

async function plainRun(model: CourtModel, inputs: ReadonlyMap<string, Tensor>): Promise<Map<string, Tensor>> {
  const loaded = await inProcess.load(model.file);
  try {
    return await loaded.run(inputs);
  } finally {
    loaded.stop();
  }
}

describe("The trained models", () => {
  before(initHash);

  for (const [name, data, kind] of JUDGED) {
    describe(name, () => {
      let prepared: PreparedModel;
      let model: CourtModel;
      before(async () => {
        prepared = await prepare(name, LOGITS);
        model = prepared.model;
      });

      it(`is ${kind} once it ends with its logits, and says what changed`, () => {
        assert.equal(model.profile.kind, kind);
        assert.deepEqual(model.outputNames, ["logits", "label"]);
        assert.deepEqual(prepared.changes, [
          "output logits takes the place of probabilities, its Softmax",
          "label is the ArgMax of logits",
        ]);
      });

      it("becomes the same file and graph each time", async () => {
        const again = await prepare(name, LOGITS);
        assert.deepEqual(again.model.file, model.file);
        assert.equal(again.model.commitment, model.commitment);
        assert.equal((await readModel(model.file, inProcess)).commitment, model.commitment);
      });

      it("gives the same bytes with all its intermediate tensors as outputs", async () => {
        for (const x of samples(data).x.slice(0, 20)) {
          const inputs = new Map([["x", x]]);
          const commitment = commitTrace(model, await runTrace(model, inputs, inProcess));
          assert.equal(commitment.inputRoot, commitBundle(inputs, ["x"]).root);
          assert.equal(commitment.outputRoot, commitBundle(await plainRun(model, inputs), model.outputNames).root);
        }
      });

      it("has a trace in which no element contradicts its operands", async () => {
        for (const x of samples(data).x.slice(0, 3)) {
          checkTrace(model, await runTrace(model, new Map([["x", x]]), inProcess));
        }
      });

      it("labels its samples as it did before its Softmax was stripped", async () => {
        const { x, labels } = samples(data);
        const original = await inProcess.load(bytesOf(name));
        const loaded = await inProcess.load(model.file);
        let right = 0;
        for (const [i, tensor] of x.entries()) {
          const inputs = new Map([["x", tensor]]);
          const [before, after] = [await original.run(inputs), await loaded.run(inputs)].map((outputs) => {
            const label = outputs.get("label");
            assert.ok(label?.dtype === "int64");
            return Number(toTypedArray({ ...label, dtype: "int64" })[0]);
          });
          assert.equal(after, before);
          if (after === labels[i]) right++;
        }
        assert.ok(right > 0.9 * labels.length);
        original.stop();
        loaded.stop();
      });

      it("is refused with its Softmax, which is all that is wrong", async () => {
        assert.deepEqual(await obstacles(name, { dims: { N: 1 } }), ["Softmax probabilities"]);
      });

      it("does not silently take its label from the logits", async () => {
        const found = await obstacles(name, { dims: { N: 1 }, stripSoftmax: true });
        assert.ok(found.includes("ArgMax label"), found.join());
      });

      it("is refused while its batch has no fixed length", async () => {
        assert.ok((await obstacles(name, { ...LOGITS, dims: {} })).includes("input x"));
      });
    });
  }

  it("say in which order each of their sums of floats is taken", async () => {
    const { model } = await prepare("digits_cnn_fp32", LOGITS);
    const sums = model.nodes.filter(({ operator }) => operator >> 8 === 6).map(({ numeric }) => numeric);
    const whole = { mode: 0, fused: true, block: 0, biasFirst: false };
    // Of the first dense layer's 256 or more products, 256 at a time are added to the bias.
    assert.deepEqual(sums, [whole, whole, { ...whole, block: 256, biasFirst: true }, whole]);
  });

  it("keep dynamically quantised models out, and name each dynamic scale", async () => {
    for (const name of ["digits_mlp_int8_dynamic", "breast_cancer_mlp_int8_dynamic"]) {
      const found = await obstacles(name, LOGITS);
      for (const i of [0, 1, 2]) {
        assert.ok(found.includes(`DynamicQuantizeLinear aq${i}`), found.join());
        assert.ok(found.includes(`MatMulInteger mi${i}`), found.join());
      }
    }
  });

  it("let convolutions write pixels, and need a VIEW only where elements are wanted in another order", async () => {
    const { model } = await prepare("digits_cnn_int8_static", LOGITS);
    const layoutOf = (name: string) => model.tensors.find((tensor) => tensor.name === name)?.layout;
    assert.equal(layoutOf("a1q"), Layout.Pixels);
    assert.equal(layoutOf("a2q"), Layout.Pixels);
    assert.equal(layoutOf("logits"), Layout.RowMajor);
    const views = model.instructions.filter(({ operator }) => operator === "View");
    // The Flatten, whose result QLinearMatMul reads as a row.
    assert.equal(views.length, 1);
    assert.equal(layoutOf("fq"), Layout.Rows);
  });

  it("commit to the whole trace in one root over the Merkle roots", async () => {
    const { model } = await prepare("digits_cnn_int8_static", LOGITS);
    const [x] = samples("digits_cnn").x;
    assert.ok(x);
    const trace = await runTrace(model, new Map([["x", x]]), inProcess);
    const { tensors, traceRoot } = commitTrace(model, trace);
    assert.equal(tensors.length, 1 + model.nodes.length);
    assert.equal(MerkleTree.fromHashes(tensors.map(({ header }) => header.merkleRoot)).root, traceRoot);
    // Any byte of any tensor moves it.
    for (const [i, tensor] of trace.entries()) {
      const data = Uint8Array.from(tensor.data);
      data[0] = (data[0] ?? 0) ^ 1;
      assert.notEqual(commitTrace(model, trace.with(i, { ...tensor, data })).traceRoot, traceRoot);
    }
  });

  it("refer to constants and earlier tensors only", async () => {
    const { model } = await prepare("digits_cnn_int8_static", LOGITS);
    for (const [i, { operands }] of model.nodes.entries()) {
      for (const { source, tensor, hash } of operands) {
        if (source === Source.Trace) assert.ok(tensor < model.inputNames.length + i);
        if (source === Source.Constant) assert.ok(model.constants.has(hash));
      }
    }
  });
});
