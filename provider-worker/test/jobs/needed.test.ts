import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";

import { ModelProfile } from "@assay/sdk";

import { bindStatement } from "../../src/audits/statement.js";
import { MARGIN_SECONDS, modelsOf, neededJobs, tensorsOf } from "../../src/jobs/needed.js";
import { SpotCheck } from "../../src/roles/spotCheck.js";
import { calm, hash, NOW, OPERATOR, PROVIDER, Scene, STRANGER } from "../support/scene.js";

const OUTPUT = hash(0xf00d);

describe("The tensors that stay in the store", () => {
  let scene: Scene;
  beforeEach(() => {
    scene = new Scene();
  });
  afterEach(() => {
    scene.journal.close();
  });
  const jobs = (readUntil = NOW, prosecutes = true) => neededJobs(scene.context, { readUntil, prosecutes });
  const own = (readUntil = NOW) => [...tensorsOf(scene.context, jobs(readUntil).own)].sort();
  const others = (readUntil = NOW, prosecutes = true) =>
    [...tensorsOf(scene.context, jobs(readUntil, prosecutes).others)].sort();
  /** Long after everything. */
  const LATE = NOW + 10 * MARGIN_SECONDS;
  const BOTH = [hash(1), OUTPUT].sort();

  /** A delivered job; its window ends at NOW + 100. */
  const delivered = (provider = PROVIDER) => {
    scene.requested(1, { provider });
    scene.submitted(1, OUTPUT, { provider });
  };
  const opened = () => {
    scene.happened("CaseOpened", 3, { jobId: "1", outputCommitment: OUTPUT });
  };

  it("are the input of a job of its own until the deadline, and its output once it is known", () => {
    scene.requested(1);
    assert.deepEqual(own(NOW + 500), [hash(1)]);
    scene.journal.bindResult(scene.id(1), OUTPUT);
    assert.deepEqual(own(NOW + 500 + MARGIN_SECONDS), BOTH);
    assert.deepEqual(own(NOW + 501 + MARGIN_SECONDS), []);
  });

  it("are those of a delivered job of its own until its window ends", () => {
    delivered();
    assert.deepEqual(own(NOW + 100), BOTH);
    assert.deepEqual(own(NOW + 101 + MARGIN_SECONDS), []);
  });

  it("are those of a job challenged in its last second, which is read later, in every second from then on", () => {
    delivered();
    // The last block that was read is before the end of the window, or not known at all.
    for (const readUntil of [0, NOW + 99, NOW + 100, NOW + 100 + MARGIN_SECONDS]) {
      assert.deepEqual(own(readUntil), BOTH, `${readUntil}`);
    }
    opened();
    assert.deepEqual(own(LATE), BOTH);
  });

  it("are those of a job of its own in a case or an audit until that is over", () => {
    delivered();
    opened();
    assert.deepEqual(own(LATE), BOTH);
    scene.happened("CaseResolved", 3);
    assert.deepEqual(own(LATE), []);
    scene.happened("AuditCommitted", 1, { jobId: "1", auditor: STRANGER, provider: PROVIDER });
    assert.deepEqual(own(LATE), BOTH);
    scene.happened("AuditClosed", 1);
    assert.deepEqual(own(LATE), []);
  });

  it("are none of jobs that strangers request from each other, deliver, challenge and audit", () => {
    scene.requested(2, { provider: STRANGER });
    delivered(STRANGER);
    assert.deepEqual([own(), others()], [[], []]);
    opened();
    scene.happened("JurorsDrawn", 3, { jobId: "1", round: "1", jurors: [STRANGER] });
    scene.happened("AuditCommitted", 1, { jobId: "1", auditor: STRANGER, provider: STRANGER });
    assert.deepEqual([own(), others()], [[], []]);
  });

  it("are those of a job on whose jury it sits until the jury is closed", () => {
    delivered(STRANGER);
    scene.happened("JurorsDrawn", 3, { jobId: "1", round: "1", jurors: [STRANGER, PROVIDER] });
    assert.deepEqual(own(LATE), BOTH);
    scene.happened("JuryCaseClosed", 3);
    assert.deepEqual(own(LATE), []);
  });

  it("are those of a job that it audits until the audit is closed", () => {
    delivered(STRANGER);
    scene.happened("AuditCommitted", 1, { jobId: "1", auditor: PROVIDER, provider: STRANGER });
    assert.deepEqual(own(LATE), BOTH);
    scene.happened("AuditClosed", 1);
    assert.deepEqual(own(LATE), []);
  });

  it("are those of a job before the proof court while it is prosecuted, if this worker prosecutes", () => {
    delivered(STRANGER);
    scene.courtCase(3, 1, OUTPUT, STRANGER);
    assert.deepEqual(others(LATE), BOTH);
    assert.deepEqual(others(LATE, false), []);
    scene.happened("CaseResolved", 3);
    assert.deepEqual(others(LATE), []);
  });

  it("are its own where it challenged itself, with a bond to lose", () => {
    delivered(STRANGER);
    scene.courtCase(3, 1, OUTPUT, STRANGER, OPERATOR);
    assert.deepEqual([own(LATE), others(LATE)], [BOTH, []]);
  });

  it("are those of a result that it found wrong, before the challenge is read", async () => {
    delivered(STRANGER);
    scene.profile = ModelProfile.Jury;
    scene.execute = () => hash(0xbad);
    const audit = new SpotCheck(scene.context, { sampleRate: 1, concurrency: 1, secret: "secret" });
    await audit.tick(NOW);
    await calm();
    assert.deepEqual(own(NOW + 100 + MARGIN_SECONDS), BOTH);
    assert.deepEqual(own(NOW + 101 + MARGIN_SECONDS), []);
  });

  it("are none of a result that it found right", async () => {
    delivered(STRANGER);
    scene.execute = () => OUTPUT;
    await new SpotCheck(scene.context, { sampleRate: 1, concurrency: 1, secret: "secret" }).tick(NOW);
    await calm();
    assert.deepEqual([scene.executed, own()], [["1"], []]);
  });

  it("are those of a job that it ran for an audit, before what it committed to is read", () => {
    delivered(STRANGER);
    bindStatement(scene.journal, scene.id(1), { output: OUTPUT, traceRoot: hash(7) });
    assert.deepEqual(own(NOW + 100 + MARGIN_SECONDS), BOTH);
    assert.deepEqual(own(NOW + 101 + MARGIN_SECONDS), []);
  });

  it("go with the models of these jobs", () => {
    scene.requested(1, { modelId: 4n });
    scene.requested(2, { modelId: 5n });
    scene.requested(3, { modelId: 6n, provider: STRANGER });
    assert.deepEqual(modelsOf(scene.context, jobs().own), new Set([4n, 5n]));
  });
});
