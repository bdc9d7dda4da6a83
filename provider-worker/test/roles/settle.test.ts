import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";

import { JobStatus } from "@assay/sdk";

import { Settle } from "../../src/roles/settle.js";
import { calm, hash, NOW, PROVIDER, Scene, STRANGER, TOKEN } from "../support/scene.js";

const EVERY = 3600;
/** When the first collection is due. */
const LATER = NOW + EVERY;

describe("Settling", () => {
  let scene: Scene;
  let settle: Settle;
  beforeEach(() => {
    scene = new Scene();
    settle = new Settle(scene.context, EVERY);
  });
  afterEach(() => {
    scene.journal.close();
  });
  const tick = async (now = NOW) => {
    await settle.tick(now);
    await calm();
  };
  const due = (call: { args: readonly unknown[] } | undefined) =>
    (call?.args[0] as bigint[][]).map(([nonce]) => Number(nonce));
  const delivered = (job: number, until: number, provider = PROVIDER) => {
    scene.requested(job, { provider });
    scene.submitted(job, hash(job), { provider, until });
  };

  describe("finalises", () => {
    it("its own jobs whose window is over, in one call", async () => {
      delivered(1, NOW - 1);
      delivered(2, NOW - 1);
      delivered(3, NOW);
      delivered(4, NOW - 1, STRANGER);
      await tick();
      assert.deepEqual(due(scene.calls("finaliseDue")[0]), [1, 2]);
    });

    it("no job that was paid, refunded or challenged", async () => {
      for (const [job, ending] of [
        [1, "JobPaid"],
        [2, "JobRefunded"],
        [3, "JobDisputed"],
      ] as const) {
        delivered(job, NOW - 1);
        scene.happened(ending, job, { provider: STRANGER });
      }
      await tick();
      assert.deepEqual(scene.sent, []);
    });

    it("twenty at a time", async () => {
      for (let job = 1; job <= 25; job++) delivered(job, NOW - 1);
      await tick();
      assert.equal(due(scene.calls("finaliseDue")[0]).length, 20);
    });

    it("nothing that somebody else finalised meanwhile", async () => {
      delivered(1, NOW - 1);
      scene.finalisable = 0n;
      await tick();
      assert.deepEqual(scene.sent, []);
    });

    it("the jobs it knows, where others were requested before its first block", async () => {
      scene.submitted(1, hash(1), { until: NOW - 1 });
      scene.happened("JobPaid", 1, { provider: PROVIDER });
      scene.submitted(2, hash(1), { until: NOW - 1 });
      delivered(3, NOW - 1);
      await tick();
      assert.deepEqual(due(scene.calls("finaliseDue")[0]), [3]);
    });
  });

  describe("expires", () => {
    const late = (job: number, more = {}) => {
      scene.requested(job, { executionDeadline: BigInt(NOW - 1), ...more });
      scene.status.set(String(job), JobStatus.Expired);
    };
    const expired = () => scene.calls("expire").map(({ args }) => Number((args[0] as bigint[])[0]));

    it("its own jobs that were not delivered in time, which frees the stake they lock", async () => {
      late(1);
      late(2);
      late(3, { provider: STRANGER });
      late(4, { executionDeadline: BigInt(NOW) });
      await tick();
      assert.deepEqual(expired(), [1, 2]);
    });

    it("no job whose end is on chain, though not read yet", async () => {
      late(1);
      late(2);
      scene.status.set("1", JobStatus.None);
      scene.status.set("2", JobStatus.Submitted);
      await tick();
      assert.deepEqual(scene.sent, []);
    });

    it("no job that was delivered or refunded", async () => {
      late(1);
      late(2);
      scene.submitted(1, hash(1), { until: NOW });
      scene.happened("JobRefunded", 2, {});
      await tick();
      assert.deepEqual(scene.sent, []);
    });

    it("no job that locks no stake: that would only cost gas", async () => {
      late(1, { stake: 0n });
      await tick();
      assert.deepEqual(scene.sent, []);
    });

    it("a job again whose refund a reorganisation took back, and one that was refused before", async () => {
      late(1);
      scene.outcome = () => "reverted";
      await tick();
      scene.happened("JobRefunded", 1, {});
      await tick();
      assert.deepEqual(expired(), [1]);
      scene.reorganise(1);
      await tick();
      assert.deepEqual(expired(), [1, 1]);
    });
  });

  describe("collects", () => {
    const paid = (job: number, more = {}) => {
      scene.requested(job, more);
      scene.happened("JobPaid", job, { provider: PROVIDER });
    };
    beforeEach(() => {
      scene.earned = 50n;
    });

    it("once for all jobs that split alike", async () => {
      paid(1);
      paid(2);
      paid(3, { modelId: 2n });
      paid(4, { protocolFeeBps: 100n });
      await tick(LATER);
      assert.deepEqual(
        scene.calls("collect").map(({ args }) => (args[0] as unknown[])[1]),
        [1n, 2n, 1n],
      );
    });

    it("from the same pots although it looks at each payment once, also after a restart", async () => {
      for (const job of [1, 2, 3]) paid(job, { modelId: BigInt(job) });
      let looks = 0;
      const { journal } = scene;
      const request = journal.events.bind(journal);
      journal.events = (name: string, key?: string) => {
        if (name === "JobRequested" || name === "JobPaid") looks++;
        return request(name, key);
      };
      await tick(LATER);
      assert.equal(looks, 3);
      settle = new Settle(scene.context, EVERY);
      await tick(LATER + EVERY);
      assert.equal(looks, 3);
      assert.equal(scene.calls("collect").length, 6);
    });

    it("from the pot of a job whose payment came anew after a reorganisation", async () => {
      paid(1);
      await tick(LATER);
      scene.reorganise(2);
      paid(2, { modelId: 2n });
      await tick(LATER);
      assert.deepEqual(
        scene.calls("collect").map(({ args }) => (args[0] as unknown[])[1]),
        [1n, 2n],
      );
    });

    it("at its interval and not before, also after a restart", async () => {
      paid(1);
      await tick(LATER);
      await tick(LATER + EVERY - 1);
      settle = new Settle(scene.context, EVERY);
      await tick(LATER + EVERY - 1);
      assert.equal(scene.calls("collect").length, 1);
      await tick(LATER + EVERY);
      assert.equal(scene.calls("collect").length, 2);
    });

    it("again although a node said once that it was much later", async () => {
      paid(1);
      await tick(4_000_000_000);
      await tick(LATER);
      assert.equal(scene.calls("collect").length, 2);
    });

    it("pots of jobs without stake too", async () => {
      paid(1);
      scene.earnedStake = 0n;
      await tick(LATER);
      assert.equal(scene.calls("collect").length, 1);
    });

    it("nothing from an empty pot", async () => {
      paid(1);
      scene.earned = 0n;
      await tick(LATER);
      assert.deepEqual(scene.sent, []);
    });

    it("nothing of other providers", async () => {
      scene.requested(1, { provider: STRANGER });
      scene.happened("JobPaid", 1, { provider: STRANGER });
      await tick(LATER);
      assert.deepEqual(scene.sent, []);
    });

    it("and pushes earnings to the payout account, if that allows it and there is anything", async () => {
      paid(1);
      await tick(LATER);
      scene.sweepAllowed = true;
      await tick(LATER + EVERY);
      assert.equal(scene.calls("sweep").length, 0);
      scene.balances.set(`${TOKEN} ${PROVIDER}`, 7n);
      await tick(LATER + 2 * EVERY);
      assert.equal(scene.calls("sweep").length, 1);
    });

    it("again where it failed", async () => {
      paid(1);
      scene.outcome = () => Promise.reject(new Error("no answer"));
      await tick(LATER);
      scene.outcome = () => "mined";
      await tick(LATER);
      assert.equal(scene.calls("collect").length, 2);
      assert.match(scene.warnings.join(""), /not settled yet/);
    });
  });
});
