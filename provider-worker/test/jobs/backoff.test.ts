import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { JudgeError } from "../../src/court/judge.js";
import { ContentError, InferenceError, WorkerError } from "../../src/errors.js";
import { Backoff } from "../../src/jobs/backoff.js";
import { gate } from "../support/scene.js";

/** Seconds after the first try at which something that always fails is tried, looking every second. */
function triesUntil(end: number, looks = end, backoff = new Backoff()): number[] {
  return triesOf(backoff, looks, () => {
    backoff.failed("job", end);
    return true;
  });
}

/** Seconds at which something is tried, looking every second, for as long as `fail` says that it is tried again. */
function triesOf(backoff: Backoff, looks: number, fail: () => boolean): number[] {
  const tries: number[] = [];
  for (let now = 0, goesOn = true; goesOn && now <= looks; now++) {
    backoff.tick(now);
    if (!backoff.isDue("job")) continue;
    tries.push(now);
    goesOn = fail();
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

  it("not before the time for which the error says that it is of no use, but for the end", async () => {
    const resting = new JudgeError("left alone", 600);
    for (const [end, next] of [
      [10_000, 600],
      [200, 100],
    ] as const) {
      const backoff = new Backoff();
      await assert.rejects(backoff.attempt("job", () => Promise.reject(resting), end));
      assert.ok(backoff.retries("other", resting, end));
      for (const key of ["job", "other"]) {
        backoff.tick(next - 1);
        assert.equal(backoff.isDue(key), false);
        backoff.tick(next);
        assert.equal(backoff.isDue(key), true);
      }
    }
  });

  it("at once where something else failed, or it succeeded since", () => {
    const backoff = new Backoff();
    backoff.tick(100);
    backoff.failed("job", 1000);
    backoff.tick(104);
    assert.equal(backoff.isDue("job"), false);
    assert.equal(backoff.isDue("another"), true);
    backoff.succeeded("job");
    assert.equal(backoff.isDue("job"), true);
  });

  it("at once where the clock was wrong, but not because another node is some blocks behind", () => {
    const backoff = new Backoff();
    backoff.tick(4_000_000_000);
    backoff.failed("job");
    backoff.tick(4_000_000_000 - 60);
    assert.equal(backoff.isDue("job"), false);
    backoff.tick(1_000);
    assert.equal(backoff.isDue("job"), true);
    backoff.failed("job");
    assert.equal(backoff.isDue("job"), false);
  });

  it("and is forgotten when its time is over", () => {
    const backoff = new Backoff();
    for (let i = 0; i < 100; i++) {
      backoff.tick(i * 10);
      backoff.failed(`job ${i}`, i * 10 + 5);
    }
    assert.equal(backoff.size, 1);
  });

  it("and is forgotten when nobody tried it again for long, where no end was known", () => {
    const backoff = new Backoff();
    for (let i = 0; i < 100; i++) {
      backoff.tick(i * 1000);
      backoff.failed(`case ${i}`);
    }
    assert.equal(backoff.size, 4);
  });

  it("after pauses no longer than whoever waits for it can bear", () => {
    assert.deepEqual(triesUntil(Infinity, 100, new Backoff(20)), [0, 5, 15, 35, 55, 75, 95]);
  });

  it("after a pause that begins when it failed, however long it took", async () => {
    const backoff = new Backoff();
    const acting = gate<void>();
    const attempt = backoff.attempt("job", () => acting.promise);
    backoff.tick(60);
    acting.fail(new Error("cannot fetch"));
    await assert.rejects(attempt, /cannot fetch/);
    backoff.tick(64);
    assert.equal(backoff.isDue("job"), false);
    backoff.tick(65);
    assert.equal(backoff.isDue("job"), true);
  });

  it("after short pauses again once it succeeded", async () => {
    const backoff = new Backoff();
    for (const now of [0, 5, 15]) {
      backoff.tick(now);
      backoff.failed("job");
    }
    assert.equal(await backoff.attempt("job", () => Promise.resolve(7)), 7);
    backoff.failed("job");
    backoff.tick(20);
    assert.equal(backoff.isDue("job"), true);
  });
});

describe("A check on others", () => {
  /** How often something is run that always fails with what `fail` gives. */
  const runs = (fail: () => unknown): number => {
    const backoff = new Backoff();
    return triesOf(backoff, 10_000, () => backoff.retries("job", fail())).length;
  };

  it("ends with a failure that can never change", () => {
    for (const error of [new WorkerError("another graph"), new InferenceError("rejected", "no such operator")])
      assert.equal(
        runs(() => error),
        1,
      );
  });

  it("goes on for as long as the input does not come", () => {
    assert.ok(runs(() => new ContentError("404")) > 15);
  });

  for (const reason of ["crash", "memory", "timeout"] as const) {
    it(`goes on at the longest pause while its run fails by ${reason}, however often`, () => {
      const backoff = new Backoff();
      const fail = () => backoff.retries("job", new InferenceError(reason, "of the moment"));
      assert.deepEqual(triesOf(backoff, 10_000, fail).slice(-3), [9_315, 9_615, 9_915]);
    });
  }

  it("keeps nothing of what ended or succeeded", () => {
    const backoff = new Backoff();
    assert.equal(backoff.retries("job", new InferenceError("crash", "the process ended with SIGKILL")), true);
    assert.equal(backoff.retries("job", new WorkerError("another graph")), false);
    assert.equal(backoff.size, 0);
  });
});
