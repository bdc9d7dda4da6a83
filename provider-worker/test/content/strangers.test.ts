import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import type { Socket } from "node:net";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";

import { BYTES_PER_PERIOD } from "../../src/content/pace.js";
import { ContentServer } from "../../src/content/server.js";
import { LEAST_BYTES } from "../../src/content/shelf.js";
import { ContentStore, sha256 } from "../../src/content/store.js";
import { eventually, inTime } from "../support/eventually.js";
import { Periods } from "../support/periods.js";
import { CHECKER, hashedFile, newStore, ROOMY } from "../support/shelves.js";

/** More than the system takes for a reader that does not read. */
const LARGE = new Uint8Array(24_000_000);
const SMALL = new Uint8Array([1, 2, 3]);
const options = { timeout: 300_000 };

describe("A content server among strangers", options, () => {
  let folder: string;
  let periods: Periods;
  let server: ContentServer;
  let port: number;
  let sockets: Socket[];
  let refused: number[];
  let now: number;

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "assay-strangers-"));
    const store = newStore(folder);
    for (const file of [LARGE, SMALL]) await store.putFile(hashedFile(file));
    periods = new Periods();
    sockets = [];
    refused = [];
    now = 0;
    server = new ContentServer(store, {
      host: "127.0.0.1",
      port: 0,
      maxUploadBytes: 10_000,
      onRefused: (status) => refused.push(status),
      every: periods.every,
      uploadBytesPerHour: 6 * LEAST_BYTES,
      now: () => now,
      connections: { total: 40, perOrigin: 20 },
      downloads: { total: 8, perOrigin: 5 },
    });
    port = await server.start();
  });
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await server.stop();
    await rm(folder, { recursive: true });
  });

  const head = (method: string, file: string, from: string, more = "") =>
    `${method} ${file} HTTP/1.1\r\nHost: store\r\nX-Forwarded-For: ${from}\r\n${more}\r\n`;
  const pathOf = (file: Uint8Array) => `/files/${sha256(file)}`;

  /** Sends this and reads nothing of the answer. */
  async function stranger(text: string): Promise<Socket> {
    const socket = connect(port, "127.0.0.1").pause();
    sockets.push(socket);
    socket.on("error", () => undefined);
    await once(socket, "connect");
    socket.write(text);
    return socket;
  }

  async function idleReaders(count: number, from: string): Promise<Socket[]> {
    const before = periods.watched;
    const readers = [];
    for (let i = 0; i < count; i++) readers.push(await stranger(head("GET", pathOf(LARGE), from)));
    await eventually("all downloads have begun", () => periods.watched === before + count);
    return readers;
  }

  const download = async (file: Uint8Array, from: string) => {
    const answer = await fetch(`http://127.0.0.1:${port}${pathOf(file)}`, { headers: { "x-forwarded-for": from } });
    return { status: answer.status, bytes: new Uint8Array(await answer.arrayBuffer()) };
  };

  it("sends to others what they ask for while some read nothing", async () => {
    await idleReaders(5, "198.51.100.1");
    const { status, bytes } = await download(LARGE, "198.51.100.2");
    assert.equal(status, 200);
    assert.equal(sha256(bytes), sha256(LARGE));
  });

  it("holds little of what it sends in memory", async () => {
    const before = process.memoryUsage().arrayBuffers;
    await idleReaders(5, "198.51.100.1");
    const held = process.memoryUsage().arrayBuffers - before;
    assert.ok(held < LARGE.length, `${held} bytes for five readers`);
  });

  it("sends to one origin no more than its part, and to all no more than its limit", async () => {
    await idleReaders(5, "198.51.100.1");
    assert.equal((await download(SMALL, "198.51.100.1")).status, 503);
    assert.equal((await download(SMALL, "198.51.100.2")).status, 200);
    await eventually("that download is over", () => periods.watched === 5);
    await idleReaders(3, "198.51.100.3");
    assert.equal((await download(SMALL, "198.51.100.2")).status, 503);
  });

  it("lets readers go that read nothing, and has room again", async () => {
    const readers = await idleReaders(5, "198.51.100.1");
    for (let bytes = 0; bytes <= LARGE.length; bytes += BYTES_PER_PERIOD) periods.end();
    await eventually("nobody is served any more", () => periods.watched === 0);
    for (const reader of readers) {
      reader.resume();
      if (!reader.closed) await inTime("the connection ends", once(reader, "close"));
      assert.ok(reader.bytesRead < LARGE.length);
    }
    assert.equal((await download(LARGE, "198.51.100.1")).status, 200);
  });

  it("gives the place back of a reader that goes away in the middle", async () => {
    for (const reader of await idleReaders(5, "198.51.100.1")) reader.destroy();
    await eventually("nobody is served any more", () => periods.watched === 0);
    assert.equal((await download(SMALL, "198.51.100.1")).status, 200);
  });

  it("ends an upload that drips in, and tells its operator", async () => {
    const name = `/tensors/${sha256(SMALL)}`;
    const upload = await stranger(`${head("PUT", name, "198.51.100.1", "Content-Length: 5000\r\n")}x`);
    await eventually("the upload has begun", () => periods.watched === 1);
    periods.end();
    upload.resume();
    await inTime("the connection ends", once(upload, "close"));
    assert.deepEqual(refused, [408]);
    await eventually("nobody is served any more", () => periods.watched === 0);
  });

  it("has memory for others' uploads while one origin holds all of its part", async () => {
    const name = `/tensors/${sha256(SMALL)}`;
    const begin = (size: number, from: string) =>
      stranger(head("PUT", name, from, "Content-Length: 10000\r\n") + "x".repeat(size));
    for (let i = 0; i < 2; i++) await begin(9_999, "198.51.100.1");
    // Only what has arrived counts.
    await eventually("one more is refused", async () => {
      (await begin(100, "198.51.100.1")).resume();
      return refused.includes(503);
    });
    const put = { method: "PUT", body: Buffer.alloc(9_000), headers: { "x-forwarded-for": "198.51.100.2" } };
    assert.equal((await fetch(`http://127.0.0.1:${port}${name}`, put)).status, 422);
  });

  it("takes from one origin no more than its part in an hour, however small the uploads are, and takes others'", async () => {
    const put = async (from: string, bytes: Uint8Array) => {
      const uri = `http://127.0.0.1:${port}/tensors/${sha256(SMALL)}`;
      const answer = await fetch(uri, {
        method: "PUT",
        body: Buffer.from(bytes),
        headers: { "x-forwarded-for": from },
      });
      await answer.arrayBuffer();
      return answer.status;
    };
    for (let i = 0; i < 5; i++) assert.equal(await put("198.51.100.1", SMALL), 422);
    // What is left is less than a file takes.
    assert.equal(await put("198.51.100.1", SMALL), 429);
    assert.equal(await put("198.51.100.2", SMALL), 422);
    assert.equal(refused.at(-2), 429);
    now += 3_600_000;
    assert.equal(await put("198.51.100.1", SMALL), 422);
  });

  it("ends an upload that goes beyond its origin's part of the hour", async () => {
    const name = `/tensors/${sha256(SMALL)}`;
    for (let i = 0; i < 3; i++) {
      const body = "x".repeat(9_999);
      (await stranger(head("PUT", name, "198.51.100.1", "Content-Length: 9999\r\n") + body)).resume();
      await eventually("it is refused", () => refused.length === i + 1);
    }
    (await stranger(head("PUT", name, "198.51.100.1", "Content-Length: 9999\r\n") + "x".repeat(9_999))).resume();
    await eventually("one is too many", () => refused.length === 4);
    assert.deepEqual(refused, [422, 422, 422, 429]);
  });

  it("lets idle connections go before it refuses others", async () => {
    for (let i = 0; i < 60; i++) {
      const socket = await stranger(head("GET", "/health", "198.51.100.1"));
      const [answer] = (await inTime("an answer", once(socket.resume(), "data"))) as [Buffer];
      assert.match(answer.toString(), /^HTTP\/1.1 200 /, `connection ${i}`);
    }
    assert.equal((await download(SMALL, "198.51.100.2")).status, 200);
  });

  it("waits for no more of a request that it has answered", async () => {
    const drip = await stranger(head("GET", "/health", "198.51.100.1", "Content-Length: 5000\r\n") + "x");
    drip.resume();
    await inTime("the connection ends", once(drip, "close"));
  });

  it("checks one upload at a time, and few that wait of one origin", async () => {
    const held: (() => void)[] = [];
    class HeldStore extends ContentStore {
      override async keepUpload(): Promise<string> {
        await new Promise<void>((resolve) => held.push(resolve));
        return sha256(SMALL);
      }
    }
    const store = new HeldStore(folder, ROOMY, CHECKER);
    const onRefused = (status: number) => refused.push(status);
    const slow = new ContentServer(store, { host: "127.0.0.1", port: 0, maxUploadBytes: 10_000, onRefused });
    const uri = `http://127.0.0.1:${await slow.start()}/tensors/${sha256(SMALL)}`;
    const put = async (from: string) =>
      (await fetch(uri, { method: "PUT", body: Buffer.from(SMALL), headers: { "x-forwarded-for": from } })).status;
    const statuses = Array.from({ length: 9 }, () => put("198.51.100.1"));
    await eventually("one is too many", () => refused.length === 1);
    statuses.push(put("198.51.100.2"));
    for (let checked = 0; checked < 9; checked++) {
      await eventually("the next is checked", () => held.length > 0);
      assert.equal(held.length, 1);
      held.pop()?.();
    }
    assert.deepEqual((await Promise.all(statuses)).sort(), [...Array<number>(9).fill(201), 503]);
    await slow.stop();
  });
});
