import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { Backoff } from "../../src/jobs/backoff.js";

/** Seconds after the first try at which something that always fails is tried, looking every second. */
function triesUntil(end: number, looks = end): number[] {
  const backoff = new Backoff();
  const tries: number[] = [];
  for (let now = 0; now <= looks; now++) {
    if (!backoff.isDue("job", now)) continue;
    tries.push(now);
    backoff.failed("job", now, end);
  }
  return tries;
}

describe("What failed is tried again", () => {
  it("after pauses that double, up to five minutes", () => {
    assert.deepEqual(triesUntil(Infinity, 1300), [0, 5, 15, 35, 75, 155, 315, 615, 915, 1215]);
  });

  it("ever sooner towards the end, so that coming back late does not help whoever withheld something", () => {
    const tries = triesUntil(3600);
    assert.ok(3600 - (tries.at(-1) ?? 0) <= 10, `last at ${String(tries.at(-1))}`);
    assert.ok(tries.length < 30, `${tries.length} tries`);
  });

  it("also where there is little time in all", () => {
    assert.deepEqual(triesUntil(60), [0, 5, 15, 35, 47, 53, 58]);
  });

  it("at once where something else failed, or it succeeded since", () => {
    const backoff = new Backoff();
    backoff.failed("job", 100, 1000);
    assert.equal(backoff.isDue("job", 104), false);
    assert.equal(backoff.isDue("another", 104), true);
    backoff.succeeded("job");
    assert.equal(backoff.isDue("job", 104), true);
  });

  it("and is forgotten when its time is over", () => {
    const backoff = new Backoff();
    for (let i = 0; i < 100; i++) backoff.failed(`job ${i}`, i * 10, i * 10 + 5);
    assert.equal(backoff.size, 1);
  });
});
