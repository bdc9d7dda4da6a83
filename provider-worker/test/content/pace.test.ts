import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { BYTES_PER_PERIOD, longestFor, Pace, PERIOD_MS } from "../../src/content/pace.js";
import { Periods } from "../support/periods.js";

describe("The pace of a transfer", () => {
  for (const [who, bytes, ended] of [
    ["ends one of whom nothing comes", [0], [1]],
    ["ends one that is a byte too slow", [BYTES_PER_PERIOD - 1], [1]],
    ["ends it once, however long what was begun still takes", [0, 0, 0], [1]],
    ["ends one that stops in the middle", [3 * BYTES_PER_PERIOD, 0, 0, 0], [4]],
    ["lets one go on that keeps up", [BYTES_PER_PERIOD, BYTES_PER_PERIOD], []],
    ["counts what was quick at the start", [2 * BYTES_PER_PERIOD, 0], []],
  ] as const) {
    it(who, () => {
      const periods = new Periods();
      const found: number[] = [];
      let period = 0;
      const pace = new Pace(periods.every, () => found.push(period));
      for (const moved of bytes) {
        period++;
        pace.moved(moved);
        periods.end();
      }
      assert.deepEqual(found, ended);
    });
  }

  it("is watched no longer than the transfer goes on", () => {
    const periods = new Periods();
    const pace = new Pace(periods.every, () => assert.fail("it was over"));
    assert.equal(periods.watched, 1);
    pace.stop();
    periods.end();
    assert.equal(periods.watched, 0);
  });

  it("gives all of a transfer the time that it may take at the slowest", () => {
    assert.equal(longestFor(50_000_000), 1_000_000);
    assert.equal(longestFor(BYTES_PER_PERIOD + 1), 2 * PERIOD_MS);
    assert.equal(longestFor(1), PERIOD_MS);
  });
});
