import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";

import { AuditFinding, AuditPhase } from "@assay/sdk";

import { bindStatement } from "../../src/audits/statement.js";
import { CloseAudits } from "../../src/roles/closeAudits.js";
import { calm, hash, NOW, OPERATOR, PROVIDER, Scene, STAKE_TOKEN, STRANGER } from "../support/scene.js";

const [OUTPUT, TRACE] = [hash(0xaa), hash(0xbb)];
const ANSWER_BY = NOW + 10;
const REVEAL_BY = NOW + 20;
const WINDOW_END = NOW + 100;

describe("Bringing audits to their end", () => {
  let scene: Scene;
  let reveal: CloseAudits;
  beforeEach(() => {
    scene = new Scene();
    scene.balances.set(`${STAKE_TOKEN} ${OPERATOR}`, 100n);
    reveal = new CloseAudits(scene.context);
    scene.requested(1, { provider: STRANGER });
    scene.submitted(1, OUTPUT, { provider: STRANGER });
  });
  afterEach(() => {
    scene.journal.close();
  });
  const tick = async (now = NOW) => {
    await reveal.tick(now);
    await calm();
  };
  const names = () => scene.sent.map(({ name }) => name);
  const committed = (auditor = PROVIDER) => {
    const deadlines = { answerBy: String(ANSWER_BY), revealBy: String(REVEAL_BY) };
    scene.happened("AuditCommitted", 1, { jobId: 1, auditor, provider: STRANGER, ...deadlines });
    scene.audit(1, AuditPhase.Answer);
  };
  const bound = () => bindStatement(scene.journal, scene.id(1), { output: OUTPUT, traceRoot: TRACE });
  const answered = () => {
    scene.happened("TraceAnswered", 1, { jobId: 1, traceRoot: TRACE });
    scene.audit(1, AuditPhase.Reveal);
  };
  const revealed = (finding: bigint) => {
    scene.happened("AuditRevealed", 1, { jobId: 1, auditor: PROVIDER, finding: String(finding) });
    scene.audit(1, finding === AuditFinding.Unanswered ? AuditPhase.Due : AuditPhase.Wait);
  };

  describe("the opening", () => {
    it("waits for the provider's trace and shows what was bound", async () => {
      committed();
      const { salt } = bound();
      await tick(ANSWER_BY);
      assert.deepEqual(scene.sent, []);
      answered();
      await tick();
      assert.deepEqual(scene.calls("reveal")[0]?.args, [BigInt(scene.id(1)), OUTPUT, TRACE, salt]);
      assert.deepEqual((await scene.metrics.drawnAudits.get()).values, [{ labels: { step: "reveal" }, value: 1 }]);
    });

    it("does not wait for closings, which are worth as much later", async () => {
      for (let job = 2; job <= 5; job++) {
        scene.requested(job, { provider: STRANGER });
        scene.submitted(job, OUTPUT, { provider: STRANGER });
        const deadlines = { answerBy: String(ANSWER_BY), revealBy: String(REVEAL_BY) };
        scene.happened("AuditCommitted", job, { jobId: job, auditor: PROVIDER, provider: STRANGER, ...deadlines });
        const finding = String(AuditFinding.Unanswered);
        scene.happened("AuditRevealed", job, { jobId: job, auditor: PROVIDER, finding });
        scene.audit(job, AuditPhase.Due);
      }
      // The line of transactions is long.
      scene.outcome = () => new Promise(() => undefined);
      await tick();
      assert.equal(scene.calls("close").length, 4);
      committed();
      bound();
      answered();
      await tick();
      assert.equal(scene.calls("reveal").length, 1);
    });

    it("waits no longer than the provider may take", async () => {
      committed();
      bound();
      scene.audit(1, AuditPhase.Reveal);
      await tick(ANSWER_BY + 1);
      assert.deepEqual(names(), ["reveal"]);
    });

    it("comes in the last second and not after it", async () => {
      committed();
      bound();
      answered();
      await tick(REVEAL_BY + 1);
      assert.deepEqual(scene.sent, []);
      await tick(REVEAL_BY);
      assert.deepEqual(names(), ["reveal"]);
    });

    it("comes once, also where its own block is read late, and again after a transaction that failed", async () => {
      committed();
      bound();
      answered();
      scene.outcome = () => "reverted";
      await tick();
      scene.outcome = () => {
        scene.audit(1, AuditPhase.Wait);
        return "mined";
      };
      await tick();
      await tick();
      revealed(AuditFinding.Agrees);
      scene.audit(1, AuditPhase.Reveal);
      await tick();
      assert.deepEqual(names(), ["reveal", "reveal"]);
    });

    it("has the salt after a restart", async () => {
      committed();
      const { salt } = bound();
      reveal = new CloseAudits(scene.context);
      assert.equal(bindStatement(scene.journal, scene.id(1), { output: hash(1), traceRoot: hash(2) }).salt, salt);
      answered();
      await tick();
      assert.deepEqual(scene.calls("reveal")[0]?.args.slice(1), [OUTPUT, TRACE, salt]);
    });

    it("is not for other auditors' commitments", async () => {
      committed(STRANGER);
      bound();
      answered();
      await tick();
      assert.deepEqual(scene.sent, []);
    });

    it("is given up, and said so once, where the salt is in no journal", async () => {
      committed();
      answered();
      await tick();
      await tick();
      assert.deepEqual(scene.sent, []);
      assert.equal(scene.warnings.length, 1);
      assert.match(scene.warnings[0] ?? "", /cannot open an audit/);
    });
  });

  it("challenges nothing: a right result whose trace differs is what the client paid for", async () => {
    committed();
    revealed(AuditFinding.Differs);
    await tick();
    assert.deepEqual(scene.sent, []);
  });

  describe("the closing", () => {
    const due = () => {
      scene.audit(1, AuditPhase.Due);
    };

    it("comes when the window is over, and pays out what may be", async () => {
      committed();
      revealed(AuditFinding.Agrees);
      due();
      await tick(WINDOW_END);
      assert.deepEqual(scene.sent, []);
      scene.sweepAllowed = true;
      scene.balances.set(`${STAKE_TOKEN} ${PROVIDER}`, 5n);
      await tick(WINDOW_END + 1);
      assert.deepEqual(names(), ["close", "sweep"]);
    });

    it("comes at once where the provider never answered, and after the deadline where nobody opened", async () => {
      committed();
      due();
      await tick(REVEAL_BY);
      assert.deepEqual(scene.sent, []);
      await tick(REVEAL_BY + 1);
      assert.deepEqual(names(), ["close"]);
      revealed(AuditFinding.Unanswered);
      await tick();
      assert.deepEqual(names(), ["close", "close"]);
    });

    it("waits for the ruling where the job is in dispute", async () => {
      committed();
      revealed(AuditFinding.Differs);
      scene.happened("JobDisputed", 1, { jobId: 1 });
      due();
      await tick(WINDOW_END + 1);
      assert.deepEqual(scene.sent, []);
      scene.happened("JobRefunded", 1, { jobId: 1 });
      await tick();
      assert.deepEqual(names(), ["close"]);
    });

    it("asks the office, and stops once it is closed", async () => {
      committed();
      await tick(REVEAL_BY + 1);
      assert.deepEqual(scene.sent, []);
      due();
      scene.happened("AuditClosed", 1, { jobId: 1 });
      await tick(REVEAL_BY + 1);
      assert.deepEqual(scene.sent, []);
    });

    it("comes also where the auditor is gone, some time within half an hour", async () => {
      committed(STRANGER);
      due();
      await tick(REVEAL_BY + 1);
      assert.deepEqual(scene.sent, []);
      await tick(REVEAL_BY + 1 + 1800);
      assert.deepEqual(names(), ["close"]);
    });
  });
});
