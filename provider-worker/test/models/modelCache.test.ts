import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";

import type { AssayContracts, CourtModel } from "@assay/sdk";
import { Interface } from "ethers";

import type { Fetcher } from "../../src/content/fetcher.js";
import type { ShelfOptions } from "../../src/content/shelf.js";
import { LEAST_BYTES } from "../../src/content/shelf.js";
import type { ContentStore } from "../../src/content/store.js";
import { sha256 } from "../../src/content/store.js";
import { InferenceError, WorkerError } from "../../src/errors.js";
import type { RunnerLimits } from "../../src/inference/runner.js";
import { MAX_GOLDEN_BYTES, writeGolden } from "../../src/models/golden.js";
import type { StartRunner } from "../../src/models/modelCache.js";
import { ModelCache } from "../../src/models/modelCache.js";
import { FakeRunner, floats } from "../support/fakeRunner.js";
import { calm, gate } from "../support/scene.js";
import { hashedFile, newStore, NOTHING } from "../support/shelves.js";

const MODEL = new TextEncoder().encode("the bytes of a model");
const GOLDEN = writeGolden([{ inputs: new Map([["x", floats(1)]]), outputs: new Map([["y", floats(2)]]) }]);
const OPTIONS = { maxModelBytes: 1000, maxRunners: 2, loadMs: 5_000, timeoutMs: 5, memoryMb: 6 };
const NEVER = new AbortController().signal;

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
  let graph: (signal: AbortSignal) => Promise<CourtModel>;
  /** How models differ from the first. */
  let others: Map<bigint, { modelUri: string; fileHash?: string }>;
  /** URIs that never answer. */
  let hangs: Set<string>;
  /** Opens where something hangs. */
  let reached: ReturnType<typeof gate<undefined>>;
  /** The signals that it was given. */
  let hanging: AbortSignal[];
  /** Limits of downloads, in bytes. */
  let limits: number[];
  /** How long downloads may take. */
  let times: (number | undefined)[];
  /** Milliseconds, as the cache sees them. */
  let clock: number;
  /** Whether other bytes than this machine's are explained. */
  let explained: boolean;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "assay-models-"));
    store = newStore(folder);
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
    graph = () => Promise.resolve({} as CourtModel);
    others = new Map();
    hangs = new Set();
    reached = gate();
    limits = [];
    times = [];
    hanging = [];
    clock = 0;
    explained = false;
    cache = newCache();
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  function newCache(start: StartRunner = startRunner, options = OPTIONS): ModelCache {
    const spec = { profile, fileHash: sha256(MODEL), modelUri: "https://model", goldenHash: sha256(GOLDEN) };
    const specOf = (id: bigint) => Promise.resolve({ ...spec, goldenUri: "https://golden", ...others.get(id) });
    const contracts = { models: { specOf } } as unknown as AssayContracts;
    const fetch = (uri: string, limit: number, signal: AbortSignal, time?: number) => {
      fetched.push(uri);
      limits.push(limit);
      times.push(time);
      if (hangs.has(uri)) return hang(signal);
      const bytes = web.get(uri);
      return bytes ? Promise.resolve(bytes.slice()) : Promise.reject(new WorkerError(`cannot fetch ${uri}`, true));
    };
    const courtModels = {
      read: (modelId: bigint, file: Uint8Array, signal: AbortSignal) => {
        read.push([modelId, file]);
        return graph(signal);
      },
      explains: () => Promise.resolve(explained),
    };
    return new ModelCache(contracts, store, { fetch } as unknown as Fetcher, options, courtModels, start, () => clock);
  }

  const hang = (signal: AbortSignal): Promise<never> => {
    hanging.push(signal);
    reached.open(undefined);
    return new Promise(() => undefined);
  };
  const runnerOf = (from: ModelCache, model = 1n) => from.use(model, (runner) => Promise.resolve(runner), NEVER);

  function startRunner(file: string, limits: RunnerLimits, hash: string): Promise<FakeRunner> {
    started.push([file, limits, hash]);
    const runner = new FakeRunner(compute);
    runners.push(runner);
    return Promise.resolve(runner);
  }

  it("gives every download the time of the whole load: a model may be large", async () => {
    await runnerOf(cache);
    assert.deepEqual(times, [OPTIONS.loadMs, OPTIONS.loadMs]);
  });

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
    const other = cache.use(1n, () => end.promise, NEVER);
    await runnerOf(cache);
    writeFileSync(store.pathOf("files", sha256(MODEL)), "another model");
    await assert.rejects(
      cache.use(1n, () => Promise.reject(changed), NEVER),
      changed,
    );
    assert.equal(runners[0]?.stopped, false);
    end.open(undefined);
    await other;
    await calm();
    assert.equal(runners[0]?.stopped, true);
    assert.equal(await runnerOf(cache), runners[1]);
    assert.deepEqual(fetched.slice(2), ["https://model"]);
    assert.equal(sha256(await cache.fileOf(1n, NEVER)), sha256(MODEL));
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
      graph = () => Promise.reject(new WorkerError("another graph"));
      const fresh = newCache();
      await assert.rejects(runnerOf(fresh), { retryable: false, message: "another graph" });
      assert.deepEqual(started, []);
      graph = () => Promise.resolve({} as CourtModel);
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
    assert.equal(sha256(await cache.fileOf(1n, NEVER)), sha256(MODEL));
    await cache.fileOf(1n, NEVER);
    assert.deepEqual(fetched, ["https://model"]);
  });

  it("says of a model whether its files are here, and brings them here without starting it", async () => {
    assert.equal(await cache.isHere(1n), false);
    await cache.fileOf(1n, NEVER);
    assert.equal(await cache.isHere(1n), false);
    await cache.fetch(1n, NEVER);
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
    await Promise.all([assert.rejects(loading, { message: "the worker stops", retryable: true }), slow.stop()]);
    const late = new FakeRunner();
    go.open(late);
    await calm();
    assert.equal(late.stopped, true);
    await assert.rejects(runnerOf(slow), /the worker stops/);
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
    const running: Promise<unknown>[] = [];
    for (const model of [1n, 2n, 3n]) {
      const begun = gate<undefined>();
      const act = () => {
        begun.open(undefined);
        return end.promise;
      };
      running.push(cache.use(model, act, NEVER));
      await begun.promise;
    }
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
    const failed = [1n, 2n, 3n].map((model) => cache.use(model, () => Promise.reject(new Error("no")), NEVER));
    await Promise.all(failed.map((each) => assert.rejects(each, /no/)));
    assert.equal(runners.filter(({ stopped }) => !stopped).length, 2);
  });

  describe("with a model made so that it is never ready", () => {
    /** Each step of a load that a model's owner can draw out, as the cache that meets it. */
    const stuck: Record<string, () => ModelCache> = {
      "its download": () => {
        hangs.add("https://model");
        return cache;
      },
      "its golden vectors' download": () => {
        hangs.add("https://golden");
        return cache;
      },
      "its graph": () => {
        profile = 1n;
        graph = hang;
        return newCache();
      },
      "its start": () => newCache((_file, _limits, _hash, signal) => hang(signal)),
      "its golden vectors": () =>
        newCache(() => {
          const runner = new FakeRunner();
          runner.run = (_inputs, signal = NEVER) => hang(signal);
          return Promise.resolve(runner);
        }),
    };

    for (const [what, meet] of Object.entries(stuck)) {
      it(`gives ${what} one deadline with all the rest, and says so`, async (test) => {
        const slow = meet();
        test.mock.timers.enable({ apis: ["setTimeout"] });
        const refused = { reason: "timeout", retryable: false, message: "loading model 1 took more than 5000 ms" };
        const withheld = { retryable: true, message: "the files of model 1 did not come within 5000 ms" };
        const load = assert.rejects(runnerOf(slow), what.endsWith("download") ? withheld : refused);
        await reached.promise;
        test.mock.timers.tick(OPTIONS.loadMs);
        await load;
        assert.deepEqual(
          hanging.map(({ aborted }) => aborted),
          [true],
        );
      });

      it(`lets who waits for ${what} go once the wait is of no use, and ends it for nobody else`, async () => {
        const slow = meet();
        const [first, second] = [new AbortController(), new AbortController()];
        const waits = [first, second].map(({ signal }) => slow.use(1n, () => Promise.resolve(), signal));
        await reached.promise;
        first.abort(new Error("the window is over"));
        await assert.rejects(waits[0] ?? Promise.resolve(), /the window is over/);
        assert.deepEqual(
          hanging.map(({ aborted }) => aborted),
          [false],
        );
        second.abort(new Error("the worker stops"));
        await assert.rejects(waits[1] ?? Promise.resolve(), /the worker stops/);
        assert.deepEqual(
          hanging.map(({ aborted }) => aborted),
          [true],
        );
      });

      it(`stops in the middle of ${what}`, async () => {
        const slow = meet();
        const load = assert.rejects(runnerOf(slow), /the worker stops/);
        await reached.promise;
        await slow.stop();
        await load;
        assert.deepEqual(
          hanging.map(({ aborted }) => aborted),
          [true],
        );
      });
    }

    it("is not fetched beyond its deadline, and asked for again", async (test) => {
      hangs.add("https://golden");
      test.mock.timers.enable({ apis: ["setTimeout"] });
      const fetching = assert.rejects(cache.fetch(1n, NEVER), {
        retryable: true,
        message: "the files of model 1 did not come within 5000 ms",
      });
      await reached.promise;
      test.mock.timers.tick(OPTIONS.loadMs);
      await fetching;
      assert.equal(hanging[0]?.aborted, true);
      hangs.clear();
      await cache.fetch(1n, NEVER);
      assert.equal(await cache.isHere(1n), true);
    });

    it("ends its download for one job only once all others that wait for it have gone too", async () => {
      hangs.add("https://model");
      const [first, second] = [new AbortController(), new AbortController()];
      const waits = [cache.fetch(1n, first.signal), cache.fileOf(1n, second.signal), cache.fetch(1n, second.signal)];
      const results = Promise.allSettled(waits);
      await reached.promise;
      // The checker's answers come in turn: by then all of them wait for the download.
      await store.getFile(sha256(MODEL));
      await calm();
      first.abort(new Error("the window is over"));
      await assert.rejects(waits[0] ?? Promise.resolve(), /the window is over/);
      assert.deepEqual([fetched, hanging[0]?.aborted], [["https://model"], false]);
      second.abort(new Error("the worker stops"));
      await results;
      assert.equal(hanging[0]?.aborted, true);
      hangs.clear();
      await cache.fetch(1n, NEVER);
      assert.deepEqual(fetched, ["https://model", "https://model", "https://golden"]);
    });

    it("keeps no other model waiting that has the same file elsewhere", async () => {
      others.set(2n, { modelUri: "https://never" });
      hangs.add("https://never");
      const gone = new AbortController();
      const stuck = assert.rejects(cache.fetch(2n, gone.signal), /the window is over/);
      await reached.promise;
      await cache.fetch(1n, NEVER);
      assert.deepEqual(fetched, ["https://never", "https://model", "https://golden"]);
      gone.abort(new Error("the window is over"));
      await stuck;
    });

    it("fetches nothing of one that was refused", async () => {
      compute = (x) => x + 2;
      const refusing = newCache((file, limits, hash) => {
        clock += 600;
        return startRunner(file, limits, hash);
      });
      await assert.rejects(runnerOf(refusing), /golden vector/);
      rmSync(store.pathOf("files", sha256(MODEL)));
      assert.equal(await refusing.isHere(1n), true);
      clock += 6000;
      assert.equal(await refusing.isHere(1n), false);
    });

    it("does not try one that was refused again before ten times as long has passed", async () => {
      const late = newCache((file, limits, hash) => {
        clock += 600;
        compute = (x) => x + 2;
        return startRunner(file, limits, hash);
      });
      await assert.rejects(runnerOf(late), /golden vector/);
      clock += 5999;
      await assert.rejects(runnerOf(late), /golden vector/);
      assert.equal(started.length, 1);
      clock += 1;
      await assert.rejects(runnerOf(late), /golden vector/);
      assert.equal(started.length, 2);
    });

    it("loads a model anew for who comes after everybody had gone", async () => {
      hangs.add("https://model");
      const gone = new AbortController();
      const wait = cache.use(1n, () => Promise.resolve(), gone.signal);
      await reached.promise;
      gone.abort(new Error("the window is over"));
      await assert.rejects(wait, /the window is over/);
      hangs.clear();
      assert.equal(await runnerOf(cache), runners[0]);
    });
  });

  it("fetches no more golden vectors than any model may have", async () => {
    await runnerOf(newCache(startRunner, { ...OPTIONS, maxModelBytes: 2 * MAX_GOLDEN_BYTES }));
    assert.deepEqual(limits, [2 * MAX_GOLDEN_BYTES, MAX_GOLDEN_BYTES]);
  });

  it("tells which files its models need", async () => {
    assert.deepEqual(cache.filesInUse(), new Set());
    await runnerOf(cache);
    assert.deepEqual(cache.filesInUse(), new Set([sha256(MODEL), sha256(GOLDEN)]));
  });

  it("tells the files of models by their ids, asks the registry once for each, and knows of none that is not there", async () => {
    const registry = new Interface(["error ModelRegistry_UnknownModel(uint256 modelId)"]);
    const data = registry.encodeErrorResult("ModelRegistry_UnknownModel", [2n]);
    const unknown = Object.assign(new Error("execution reverted"), { code: "CALL_EXCEPTION", data });
    let asked = 0;
    let broken: Error | undefined = new Error("no answer");
    const specOf = (id: bigint) => {
      asked++;
      if (broken) return Promise.reject(broken);
      if (id !== 1n) return Promise.reject(unknown);
      return Promise.resolve({ fileHash: sha256(MODEL), goldenHash: sha256(GOLDEN) });
    };
    const parts = [{ models: { specOf } }, store, {}, OPTIONS, {}] as unknown as ConstructorParameters<
      typeof ModelCache
    >;
    const models = new ModelCache(...parts);
    await assert.rejects(models.hashesOf([1n]), /no answer/);
    broken = undefined;
    assert.deepEqual(await models.hashesOf([1n, 2n]), [sha256(MODEL), sha256(GOLDEN)]);
    assert.deepEqual(await models.hashesOf([1n]), [sha256(MODEL), sha256(GOLDEN)]);
    assert.equal(asked, 3);
  });

  it("keeps the files of a model until its process has read them, however much is fetched meanwhile", async () => {
    const shelf = { maxBytes: 2 * LEAST_BYTES, needed: () => NOTHING };
    store = newStore(path.join(folder, "tight"), { tensors: shelf, files: shelf });
    const flood = () => Promise.allSettled([7, 8].map((n) => store.putFile(hashedFile(new Uint8Array([n])))));
    const wasHere: unknown[] = [];
    const start: StartRunner = async () => {
      await flood();
      wasHere.push(await store.has("files", sha256(MODEL)));
      return new FakeRunner();
    };
    await runnerOf(newCache(start));
    await flood();
    assert.deepEqual([wasHere, await store.has("files", sha256(MODEL))], [[true], false]);
  });

  it("keeps the file of a model of its own, however many strangers' models come and go", async () => {
    const shelf: ShelfOptions = {
      maxBytes: 6 * LEAST_BYTES,
      needed: async () => ({ own: new Set(await cache.hashesOf([1n])), others: cache.filesInUse() }),
    };
    store = newStore(path.join(folder, "small"), { tensors: shelf, files: shelf });
    cache = newCache();
    await runnerOf(cache);
    for (let id = 2n; id <= 29n; id++) {
      const bytes = new TextEncoder().encode(`stranger's model ${id}`);
      others.set(id, { modelUri: `https://model/${id}`, fileHash: sha256(bytes) });
      web.set(`https://model/${id}`, bytes);
      await runnerOf(cache, id);
    }
    web.clear();
    assert.equal(runners[0]?.stopped, true);
    assert.equal(sha256(await cache.fileOf(1n, NEVER)), sha256(MODEL));
    assert.equal(await runnerOf(cache), runners.at(-1));
    await assert.rejects(cache.fileOf(2n, NEVER), /cannot fetch/);
  });
});
