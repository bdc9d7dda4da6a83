import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";

import { neededTensors } from "../../src/jobs/needed.js";
import { hash, NOW, PROVIDER, Scene, STRANGER } from "../support/scene.js";

const OUTPUT = hash(0xf00d);

describe("The tensors that stay in the store", () => {
  let scene: Scene;
  beforeEach(() => {
    scene = new Scene();
  });
  afterEach(() => {
    scene.journal.close();
  });
  const needed = (now = NOW, prosecutes = true) => [...neededTensors(scene.context, { now, prosecutes })].sort();
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
    assert.deepEqual(needed(NOW + 500), [hash(1)]);
    scene.journal.bindResult(scene.id(1), OUTPUT);
    assert.deepEqual(needed(NOW + 500), BOTH);
    assert.deepEqual(needed(NOW + 501), []);
  });

  it("are those of a delivered job of its own until its window ends", () => {
    delivered();
    assert.deepEqual(needed(NOW + 100), BOTH);
    assert.deepEqual(needed(NOW + 101), []);
  });

  it("are those of a job of its own in a case or an audit until that is over", () => {
    delivered();
    opened();
    assert.deepEqual(needed(NOW + 9999), BOTH);
    scene.happened("CaseResolved", 3);
    assert.deepEqual(needed(NOW + 9999), []);
    scene.happened("AuditCommitted", 1, { jobId: "1", auditor: STRANGER, provider: PROVIDER });
    assert.deepEqual(needed(NOW + 9999), BOTH);
    scene.happened("AuditClosed", 1);
    assert.deepEqual(needed(NOW + 9999), []);
  });

  it("are none of jobs that strangers request from each other, deliver, challenge and audit", () => {
    scene.requested(2, { provider: STRANGER });
    delivered(STRANGER);
    assert.deepEqual(needed(), []);
    opened();
    scene.happened("JurorsDrawn", 3, { jobId: "1", round: "1", jurors: [STRANGER] });
    scene.happened("AuditCommitted", 1, { jobId: "1", auditor: STRANGER, provider: STRANGER });
    assert.deepEqual(needed(), []);
  });

  it("are those of a job on whose jury it sits until the jury is closed", () => {
    delivered(STRANGER);
    scene.happened("JurorsDrawn", 3, { jobId: "1", round: "1", jurors: [STRANGER, PROVIDER] });
    assert.deepEqual(needed(NOW + 9999), BOTH);
    scene.happened("JuryCaseClosed", 3);
    assert.deepEqual(needed(NOW + 9999), []);
  });

  it("are those of a job that it audits until the audit is closed", () => {
    delivered(STRANGER);
    scene.happened("AuditCommitted", 1, { jobId: "1", auditor: PROVIDER, provider: STRANGER });
    assert.deepEqual(needed(NOW + 9999), BOTH);
    scene.happened("AuditClosed", 1);
    assert.deepEqual(needed(NOW + 9999), []);
  });

  it("are those of a job before the proof court while it is prosecuted, if this worker prosecutes", () => {
    delivered(STRANGER);
    scene.courtCase(3, 1, OUTPUT, STRANGER);
    assert.deepEqual(needed(NOW + 9999), BOTH);
    assert.deepEqual(needed(NOW + 9999, false), []);
    scene.happened("CaseResolved", 3);
    assert.deepEqual(needed(NOW + 9999), []);
  });
});
