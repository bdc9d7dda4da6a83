import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import { fromFloat32Array, packBundle, TensorError } from "@assay/sdk";

import { Checker, CheckError } from "../../src/content/checker.js";
import { ContentServer } from "../../src/content/server.js";
import { ContentStore, sha256 } from "../../src/content/store.js";
import { PATIENCE_MS } from "../support/eventually.js";
import { heldFile } from "../support/heldFile.js";
import { ROOMY } from "../support/shelves.js";

const FRAIL = fileURLToPath(new URL("../support/frailThread.ts", import.meta.url));
const tensors = new Map([["x", fromFloat32Array(new Float32Array([1, NaN, 3]))]]);
const bundle = packBundle(tensors, ["x"]);
const file = new Uint8Array([1, 2, 3]);
let folder: string;
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "assay-checker-"));
});
after(() => rm(folder, { recursive: true }));

describe("The checker", () => {
  let checker: Checker;
  before(() => {
    checker = new Checker();
  });
  after(() => checker.stop());
  const written = async (name: string, bytes: Uint8Array) => {
    await writeFile(path.join(folder, name), bytes);
    return path.join(folder, name);
  };

  it("finds what the SDK finds, in a file and in bytes that it is given", async () => {
    const at = await written("bundle", bundle.bytes);
    assert.equal(await checker.rootAt(at), bundle.root);
    assert.deepEqual(await checker.bundleAt(at), bundle);
    assert.deepEqual(await checker.unpack(bundle.bytes.slice()), bundle);
    assert.deepEqual(await checker.pack(tensors, ["x"]), bundle);
    const other = await written("file", file);
    assert.equal(await checker.sha256At(other), sha256(file));
    assert.deepEqual(await checker.fileAt(other), { sha256: sha256(file), bytes: file });
    assert.deepEqual(await checker.hash(file.slice()), { sha256: sha256(file), bytes: file });
  });

  it("hands large bytes over and back, and copies none of them", async () => {
    const large = new Uint8Array(5_000_000).fill(7);
    const { bytes } = await checker.hash(large);
    assert.equal(large.length, 0);
    assert.equal(bytes.length, 5_000_000);
  });

  it("tells a file that is not there from one that is no bundle", async () => {
    const nowhere = path.join(folder, "nowhere");
    assert.equal(await checker.rootAt(nowhere), undefined);
    assert.equal(await checker.bundleAt(nowhere), undefined);
    assert.equal(await checker.fileAt(nowhere), undefined);
    const at = await written("no bundle", new Uint8Array(100));
    for (const check of [checker.rootAt(at), checker.bundleAt(at), checker.unpack(new Uint8Array(100))]) {
      await assert.rejects(check, (error) => error instanceof TensorError && error.code === "BAD_FILE");
    }
  });

  it("has memory for the header that takes most of it", async () => {
    const header = Buffer.from(`{"x":[${Array<string>(333_000).fill("{}").join(",")}]}`);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    const message = /tensor "x" is not an object/;
    await assert.rejects(checker.unpack(Buffer.concat([length, header])), { code: "BAD_FILE", message });
  });

  it("packs no tensor that the signature does not name", async () => {
    await assert.rejects(checker.pack(tensors, []), { code: "BAD_NAME", message: /not in the signature: x/ });
    await assert.rejects(checker.pack(tensors, ["x", "y"]), { code: "BAD_NAME" });
  });

  it("checks one thing after another, in the order in which it was asked", async () => {
    const held = heldFile(path.join(folder, "held"));
    const done: string[] = [];
    const first = checker.rootAt(path.join(folder, "held")).then((root) => done.push(root ?? ""));
    const second = checker.hash(file.slice()).then((hashed) => done.push(hashed.sha256));
    await held.come(bundle.bytes);
    await Promise.all([first, second]);
    assert.deepEqual(done, [bundle.root, sha256(file)]);
  });
});

describe("While a large upload is checked", () => {
  it("others get their answers, and the next upload its own turn", async () => {
    const checker = new Checker();
    const store = new ContentStore(folder, ROOMY, checker);
    const server = new ContentServer(store, { host: "127.0.0.1", port: 0, maxUploadBytes: 10_000 });
    const base = `http://127.0.0.1:${await server.start()}`;
    try {
      await store.putFile({ sha256: sha256(file), bytes: file });
      const held = heldFile(path.join(folder, "large"));
      let checked = false;
      const check = checker.rootAt(path.join(folder, "large")).finally(() => (checked = true));
      const upload = fetch(`${base}/tensors/${bundle.root}`, { method: "PUT", body: Buffer.from(bundle.bytes) });

      assert.equal((await fetch(`${base}/health`)).status, 200);
      const answer = await fetch(`${base}/files/${sha256(file)}`);
      assert.deepEqual(new Uint8Array(await answer.arrayBuffer()), file);
      assert.equal(checked, false);

      await held.come(bundle.bytes);
      assert.equal(await check, bundle.root);
      assert.equal((await upload).status, 201);
    } finally {
      await server.stop();
      await checker.stop();
    }
  });
});

describe("An upload that kills the thread", () => {
  it("is refused, and the next one is taken", async () => {
    class Harmful extends Checker {
      override rootAt(file: string): Promise<string | undefined> {
        return this.sha256At(kills ? "exit" : file).then((answer) => answer && bundle.root);
      }
    }
    let kills = true;
    const checker = new Harmful({ thread: FRAIL });
    const refused: number[] = [];
    const server = new ContentServer(new ContentStore(path.join(folder, "harmed"), ROOMY, checker), {
      host: "127.0.0.1",
      port: 0,
      maxUploadBytes: 10_000,
      onRefused: (status) => refused.push(status),
    });
    const uri = `http://127.0.0.1:${await server.start()}/tensors/${bundle.root}`;
    const put = async () => (await fetch(uri, { method: "PUT", body: Buffer.from(bundle.bytes) })).status;
    assert.equal(await put(), 422);
    kills = false;
    assert.equal(await put(), 201);
    assert.deepEqual(refused, [422]);
    await server.stop();
    await checker.stop();
  });
});

describe("A check that does not come to its end", () => {
  for (const [how, message] of [
    ["exit", /the thread that checks failed: it ended/],
    ["throw", /the thread that checks failed: an error in the thread/],
  ] as const) {
    it(`fails where it kills its thread by ${how}, and the next one gets another`, async () => {
      const checker = new Checker({ thread: FRAIL });
      const [, failed, next] = await Promise.allSettled(["a", how, "b"].map((name) => checker.sha256At(name)));
      assert.ok(failed?.status === "rejected" && failed.reason instanceof CheckError);
      assert.match(failed.reason.message, message);
      assert.deepEqual(next, { status: "fulfilled", value: "b" });
      await checker.stop();
    });
  }

  it("fails at its deadline, and the next one gets another thread", async () => {
    const checker = new Checker({ thread: FRAIL, deadlineMs: 10_000 });
    const [failed, next] = await Promise.allSettled([checker.sha256At("hang"), checker.sha256At("b")]);
    assert.ok(failed.status === "rejected" && failed.reason instanceof CheckError);
    assert.match(failed.reason.message, /a check took more than 10000 ms/);
    assert.equal(next.status, "fulfilled");
    await checker.stop();
  });

  it("ends when the worker stops, and so does what waits behind it", async () => {
    const checker = new Checker({ thread: FRAIL, deadlineMs: PATIENCE_MS });
    await checker.sha256At("a");
    const checks = Promise.allSettled([checker.sha256At("hang"), checker.sha256At("b")]);
    await checker.stop();
    for (const check of await checks) {
      assert.ok(check.status === "rejected");
      assert.match(String(check.reason), /the worker stops/);
    }
  });
});
