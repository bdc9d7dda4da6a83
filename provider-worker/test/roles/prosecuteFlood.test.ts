import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";

import { bindStatement } from "../../src/audits/statement.js";
import type { CourtRun } from "../../src/court/courtRuns.js";
import { Prosecute } from "../../src/roles/prosecute.js";
import { courtRun, rootsOf } from "../support/courtRuns.js";
import { address, calm, gate, hash, NOW, OPERATOR, Scene, STAKE_TOKEN, STRANGER } from "../support/scene.js";

const CHEAT = address(0xc4ea7);
const WRONG = hash(0xbad);

describe("In a flood of cases about one provider, a prosecutor goes on with", () => {
  let scene: Scene;
  let prosecute: Prosecute;
  let honest: CourtRun;
  let wrong: CourtRun;
  let order: string[];
  let waiting: { open: (run: CourtRun) => void }[];
  beforeEach(async () => {
    honest = await courtRun(0);
    wrong = await courtRun(0, { tensor: 2, bytes: [9] });
    scene = new Scene();
    scene.balances.set(`${STAKE_TOKEN} ${OPERATOR}`, 1_000_000n);
    scene.execute = () => honest.trace.outputRoot;
    [order, waiting] = [[], []];
    scene.trace = (job) => {
      order.push(job);
      const run = gate<CourtRun>();
      waiting.push(run);
      return run.promise;
    };
    prosecute = new Prosecute(scene.context);
    for (let id = 1; id <= 12; id++) opened(id, CHEAT);
    await tick();
  });
  afterEach(() => {
    for (const { open } of waiting) open(honest);
    scene.journal.close();
  });
  const tick = async () => {
    await prosecute.tick(NOW);
    await calm();
  };
  const opened = (id: number, provider: string, challenger = CHEAT) => {
    scene.requested(id, { provider });
    scene.courtCase(id, id, WRONG, provider, challenger);
    scene.happened("TracePosted", id, { traceRoot: wrong.trace.traceRoot, roots: rootsOf(wrong) });
  };
  /** The job that is run once what is under way has ended. */
  const next = async () => {
    const begun = order.length;
    await tick();
    assert.equal(order.length, begun);
    for (const { open } of waiting.splice(0)) open(honest);
    await calm();
    return order[begun];
  };

  it("the case in which its own bond is", async () => {
    bindStatement(scene.journal, scene.id(12), { output: hash(1), traceRoot: hash(1) });
    opened(98, STRANGER);
    opened(99, CHEAT, OPERATOR);
    assert.equal(await next(), "99");
  });

  it("the result that it knows to be wrong", async () => {
    opened(98, STRANGER);
    opened(99, CHEAT);
    bindStatement(scene.journal, scene.id(99), { output: honest.trace.outputRoot, traceRoot: hash(1) });
    assert.equal(await next(), "99");
  });

  it("the case of another provider", async () => {
    opened(99, STRANGER);
    assert.equal(await next(), "99");
  });
});
