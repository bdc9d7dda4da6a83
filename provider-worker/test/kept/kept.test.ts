import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { Kept } from "../../src/kept.js";

describe("Values kept in memory", () => {
  it("are those used last, as far as there is room for them", () => {
    const kept = new Kept<string>(10);
    kept.set("a", "A", 4);
    kept.set("b", "B", 4);
    assert.equal(kept.get("a"), "A");
    kept.set("c", "C", 4);
    assert.deepEqual(kept.keys(), ["a", "c"]);
    assert.equal(kept.get("b"), undefined);
  });

  it("take no room any more once they are deleted or others take their place", () => {
    const kept = new Kept<string>(10);
    for (let i = 0; i < 5; i++) kept.set("a", `A${i}`, 6);
    kept.set("b", "B", 4);
    assert.deepEqual(kept.keys(), ["a", "b"]);
    kept.delete("a");
    kept.delete("a");
    kept.delete("never there");
    kept.set("c", "C", 6);
    assert.deepEqual(kept.keys(), ["b", "c"]);
  });

  it("include the last one whatever its size", () => {
    const kept = new Kept<string>(10);
    kept.set("a", "A", 4);
    kept.set("large", "L", 100);
    assert.deepEqual(kept.keys(), ["large"]);
    kept.set("b", "B", 4);
    assert.deepEqual(kept.keys(), ["b"]);
  });
});
