import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";

import { ContractRevertError } from "@assay/sdk";
import { ZeroHash } from "ethers";

import { InferenceError, WorkerError } from "../../src/errors.js";
import { Juror } from "../../src/roles/juror.js";
import { calm, gate, hash, NOW, PROVIDER, Scene, STRANGER } from "../support/scene.js";

const PHASE = { draw: 1n, commit: 2n, reveal: 3n, count: 4n, closed: 5n };
const FOUND = hash(0xaa);
/** What the scene's jury takes for a commitment to nothing. */
const ABSTENTION = hash(1);

describe("A juror", () => {
  let scene: Scene;
  let juror: Juror;
  beforeEach(() => {
    scene = new Scene();
    scene.execute = () => FOUND;
    juror = new Juror(scene.context, []);
  });
  afterEach(() => {
    scene.journal.close();
  });
  const tick = async (now = NOW) => {
    await juror.tick(now);
    await calm();
  };
  /** What comes after a restart: the same journal, nothing else. */
  const restart = () => {
    juror = new Juror(scene.context, []);
  };
  const purposes = () => scene.sent.map(({ purpose }) => purpose);
  const opened = (id: number) => {
    const args = { jobId: "1", pool: [PROVIDER, STRANGER], weights: ["5", "6"] };
    scene.happened("JuryCaseOpened", id, args);
    scene.phase.set(String(id), PHASE.draw);
  };
  const drawn = (id: number, job = 1, jurors = [STRANGER, PROVIDER.toLowerCase()]) => {
    scene.happened("JurorsDrawn", id, { jobId: String(job), round: "1", jurors });
    scene.phase.set(String(id), PHASE.commit);
  };
  const committed = (id: number, phase: bigint) => {
    scene.seats.set(String(id), { commitment: FOUND, vote: 0n });
    scene.phase.set(String(id), phase);
  };

  describe("enrols", () => {
    it("for each of its models it is not in the pool of", async () => {
      juror = new Juror(scene.context, [1n, 2n]);
      await tick();
      assert.deepEqual(purposes(), ["enrol 1", "enrol 2"]);
      assert.deepEqual(scene.sent[0]?.args, [1n, scene.sent[0]?.args[1]]);
      scene.pool = [PROVIDER.toLowerCase()];
      await tick();
      assert.equal(scene.sent.length, 2);
    });

    it("not again in the same run when it left or was put out, but after a restart", async () => {
      juror = new Juror(scene.context, [1n]);
      scene.pool = [PROVIDER];
      await tick();
      scene.pool = [STRANGER];
      await tick();
      await tick();
      assert.deepEqual(scene.sent, []);
      juror = new Juror(scene.context, [1n]);
      await tick();
      assert.deepEqual(purposes(), ["enrol 1"]);
    });

    describe("again after it was displaced", () => {
      const full = new ContractRevertError("JuryArbiter_PoolFull", { modelId: 1n, leastBonded: 9n });
      beforeEach(async () => {
        juror = new Juror(scene.context, [1n]);
        scene.pool = [PROVIDER];
        await tick();
        scene.pool = [STRANGER];
        scene.membership = { locks: 4n, openSeats: 0n, leaving: false };
      });

      it("as soon as it could get in, and sends nothing as long as it could not", async () => {
        scene.enrolRefused = full;
        await tick();
        await tick(NOW + 1000);
        assert.deepEqual(scene.sent, []);
        scene.enrolRefused = undefined;
        await tick(NOW + 2000);
        assert.deepEqual(purposes(), ["enrol 1"]);
        scene.pool = [STRANGER, PROVIDER];
        await tick(NOW + 3000);
        assert.equal(scene.sent.length, 1);
      });

      it("and again as often as it is displaced", async () => {
        await tick();
        scene.pool = [PROVIDER];
        await tick();
        scene.pool = [STRANGER];
        await tick();
        assert.deepEqual(purposes(), ["enrol 1", "enrol 1"]);
      });

      it("and says why it cannot, once for each reason", async () => {
        scene.enrolRefused = full;
        await tick();
        await tick(NOW + 1000);
        scene.enrolRefused = new ContractRevertError("JuryArbiter_NoOffer", {});
        await tick(NOW + 2000);
        const said = scene.warnings.filter((line) => line.includes("cannot enrol"));
        assert.equal(said.length, 2);
        assert.match(said.join(""), /JuryArbiter_PoolFull.*JuryArbiter_NoOffer/s);
      });

      it("but not once its deposit is used up, or it is leaving", async () => {
        scene.membership.locks = 0n;
        await tick();
        scene.membership = { locks: 4n, openSeats: 1n, leaving: true };
        await tick();
        assert.deepEqual(scene.sent, []);
      });
    });

    it("not by a transaction that is known to revert", async () => {
      juror = new Juror(scene.context, [1n]);
      scene.enrolRefused = new ContractRevertError("JuryArbiter_NoOffer", {});
      await tick();
      await tick();
      assert.deepEqual(scene.sent, []);
      scene.enrolRefused = undefined;
      await tick();
      assert.deepEqual(purposes(), ["enrol 1"]);
    });
  });

  describe("before it enrols", () => {
    beforeEach(() => {
      juror = new Juror(scene.context, [1n]);
    });

    it("makes the model ready, once", async () => {
      const ready = gate<void>();
      scene.prepare = () => ready.promise;
      await tick();
      assert.deepEqual([scene.prepared, scene.sent], [["1"], []]);
      ready.open();
      await calm();
      assert.deepEqual(purposes(), ["enrol 1"]);
      await tick();
      assert.deepEqual(scene.prepared, ["1"]);
    });

    it("finds out that it cannot run the model: it says so once, and does not enrol", async () => {
      scene.prepare = () => Promise.reject(new InferenceError("timeout", "loading model 1 took too long"));
      await tick();
      await tick();
      assert.deepEqual([scene.prepared, scene.sent], [["1"], []]);
      assert.equal(scene.warnings.length, 1);
      assert.match(scene.warnings.join(""), /took too long.*not enrolling/);
    });

    it("tries again where the model cannot be fetched yet, after a pause each time", async () => {
      scene.prepare = () => Promise.reject(new WorkerError("cannot fetch", true));
      for (let second = 0; second <= 20; second++) await tick(NOW + second);
      assert.deepEqual([scene.prepared.length, scene.warnings.length], [3, 3]);
      scene.prepare = () => Promise.resolve();
      await tick(NOW + 35);
      assert.deepEqual(purposes(), ["enrol 1"]);
    });

    it("votes in the cases it is drawn for, however many models are slow to load", async () => {
      scene.prepare = () => new Promise(() => undefined);
      juror = new Juror(scene.context, [1n, 2n, 3n, 4n, 5n, 6n]);
      scene.requested(1, { provider: STRANGER });
      drawn(3);
      await tick();
      assert.deepEqual(purposes(), ["commit 3"]);
    });
  });

  describe("draws", () => {
    beforeEach(() => {
      opened(3);
    });

    it("with the pool of the case, once the seed is there", async () => {
      await tick();
      assert.deepEqual(scene.sent, []);
      scene.seed = { seed: hash(5), expired: false };
      await tick();
      const [call] = scene.calls("draw");
      assert.equal((call?.args[1] as string[]).length, 2);
      assert.deepEqual(call?.args[2], [5n, 6n]);
    });

    it("by the end of the time for it, and so asks for another seed", async () => {
      scene.seed = { seed: ZeroHash, expired: true };
      await tick();
      scene.seed = { seed: hash(7), expired: false };
      await tick();
      const dues = scene.sent.map(({ name, urgency }) => [name, urgency?.due]);
      assert.deepEqual(dues, [
        ["requestSeedAgain", NOW + 200],
        ["draw", NOW + 200],
      ]);
    });

    it("nothing that somebody else drew while it waited to be sent", async () => {
      scene.seed = { seed: hash(5), expired: false };
      scene.meanwhile = () => scene.phase.set("3", PHASE.commit);
      await tick();
      assert.deepEqual(scene.sent, []);
    });

    it("after asking for another seed where the first was missed", async () => {
      scene.seed = { seed: ZeroHash, expired: true };
      await tick();
      assert.deepEqual(purposes(), ["seed 3"]);
    });

    it("no more once the time for it is over: it counts", async () => {
      scene.phase.set("3", PHASE.count);
      await tick();
      assert.deepEqual(purposes(), ["close 3"]);
    });

    it("no case twice", async () => {
      drawn(3);
      scene.phase.set("3", PHASE.closed);
      scene.happened("JuryCaseClosed", 3);
      await tick();
      assert.deepEqual(scene.sent, []);
    });
  });

  describe("votes", () => {
    beforeEach(() => {
      scene.requested(1, { provider: STRANGER });
      drawn(3);
    });
    const steps = async () => (await scene.metrics.votes.get()).values.map(({ labels, value }) => [labels.step, value]);

    it("for what it found, and reveals just that", async () => {
      await tick();
      assert.deepEqual(scene.calls("commitVote")[0]?.args[2], FOUND);
      committed(3, PHASE.reveal);
      await tick();
      const [reveal] = scene.calls("revealVote");
      assert.equal(reveal?.args[2], FOUND);
      assert.match(String(reveal?.args[3]), /^0x[0-9a-f]{64}$/);
      assert.deepEqual(await steps(), [
        ["commit", 1],
        ["reveal", 1],
      ]);
    });

    for (const [what, now, end, phase] of [
      ["commitment", PHASE.commit, "commit period", PHASE.reveal],
      ["reveal", PHASE.reveal, "reveal period", PHASE.count],
      ["count", PHASE.count, "case", PHASE.closed],
    ] as const) {
      it(`by no ${what} whose ${end} ended while it waited to be sent`, async () => {
        await tick();
        scene.sent.length = 0;
        if (now !== PHASE.commit) committed(3, now);
        scene.meanwhile = () => scene.phase.set("3", phase);
        await tick();
        assert.deepEqual(scene.sent, []);
      });
    }

    it("by the ends of the periods to commit and to reveal", async () => {
      await tick();
      committed(3, PHASE.reveal);
      await tick();
      const dues = scene.sent.map(({ name, urgency }) => [name, urgency?.due]);
      assert.deepEqual(dues, [
        ["commitVote", scene.commitEnd],
        ["revealVote", scene.commitEnd + 300],
      ]);
    });

    it("in no case it was not drawn for", async () => {
      drawn(4, 1, [STRANGER]);
      scene.phase.set("3", PHASE.closed);
      await tick();
      assert.deepEqual([scene.executed, scene.sent], [[], []]);
    });

    it("once: not again while its commitment waits for the others, nor after it revealed", async () => {
      committed(3, PHASE.commit);
      await tick();
      scene.seats.set("3", { commitment: FOUND, vote: 2n });
      scene.phase.set("3", PHASE.reveal);
      await tick();
      assert.deepEqual([scene.executed, scene.sent], [[], []]);
    });

    it("after a restart as before, whatever executing the job gives then", async () => {
      await tick();
      scene.execute = () => hash(0xbb);
      restart();
      await tick();
      assert.deepEqual(
        scene.calls("commitVote").map(({ args }) => args[2]),
        [FOUND, FOUND],
      );
      committed(3, PHASE.reveal);
      restart();
      scene.outcome = () => "reverted";
      await tick();
      restart();
      await tick();
      const reveals = scene.calls("revealVote").map(({ args }) => args.slice(2));
      assert.equal(reveals[0]?.[0], FOUND);
      assert.deepEqual(reveals[1], reveals[0]);
      assert.deepEqual(scene.executed, ["1"]);
    });

    it("in each round anew", async () => {
      await tick();
      scene.happened("JuryCaseClosed", 99);
      scene.happened("JurorsDrawn", 4, { jobId: "1", round: "2", jurors: [PROVIDER] });
      scene.phase.set("3", PHASE.closed);
      scene.phase.set("4", PHASE.commit);
      await tick();
      assert.deepEqual(scene.executed, ["1", "1"]);
    });

    it("anew where the case is about another job after a reorganisation", async () => {
      await tick();
      scene.reorganise(2);
      scene.requested(1, { provider: STRANGER, inputCommitment: hash(0xbad) });
      drawn(3);
      scene.execute = () => hash(0xbb);
      await tick();
      assert.equal(scene.calls("commitVote").at(-1)?.args[2], hash(0xbb));
    });

    it("later where the request of the job is still to be read", async () => {
      const bringBack = scene.takenBack(2);
      drawn(3);
      await tick();
      assert.deepEqual(scene.sent, []);
      bringBack();
      await tick(NOW + 5);
      assert.equal(scene.calls("commitVote")[0]?.args[2], FOUND);
    });

    it("however many cases wait to be drawn", async () => {
      scene.outcome = ({ name }) => (name === "draw" ? new Promise(() => undefined) : "mined");
      scene.seed = { seed: hash(5), expired: false };
      juror = new Juror(scene.context, []);
      scene.phase.set("3", PHASE.closed);
      for (let id = 10; id < 30; id++) opened(id);
      drawn(30);
      await tick();
      assert.equal(scene.calls("commitVote").length, 1);
    });

    it("in all cases it sits in at once, and in none twice, however long each vote takes to be mined", async () => {
      scene.outcome = () => new Promise(() => undefined);
      for (let id = 10; id < 29; id++) drawn(id);
      for (let look = 0; look < 10; look++) await tick();
      assert.equal(scene.calls("commitVote").length, 20);
      assert.equal(new Set(purposes()).size, 20);
    });

    it("later while the job may still become possible, and abstains when time runs out", async () => {
      scene.execute = () => Promise.reject(new WorkerError("cannot fetch", true));
      await tick(scene.commitEnd - 61);
      assert.deepEqual(scene.sent, []);
      await tick(scene.commitEnd - 60);
      assert.equal(scene.calls("commitVote")[0]?.args[2], ABSTENTION);
      // Bound to it, although the job could be done now.
      scene.execute = () => FOUND;
      committed(3, PHASE.reveal);
      await tick();
      assert.equal(scene.calls("revealVote")[0]?.args[2], ZeroHash);
    });

    it("by abstaining a minute before the period ends, however long the model takes", async () => {
      scene.execute = () => new Promise(() => undefined);
      await tick();
      await tick(scene.commitEnd - 61);
      assert.deepEqual([scene.sent, scene.signals[0]?.aborted], [[], false]);
      await tick(scene.commitEnd - 60);
      assert.equal(scene.signals[0]?.aborted, true);
      assert.equal(scene.calls("commitVote")[0]?.args[2], ABSTENTION);
      assert.match(scene.warnings.join(""), /its last second was .*abstaining/);
    });

    it("in time once the job becomes possible", async () => {
      scene.execute = () => Promise.reject(new WorkerError("cannot fetch", true));
      await tick();
      scene.execute = () => FOUND;
      await tick(NOW + 4);
      assert.deepEqual(scene.executed, ["1"]);
      await tick(NOW + 5);
      assert.equal(scene.calls("commitVote")[0]?.args[2], FOUND);
    });

    it("in time although somebody killed its first run", async () => {
      scene.execute = () => Promise.reject(new InferenceError("crash", "the process ended with SIGKILL"));
      await tick();
      assert.deepEqual(scene.sent, []);
      scene.execute = () => FOUND;
      await tick(NOW + 5);
      assert.equal(scene.calls("commitVote")[0]?.args[2], FOUND);
    });

    it("by abstaining at once where the job can never be done", async () => {
      scene.execute = () => Promise.reject(new InferenceError("rejected", "no such input"));
      await tick();
      assert.equal(scene.calls("commitVote")[0]?.args[2], ABSTENTION);
    });

    it("by abstaining in a case whose job was requested before its first block, so as not to lose its lock", async () => {
      scene.phase.set("3", PHASE.closed);
      drawn(4, 77);
      await tick();
      assert.deepEqual(scene.sent, []);
      await tick(scene.commitEnd - 60);
      assert.equal(scene.calls("commitVote")[0]?.args[2], ABSTENTION);
    });

    it("not at all because the worker was stopped in the middle", async () => {
      const output = gate<string>();
      scene.execute = () => output.promise;
      await tick();
      scene.stop.abort();
      output.fail(new InferenceError("crash", "the inference child ended with SIGKILL"));
      await calm();
      assert.deepEqual(scene.sent, []);
      scene.stop = new AbortController();
      scene.execute = () => FOUND;
      restart();
      await tick();
      assert.equal(scene.calls("commitVote")[0]?.args[2], FOUND);
    });

    it("and counts when all have, or time is over", async () => {
      scene.phase.set("3", PHASE.count);
      await tick();
      assert.deepEqual(purposes(), ["close 3"]);
    });

    it("in every case, however many models and cases it has", async () => {
      for (let id = 4; id <= 12; id++) drawn(id);
      juror = new Juror(scene.context, [1n, 2n, 3n, 4n, 5n, 6n]);
      for (let i = 0; i < 3; i++) await tick();
      const votes = new Set(scene.calls("commitVote").map(({ purpose }) => purpose));
      assert.equal(votes.size, 10);
    });
  });
});
