import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";

import { Deadlines } from "../../src/jobs/deadlines.js";
import { NOW } from "../support/scene.js";

describe("Deadlines by the chain's clock", () => {
  let stop: AbortController;
  let deadlines: Deadlines;
  beforeEach(() => {
    stop = new AbortController();
    deadlines = new Deadlines(stop.signal);
    deadlines.tick(NOW);
  });
  const late = { name: "LateError", retryable: false, message: "its last second was 1970-01-01T00:16:40.000Z" };

  it("give what was done in time", async () => {
    assert.equal(await deadlines.until(NOW, () => Promise.resolve("done")), "done");
  });

  it("end what is under way after the last second, also what does not heed its signal", async () => {
    let signal: AbortSignal | undefined;
    const under = deadlines.until(NOW, (given) => {
      signal = given;
      return new Promise(() => undefined);
    });
    deadlines.tick(NOW);
    assert.equal(signal?.aborted, false);
    deadlines.tick(NOW + 1);
    await assert.rejects(under, late);
    assert.equal(signal?.aborted, true);
  });

  it("begin nothing that is late already", async () => {
    deadlines.tick(NOW + 1);
    await assert.rejects(
      deadlines.until(NOW, () => assert.fail("it began")),
      late,
    );
  });

  it("end everything when the worker stops", async () => {
    const under = deadlines.until(NOW, () => new Promise(() => undefined));
    stop.abort(new Error("the worker stops"));
    await assert.rejects(under, /the worker stops/);
  });
});
