import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, describe, it } from "node:test";

import type { Manifest, PreparedModel, PrepareOptions } from "@assay/sdk";
import {
  AssayError,
  commitBundle,
  commitTrace,
  expose,
  initHash,
  makeManifest,
  prepareModel,
  readManifest,
  runTrace,
  verifyManifest,
  writeManifest,
} from "@assay/sdk";

import { goldenVectors } from "../../src/court/goldenVectors.js";
import { ChildRuntime } from "../../src/court/runtime.js";
import { readGolden, requireGolden, writeGolden } from "../../src/models/golden.js";
import { inProcess } from "../support/inProcessRuntime.js";
import { modelFile, samples } from "../support/models.js";

const OPTIONS: PrepareOptions = { dims: { N: 1 }, stripSoftmax: true, argMaxOfLogits: true };
const LIMITS = { timeoutMs: 60_000, memoryMb: 1000 };
const original = new Uint8Array(readFileSync(modelFile("digits_cnn_int8_static.onnx")));

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Every value in a JSON document, as a way to reach it. */
function* leaves(value: Json, path: (string | number)[] = []): Generator<(string | number)[]> {
  if (typeof value !== "object" || value === null) yield path;
  else for (const [key, inner] of Object.entries(value)) yield* leaves(inner, [...path, key]);
}

function changedAt(manifest: Manifest, path: readonly (string | number)[]): Manifest {
  const copy = JSON.parse(writeManifest(manifest)) as Json;
  let at = copy as Record<string, Json>;
  for (const key of path.slice(0, -1)) at = at[key] as Record<string, Json>;
  const last = path.at(-1) ?? "";
  const value = at[last];
  if (typeof value === "number") at[last] = value + 1;
  else if (typeof value === "boolean") at[last] = !value;
  else if (typeof value === "string")
    at[last] = value.endsWith("0") ? `${value.slice(0, -1)}1` : `${value.slice(0, -1)}0`;
  else at[last] = "0x00";
  return copy as unknown as Manifest;
}

describe("A manifest", () => {
  let prepared: PreparedModel;
  let golden: Uint8Array;
  let manifest: Manifest;
  before(async () => {
    await initHash();
    prepared = await prepareModel(original, OPTIONS, inProcess);
    golden = writeGolden(await goldenVectors(prepared.model, 3, inProcess));
    manifest = makeManifest(prepared, golden);
  });

  it("comes back from its file, which is the same bytes each time", async () => {
    const text = writeManifest(manifest);
    assert.deepEqual(readManifest(text), JSON.parse(text));
    assert.equal(writeManifest(readManifest(text)), text);
    const again = await prepareModel(original, OPTIONS, inProcess);
    assert.equal(writeManifest(makeManifest(again, golden)), text);
  });

  it("is found true from the registered file alone, and with the files it names", async () => {
    const read = readManifest(writeManifest(manifest));
    const { file } = prepared.model;
    assert.equal((await verifyManifest(file, read, inProcess)).commitment, prepared.model.commitment);
    await verifyManifest(file, read, inProcess, { original, golden });
    await verifyManifest(file, read, inProcess, { original });
    const bare = readManifest(writeManifest(makeManifest(prepared)));
    await verifyManifest(file, bare, inProcess, { original });
  });

  it("is found false whichever value in it is changed", async () => {
    const { file } = prepared.model;
    const all = [...leaves(JSON.parse(writeManifest(manifest)) as Json)];
    assert.ok(all.length > 150);
    for (const [i, path] of all.entries()) {
      // All nodes alike would take long; what only the original tells takes preparing again.
      if (path[0] === "nodes" && i % 7 > 0) continue;
      const files = ["options", "changes", "files"].includes(String(path[0])) ? { original, golden } : { golden };
      await assert.rejects(verifyManifest(file, changedAt(manifest, path), inProcess, files), Error, path.join("."));
    }
  });

  it("is found false with a node too few, another file or other golden vectors", async () => {
    const { file } = prepared.model;
    const fewer = { ...manifest, nodes: manifest.nodes.slice(1) };
    await assert.rejects(verifyManifest(file, fewer, inProcess), /wrong about nodes/);
    const other = Uint8Array.from([...file, 0]);
    await assert.rejects(verifyManifest(other, manifest, inProcess), /wrong about files.prepared/);
    await assert.rejects(verifyManifest(file, manifest, inProcess, { golden: other }), /wrong about files.golden/);
    await assert.rejects(verifyManifest(file, manifest, inProcess, { original: other }), /wrong about files.original/);
  });

  it("of another runtime or other settings is refused", async () => {
    const { file } = prepared.model;
    for (const change of [{ version: "1.29.0" }, { settings: "{}" }, { name: "another" }]) {
      const builds = { ...inProcess.builds, native: { ...inProcess.builds.native, ...change } };
      await assert.rejects(verifyManifest(file, manifest, { ...inProcess, builds }), /wrong about profile/);
    }
  });

  for (const text of ["", "[]", "null", "{}", '{"format":"assay.manifest.v2"}']) {
    it(`is not ${JSON.stringify(text)}`, () => {
      assert.throws(() => readManifest(text), AssayError);
    });
  }

  it("names golden vectors that a worker reproduces", async () => {
    const runner = await inProcess.load(prepared.model.file);
    const vectors = readGolden(golden);
    assert.equal(vectors.length, 3);
    const { inputNames, outputNames } = prepared.model;
    const run = runner.run.bind(runner);
    await requireGolden(
      { inputs: inputNames, outputs: outputNames, run, stop: () => undefined },
      vectors,
      new AbortController().signal,
      (tensors, names) => Promise.resolve(commitBundle(tensors, names).root),
    );
    runner.stop();
  });
});

const LINUX = process.platform === "linux";

describe("onnxruntime in child processes", () => {
  const runtime = new ChildRuntime(LIMITS);
  before(initHash);

  it("prepares and traces the same as in this process", async () => {
    const [own, other] = [
      await prepareModel(original, OPTIONS, runtime),
      await prepareModel(original, OPTIONS, inProcess),
    ];
    assert.deepEqual(makeManifest(own), makeManifest(other));
    const inputs = new Map([["x", samples("digits_cnn").x[0] ?? assert.fail()]]);
    const roots = [
      commitTrace(own.model, await runTrace(own.model, inputs, runtime)),
      commitTrace(other.model, await runTrace(other.model, inputs, inProcess)),
    ].map(({ traceRoot }) => traceRoot);
    assert.equal(roots[0], roots[1]);
  });

  it("exposes the tensors of a model elsewhere, to the byte as here", async () => {
    assert.deepEqual(await runtime.expose(original), new Uint8Array(expose(original)));
    await assert.rejects(runtime.expose(new Uint8Array(10)), { name: "InferenceError", reason: "rejected" });
  });

  it("ends with the reason that it was stopped for", async () => {
    const stop = new AbortController();
    const reason = new Error("told to stop");
    const ended = new ChildRuntime(LIMITS, stop.signal).expose(original);
    stop.abort(reason);
    await assert.rejects(ended, (error) => error === reason);
  });

  it("says why onnxruntime refuses a file", async () => {
    await assert.rejects(runtime.optimise(new Uint8Array(10)), { reason: "rejected" });
    await assert.rejects(runtime.load(new Uint8Array(10)), { reason: "rejected" });
  });

  it("is killed above its memory limit, whatever it does", { skip: !LINUX && "it reads /proc" }, async () => {
    const small = new ChildRuntime({ ...LIMITS, memoryMb: 1 });
    const memory = { name: "InferenceError", reason: "memory" };
    await assert.rejects(small.expose(original), memory);
    await assert.rejects(small.optimise(original), memory);
  });

  it("is killed at its deadline", async () => {
    const hasty = new ChildRuntime({ ...LIMITS, timeoutMs: 1 });
    await assert.rejects(hasty.optimise(original), { reason: "timeout" });
    await assert.rejects(hasty.expose(original), { reason: "timeout" });
  });
});
