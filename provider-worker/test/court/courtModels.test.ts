import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";

import type { AssayContracts, CourtModel, GraphRuntime } from "@assay/sdk";
import { ModelProfile, prepareModel, readModel } from "@assay/sdk";

import type { ReadGraph } from "../../src/court/courtModels.js";
import { CourtModels } from "../../src/court/courtModels.js";
import { digitsCnn } from "../support/courtRuns.js";
import { inProcess } from "../support/inProcessRuntime.js";
import { judgeHere } from "../support/judgeHere.js";
import { modelFile } from "../support/models.js";
import { hash } from "../support/scene.js";

const KEPT_BYTES = 1_000_000;

describe("Models as the proof court sees them", () => {
  const reading = (registered: string, runtime: GraphRuntime = inProcess, profile = ModelProfile.Exact as bigint) => {
    const models = { graphOf: () => Promise.resolve(registered), factsOf: () => Promise.resolve({ profile }) };
    const readGraph: ReadGraph = (file, sums) => readModel(file, runtime, sums);
    return new CourtModels({ models } as unknown as AssayContracts, readGraph, () => runtime, judgeHere, KEPT_BYTES);
  };
  const readBy = async (models: CourtModels, file?: Uint8Array): Promise<CourtModel> =>
    models.read(1n, file ?? (await digitsCnn()).file, new AbortController().signal);

  it("are computed from the file that is registered", async () => {
    const model = await digitsCnn();
    const read = await readBy(reading(model.commitment));
    assert.equal(read.commitment, model.commitment);
    assert.equal(read.nodes.length, model.nodes.length);
  });

  it("have the sums of their profile: the same file of float32 is one graph or the other", async () => {
    const bytes = new Uint8Array(readFileSync(modelFile("breast_cancer_mlp_fp32.onnx")));
    const options = { dims: { N: 1 }, stripSoftmax: true, argMaxOfLogits: true };
    for (const [profile, kind] of [
      [ModelProfile.Canonical, "Canonical"],
      [ModelProfile.Tolerance, "Tolerance"],
    ] as const) {
      const { model } = await prepareModel(bytes, { ...options, tolerance: kind === "Tolerance" }, inProcess);
      assert.equal((await readBy(reading(model.commitment, inProcess, profile), model.file)).profile.kind, kind);
    }
  });

  it("are refused where the owner registered another graph", async () => {
    await assert.rejects(readBy(reading(hash(1))), {
      retryable: false,
      message:
        /^model 1 is registered with graph 0x0+1, on this machine its file has 0x[0-9a-f]{64}: it must be neither/,
    });
  });

  it("are refused on a machine with another runtime than the owner's", async () => {
    const { commitment } = await digitsCnn();
    const builds = { ...inProcess.builds, native: { ...inProcess.builds.native, version: "0.0.1" } };
    await assert.rejects(readBy(reading(commitment, { ...inProcess, builds })), { retryable: false });
  });

  it("are refused where the file has no graph", async () => {
    const { commitment } = await digitsCnn();
    await assert.rejects(readBy(reading(commitment), new Uint8Array([1, 2, 3])), {
      name: "WorkerError",
      retryable: false,
    });
  });

  describe("are computed once", () => {
    const counting = async (bytes: number) => {
      const model = await digitsCnn();
      const read: string[] = [];
      const models = {
        graphOf: () => Promise.resolve(model.commitment),
        factsOf: () => Promise.resolve({ profile: ModelProfile.Exact }),
      };
      const readGraph: ReadGraph = () => {
        read.push("graph");
        return Promise.resolve(model);
      };
      const contracts = { models } as unknown as AssayContracts;
      const courtModels = new CourtModels(contracts, readGraph, () => inProcess, judgeHere, bytes);
      const get = (id: bigint) => courtModels.read(id, model.file, new AbortController().signal);
      return { courtModels, read, get };
    };

    it("for all who ask, at once or later", async () => {
      const { courtModels, read, get } = await counting(KEPT_BYTES);
      assert.equal(courtModels.find(1n), undefined);
      const [first, second] = await Promise.all([get(1n), get(1n)]);
      assert.equal(first, second);
      assert.equal(await get(1n), first);
      assert.equal(courtModels.find(1n), first);
      assert.equal(read.length, 1);
    });

    it("and again where many others came in between, however large the last one is", async () => {
      const { courtModels, read, get } = await counting(1);
      await get(1n);
      await get(2n);
      assert.equal(courtModels.find(1n), undefined);
      assert.ok(courtModels.find(2n));
      await get(1n);
      assert.equal(read.length, 3);
    });
  });
});
