import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, it } from "node:test";

import { ShelfIndex } from "../../src/content/shelfIndex.js";

/** Bytes of a page of an SQLite file. */
const PAGE = 4_096;

describe("The index of a shelf", () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "assay-index-"));
    file = path.join(folder, "index.sqlite");
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it("counts nothing of what could not be written, and goes on", () => {
    const index = new ShelfIndex(file);
    const [whole, broken] = [
      { name: "a", bytes: 5, used: 1 },
      { name: "b", bytes: 1.5, used: 2 },
    ];
    assert.throws(() => {
      index.addFound([whole, broken]);
    });
    assert.deepEqual([index.bytes, index.bytesOf("a")], [0, undefined]);
    index.addFound([whole]);
    assert.deepEqual([index.bytes, index.bytesOf("a")], [5, 5]);
    index.remove("a");
    assert.equal(index.bytes, 0);
    index.close();
  });

  const inDatabase = (sql: string) => {
    const db = new DatabaseSync(file);
    db.exec(sql);
    db.close();
  };
  for (const [what, harm] of [
    [
      "is of a version with other columns",
      () => {
        inDatabase("DROP TABLE entries; CREATE TABLE entries (name, size)");
      },
    ],
    [
      "is of a version with more columns",
      () => {
        inDatabase("ALTER TABLE entries ADD COLUMN kind TEXT");
      },
    ],
    [
      "is damaged where only the order of the entries is",
      () => {
        const open = openSync(file, "r+");
        writeSync(open, Buffer.alloc(PAGE, 7), 0, PAGE, 2 * PAGE);
        closeSync(open);
      },
    ],
  ] as const) {
    it(`is begun anew where its file ${what}`, () => {
      const before = new ShelfIndex(file);
      before.set("a", 5);
      before.close();
      harm();
      const index = new ShelfIndex(file);
      assert.deepEqual([index.bytes, index.oldest(10)], [0, []]);
      index.set("b", 7);
      assert.deepEqual([index.bytes, index.oldest(10).map(({ name }) => name)], [7, ["b"]]);
      index.close();
    });
  }
});
