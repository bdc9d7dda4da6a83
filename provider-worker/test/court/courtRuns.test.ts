import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { CourtRun } from "../../src/court/courtRuns.js";
import { CourtRuns } from "../../src/court/courtRuns.js";
import { calm, gate } from "../support/scene.js";

/** Runs that are told apart by who made them. */
function maker() {
  const made: string[] = [];
  const make = (job: string) => {
    made.push(job);
    return Promise.resolve({ job } as unknown as CourtRun);
  };
  return { made, make };
}

describe("Runs for the court", () => {
  it("are made once, for whoever asks", async () => {
    const { made, make } = maker();
    const runs = new CourtRuns(make);
    const [first, second] = await Promise.all([runs.get("1"), runs.get("1")]);
    assert.equal(first, second);
    assert.deepEqual(made, ["1"]);
  });

  it("are kept for the jobs used last, and made again for others", async () => {
    const { made, make } = maker();
    const runs = new CourtRuns(make, 2);
    for (const job of ["1", "2", "1", "3", "1", "2"]) await runs.get(job);
    assert.deepEqual(made, ["1", "2", "3", "2"]);
  });

  it("are made one at a time", async () => {
    const gates = new Map(["1", "2"].map((job) => [job, gate<CourtRun>()]));
    const begun: string[] = [];
    const runs = new CourtRuns((job) => {
      begun.push(job);
      return gates.get(job)?.promise ?? Promise.reject(new Error(job));
    });
    const both = [runs.get("1"), runs.get("2")];
    await calm();
    assert.deepEqual(begun, ["1"]);
    gates.get("1")?.fail(new Error("no input"));
    await assert.rejects(both[0] ?? Promise.resolve());
    await calm();
    assert.deepEqual(begun, ["1", "2"]);
  });

  it("that failed are made again when they are asked for again", async () => {
    let fails = true;
    const runs = new CourtRuns((job) =>
      fails ? Promise.reject(new Error("no input")) : Promise.resolve({ job } as unknown as CourtRun),
    );
    await assert.rejects(runs.get("1"), /no input/);
    fails = false;
    assert.ok(await runs.get("1"));
  });

  it("of jobs that are not wanted any more are forgotten", async () => {
    const { made, make } = maker();
    const runs = new CourtRuns(make);
    await runs.get("1");
    await runs.get("2");
    runs.keepOnly(["2"]);
    await runs.get("2");
    await runs.get("1");
    assert.deepEqual(made, ["1", "2", "1"]);
  });
});
