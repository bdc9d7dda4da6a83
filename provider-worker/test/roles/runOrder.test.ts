import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";

import { AuditPhase } from "@assay/sdk";

import type { CourtRun, Tracer } from "../../src/court/courtRuns.js";
import { Gate } from "../../src/jobs/gate.js";
import type { Urgency } from "../../src/jobs/line.js";
import { AnswerAudits } from "../../src/roles/answerAudits.js";
import { Defend } from "../../src/roles/defend.js";
import { Prosecute } from "../../src/roles/prosecute.js";
import type { RoleContext } from "../../src/roles/role.js";
import { courtRun, rootsOf } from "../support/courtRuns.js";
import { address, calm, gate, hash, NOW, OPERATOR, PROVIDER, Scene, STAKE_TOKEN } from "../support/scene.js";

/** First job about others. */
const OTHERS = 1000;

describe("Of the runs of all roles, one at a time,", () => {
  let scene: Scene;
  let context: RoleContext;
  let honest: CourtRun;
  let wrong: CourtRun;
  let order: number[];
  let waiting: ReturnType<typeof gate<CourtRun>>[];
  beforeEach(async () => {
    honest = await courtRun(0);
    wrong = await courtRun(0, { tensor: 2, bytes: [9] });
    scene = new Scene();
    scene.balances.set(`${STAKE_TOKEN} ${OPERATOR}`, 1_000_000n);
    [order, waiting] = [[], []];
    const one = new Gate(1);
    const trace = (terms: { nonce: bigint }, _uri: string, urgency?: Urgency) =>
      one.pass(() => {
        order.push(Number(terms.nonce));
        const run = gate<CourtRun>();
        waiting.push(run);
        return run.promise;
      }, urgency);
    const tracer = Object.assign(Object.create(null) as object, scene.context.tracer, { trace }) as Tracer;
    context = { ...scene.context, tracer };
  });
  afterEach(() => {
    for (const { open } of waiting) open(honest);
    scene.journal.close();
  });
  const accused = (job: number) => {
    scene.requested(job);
    scene.courtCase(job, job, honest.trace.outputRoot);
  };
  const audited = (job: number) => {
    scene.requested(job);
    scene.submitted(job, honest.trace.outputRoot);
    scene.happened("AuditCommitted", job, { jobId: job, provider: PROVIDER, answerBy: String(NOW + 600) });
    scene.audit(job, AuditPhase.Answer);
  };
  /** A case that the worker opened itself, each about another provider. */
  const challenged = (job: number) => {
    const provider = address(0xbad00 + job);
    scene.requested(job, { provider });
    scene.courtCase(job, job, hash(0xbad), provider, OPERATOR);
    scene.happened("TracePosted", job, { traceRoot: wrong.trace.traceRoot, roots: rootsOf(wrong) });
  };

  it("its own traces and answers go before all cases that it challenged", async () => {
    for (let i = 1; i <= 20; i++) challenged(OTHERS + i);
    for (let job = 1; job <= 20; job++) accused(job);
    for (let job = 21; job <= 40; job++) audited(job);
    const roles = [new Prosecute(context), new Defend(context), new AnswerAudits(context)];
    for (let second = 0; second < 50; second++) {
      for (const role of roles) await role.tick(NOW + second);
      await calm();
      waiting.shift()?.open(honest);
      await calm();
    }
    // The first is one of the others: it began before there was anything else.
    const [first = 0, ...rest] = order;
    assert.ok(first >= OTHERS);
    assert.ok(
      rest.slice(0, 40).every((job) => job < OTHERS),
      `ran ${rest.join()}`,
    );
    assert.equal(new Set(rest.slice(0, 40)).size, 40);
    assert.ok(rest.slice(40).every((job) => job >= OTHERS));
    assert.ok(rest.length > 40);
  });
});
