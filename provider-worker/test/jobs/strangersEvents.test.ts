import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";

import { getAddress } from "ethers";

import { neededJobs } from "../../src/jobs/needed.js";
import { AuditDesk } from "../../src/audits/office.js";
import { RecordSeeds } from "../../src/roles/recordSeeds.js";
import { Serve } from "../../src/roles/serve.js";
import { Settle } from "../../src/roles/settle.js";
import { SpotCheck } from "../../src/roles/spotCheck.js";
import { TakeAudits } from "../../src/roles/takeAudits.js";
import { calm, hash, NOW, OPERATOR, PROVIDER, Scene, STRANGER } from "../support/scene.js";

/** Whoever requests, or delivers, may name a URI as long as a transaction holds. */
const LONG = `https://x/${"a".repeat(65_536)}`;

describe("What strangers write on chain", () => {
  let scene: Scene;
  let read: string[];
  beforeEach(() => {
    scene = new Scene();
    for (const job of [1, 2, 3]) {
      scene.requested(job, { provider: STRANGER }, LONG);
      if (job > 1) scene.happened("ResultSubmitted", job, delivery(STRANGER));
    }
    read = [];
    const { parse } = JSON;
    mock.method(JSON, "parse", (text: string) => {
      read.push(text);
      return parse(text) as unknown;
    });
  });
  afterEach(() => {
    mock.restoreAll();
    scene.journal.close();
  });
  const delivery = (provider: string) => {
    return { provider, outputCommitment: hash(1), outputUri: LONG, challengeableUntil: String(NOW - 1) };
  };
  const longOnes = () => read.filter((text) => text.length > LONG.length).length;

  it("is read by no role that looks at its own provider's jobs", async () => {
    for (const role of [new Serve(scene.context, 2), new Settle(scene.context, 3600)]) {
      await role.tick(NOW);
      await calm();
    }
    assert.equal(longOnes(), 0);
  });

  it("is read by no role that audits once nobody can challenge it, though nobody ever settles it", async () => {
    const { context } = scene;
    const desk = new AuditDesk(context.contracts, PROVIDER);
    const options = { sampleRate: 1, concurrency: 1, chainId: 1n, secret: "secret" };
    for (const role of [
      new SpotCheck(context, options),
      new TakeAudits(context, desk, options),
      new RecordSeeds(context, desk),
    ]) {
      await role.tick(NOW);
      await calm();
    }
    assert.equal(longOnes(), 0);
  });

  it("is not read again and again where its provider let it expire and its client never asks for the money", async () => {
    for (const job of [11, 12]) scene.requested(job, { stake: 0n, executionDeadline: BigInt(NOW - 1) }, LONG);
    for (const role of [new Serve(scene.context, 2), new Settle(scene.context, 3600)]) {
      await role.tick(NOW);
      await calm();
    }
    assert.equal(longOnes(), 0);
  });

  it("is not read to know what the content store must keep", () => {
    const parties = { journal: scene.journal, provider: PROVIDER, operator: OPERATOR };
    assert.deepEqual(neededJobs(parties, { readUntil: NOW, prosecutes: true }), { own: [], others: [] });
    assert.equal(longOnes(), 0);
  });

  it("keeps nothing of the provider's own from being found, in whatever letters its address is written", () => {
    scene.requested(7, { provider: getAddress(PROVIDER) }, LONG);
    for (const provider of [PROVIDER.toLowerCase(), getAddress(PROVIDER)]) {
      const found = scene.journal.openEventsOf(provider, "JobRequested", ["ResultSubmitted"]);
      assert.deepEqual(
        found.map(({ key }) => key),
        [scene.id(7)],
      );
    }
    scene.happened("ResultSubmitted", 7, delivery(PROVIDER));
    assert.deepEqual(scene.journal.openEventsOf(PROVIDER, "JobRequested", ["ResultSubmitted"]), []);
    assert.equal(scene.journal.openEventsOf(PROVIDER, "ResultSubmitted").length, 1);
  });
});
