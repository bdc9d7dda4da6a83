import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";

import { Ruling } from "@assay/sdk";

import { Resolve } from "../../src/roles/resolve.js";
import { calm, hash, Scene } from "../support/scene.js";

describe("Resolving", () => {
  let scene: Scene;
  let resolve: Resolve;
  beforeEach(() => {
    scene = new Scene();
    resolve = new Resolve(scene.context);
  });
  afterEach(() => {
    scene.journal.close();
  });
  const tick = async () => {
    await resolve.tick();
    await calm();
  };
  const opened = (id: number, job: number) => {
    scene.happened("CaseOpened", id, { jobId: String(job), outputCommitment: hash(job) });
  };

  it("carries out a ruling as soon as there is one", async () => {
    scene.requested(1);
    opened(3, 1);
    await tick();
    assert.deepEqual(scene.sent, []);
    scene.rulings.set("3", Ruling.Upheld);
    await tick();
    const [call] = scene.calls("resolve");
    assert.equal(call?.args[0], 3n);
    assert.equal((call?.args[1] as bigint[])[0], 1n);
  });

  it("leaves a case that somebody else resolved", async () => {
    scene.requested(1);
    opened(3, 1);
    scene.rulings.set("3", Ruling.Upheld);
    scene.caseRuling = Ruling.Upheld;
    await tick();
    assert.deepEqual(scene.sent, []);
  });

  it("is not held up by cases about jobs it does not know", async () => {
    for (let id = 1; id <= 6; id++) {
      opened(id, 90 + id);
      scene.rulings.set(String(id), Ruling.Rejected);
    }
    scene.requested(1);
    opened(7, 1);
    scene.rulings.set("7", Ruling.Rejected);
    await tick();
    assert.deepEqual(
      scene.sent.map(({ purpose }) => purpose),
      ["resolve 7"],
    );
    assert.match(scene.warnings.join(""), /job 91 is not in the journal: start the worker from an earlier block/);
  });

  it("counts the votes of a case whose jurors are all gone, and leaves it alone while they may act", async () => {
    opened(3, 1);
    scene.phase.set("3", 3n);
    await tick();
    assert.deepEqual(scene.sent, []);
    scene.phase.set("3", 4n);
    await tick();
    assert.deepEqual(
      scene.sent.map(({ purpose }) => purpose),
      ["close 3"],
    );
  });

  it("pays the jurors of a resolved case, once", async () => {
    scene.happened("CaseResolved", 3);
    scene.outcome = () => {
      scene.juryPaid = true;
      return "mined";
    };
    await tick();
    await tick();
    assert.deepEqual(
      scene.sent.map(({ purpose }) => purpose),
      ["pay 3"],
    );
    resolve = new Resolve(scene.context);
    scene.juryPaid = false;
    await tick();
    assert.equal(scene.sent.length, 1);
  });

  it("pays them again where that came to nothing", async () => {
    scene.happened("CaseResolved", 3);
    scene.outcome = () => "reverted";
    await tick();
    await tick();
    assert.equal(scene.sent.length, 2);
  });

  it("notes that somebody else paid them", async () => {
    scene.happened("CaseResolved", 3);
    scene.juryPaid = true;
    await tick();
    assert.deepEqual(scene.sent, []);
    assert.equal(scene.journal.note("paid 3"), "yes");
  });
});
