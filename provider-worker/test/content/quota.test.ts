import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { Quota } from "../../src/content/quota.js";

describe("A quota", () => {
  let now = 0;
  const quotaOf = (perOrigin: number, most?: number) => {
    now = 5_000;
    return new Quota({ perOrigin, periodMs: 1_000, ...(most !== undefined && { mostOrigins: most }) }, () => now);
  };

  it("gives each origin so much at once, and refuses what is more without taking any", () => {
    const quota = quotaOf(3);
    assert.deepEqual([quota.take("a", 2), quota.take("a", 2), quota.take("a", 1)], [true, false, true]);
    assert.deepEqual([quota.take("b", 3), quota.take("a", 1)], [true, false]);
    assert.equal(quotaOf(3).take("a", 4), false);
  });

  it("gives it back bit by bit, all of it in a period", () => {
    const quota = quotaOf(4);
    assert.equal(quota.take("a", 4), true);
    now += 249;
    assert.equal(quota.take("a", 1), false);
    now += 1;
    assert.deepEqual([quota.take("a", 1), quota.take("a", 1)], [true, false]);
    now += 500;
    assert.deepEqual([quota.take("a", 3), quota.take("a", 2)], [false, true]);
    now += 10_000;
    assert.deepEqual([quota.take("a", 5), quota.take("a", 4)], [false, true]);
  });

  it("never lets twice as much through in a moment, whenever that is", () => {
    const quota = quotaOf(100);
    now += 990;
    assert.equal(quota.take("a", 100), true);
    now += 20;
    assert.deepEqual([quota.take("a", 3), quota.take("a", 2)], [false, true]);
  });

  it("lets everything through where there is no limit", () => {
    const quota = quotaOf(Infinity);
    assert.deepEqual([quota.take("a", 1e15), quota.take("a", 1e15)], [true, true]);
  });

  it("remembers so many origins, and forgets who took nothing for the longest", () => {
    const quota = quotaOf(1, 2);
    for (const origin of ["a", "b"]) assert.equal(quota.take(origin, 1), true);
    assert.equal(quota.take("a", 0), true);
    assert.equal(quota.take("c", 1), true);
    assert.deepEqual([quota.take("a", 1), quota.take("b", 1)], [false, true]);
  });
});
