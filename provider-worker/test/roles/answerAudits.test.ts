import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";

import { AuditPhase } from "@assay/sdk";

import type { Outcome } from "../../src/chain/submitter.js";
import { Rank } from "../../src/chain/submitter.js";
import type { CourtRun } from "../../src/court/courtRuns.js";
import { RunRank } from "../../src/court/courtRuns.js";
import { AnswerAudits } from "../../src/roles/answerAudits.js";
import { Defend } from "../../src/roles/defend.js";
import { courtRun } from "../support/courtRuns.js";
import { calm, gate, hash, NOW, PROVIDER, Scene, STRANGER } from "../support/scene.js";

describe("Answering audits", () => {
  let scene: Scene;
  let answer: AnswerAudits;
  let run: CourtRun;
  beforeEach(async () => {
    run = await courtRun(0);
    scene = new Scene();
    scene.trace = () => Promise.resolve(run);
    answer = new AnswerAudits(scene.context);
  });
  afterEach(() => {
    scene.journal.close();
  });
  const tick = async (now = NOW) => {
    await answer.tick(now);
    await calm();
  };
  const audited = (more: Record<string, unknown> = {}, output: string = run.trace.outputRoot, job = 1, stake = 5n) => {
    scene.requested(job, { stake });
    scene.submitted(job, output);
    scene.happened("AuditCommitted", job, { jobId: job, provider: PROVIDER, answerBy: String(NOW + 60), ...more });
    scene.audit(job, AuditPhase.Answer);
  };

  it("shows the root of its own run of the job", async () => {
    audited();
    await tick();
    const [call] = scene.calls("answer");
    assert.deepEqual(call?.args, [BigInt(scene.id(1)), run.trace.traceRoot]);
    assert.equal((await scene.metrics.auditAnswers.get()).values[0]?.value, 1);
  });

  it("shows it once, also when it reads its own block late", async () => {
    audited();
    scene.outcome = () => {
      scene.audit(1, AuditPhase.Reveal);
      return "mined";
    };
    await tick();
    await tick();
    scene.happened("TraceAnswered", 1, { jobId: 1, provider: PROVIDER, traceRoot: run.trace.traceRoot });
    await tick();
    assert.equal(scene.sent.length, 1);
    assert.equal(scene.traced, 1);
  });

  it("answers all that are open, however long each answer takes to be mined", async () => {
    for (let job = 1; job <= 50; job++) audited({}, undefined, job);
    scene.outcome = () => new Promise(() => undefined);
    for (let second = 0; second < 20; second++) await tick(NOW + second);
    assert.equal(scene.calls("answer").length, 50);
    assert.equal(scene.traced, 50);
  });

  it("shows it again after a transaction that was reverted", async () => {
    audited();
    scene.outcome = () => "reverted";
    await tick();
    await tick();
    assert.equal(scene.sent.length, 2);
  });

  it("shows those of many audits at once, and none twice, also after a restart, while they wait to be mined", async () => {
    const mined = gate<Outcome>();
    scene.outcome = () => mined.promise;
    for (let job = 1; job <= 20; job++) audited({}, run.trace.outputRoot, job);
    await tick();
    assert.equal(scene.sent.length, 20);
    await tick();
    answer = new AnswerAudits(scene.context);
    await tick();
    assert.deepEqual([scene.sent.length, scene.traced], [20, 20]);
    mined.open("mined");
    await calm();
  });

  it("stays silent about another provider's job, and after the deadline", async () => {
    audited({ provider: STRANGER });
    await tick();
    assert.deepEqual(scene.sent, []);
    audited();
    await tick(NOW + 61);
    assert.deepEqual(scene.sent, []);
  });

  it("tries again what failed after pauses, which grow shorter towards the deadline", async () => {
    audited();
    scene.trace = () => Promise.reject(new Error("cannot fetch"));
    for (let second = 0; second <= 52; second++) await tick(NOW + second);
    // After 0, 5, 15, 35 and 47 seconds.
    assert.equal(scene.traced, 5);
    scene.trace = () => Promise.resolve(run);
    await tick(NOW + 53);
    assert.equal(scene.sent.length, 1);
  });

  it("tries again what could not be sent after the same pauses, with the same run", async () => {
    audited();
    scene.outcome = () => Promise.reject(new Error("the node is away"));
    for (let second = 0; second <= 52; second++) await tick(NOW + second);
    assert.equal(scene.sent.length, 5);
    assert.equal(scene.traced, 1);
  });

  it("answers in the last second", async () => {
    audited();
    await tick(NOW + 60);
    assert.equal(scene.sent.length, 1);
  });

  it("lets no answer about a job without stake go before what saves one, however soon it is due", async () => {
    audited({}, undefined, 1, 0n);
    audited({ answerBy: String(NOW + 600) }, undefined, 2);
    await tick();
    const [unstaked, staked] = [1, 2].map((job) => scene.urgencies.get(String(job)));
    assert.deepEqual([unstaked?.rank, staked?.rank], [RunRank.OwnUnstaked, RunRank.Own]);
    const sent = new Map(scene.sent.map(({ args, urgency }) => [args[0], urgency]));
    assert.deepEqual(sent.get(BigInt(scene.id(1))), { rank: Rank.AnyTime });
    assert.deepEqual(sent.get(BigInt(scene.id(2))), { rank: Rank.InTime, due: NOW + 600 });
  });

  it("shows nothing, and says so once, where its own run does not give what was submitted", async () => {
    audited({}, hash(0xbad));
    await tick();
    await tick();
    assert.deepEqual(scene.sent, []);
    assert.equal(scene.warnings.length, 1);
    assert.match(scene.warnings[0] ?? "", /cannot answer an audit/);
  });

  it("answers where a reorganisation took the result while the job ran, and brought it back", async () => {
    audited();
    const ran = gate<CourtRun>();
    scene.trace = () => ran.promise;
    await tick();
    const bringBack = scene.takenBack(2);
    ran.open(run);
    await calm();
    bringBack();
    await tick(NOW + 5);
    assert.equal(scene.calls("answer").length, 1);
  });

  it("never defends another trace than it answered with, nor answers with another than it defended", async () => {
    audited();
    scene.outcome = () => "reverted";
    await tick();
    run = { ...run, trace: { ...run.trace, traceRoot: hash(9) as never } };
    scene.courtCase(3, 1, run.trace.outputRoot);
    await new Defend(scene.context).tick(NOW);
    await calm();
    answer = new AnswerAudits(scene.context);
    await tick();
    assert.deepEqual(
      scene.sent.map(({ name }) => name),
      ["answer"],
    );
    assert.match(scene.warnings.join(""), /a second result .* is never sent/);
  });
});
