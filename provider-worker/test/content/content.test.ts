import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { pathToFileURL } from "node:url";

import { downloadResult, fromFloat32Array, jobIdText, packBundle } from "@assay/sdk";

import { Fetcher } from "../../src/content/fetcher.js";
import { ContentServer } from "../../src/content/server.js";
import type { ContentStore } from "../../src/content/store.js";
import { sha256, StoreFullError } from "../../src/content/store.js";
import { PATIENCE_MS } from "../support/eventually.js";
import { hashedFile, newStore, ROOMY } from "../support/shelves.js";

const bundle = packBundle(new Map([["x", fromFloat32Array(new Float32Array([1, 2, 3]))]]), ["x"]);
let directory: string;
before(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "assay-content-"));
});
after(() => rm(directory, { recursive: true }));

describe("The content store", () => {
  it("keeps tensors by their commitment and files by their hash", async () => {
    const store = newStore(directory);
    await store.putBundle(bundle);
    assert.deepEqual(await store.getBundle(bundle.root), bundle);
    const file = hashedFile(new Uint8Array([7]));
    await store.putFile(file);
    assert.deepEqual(await store.getFile(file.sha256), file.bytes);
    assert.ok((await store.has("tensors", bundle.root)) && (await store.has("files", file.sha256)));
  });

  it("does not hand out a damaged file", async () => {
    const store = newStore(directory);
    const file = hashedFile(new Uint8Array([8]));
    await store.putFile(file);
    await store.putBundle(bundle);
    for (const damage of [new Uint8Array([9]), packBundle(new Map(), []).bytes]) {
      await writeFile(store.pathOf("files", file.sha256), damage);
      await writeFile(store.pathOf("tensors", bundle.root), damage);
      assert.equal(await store.getFile(file.sha256), undefined);
      assert.equal(await store.getBundle(bundle.root), undefined);
      assert.ok(!(await store.has("files", file.sha256)) && !(await store.has("tensors", bundle.root)));
    }
    await store.putFile(file);
    assert.deepEqual(await store.getFile(file.sha256), file.bytes);
  });

  it("lets the oldest bundles go that no open job needs, and never grows beyond its limit", async () => {
    const folder = path.join(directory, "small");
    const bundles = Array.from({ length: 12 }, (_, i) =>
      packBundle(new Map([["x", fromFloat32Array(new Float32Array(100).fill(i))]]), ["x"]),
    );
    const size = bundles[0]?.bytes.length ?? 0;
    const needed = new Set([bundles[0]?.root ?? ""]);
    const limits = { ...ROOMY, tensors: { maxBytes: 5 * size, needed: () => needed } };
    const kept = async (store: ContentStore) => {
      const found = await Promise.all(bundles.map(({ root }) => store.getBundle(root)));
      return found.flatMap((bytes, i) => (bytes ? [i] : []));
    };
    let store = newStore(folder, limits);
    for (const [i, each] of bundles.entries()) {
      if (i === 6) store = newStore(folder, limits);
      await store.putBundle(each);
      // The clock of the disk is coarse: ages are set, not waited for.
      await utimes(store.pathOf("tensors", each.root), 1000 + i, 1000 + i);
      assert.ok((await kept(store)).length <= 5);
    }
    assert.deepEqual((await kept(store)).slice(0, 1), [0]);
    assert.ok((await kept(store)).includes(11));

    for (const { root } of bundles) needed.add(root);
    const more = Array.from({ length: 6 }, (_, i) =>
      packBundle(new Map([["x", fromFloat32Array(new Float32Array(100).fill(-1 - i))]]), ["x"]),
    );
    for (const { root } of more) needed.add(root);
    await assert.rejects(async () => {
      for (const each of more) await store.putBundle(each);
    }, StoreFullError);
  });

  it("lets the oldest files go that no model in use needs, those used again last", async () => {
    const folder = path.join(directory, "models");
    const inUse = new Set<string>();
    const limits = { ...ROOMY, files: { maxBytes: 500, needed: () => inUse } };
    const store = newStore(folder, limits);
    const files = Array.from({ length: 8 }, (_, i) => hashedFile(new Uint8Array(100).fill(i)));
    const there = async () => {
      const found = await Promise.all(files.map((file) => store.getFile(file.sha256)));
      return found.flatMap((bytes, i) => (bytes ? [i] : []));
    };
    const put = async (i: number) => store.putFile(files[i] ?? assert.fail());
    const nameOf = (i: number) => files[i]?.sha256 ?? assert.fail();
    for (let i = 0; i < 5; i++) {
      await put(i);
      await utimes(store.pathOf("files", nameOf(i)), 1000 + i, 1000 + i);
    }
    assert.deepEqual(await there(), [0, 1, 2, 3, 4]);
    inUse.add(nameOf(0));
    await store.touch("files", nameOf(1));
    await put(5);
    assert.deepEqual(await there(), [0, 1, 4, 5]);

    for (const file of files) inUse.add(file.sha256);
    await put(6);
    await assert.rejects(put(7), StoreFullError);
    assert.deepEqual(await there(), [0, 1, 4, 5, 6]);
  });

  it("removes what a process that was killed left half written, and nothing else", async () => {
    const folder = path.join(directory, "swept");
    const store = newStore(folder);
    const { sha256: file, bytes } = hashedFile(new Uint8Array([7]));
    await store.putFile({ sha256: file, bytes });
    const { root } = bundle;
    await store.putBundle(bundle);
    for (const [kind, name] of [
      ["files", file],
      ["tensors", root],
    ] as const) {
      await writeFile(`${store.pathOf(kind, name)}.123.45.6.partial`, "half");
    }
    await store.sweep();
    assert.deepEqual(await readdir(path.join(folder, "files")), [file.slice(2)]);
    assert.deepEqual(await readdir(path.join(folder, "tensors")), [root.slice(2)]);
    await newStore(path.join(directory, "nothing yet")).sweep();
  });

  it("refuses names that are no hashes", async () => {
    await assert.rejects(newStore(directory).getFile("../../etc/passwd"), /no 32-byte hash/);
  });
});

describe("The content server", () => {
  let server: ContentServer;
  let base: string;
  const refused: number[] = [];
  const signed = { jobId: 7n, outputCommitment: bundle.root, signature: "0x1234" };
  before(async () => {
    server = new ContentServer(newStore(directory), {
      host: "127.0.0.1",
      port: 0,
      maxUploadBytes: 10_000,
      onRefused: (status) => refused.push(status),
      resultOf: (job) => Promise.resolve(job === jobIdText(7n) ? signed : undefined),
    });
    base = `http://127.0.0.1:${await server.start()}`;
  });
  after(() => server.stop());
  const put = async (name: string, body: Uint8Array) =>
    (await fetch(`${base}/tensors/${name}`, { method: "PUT", body: Buffer.from(body) })).status;

  it("takes inputs and gives them back", async () => {
    assert.equal(await put(bundle.root, bundle.bytes), 201);
    const answer = await fetch(`${base}/tensors/${bundle.root}`);
    assert.deepEqual(new Uint8Array(await answer.arrayBuffer()), bundle.bytes);
  });

  it("gives out what its provider signed for a job", async () => {
    assert.deepEqual(await downloadResult(base, 7n), signed);
    assert.equal(await downloadResult(`${base}/`, 8n), undefined);
    assert.equal((await fetch(`${base}/results/${jobIdText(7n)}`, { method: "PUT" })).status, 404);
  });

  it("tells a size without reading the file, and sends it to many readers at once", async () => {
    const large = packBundle(new Map([["x", fromFloat32Array(new Float32Array(2_000))]]), ["x"]);
    assert.equal(await put(large.root, large.bytes), 201);
    const head = await fetch(`${base}/tensors/${large.root}`, { method: "HEAD" });
    assert.equal(Number(head.headers.get("content-length")), large.bytes.length);
    const sent = await Promise.all(
      Array.from({ length: 40 }, async () => (await fetch(`${base}/tensors/${large.root}`)).arrayBuffer()),
    );
    for (const bytes of sent) assert.deepEqual(new Uint8Array(bytes), large.bytes);
  });

  it("refuses an upload that is not what its name says, is no bundle, or is too large", async () => {
    const other = sha256(new Uint8Array([1]));
    assert.equal(await put(other, bundle.bytes), 422);
    assert.equal(await put(other, new Uint8Array(100)), 422);
    assert.equal(await put(other, new Uint8Array(20_000)).catch(() => 413), 413);
    assert.equal((await fetch(`${base}/tensors/${other}`)).status, 404);
    assert.deepEqual(refused, [422, 422, 413]);
  });
});

describe("The fetcher", () => {
  const started: Fetcher[] = [];
  const fetcher = (fileRoots: string[], allowPrivate: boolean, timeoutMs = PATIENCE_MS) => {
    const made = new Fetcher({ fileRoots, allowPrivate, timeoutMs });
    started.push(made);
    return made;
  };
  after(() => Promise.all(started.map((each) => each.stop())));
  const strict = () => fetcher([directory], false);

  it("does not fetch from this machine, by address or by name", async () => {
    for (const uri of ["https://127.0.0.1/x", "https://[::1]/x", "https://localhost/x", "https://2130706433/x"]) {
      await assert.rejects(strict().fetch(uri, 10), /private network/, uri);
    }
    await assert.rejects(strict().fetch("http://example.org/", 10), /not fetched/);
  });

  it("reads files inside the allowed folders only, also through links", async () => {
    await writeFile(path.join(directory, "a"), "hello");
    assert.equal(
      Buffer.from(await strict().fetch(pathToFileURL(path.join(directory, "a")).href, 10)).toString(),
      "hello",
    );
    await assert.rejects(strict().fetch(pathToFileURL(path.join(directory, "a")).href, 4), /more than 4 bytes/);
    await symlink("/etc/hostname", path.join(directory, "link"));
    await assert.rejects(strict().fetch(pathToFileURL(path.join(directory, "link")).href, 100), /outside the folders/);
  });

  describe("stops", () => {
    let base: string;
    const server = createServer((request, response) => {
      if (request.url === "/redirect") response.writeHead(302, { location: "/endless" }).end();
      if (request.url === "/slow") setTimeout(() => response.end("slow"), 300);
      if (request.url !== "/endless" && request.url !== "/drip") return;
      const chunk = request.url === "/drip" ? "x" : "x".repeat(1000);
      const timer = setInterval(() => response.write(chunk), 1);
      response.on("close", () => {
        clearInterval(timer);
      });
    });
    before(async () => {
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });
    after(() => {
      server.closeAllConnections();
      server.close();
    });

    it("at its size limit", async () => {
      await assert.rejects(fetcher([], true).fetch(`${base}/endless`, 5000), /more than 5000 bytes/);
    });

    it("at redirects", async () => {
      await assert.rejects(fetcher([], true).fetch(`${base}/redirect`, 5000), /answered 302/);
    });

    it("not at its time limit where the caller gives more", async () => {
      const bytes = await fetcher([], true, 100).fetch(`${base}/slow`, 100, undefined, PATIENCE_MS);
      assert.equal(Buffer.from(bytes).toString(), "slow");
    });

    // The time is short, and however slow the machine is, these answers never end.
    for (const [what, url] of [
      ["nothing comes", "/silent"],
      ["bytes drip in", "/drip"],
    ] as const) {
      it(`at its time limit where ${what}`, async () => {
        const late = { retryable: true, message: /cannot fetch/ };
        await assert.rejects(fetcher([], true, 100).fetch(`${base}${url}`, 1e9), late);
      });
    }
  });
});
