import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";

import type { AssayContracts } from "@assay/sdk";
import { packBundle } from "@assay/sdk";

import type { Fetcher } from "../../src/content/fetcher.js";
import { sha256 } from "../../src/content/store.js";
import { Executor } from "../../src/jobs/executor.js";
import { TaskPool } from "../../src/jobs/taskPool.js";
import { Metrics } from "../../src/metrics.js";
import { writeGolden } from "../../src/models/golden.js";
import { ModelCache } from "../../src/models/modelCache.js";
import { eventually } from "../support/eventually.js";
import { FakeRunner, floats } from "../support/fakeRunner.js";
import { calm, gate, Scene } from "../support/scene.js";
import { newStore } from "../support/shelves.js";

const INPUT = packBundle(new Map([["x", floats(1, 2)]]), ["x"]);
const GOLDEN = writeGolden([{ inputs: new Map([["x", floats(1)]]), outputs: new Map([["y", floats(2)]]) }]);
const modelBytes = (id: bigint) => new TextEncoder().encode(`model ${id}`);
const LIMITS = { inputBytes: 1000, outputBytes: 1000 };
const OPTIONS = { maxModelBytes: 1000, maxRunners: 2, loadMs: 60_000, timeoutMs: 5, memoryMb: 6 };
const SLOW = 1n;
const QUICK = 2n;

describe("A model behind a slow URI", () => {
  let folder: string;
  let executor: Executor;
  let pool: TaskPool;
  let slow: ReturnType<typeof gate<Uint8Array>>;
  let downloads: string[];
  let errors: unknown[];

  beforeEach(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "assay-slow-"));
    const store = newStore(folder);
    await store.putBundle(INPUT);
    slow = gate();
    downloads = [];
    errors = [];
    const fetcher = {
      fetch: (uri: string) => {
        downloads.push(uri);
        if (uri === `https://model/${SLOW}`) return slow.promise;
        return Promise.resolve(uri === "https://golden" ? GOLDEN.slice() : modelBytes(QUICK));
      },
    } as unknown as Fetcher;
    const spec = { profile: 4n, goldenHash: sha256(GOLDEN), goldenUri: "https://golden" };
    const specOf = (id: bigint) =>
      Promise.resolve({ ...spec, fileHash: sha256(modelBytes(id)), modelUri: `https://model/${id}` });
    const contracts = { models: { specOf } } as unknown as AssayContracts;
    const unasked = () => Promise.reject(new Error("nobody's"));
    const courtModels = { read: unasked, explains: unasked };
    const start = () => Promise.resolve(new FakeRunner());
    const models = new ModelCache(contracts, store, fetcher, OPTIONS, courtModels, start);
    executor = new Executor(contracts, store, fetcher, models, LIMITS, new Metrics());
    pool = new TaskPool(2, new AbortController().signal, (_key, error) => errors.push(error));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  /** Starts a job; `done` tells that it is executed. */
  function job(nonce: number, modelId: bigint): { done: boolean } {
    const state = { done: false };
    const terms = new Scene().terms(nonce, { modelId, inputCommitment: INPUT.root });
    pool.start(`${nonce}`, async (place) => {
      await executor.execute(terms, "", place, new AbortController().signal);
      state.done = true;
    });
    return state;
  }

  it("keeps no job of another model waiting, however many jobs it has", async () => {
    const waiting = Array.from({ length: 10 }, (_, i) => job(i, SLOW));
    const other = job(100, QUICK);
    await eventually("the other model's job is done", () => other.done);
    assert.ok(waiting.every(({ done }) => !done));
    slow.open(modelBytes(SLOW));
    await eventually("its own jobs are done as well", () => waiting.every(({ done }) => done));
    assert.deepEqual(errors, []);
  });

  it("is downloaded once, for all its jobs", async () => {
    const jobs = [job(1, SLOW), job(2, SLOW)];
    await eventually("the download has begun", () => downloads.length > 0);
    await calm();
    slow.open(modelBytes(SLOW));
    await eventually("both jobs are done", () => jobs.every(({ done }) => done));
    assert.deepEqual(downloads, [`https://model/${SLOW}`, "https://golden"]);
  });

  it("is fetched again for the next job where it did not come", async () => {
    const first = job(1, SLOW);
    await eventually("the download has begun", () => downloads.length > 0);
    slow.fail(new Error("too slow"));
    await eventually("the job failed", () => errors.length === 1);
    slow = gate();
    slow.open(modelBytes(SLOW));
    const second = job(1, SLOW);
    await eventually("the job is done", () => second.done);
    assert.equal(first.done, false);
  });
});
