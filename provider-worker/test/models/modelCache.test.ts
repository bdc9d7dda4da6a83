import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";

import type { AssayContracts, CourtModel } from "@assay/sdk";

import type { Fetcher } from "../../src/content/fetcher.js";
import { ContentStore, sha256 } from "../../src/content/store.js";
import { InferenceError, WorkerError } from "../../src/errors.js";
import type { RunnerLimits } from "../../src/inference/runner.js";
import { writeGolden } from "../../src/models/golden.js";
import { ModelCache } from "../../src/models/modelCache.js";
import { FakeRunner, floats } from "../support/fakeRunner.js";
import { calm, gate } from "../support/scene.js";
import { ROOMY } from "../support/shelves.js";

const MODEL = new TextEncoder().encode("the bytes of a model");
const GOLDEN = writeGolden([{ inputs: new Map([["x", floats(1)]]), outputs: new Map([["y", floats(2)]]) }]);
const OPTIONS = { maxModelBytes: 1000, maxRunners: 2, timeoutMs: 5, memoryMb: 6 };

describe("The model cache", () => {
  let folder: string;
  let store: ContentStore;
  /** What lies behind each URI. */
  let web: Map<string, Uint8Array>;
  let fetched: string[];
  let runners: FakeRunner[];
  let started: [string, RunnerLimits, string][];
  let compute: (x: number) => number;
  let cache: ModelCache;
  let profile: bigint;
  /** Models whose graph was computed, with their files. */
  let read: [bigint, Uint8Array][];
  let graphIsTrue: boolean;
  /** Whether other bytes than this machine's are explained. */
  let explained: boolean;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "assay-models-"));
    store = new ContentStore(folder, ROOMY);
    web = new Map([
      ["https://model", MODEL],
      ["https://golden", GOLDEN],
    ]);
    fetched = [];
    runners = [];
    started = [];
    compute = (x) => x + 1;
    profile = 4n;
    read = [];
    graphIsTrue = true;
    explained = false;
    cache = newCache();
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  function newCache(start = startRunner): ModelCache {
    const spec = { profile, fileHash: sha256(MODEL), modelUri: "https://model", goldenHash: sha256(GOLDEN) };
    const specOf = () => Promise.resolve({ ...spec, goldenUri: "https://golden" });
    const contracts = { models: { specOf } } as unknown as AssayContracts;
    const fetch = (uri: string) => {
      fetched.push(uri);
      const bytes = web.get(uri);
      return bytes ? Promise.resolve(bytes) : Promise.reject(new WorkerError(`cannot fetch ${uri}`, true));
    };
    const courtModels = {
      read: (modelId: bigint, file: Uint8Array) => {
        read.push([modelId, file]);
        return graphIsTrue ? Promise.resolve({} as CourtModel) : Promise.reject(new WorkerError("another graph"));
      },
      explains: () => Promise.resolve(explained),
    };
    return new ModelCache(contracts, store, { fetch } as unknown as Fetcher, OPTIONS, courtModels, start);
  }

  const runnerOf = (from: ModelCache, model = 1n) => from.use(model, (runner) => Promise.resolve(runner));

  function startRunner(file: string, limits: RunnerLimits, hash: string): Promise<FakeRunner> {
    started.push([file, limits, hash]);
    const runner = new FakeRunner(compute);
    runners.push(runner);
    return Promise.resolve(runner);
  }

  it("fetches, proves and starts a model once, for whoever asks", async () => {
    const [first, second] = await Promise.all([runnerOf(cache), runnerOf(cache)]);
    assert.equal(first, second);
    assert.equal(await runnerOf(cache), first);
    assert.deepEqual(fetched, ["https://model", "https://golden"]);
    assert.deepEqual(started, [[store.pathOf("files", sha256(MODEL)), OPTIONS, sha256(MODEL)]]);
    assert.equal(runners[0]?.runs, 1);
  });

  it("fetches nothing that lies here already, but proves it again", async () => {
    await runnerOf(cache);
    await runnerOf(newCache());
    assert.equal(fetched.length, 2);
    assert.equal(runners.length, 2);
    assert.equal(runners[1]?.runs, 1);
  });

  it("fetches a model again whose file was damaged here", async () => {
    await runnerOf(cache);
    writeFileSync(store.pathOf("files", sha256(MODEL)), "damaged");
    await runnerOf(newCache());
    assert.deepEqual(fetched.slice(2), ["https://model"]);
  });

  it("fetches a model again whose process found its file changed, and starts another process", async () => {
    const changed = new InferenceError("changed", "the model has another sha-256");
    const end = gate<undefined>();
    const other = cache.use(1n, () => end.promise);
    await runnerOf(cache);
    writeFileSync(store.pathOf("files", sha256(MODEL)), "another model");
    await assert.rejects(
      cache.use(1n, () => Promise.reject(changed)),
      changed,
    );
    assert.equal(runners[0]?.stopped, false);
    end.open(undefined);
    await other;
    await calm();
    assert.equal(runners[0]?.stopped, true);
    assert.equal(await runnerOf(cache), runners[1]);
    assert.deepEqual(fetched.slice(2), ["https://model"]);
    assert.equal(sha256(await cache.fileOf(1n)), sha256(MODEL));
  });

  for (const uri of ["https://model", "https://golden"]) {
    it(`starts nothing where ${uri} is not what the registry says`, async () => {
      web.set(uri, new TextEncoder().encode("something else"));
      await assert.rejects(runnerOf(cache), {
        name: "ContentError",
        message: new RegExp(`^${uri} has sha-256 0x[0-9a-f]{64}, not 0x[0-9a-f]{64} as registered`),
      });
      assert.deepEqual(started, []);
    });
  }

  it("refuses and stops a runner that does not reproduce the golden vectors", async () => {
    compute = (x) => x + 2;
    await assert.rejects(runnerOf(cache), { retryable: false, message: /this machine must not serve the model/ });
    assert.equal(runners[0]?.stopped, true);
  });

  for (const [name, proven] of [
    ["Exact", 1n],
    ["Canonical", 2n],
    ["Tolerance", 3n],
  ] as const) {
    it(`starts no ${name} model, which is judged by proof, unless its graph is that of its file`, async () => {
      profile = proven;
      graphIsTrue = false;
      const fresh = newCache();
      await assert.rejects(runnerOf(fresh), { retryable: false, message: "another graph" });
      assert.deepEqual(started, []);
      graphIsTrue = true;
      assert.equal(await runnerOf(fresh), runners[0]);
      assert.deepEqual(read.map(([id, file]) => [id, sha256(file)]).at(-1), [1n, sha256(MODEL)]);
    });
  }

  it("starts a runner with other bytes than the golden vectors where those are explained", async () => {
    compute = (x) => x + 1.5;
    profile = 3n;
    explained = true;
    assert.equal(await runnerOf(newCache()), runners[0]);
    profile = 4n;
    await assert.rejects(runnerOf(newCache()), /this machine must not serve the model/);
  });

  it("asks for no graph of a model that is judged by a jury", async () => {
    await runnerOf(cache);
    assert.deepEqual(read, []);
  });

  it("gives out a model's file, which it fetches once", async () => {
    assert.equal(sha256(await cache.fileOf(1n)), sha256(MODEL));
    await cache.fileOf(1n);
    assert.deepEqual(fetched, ["https://model"]);
  });

  it("says of a model whether its files are here, and brings them here without starting it", async () => {
    assert.equal(await cache.isHere(1n), false);
    await cache.fileOf(1n);
    assert.equal(await cache.isHere(1n), false);
    await cache.fetch(1n);
    assert.equal(await cache.isHere(1n), true);
    assert.deepEqual([fetched, started], [["https://model", "https://golden"], []]);
    writeFileSync(store.pathOf("files", sha256(GOLDEN)), "damaged");
    assert.equal(await cache.isHere(1n), false);
  });

  it("tries again on the next call what failed", async () => {
    const there = web.get("https://model") ?? MODEL;
    web.delete("https://model");
    await assert.rejects(runnerOf(cache), { retryable: true });
    web.set("https://model", there);
    compute = (x) => x + 2;
    await assert.rejects(runnerOf(cache), /golden vector/);
    compute = (x) => x + 1;
    assert.equal(await runnerOf(cache), runners[1]);
  });

  it("stops every runner, also one that is still starting", async () => {
    const ready = (await runnerOf(cache)) as FakeRunner;
    await cache.stop();
    assert.equal(ready.stopped, true);

    const begun = gate<undefined>();
    const go = gate<FakeRunner>();
    const slow = newCache(() => {
      begun.open(undefined);
      return go.promise;
    });
    const loading = runnerOf(slow);
    await begun.promise;
    const stopping = slow.stop();
    const late = new FakeRunner();
    go.open(late);
    await Promise.all([loading, stopping]);
    assert.equal(late.stopped, true);
  });

  it("keeps the models used last, and starts another one again when it is asked for", async () => {
    for (const model of [1n, 2n, 1n, 3n]) await runnerOf(cache, model);
    assert.deepEqual(
      runners.map(({ stopped }) => stopped),
      [false, true, false],
    );
    assert.equal(await runnerOf(cache, 1n), runners[0]);
    assert.equal(await runnerOf(cache, 2n), runners[3]);
    assert.equal(runners[2]?.stopped, true);
  });

  it("never stops a model that runs, and lets it go afterwards", async () => {
    const end = gate<undefined>();
    const running = [1n, 2n, 3n].map((model) => cache.use(model, () => end.promise));
    await runnerOf(cache, 4n);
    assert.deepEqual(
      runners.map(({ stopped }) => stopped),
      [false, false, false, true],
    );
    end.open(undefined);
    await Promise.all(running);
    assert.deepEqual(
      runners.map(({ stopped }) => stopped),
      [true, false, false, true],
    );
  });

  it("lets a model go although running it failed", async () => {
    const failed = [1n, 2n, 3n].map((model) => cache.use(model, () => Promise.reject(new Error("no"))));
    await Promise.all(failed.map((each) => assert.rejects(each, /no/)));
    assert.equal(runners.filter(({ stopped }) => !stopped).length, 2);
  });

  it("tells which files its models need", async () => {
    assert.deepEqual(cache.filesInUse(), new Set());
    await runnerOf(cache);
    assert.deepEqual(cache.filesInUse(), new Set([sha256(MODEL), sha256(GOLDEN)]));
  });
});
