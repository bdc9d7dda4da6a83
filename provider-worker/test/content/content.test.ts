import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { pathToFileURL } from "node:url";

import { downloadResult, fromFloat32Array, jobIdText, packBundle } from "@assay/sdk";

import { Checker } from "../../src/content/checker.js";
import { Fetcher } from "../../src/content/fetcher.js";
import { ContentServer } from "../../src/content/server.js";
import { LEAST_BYTES } from "../../src/content/shelf.js";
import { ContentStore, sha256 } from "../../src/content/store.js";
import { PATIENCE_MS } from "../support/eventually.js";
import { CHECKER, hashedFile, newStore, NOTHING, ROOMY } from "../support/shelves.js";

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

  it("keeps bundles and files apart, each within its limit, and what is needed of both", async () => {
    const folder = path.join(directory, "small");
    const bundles = Array.from({ length: 8 }, (_, i) =>
      packBundle(new Map([["x", fromFloat32Array(new Float32Array(100).fill(i))]]), ["x"]),
    );
    const files = Array.from({ length: 8 }, (_, i) => hashedFile(new Uint8Array(100).fill(i)));
    const first = { own: new Set([bundles[0]?.root ?? "", files[0]?.sha256 ?? ""]), others: new Set<string>() };
    const shelf = (most: number) => ({ maxBytes: most * LEAST_BYTES, needed: () => first });
    const store = newStore(folder, { tensors: shelf(5), files: shelf(3) });
    for (const each of bundles) await store.putBundle(each);
    for (const each of files) await store.putFile(each);
    const here = async (found: Promise<unknown>[]) =>
      (await Promise.all(found)).flatMap((each, i) => (each ? [i] : []));
    assert.deepEqual(await here(bundles.map(({ root }) => store.getBundle(root))), [0, 4, 5, 6, 7]);
    assert.deepEqual(await here(files.map((file) => store.getFile(file.sha256))), [0, 6, 7]);
  });

  it("makes an input the newest again that is brought once more", async () => {
    const folder = path.join(directory, "again");
    const bundles = Array.from({ length: 4 }, (_, i) =>
      packBundle(new Map([["x", fromFloat32Array(new Float32Array(10).fill(i))]]), ["x"]),
    );
    const shelf = { maxBytes: 3 * LEAST_BYTES, needed: () => NOTHING };
    const store = newStore(folder, { tensors: shelf, files: shelf });
    for (const i of [0, 1, 2, 0, 3]) await store.putBundle(bundles[i] ?? assert.fail());
    const found = await Promise.all(bundles.map(({ root }) => store.has("tensors", root)));
    assert.deepEqual(found, [true, false, true, true]);
  });

  it("reads a file once to say that it is here, until somebody changes it", async () => {
    let read = 0;
    class CountingChecker extends Checker {
      override sha256At(file: string): Promise<string | undefined> {
        read++;
        return super.sha256At(file);
      }
    }
    const checker = new CountingChecker();
    const folder = path.join(directory, "once");
    const file = hashedFile(new Uint8Array([7, 7]));
    await new ContentStore(folder, ROOMY, checker).putFile(file);
    const store = new ContentStore(folder, ROOMY, checker);
    for (let i = 0; i < 3; i++) assert.ok(await store.has("files", file.sha256));
    assert.equal(read, 1);
    await writeFile(store.pathOf("files", file.sha256), new Uint8Array([7, 8]));
    assert.equal(await store.has("files", file.sha256), false);
    assert.equal(read, 2);
    await checker.stop();
  });

  it("removes what a process that was killed left half written, and nothing else", async () => {
    const folder = path.join(directory, "swept");
    const { sha256: file, bytes } = hashedFile(new Uint8Array([7]));
    const before = newStore(folder);
    await before.putFile({ sha256: file, bytes });
    await before.putBundle(bundle);
    const upload = await before.receive();
    await upload.write(bytes);
    // Where versions before this one had it.
    await writeFile(`${before.pathOf("files", file)}.123.45.6.partial`, "half");
    await newStore(folder).sweep(new AbortController().signal);
    assert.deepEqual(await readdir(path.join(folder, "files")), [file.slice(2)]);
    assert.deepEqual(await readdir(path.join(folder, "tensors")), [bundle.root.slice(2)]);
    assert.deepEqual(await readdir(path.join(folder, "incoming")), []);
    await upload.end();
  });

  it("goes on where somebody removed its folders to make room", async () => {
    const folder = path.join(directory, "removed");
    const store = newStore(folder);
    await store.putBundle(bundle);
    for (const each of ["tensors", "files", "incoming"]) await rm(path.join(folder, each), { recursive: true });
    assert.equal(await store.getBundle(bundle.root), undefined);
    await store.putBundle(bundle);
    assert.deepEqual(await store.getBundle(bundle.root), bundle);
    const file = hashedFile(new Uint8Array([7]));
    await store.putFile(file);
    assert.deepEqual(await store.getFile(file.sha256), file.bytes);
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

  it("tells its operator of uploads that the disk does not take", async () => {
    class FullDisk extends ContentStore {
      override receive(): Promise<never> {
        return Promise.reject(new Error("ENOSPC: no space left on device"));
      }
    }
    const told: number[] = [];
    const full = new ContentServer(new FullDisk(path.join(directory, "full"), ROOMY, CHECKER), {
      ...{ host: "127.0.0.1", port: 0, maxUploadBytes: 10_000 },
      onRefused: (status) => told.push(status),
    });
    const uri = `http://127.0.0.1:${await full.start()}/tensors/${bundle.root}`;
    const { status } = await fetch(uri, { method: "PUT", body: Buffer.from(bundle.bytes) });
    assert.deepEqual([status, told], [500, [500]]);
    await full.stop();
  });

  it("keeps nothing of an upload that is refused, under no name", async () => {
    const unknown = packBundle(new Map([["x", fromFloat32Array(new Float32Array([4]))]]), ["x"]);
    assert.equal(await put(sha256(new Uint8Array([1])), unknown.bytes), 422);
    assert.equal((await fetch(`${base}/tensors/${unknown.root}`, { method: "HEAD" })).status, 404);
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
