import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";

import { AuditDesk } from "../../src/audits/office.js";
import { Stagger } from "../../src/audits/stagger.js";
import { RecordSeeds } from "../../src/roles/recordSeeds.js";
import { address, calm, hash, NOW, OPERATOR, PROVIDER, Scene, STRANGER } from "../support/scene.js";

/** Every worker has had its turn to send what one has to. */
const SPREAD = 20;

describe("Looking after audit rounds", () => {
  let scene: Scene;
  let rounds: RecordSeeds;
  beforeEach(() => {
    scene = new Scene();
    rounds = new RecordSeeds(scene.context, new AuditDesk(scene.context.contracts, PROVIDER));
  });
  afterEach(() => {
    scene.journal.close();
  });
  const tick = async (now: number) => {
    await rounds.tick(now);
    await calm();
    await calm();
  };
  const names = () => scene.sent.map(({ name }) => name);
  /** A job submitted at `NOW`. */
  const delivered = (provider = STRANGER) => {
    scene.requested(1, { provider });
    scene.submitted(1, hash(7), { provider });
  };

  describe("a seed", () => {
    it("is asked for when a job waits for it, after a pause of this worker's own", async () => {
      delivered();
      const pause = new Stagger(OPERATOR, SPREAD).delayOf("seed 1");
      await tick(NOW + pause);
      assert.deepEqual(scene.sent, []);
      await tick(NOW + 1 + pause);
      assert.deepEqual(names(), ["askSeed"]);
    });

    it("is asked for again when another job came since, a round's period later", async () => {
      scene.office.drawn(NOW - 30, NOW - 25);
      delivered();
      await tick(NOW + 19);
      assert.deepEqual(scene.sent, []);
      await tick(NOW + 20 + SPREAD);
      assert.deepEqual(names(), ["askSeed"]);
    });

    it("is not asked for by a second worker once there is a round", async () => {
      delivered();
      scene.office.asked(NOW + 2);
      await tick(NOW + 2 + SPREAD);
      assert.deepEqual(scene.sent, []);
    });

    const known: [string, { seed: string; expired: boolean }][] = [
      ["is recorded when it is known", { seed: hash(5), expired: false }],
      ["is asked for anew when it was missed", { seed: hash(0), expired: true }],
    ];
    for (const [what, seed] of known) {
      it(what, async () => {
        delivered();
        scene.office.asked(NOW + 2);
        await tick(NOW + 5);
        await tick(NOW + 5 + SPREAD);
        assert.deepEqual(scene.sent, []);
        scene.seed = seed;
        scene.outcome = () => {
          Object.assign(scene.office.rounds[1] ?? {}, { seed: hash(5), recordedAt: BigInt(NOW + 30) });
          return "mined";
        };
        await tick(NOW + 30);
        await tick(NOW + 30 + SPREAD);
        assert.deepEqual(names(), ["recordSeed"]);
        assert.deepEqual(scene.calls("recordSeed")[0]?.args, [1n]);
      });
    }

    it("is not recorded twice", async () => {
      delivered();
      scene.office.drawn(NOW + 2, NOW + 4);
      scene.seed = { seed: hash(5), expired: false };
      await tick(NOW + 5);
      await tick(NOW + 5 + SPREAD);
      assert.deepEqual(scene.sent, []);
    });
  });

  const nothings: [string, () => void][] = [
    ["a job of its own provider", () => delivered(PROVIDER)],
    [
      "one that it has no tickets for",
      () => {
        delivered();
        scene.office.member.tickets = 0n;
      },
    ],
    [
      "one that nobody pays for",
      () => {
        delivered();
        scene.office.fund = 0n;
      },
    ],
    [
      "one whose audit has begun",
      () => {
        delivered();
        scene.happened("AuditCommitted", 1, { jobId: 1 });
      },
    ],
  ];
  for (const [what, arrange] of nothings) {
    it(`asks for nothing on account of ${what}`, async () => {
      arrange();
      await tick(NOW + 1 + SPREAD);
      assert.deepEqual(scene.sent, []);
    });
  }

  it("asks for a job that somebody booked, whatever the fund has", async () => {
    delivered();
    scene.office.fund = 0n;
    scene.happened("AuditBooked", 1, { jobId: 1 });
    await tick(NOW + 1 + SPREAD);
    assert.deepEqual(names(), ["askSeed"]);
  });

  it("asks for nothing where it is too late for an audit", async () => {
    delivered();
    await tick(NOW + 71);
    assert.deepEqual(scene.sent, []);
  });
});

describe("Workers that wait for one another", () => {
  it("wait no longer because a node said once that it was much later", () => {
    const stagger = new Stagger(address(3), SPREAD);
    stagger.hasWaited("seed 7", 4_000_000_000);
    stagger.hasWaited("seed 7", 1_000);
    assert.equal(stagger.hasWaited("seed 7", 1_000 + SPREAD), true);
  });

  it("wait differently long, each the same after a restart", () => {
    const delays = Array.from({ length: 50 }, (_, n) => new Stagger(address(n), SPREAD).delayOf("seed 7"));
    assert.ok(new Set(delays).size > SPREAD / 2);
    for (const delay of delays) assert.ok(delay >= 0 && delay < SPREAD);
    assert.equal(new Stagger(address(3), SPREAD).delayOf("seed 7"), delays[3]);
  });
});
