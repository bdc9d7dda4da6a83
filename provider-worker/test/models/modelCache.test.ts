import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";

import type { AssayContracts } from "@assay/sdk";

import type { Fetcher } from "../../src/content/fetcher.js";
import { ContentStore, sha256 } from "../../src/content/store.js";
import { WorkerError } from "../../src/errors.js";
import type { RunnerLimits } from "../../src/inference/runner.js";
import { writeGolden } from "../../src/models/golden.js";
import { ModelCache } from "../../src/models/modelCache.js";
import { FakeRunner, floats } from "../support/fakeRunner.js";
import { gate } from "../support/scene.js";

const MODEL = new TextEncoder().encode("the bytes of a model");
const GOLDEN = writeGolden([{ inputs: new Map([["x", floats(1)]]), outputs: new Map([["y", floats(2)]]) }]);
const OPTIONS = { maxModelBytes: 1000, timeoutMs: 5, memoryMb: 6 };

describe("The model cache", () => {
  let folder: string;
  let store: ContentStore;
  /** What lies behind each URI. */
  let web: Map<string, Uint8Array>;
  let fetched: string[];
  let runners: FakeRunner[];
  let started: [string, RunnerLimits][];
  let compute: (x: number) => number;
  let cache: ModelCache;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "assay-models-"));
    store = new ContentStore(folder, { maxTensorBytes: 1e6, needed: () => new Set() });
    web = new Map([
      ["https://model", MODEL],
      ["https://golden", GOLDEN],
    ]);
    fetched = [];
    runners = [];
    started = [];
    compute = (x) => x + 1;
    cache = newCache();
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  function newCache(start = startRunner): ModelCache {
    const spec = { fileHash: sha256(MODEL), modelUri: "https://model", goldenHash: sha256(GOLDEN) };
    const specOf = () => Promise.resolve({ ...spec, goldenUri: "https://golden" });
    const contracts = { models: { specOf } } as unknown as AssayContracts;
    const fetch = (uri: string) => {
      fetched.push(uri);
      const bytes = web.get(uri);
      return bytes ? Promise.resolve(bytes) : Promise.reject(new WorkerError(`cannot fetch ${uri}`, true));
    };
    return new ModelCache(contracts, store, { fetch } as unknown as Fetcher, OPTIONS, start);
  }

  function startRunner(file: string, limits: RunnerLimits): Promise<FakeRunner> {
    started.push([file, limits]);
    const runner = new FakeRunner(compute);
    runners.push(runner);
    return Promise.resolve(runner);
  }

  it("fetches, proves and starts a model once, for whoever asks", async () => {
    const [first, second] = await Promise.all([cache.get(1n), cache.get(1n)]);
    assert.equal(first, second);
    assert.equal(await cache.get(1n), first);
    assert.deepEqual(fetched, ["https://model", "https://golden"]);
    assert.deepEqual(started, [[store.pathOf("files", sha256(MODEL)), OPTIONS]]);
    assert.equal(runners[0]?.runs, 1);
  });

  it("fetches nothing that lies here already, but proves it again", async () => {
    await cache.get(1n);
    await newCache().get(1n);
    assert.equal(fetched.length, 2);
    assert.equal(runners.length, 2);
    assert.equal(runners[1]?.runs, 1);
  });

  it("fetches a model again whose file was damaged here", async () => {
    await cache.get(1n);
    writeFileSync(store.pathOf("files", sha256(MODEL)), "damaged");
    await newCache().get(1n);
    assert.deepEqual(fetched.slice(2), ["https://model"]);
  });

  for (const uri of ["https://model", "https://golden"]) {
    it(`starts nothing where ${uri} is not what the registry says`, async () => {
      web.set(uri, new TextEncoder().encode("something else"));
      await assert.rejects(cache.get(1n), {
        retryable: false,
        message: new RegExp(`^${uri} has sha-256 0x[0-9a-f]{64}, not 0x[0-9a-f]{64} as registered`),
      });
      assert.deepEqual(started, []);
    });
  }

  it("refuses and stops a runner that does not reproduce the golden vectors", async () => {
    compute = (x) => x + 2;
    await assert.rejects(cache.get(1n), { retryable: false, message: /this machine must not serve the model/ });
    assert.equal(runners[0]?.stopped, true);
  });

  it("tries again on the next call what failed", async () => {
    const there = web.get("https://model") ?? MODEL;
    web.delete("https://model");
    await assert.rejects(cache.get(1n), { retryable: true });
    web.set("https://model", there);
    compute = (x) => x + 2;
    await assert.rejects(cache.get(1n), /golden vector/);
    compute = (x) => x + 1;
    assert.equal(await cache.get(1n), runners[1]);
  });

  it("stops every runner, also one that is still starting", async () => {
    const ready = (await cache.get(1n)) as FakeRunner;
    await cache.stop();
    assert.equal(ready.stopped, true);

    const begun = gate<undefined>();
    const go = gate<FakeRunner>();
    const slow = newCache(() => {
      begun.open(undefined);
      return go.promise;
    });
    const loading = slow.get(1n);
    await begun.promise;
    const stopping = slow.stop();
    const late = new FakeRunner();
    go.open(late);
    await Promise.all([loading, stopping]);
    assert.equal(late.stopped, true);
  });
});
