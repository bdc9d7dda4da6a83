import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";

import type { JobTerms } from "@assay/sdk";
import { auditCommitment, AuditPhase, auditTurn, JobStatus, ModelProfile } from "@assay/sdk";

import { RunRank } from "../../src/court/courtRuns.js";
import { AuditDesk } from "../../src/audits/office.js";
import { statementOf } from "../../src/audits/statement.js";
import type { CourtRun } from "../../src/court/courtRuns.js";
import { ContentError, InferenceError } from "../../src/errors.js";
import { TakeAudits } from "../../src/roles/takeAudits.js";
import { courtRun, OPEN, openRun } from "../support/courtRuns.js";
import { outputsOf } from "../support/otherOrder.js";
import { calm, DEPLOYMENT, hash, NOW, OPERATOR, PROVIDER, Scene, STAKE_TOKEN, STRANGER } from "../support/scene.js";

const CHAIN = 31337n;
/** The job is submitted at `NOW`, its round's seed known from here on, and every turn comes within half of 40 seconds. */
const SEEDED = NOW + 5;
const TURN = SEEDED + 20;
const LAST = SEEDED + 40;

describe("Taking drawn audits", () => {
  let scene: Scene;
  let auditor: TakeAudits;
  let run: CourtRun;
  beforeEach(async () => {
    run = await courtRun(0);
    scene = new Scene();
    scene.trace = () => Promise.resolve(run);
    scene.balances.set(`${STAKE_TOKEN} ${OPERATOR}`, 100n);
    scene.office.drawn(NOW + 1, SEEDED);
    start();
  });
  afterEach(() => {
    scene.journal.close();
  });
  const start = () => {
    const { context } = scene;
    auditor = new TakeAudits(context, new AuditDesk(context.contracts, PROVIDER), { chainId: CHAIN, concurrency: 2 });
  };
  /** Twice: a run in one look is committed to in the next. */
  const tick = async (now = TURN) => {
    for (let look = 0; look < 2; look++) {
      await auditor.tick(now);
      await calm();
      await calm();
    }
  };
  const names = () => scene.sent.map(({ name }) => name);
  const delivered = (more: Partial<JobTerms> = {}, output: string = run.trace.outputRoot, job = 1) => {
    const terms = scene.requested(job, { provider: STRANGER, ...more });
    scene.submitted(job, output, { provider: terms.provider });
    return terms;
  };
  const committed = (auditorOfIt = PROVIDER) => {
    scene.happened("AuditCommitted", 1, { jobId: 1, auditor: auditorOfIt, provider: STRANGER });
    scene.audit(1, AuditPhase.Answer);
  };

  it("runs a drawn job and commits to output and trace, under a salt that the journal has first", async () => {
    const terms = delivered();
    let statement: ReturnType<typeof statementOf>;
    scene.outcome = () => {
      statement = statementOf(scene.journal, scene.id(1));
      scene.audit(1, AuditPhase.Answer);
      return "mined";
    };
    await tick();
    const [, output, round, account, commitment] = scene.calls("commit")[0]?.args ?? [];
    assert.deepEqual([output, round], [run.trace.outputRoot, 1n]);
    assert.equal(String(account).toLowerCase(), PROVIDER);
    assert.ok(statement);
    assert.deepEqual([statement.output, statement.traceRoot], [run.trace.outputRoot, run.trace.traceRoot]);
    const facts = { chainId: CHAIN, audits: DEPLOYMENT.audits, jobId: terms.id, auditor: PROVIDER };
    const { traceRoot, salt } = statement;
    assert.equal(commitment, auditCommitment({ ...facts, outputCommitment: statement.output, traceRoot, salt }));
    assert.deepEqual((await scene.metrics.drawnAudits.get()).values, [{ labels: { step: "commit" }, value: 1 }]);
    await tick();
    assert.deepEqual(names(), ["commit"]);
    assert.equal(scene.traced, 1);
  });

  it("begins with its turn, not a second before", async () => {
    const { id: jobId } = delivered();
    const [, round] = scene.office.rounds;
    assert.ok(round);
    const facts = { jobId, seed: round.seed, auditor: PROVIDER, tickets: 1, commitPeriod: 40n };
    const turn = Number(auditTurn({ ...facts, recordedAt: round.recordedAt }));
    assert.ok(turn > SEEDED && turn < TURN);
    await tick(turn - 1);
    assert.equal(scene.traced, 0);
    await tick(turn);
    assert.deepEqual(names(), ["commit"]);
  });

  it("begins none whose commitment would come too late", async () => {
    delivered();
    await tick(LAST + 1);
    assert.equal(scene.traced, 0);
    await tick(LAST);
    assert.deepEqual(names(), ["commit"]);
  });

  it("begins none that could not end before the time to challenge", async () => {
    const terms = scene.requested(1, { provider: STRANGER, challengeWindow: 50n });
    scene.submitted(1, run.trace.outputRoot, { provider: terms.provider, until: NOW + 50 });
    await tick(NOW + 21);
    assert.equal(scene.traced, 0);
  });

  it("leaves what is not drawn alone, unless somebody booked it", async () => {
    Object.assign(scene.office.rounds[1] ?? {}, { rateBps: 0n });
    delivered();
    await tick();
    assert.equal(scene.traced, 0);
    scene.happened("AuditBooked", 1, { jobId: 1 });
    await tick();
    assert.deepEqual(names(), ["commit"]);
  });

  it("takes a booked job of a model whose fund is empty", async () => {
    scene.office.fund = 0n;
    delivered();
    await tick();
    assert.equal(scene.traced, 0);
    scene.happened("AuditBooked", 1, { jobId: 1 });
    await tick();
    assert.deepEqual(names(), ["commit"]);
  });

  it("takes no job of its provider, its operator or itself", async () => {
    delivered({ provider: PROVIDER });
    delivered({ provider: OPERATOR }, run.trace.outputRoot, 2);
    delivered({ client: PROVIDER }, run.trace.outputRoot, 3);
    delivered({ client: OPERATOR }, run.trace.outputRoot, 4);
    await tick();
    assert.equal(scene.traced, 0);
  });

  const nothings: [string, () => void][] = [
    ["it has no tickets", () => (scene.office.member.tickets = 0n)],
    ["its tickets are as new as the seed", () => (scene.office.member.since = BigInt(NOW + 1))],
    ["all its tickets stand behind audits", () => (scene.office.member.busy = 1n)],
    ["its offer is gone", () => (scene.office.offers = 0n)],
    ["honest traces differ", () => (scene.profile = ModelProfile.Tolerance)],
    ["the fund cannot pay", () => (scene.office.fund = 4n)],
    ["nobody knows the seed yet", () => Object.assign(scene.office.rounds[1] ?? {}, { seed: hash(0), recordedAt: 0n })],
    ["another took it", () => scene.audit(1, AuditPhase.Answer)],
  ];
  for (const [why, arrange] of nothings) {
    it(`runs nothing where ${why}`, async () => {
      delivered();
      arrange();
      await tick();
      assert.equal(scene.traced, 0);
      assert.deepEqual(scene.sent, []);
    });
  }

  it("commits after a restart to what it found before, and does not run it again", async () => {
    delivered();
    scene.outcome = () => Promise.reject(new Error("killed"));
    await tick();
    const before = scene.calls("commit")[0]?.args;
    start();
    run = { ...run, trace: { ...run.trace, traceRoot: hash(9) as never } };
    scene.outcome = () => "mined";
    await tick();
    assert.deepEqual(scene.calls("commit").at(-1)?.args, before);
    assert.equal(scene.traced, 1);
  });

  it("commits to the same again where a reorganisation took its commitment back", async () => {
    delivered();
    await tick();
    committed();
    await tick();
    const [first, ...others] = scene.calls("commit");
    scene.reorganise(1);
    scene.audit(1, AuditPhase.None);
    await tick();
    assert.ok(scene.calls("commit").length > others.length + 1);
    assert.deepEqual(scene.calls("commit").at(-1)?.args, first?.args);
  });

  it("puts one ticket behind one of two jobs", async () => {
    delivered();
    delivered({}, run.trace.outputRoot, 2);
    scene.outcome = () => {
      scene.office.member.busy = 1n;
      return "mined";
    };
    await tick();
    assert.deepEqual(names(), ["commit"]);
  });

  it("asks for an input that is not there again until the last second to commit, and gives up what never runs", async () => {
    delivered();
    scene.trace = () => Promise.reject(new ContentError("404"));
    await tick();
    await tick(TURN + 4);
    assert.equal(scene.traced, 1);
    await tick(TURN + 5);
    assert.equal(scene.traced, 2);
    assert.match(scene.warnings.join(""), /drawn job not audited yet/);
    scene.trace = () => Promise.reject(new InferenceError("rejected", "no such operator"));
    await tick(LAST);
    await tick(LAST);
    assert.equal(scene.traced, 3);
    assert.match(scene.warnings.join(""), /cannot audit/);
    assert.deepEqual(scene.sent, []);
  });

  it("takes a job although somebody killed its first run", async () => {
    delivered();
    scene.trace = () => Promise.reject(new InferenceError("crash", "the process ended with SIGKILL"));
    await tick();
    scene.trace = () => Promise.resolve(run);
    await tick(TURN + 5);
    assert.deepEqual(names(), ["commit"]);
    assert.equal(scene.traced, 2);
  });

  it("begins nothing once it is told to stop", async () => {
    delivered();
    scene.stop.abort();
    await tick();
    assert.equal(scene.traced, 0);
  });

  describe("of a wrong result", () => {
    const WRONG = hash(0xbad);

    it("commits first and challenges as soon as that is on chain", async () => {
      delivered({}, WRONG);
      await tick();
      assert.ok(names().every((name) => name === "commit"));
      committed();
      await tick();
      assert.match(scene.warnings.join(""), /wrong result: challenging/);
      assert.equal(names().at(-1), "challenge");
      assert.deepEqual(scene.urgencies.get("1"), {
        rank: RunRank.Wrong,
        group: STRANGER.toLowerCase(),
        due: NOW + 100,
      });
      scene.happened("JobDisputed", 1, { jobId: 1 });
      scene.sent.length = 0;
      await tick();
      assert.deepEqual(scene.sent, []);
    });

    it("does not challenge what differs in nothing but a zero that may have either sign", async () => {
      const bytes = { bytes: [3], by: 0x80 };
      const turned = await openRun({ tensor: OPEN.relu, ...bytes }, { tensor: OPEN.doubled, ...bytes });
      run = await openRun();
      delivered({}, turned.trace.outputRoot);
      await tick();
      committed();
      await tick();
      await tick(TURN + 5);
      // Withheld, it is asked for again.
      assert.deepEqual([scene.asked, scene.calls("challenge")], [2, []]);
      const posted = turned.trace.tensors.map(({ tensor }) => tensor);
      scene.delivered = () => Promise.resolve(outputsOf(turned.model, posted));
      await tick(TURN + 15);
      start();
      await tick(TURN + 400);
      assert.deepEqual([scene.asked, scene.calls("challenge")], [3, []]);
    });

    it("challenges it too where another auditor was faster", async () => {
      delivered({}, WRONG);
      scene.outcome = () => Promise.reject(new Error("node away"));
      await tick();
      scene.outcome = () => "mined";
      committed(STRANGER);
      await tick();
      assert.deepEqual(names().slice(-1), ["challenge"]);
    });

    it("challenges it too where the office refuses the commitment, or it is too late for one", async () => {
      delivered({}, WRONG);
      scene.outcome = ({ name }) => (name === "commit" ? "refused" : "mined");
      await tick();
      await tick();
      assert.deepEqual([...new Set(names())], ["commit", "challenge"]);
      start();
      scene.sent.length = 0;
      await tick(NOW + 70);
      assert.deepEqual(scene.sent, []);
      await tick(NOW + 71);
      assert.ok(names().every((name) => name === "challenge") && names().length > 0);
    });

    for (const end of ["JobDisputed", "JobPaid"]) {
      it(`forgets that the office refused it once there is ${end}`, async () => {
        delivered({}, WRONG);
        scene.outcome = ({ name }) => (name === "commit" ? "refused" : "reverted");
        await tick();
        assert.equal(auditor.remembered, 1);
        scene.happened(end, 1);
        await tick();
        assert.equal(auditor.remembered, 0);
      });
    }

    it("leaves a challenged one to the open case, but confirms a right one", async () => {
      delivered({}, WRONG);
      scene.status.set("1", JobStatus.Disputed);
      await tick();
      assert.equal(scene.traced, 1);
      assert.deepEqual(scene.sent, []);
      delivered({}, run.trace.outputRoot, 2);
      scene.status.set("2", JobStatus.Disputed);
      scene.office.member.tickets = 2n;
      start();
      await tick();
      assert.deepEqual([...new Set(names())], ["commit"]);
    });
  });
});
