import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { Shares } from "../../src/content/shares.js";

describe("Shares", () => {
  it("give an origin no more than its part, and all together no more than there is", () => {
    const shares = new Shares({ total: 5, perOrigin: 3 });
    assert.deepEqual([shares.take("a", 2), shares.take("a", 2), shares.take("a")], [true, false, true]);
    assert.deepEqual([shares.take("b", 3), shares.take("b", 2), shares.take("c")], [false, true, false]);
  });

  it("are there again once they are given back, for that origin and for others", () => {
    const shares = new Shares({ total: 3, perOrigin: 2 });
    assert.deepEqual([shares.take("a", 2), shares.take("b")], [true, true]);
    shares.give("a");
    assert.deepEqual([shares.take("a"), shares.take("b")], [true, false]);
    shares.give("a", 2);
    assert.deepEqual([shares.take("b"), shares.take("a"), shares.take("a")], [true, true, false]);
  });

  it("are crowded once three quarters are taken", () => {
    const shares = new Shares({ total: 4, perOrigin: 4 });
    shares.take("a", 2);
    assert.equal(shares.isCrowded, false);
    shares.take("a");
    assert.equal(shares.isCrowded, true);
    shares.give("a");
    assert.equal(shares.isCrowded, false);
  });
});
