import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { Quota } from "../../src/content/quota.js";

describe("A quota", () => {
  it("gives each origin so much in a period, and the same again in the next", () => {
    let now = 5_000;
    const quota = new Quota({ perOrigin: 3, periodMs: 1_000 }, () => now);
    assert.deepEqual([quota.take("a", 2), quota.take("a", 2), quota.take("a", 1)], [true, false, true]);
    assert.deepEqual([quota.take("b", 3), quota.take("a", 1)], [true, false]);
    now += 999;
    assert.equal(quota.take("a", 1), false);
    now += 1;
    assert.deepEqual([quota.take("a", 3), quota.take("b", 1)], [true, true]);
  });
});
