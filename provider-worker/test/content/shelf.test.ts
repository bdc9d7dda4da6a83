import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";

import type { Needed } from "../../src/content/shelf.js";
import { costOf, LEAST_BYTES, REST_MS, Shelf, StoreFullError } from "../../src/content/shelf.js";
import { hash } from "../support/scene.js";
import { NOTHING } from "../support/shelves.js";

const NEVER = new AbortController().signal;
const nameOf = hash;

describe("A shelf of the content store", () => {
  let parent: string;
  let folder: string;
  let needed: Needed;
  let asked: number;
  let shelves: Shelf[];
  let now: number;
  beforeEach(() => {
    parent = mkdtempSync(path.join(tmpdir(), "assay-shelf-"));
    folder = path.join(parent, "shelf");
    needed = NOTHING;
    asked = 0;
    shelves = [];
    now = 0;
  });
  afterEach(() => {
    for (const shelf of shelves) shelf.close();
    rmSync(parent, { recursive: true });
  });

  function newShelf(files: number): Shelf {
    const ask = () => {
      asked++;
      return needed;
    };
    const options = { maxBytes: files * LEAST_BYTES, needed: ask, now: () => now };
    const shelf = new Shelf(folder, options, "limits.storeBytes");
    shelves.push(shelf);
    return shelf;
  }

  const put = (shelf: Shelf, n: number, size = 1, isUpload = false) =>
    shelf.keep({
      name: nameOf(n),
      size,
      isUpload,
      isHere: () => Promise.resolve(there().includes(n)),
      write: (target) => Promise.resolve(writeFileSync(target, new Uint8Array(size))),
    });
  const putAll = async (shelf: Shelf, numbers: readonly number[]) => {
    for (const n of numbers) await put(shelf, n);
  };
  const upload = (shelf: Shelf, n: number) => put(shelf, n, 1, true);
  const range = (count: number) => Array.from({ length: count }, (_, i) => i + 1);
  const there = () =>
    readdirSync(folder)
      .map((file) => Number(`0x${file}`))
      .sort((a, b) => a - b);

  it("counts what a file takes on disk, not what is in it: many small ones fill it too", async () => {
    assert.deepEqual([0, 1, LEAST_BYTES, LEAST_BYTES + 1].map(costOf), [16_384, 16_384, 16_384, 20_480]);
    const shelf = newShelf(10);
    for (let n = 1; n <= 100; n++) {
      await put(shelf, n);
      assert.ok(there().length <= 10, `${there().length} files`);
    }
    assert.ok(there().includes(100));
  });

  it("lets the oldest go that nobody needs", async () => {
    const shelf = newShelf(4);
    needed = { own: new Set([nameOf(1)]), others: new Set([nameOf(2)]) };
    await putAll(shelf, [1, 2, 3, 4, 5]);
    assert.deepEqual(there(), [1, 2, 4, 5]);
  });

  it("makes the newest what is kept once more or used", async () => {
    const shelf = newShelf(3);
    await putAll(shelf, [1, 2, 3, 1]);
    shelf.touch(nameOf(2));
    await put(shelf, 4);
    assert.deepEqual(there(), [1, 2, 4]);
  });

  it("lets nothing go that is in use at the moment", async () => {
    const shelf = newShelf(2);
    await putAll(shelf, [1, 2]);
    await shelf.hold([nameOf(1)], async () => {
      await shelf.hold([nameOf(1)], () => Promise.resolve());
      await put(shelf, 3);
      assert.deepEqual(there(), [1, 3]);
    });
    await put(shelf, 4);
    assert.deepEqual(there(), [3, 4]);
  });

  it("keeps half of itself from what is needed for others' sake, and refuses only where its own fills it", async () => {
    const shelf = newShelf(4);
    const others = [1, 2, 3, 4];
    await putAll(shelf, others);
    needed = { own: new Set([5, 6].map(nameOf)), others: new Set(others.map(nameOf)) };
    await putAll(shelf, [5, 6]);
    assert.deepEqual(there(), [1, 2, 5, 6]);
    needed = { own: new Set([1, 2, 5, 6].map(nameOf)), others: NOTHING.others };
    await assert.rejects(put(shelf, 7), StoreFullError);
    await assert.rejects(put(shelf, 7), { retryable: true, message: /raise limits.storeBytes/ });
    assert.deepEqual(there(), [1, 2, 5, 6]);
  });

  it("lets nothing go for what would not fit into an empty shelf, and does not call that a matter of time", async () => {
    const shelf = newShelf(2);
    await putAll(shelf, [1, 2]);
    const never = {
      name: "StoreFullError",
      retryable: false,
      message: /49152 bytes, only for 32768: raise limits.storeBytes/,
    };
    await assert.rejects(put(shelf, 3, 3 * LEAST_BYTES), never);
    assert.deepEqual([there(), asked], [[1, 2], 0]);
  });

  it("looks for room for uploads once in a while where nothing can go, and each time for what its own jobs bring", async () => {
    const shelf = newShelf(3);
    await putAll(shelf, [1, 2, 3]);
    needed = { own: new Set([1, 2, 3].map(nameOf)), others: NOTHING.others };
    for (let n = 4; n < 100; n++) await assert.rejects(upload(shelf, n), StoreFullError);
    assert.equal(asked, 1);
    await assert.rejects(put(shelf, 4), StoreFullError);
    assert.equal(asked, 2);

    needed = NOTHING;
    await assert.rejects(upload(shelf, 4), StoreFullError);
    now += REST_MS;
    await upload(shelf, 4);
    await put(shelf, 5);
    assert.deepEqual([there(), asked], [[3, 4, 5], 4]);
  });

  it("takes uploads again as soon as something of its own found room", async () => {
    const shelf = newShelf(3);
    await putAll(shelf, [1, 2, 3]);
    needed = { own: new Set([1, 2, 3].map(nameOf)), others: NOTHING.others };
    await assert.rejects(upload(shelf, 4), StoreFullError);
    needed = NOTHING;
    await put(shelf, 4);
    await upload(shelf, 5);
    assert.deepEqual(there(), [3, 4, 5]);
  });

  it("looks no more often where uploads find the last room that there is", async () => {
    const shelf = newShelf(200);
    await putAll(shelf, range(200));
    needed = { own: new Set(range(199).map(nameOf)), others: NOTHING.others };
    await upload(shelf, 300);
    await assert.rejects(upload(shelf, 301), StoreFullError);
    assert.deepEqual([there().at(-1), asked], [300, 1]);
    now += REST_MS;
    await upload(shelf, 301);
    assert.deepEqual([there().at(-1), asked], [301, 2]);
  });

  it("keeps an upload of what lies there already, however full it is", async () => {
    const shelf = newShelf(2);
    await putAll(shelf, [1, 2]);
    needed = { own: new Set([1, 2].map(nameOf)), others: NOTHING.others };
    await assert.rejects(upload(shelf, 3), StoreFullError);
    await upload(shelf, 1);
  });

  it("has room for what replaces a damaged file that is needed", async () => {
    const shelf = newShelf(2);
    await putAll(shelf, [1, 2]);
    needed = { own: new Set([1, 2].map(nameOf)), others: NOTHING.others };
    rmSync(shelf.pathOf(nameOf(1)));
    await put(shelf, 1);
    assert.deepEqual([there(), asked], [[1, 2], 0]);
  });

  it("does not count what could not be written", async () => {
    const shelf = newShelf(2);
    const write = () => Promise.reject(new Error("the disk is full"));
    const failing = { name: nameOf(9), size: 1, isUpload: false, isHere: () => Promise.resolve(false), write };
    await assert.rejects(shelf.keep(failing), /the disk is full/);
    await putAll(shelf, [1, 2]);
    assert.deepEqual([there(), asked], [[1, 2], 0]);
  });

  it("knows after a restart what it has and how old that is, without looking at the folder", async () => {
    const before = newShelf(3);
    await putAll(before, [1, 2, 3]);
    before.touch(nameOf(1));
    before.close();
    shelves = [];
    await put(newShelf(3), 4);
    assert.deepEqual(there(), [1, 3, 4]);
  });

  for (const [what, harm] of [
    [
      "is gone",
      () => {
        rmSync(`${folder}.sqlite`);
      },
    ],
    [
      "is damaged",
      () => {
        writeFileSync(`${folder}.sqlite`, "no database ".repeat(1_000));
      },
    ],
  ] as const) {
    it(`finds by and by what lies there where its index ${what}, the oldest first to go`, async () => {
      const before = newShelf(200);
      const all = range(150);
      await putAll(before, all);
      before.close();
      shelves = [];
      for (const n of all) utimesSync(before.pathOf(nameOf(n)), 1000 - n, 1000 - n);
      harm();
      const shelf = newShelf(150);
      await shelf.sweep(NEVER);
      await putAll(shelf, [200]);
      // A little more than needed goes, so that not every arrival asks what is needed.
      assert.deepEqual([there(), asked], [[...all.slice(0, 148), 200], 1]);
    });
  }

  it("comes down to its limit where more lies there than it may have", async () => {
    const before = newShelf(500);
    await putAll(before, range(300));
    before.close();
    shelves = [];
    rmSync(`${folder}.sqlite`);
    const shelf = newShelf(10);
    await shelf.sweep(NEVER);
    assert.ok(there().length <= 10, `${there().length} files`);
  });

  it("leaves the folder alone once the worker stops", async () => {
    const shelf = newShelf(10);
    writeFileSync(path.join(folder, "left.partial"), "half");
    await shelf.sweep(AbortSignal.abort());
    assert.deepEqual(readdirSync(folder), ["left.partial"]);
    await shelf.sweep(NEVER);
    assert.deepEqual(readdirSync(folder), []);
  });
});
