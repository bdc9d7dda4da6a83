import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";

import type { AssayContracts } from "@assay/sdk";
import { packBundle } from "@assay/sdk";

import type { Fetcher } from "../../src/content/fetcher.js";
import { LEAST_BYTES } from "../../src/content/shelf.js";
import type { ContentStore } from "../../src/content/store.js";
import { ContentError } from "../../src/errors.js";
import { Executor } from "../../src/jobs/executor.js";
import type { Place } from "../../src/jobs/taskPool.js";
import { Metrics } from "../../src/metrics.js";
import type { ModelCache } from "../../src/models/modelCache.js";
import { FakeRunner, floats } from "../support/fakeRunner.js";
import { Scene } from "../support/scene.js";
import { newStore, NOTHING } from "../support/shelves.js";

const INPUT = packBundle(new Map([["x", floats(1, 2)]]), ["x"]);
const OUTPUT = packBundle(new Map([["y", floats(2, 3)]]), ["y"]);
const LIMIT = 5000;
const AT_PROVIDER = `https://provider.example.org/tensors/${INPUT.root}`;
const NEVER = new AbortController().signal;

describe("The executor", () => {
  let folder: string;
  let store: ContentStore;
  let metrics: Metrics;
  let fetched: [string, number][];
  let answer: Uint8Array;
  /** What some URIs hold instead, undefined for nothing. */
  let elsewhere: Map<string, Uint8Array | undefined>;
  let modelIsHere: boolean;
  let executor: Executor;
  const terms = new Scene().terms(7, { inputCommitment: INPUT.root });

  let onFetch: () => void;
  /** Who the place was left for. */
  let away: string[];
  const place: Place = {
    leaveFor: (group, act) => {
      away.push(group);
      return act();
    },
  };

  beforeEach(() => {
    away = [];
    folder = mkdtempSync(path.join(tmpdir(), "assay-executor-"));
    store = newStore(folder);
    metrics = new Metrics();
    fetched = [];
    answer = INPUT.bytes;
    elsewhere = new Map();
    modelIsHere = true;
    onFetch = () => undefined;
    const fetcher = {
      fetch: (uri: string, limit: number) => {
        fetched.push([uri, limit]);
        onFetch();
        const bytes = elsewhere.has(uri) ? elsewhere.get(uri) : answer;
        return bytes ? Promise.resolve(bytes.slice()) : Promise.reject(new ContentError(`${uri} is not there`));
      },
    } as unknown as Fetcher;
    const providerOf = () => Promise.resolve({ endpoint: "https://provider.example.org" });
    const contracts = { providers: { providerOf } } as unknown as AssayContracts;
    const limits = { inputBytes: LIMIT, outputBytes: 2 * LIMIT };
    const runner = new FakeRunner();
    const use = (_model: bigint, act: (model: FakeRunner) => unknown) => act(runner);
    const isHere = () => Promise.resolve(modelIsHere);
    const fetch = (model: bigint) => {
      fetched.push([`model ${model}`, 0]);
      return Promise.resolve();
    };
    const models = { use, isHere, fetch } as unknown as ModelCache;
    executor = new Executor(contracts, store, fetcher, models, limits, metrics);
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  for (const [where, uri, from] of [
    ["where the provider says", "https://output", "https://output"],
    ["the provider's store", "", `https://provider.example.org/tensors/${OUTPUT.root}`],
  ] as const) {
    it(`fetches a delivered output from ${where}, while others have the place`, async () => {
      answer = OUTPUT.bytes;
      const { tensors, root } = await executor.output(terms, { commitment: OUTPUT.root, uri }, place, NEVER);
      assert.deepEqual([root, [...tensors.keys()]], [OUTPUT.root, ["y"]]);
      assert.deepEqual(fetched, [[from, 2 * LIMIT]]);
      assert.deepEqual(away, [terms.provider]);
    });
  }

  it("takes no output for another", async () => {
    answer = INPUT.bytes;
    const wanted = { commitment: OUTPUT.root, uri: "https://output" };
    await assert.rejects(executor.output(terms, wanted, place, NEVER), /commits to .*, not /);
  });

  it("fetches the input from its URI, keeps it and the output, and commits to the output", async () => {
    const { root } = await executor.execute(terms, "https://input", place, NEVER);
    assert.equal(root, OUTPUT.root);
    assert.deepEqual(fetched, [["https://input", LIMIT]]);
    assert.deepEqual(away, [terms.client]);
    assert.ok(await store.getBundle(INPUT.root));
    assert.ok(await store.getBundle(OUTPUT.root));
    const { values } = await metrics.inference.get();
    assert.equal(values.find(({ metricName }) => metricName === "assay_inference_seconds_count")?.value, 1);
  });

  it("leaves its place while the model is fetched, before it holds the input", async () => {
    modelIsHere = false;
    await executor.execute(terms, "https://input", place, NEVER);
    assert.deepEqual(away, [`model ${terms.modelId}`, terms.client]);
    assert.deepEqual(
      fetched.map(([what]) => what),
      [`model ${terms.modelId}`, "https://input"],
    );
  });

  it("leaves its place while a model that is made ready is fetched", async () => {
    modelIsHere = false;
    await executor.prepare(3n, place, NEVER);
    assert.deepEqual(away, ["model 3"]);
    assert.deepEqual(
      fetched.map(([what]) => what),
      ["model 3"],
    );
  });

  it("asks nobody else for the input once its time is over", async () => {
    const stop = new AbortController();
    elsewhere.set("https://input", undefined);
    onFetch = () => {
      stop.abort(new Error("the window is over"));
    };
    await assert.rejects(executor.execute(terms, "https://input", place, stop.signal), /the window is over/);
    assert.deepEqual(
      fetched.map(([uri]) => uri),
      ["https://input"],
    );
  });

  it("keeps the input here until its job is executed, however much strangers bring meanwhile", async () => {
    const shelf = { maxBytes: 3 * LEAST_BYTES, needed: () => NOTHING };
    const small = newStore(path.join(folder, "small"), { tensors: shelf, files: shelf });
    await small.putBundle(INPUT);
    const flood = async () => {
      for (let i = 0; i < 5; i++) await small.putBundle(packBundle(new Map([["x", floats(100 + i)]]), ["x"]));
    };
    const runner = new FakeRunner();
    const use = async (_model: bigint, act: (model: FakeRunner) => unknown) => {
      await flood();
      assert.ok(await small.has("tensors", INPUT.root));
      return act(runner);
    };
    const models = { use, isHere: () => Promise.resolve(true) } as unknown as ModelCache;
    const parts = [{}, small, {}, models, { inputBytes: LIMIT, outputBytes: LIMIT }, metrics];
    const busy = new Executor(...(parts as unknown as ConstructorParameters<typeof Executor>));
    await busy.execute(terms, "", place, NEVER);
    await flood();
    assert.equal(await small.has("tensors", INPUT.root), false);
  });

  it("fetches nothing where the client brought the input to this store", async () => {
    await store.putBundle(INPUT);
    assert.equal((await executor.execute(terms, "https://input", place, NEVER)).root, OUTPUT.root);
    assert.deepEqual([fetched, away], [[], []]);
  });

  it("asks the store of the job's provider where no URI is given", async () => {
    await executor.execute(terms, "", place, NEVER);
    assert.equal(fetched[0]?.[0], AT_PROVIDER);
  });

  it("runs nothing on another input than the job's", async () => {
    answer = OUTPUT.bytes;
    await assert.rejects(executor.execute(terms, "https://input", place, NEVER), {
      name: "ContentError",
      message: /commits to 0x/,
    });
    assert.equal(await store.getBundle(OUTPUT.root), undefined);
  });

  it("runs nothing on what is no input at all", async () => {
    answer = new Uint8Array(100);
    await assert.rejects(executor.execute(terms, "https://input", place, NEVER), {
      name: "ContentError",
      message: /holds no bundle of tensors/,
    });
  });

  for (const [how, there] of [
    ["is not", undefined],
    ["is something else than the input", OUTPUT.bytes],
    ["is no bundle", new Uint8Array(100)],
  ] as const) {
    it(`asks the store of the job's provider where at the URI there ${how}`, async () => {
      elsewhere.set("https://input", there);
      assert.equal((await executor.execute(terms, "https://input", place, NEVER)).root, OUTPUT.root);
      assert.deepEqual(
        fetched.map(([uri]) => uri),
        ["https://input", AT_PROVIDER],
      );
    });
  }

  it("tells what failed where the input should be, when nobody has it", async () => {
    elsewhere.set("https://input", undefined).set(AT_PROVIDER, undefined);
    await assert.rejects(executor.execute(terms, "https://input", place, NEVER), /https:\/\/input is not there/);
    await assert.rejects(executor.execute(terms, "", place, NEVER), /provider\.example\.org.* is not there/);
  });
});
