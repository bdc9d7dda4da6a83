import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { it } from "node:test";

import { ShelfIndex } from "../../src/content/shelfIndex.js";

it("The index of a shelf counts nothing of what could not be written, and goes on", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "assay-index-"));
  const index = new ShelfIndex(path.join(folder, "index.sqlite"));
  try {
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
  } finally {
    index.close();
    rmSync(folder, { recursive: true });
  }
});
