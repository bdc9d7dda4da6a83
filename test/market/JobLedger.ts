import { jobIdOf } from "@assay/sdk";
import { expect } from "chai";
import { id, toBeHex, ZeroHash } from "ethers";

import { marketWithArbiter } from "../support/court.js";
import type { Market, Terms } from "../support/fixture.js";
import {
  afterPhase,
  ethers,
  networkHelpers,
  OFFER,
  openMarket,
  refused,
  requestJob,
  STATUS,
  submitJob,
} from "../support/fixture.js";
import { RULING } from "../support/assemble.js";

const OUTPUT = id("output");
const idOf = (terms: Terms) => jobIdOf(terms as never);

/** Everything that can be done with a job, and the only status in which it is possible. */
const ACTIONS = {
  submit: {
    needs: STATUS.requested,
    act: ({ market, operator }: Market, terms: Terms) => market.connect(operator).submit(terms, OUTPUT, ""),
  },
  decline: {
    needs: STATUS.requested,
    act: ({ market, operator }: Market, terms: Terms) => market.connect(operator).decline(terms),
  },
  expire: { needs: STATUS.expired, act: ({ market }: Market, terms: Terms) => market.expire(terms) },
  finalise: { needs: STATUS.finalisable, act: ({ market }: Market, terms: Terms) => market.finalise(terms) },
  challenge: {
    needs: STATUS.submitted,
    act: ({ disputes, challenger }: Market, terms: Terms) => disputes.connect(challenger).challenge(terms, OUTPUT),
  },
};

/** How a job gets into every status. */
const WAYS: Record<string, (market: Awaited<ReturnType<typeof marketWithArbiter>>) => Promise<Terms>> = {
  requested: (market) => requestJob(market),
  expired: async (market) => {
    const terms = await requestJob(market);
    await afterPhase(market, terms);
    await networkHelpers.mine();
    return terms;
  },
  submitted: async (market) => {
    const terms = await requestJob(market);
    await submitJob(market, terms, OUTPUT);
    return terms;
  },
  finalisable: async (market) => {
    const terms = await requestJob(market);
    await submitJob(market, terms, OUTPUT);
    await afterPhase(market, terms);
    await networkHelpers.mine();
    return terms;
  },
  disputed: async (market) => {
    const terms = await requestJob(market);
    await submitJob(market, terms, OUTPUT);
    await market.disputes.connect(market.challenger).challenge(terms, OUTPUT);
    return terms;
  },
  "settled by declining": async (market) => {
    const terms = await requestJob(market);
    await market.market.connect(market.operator).decline(terms);
    return terms;
  },
  "settled by expiry": async (market) => {
    const terms = await requestJob(market);
    await afterPhase(market, terms);
    await market.market.expire(terms);
    return terms;
  },
  "settled by finalisation": async (market) => {
    const terms = await requestJob(market);
    await submitJob(market, terms, OUTPUT);
    await afterPhase(market, terms);
    await market.market.finalise(terms);
    return terms;
  },
  "settled by a ruling": async (market) => {
    const terms = await requestJob(market);
    await submitJob(market, terms, OUTPUT);
    await market.disputes.connect(market.challenger).challenge(terms, OUTPUT);
    await market.arbiter.rule(RULING.upheld, market.challenger);
    await market.disputes.resolve(1n, terms);
    return terms;
  },
};

const statusNamed = (way: string) => STATUS[way.split(" ")[0] as keyof typeof STATUS];

describe("JobLedger", () => {
  for (const [way, bring] of Object.entries(WAYS)) {
    it(`I10 I12 a job that is ${way} allows what that status allows and nothing else`, async () => {
      const market = await networkHelpers.loadFixture(marketWithArbiter);
      const terms = await bring(market);
      const status = statusNamed(way);
      expect(await market.market.statusOf(terms.id)).to.equal(status);
      for (const [name, { needs, act }] of Object.entries(ACTIONS)) {
        const snapshot = await networkHelpers.takeSnapshot();
        if (needs === status) await expect(act(market, terms), name).not.to.be.revert(ethers);
        else await refused(act(market, terms), market.market, "InferenceMarket_WrongStatus", terms.id, status, needs);
        await snapshot.restore();
      }
    });
  }

  describe("at its deadlines", () => {
    const load = () => networkHelpers.loadFixture(openMarket);

    /** Until the last second of the phase one call is possible, from the next second on the other. */
    const DEADLINES = {
      execution: { deliver: false, before: ["submit", "decline"], after: ["expire"] },
      challenge: { deliver: true, before: ["challenge"], after: ["finalise"] },
    } as const;

    for (const [deadline, { deliver, before, after }] of Object.entries(DEADLINES)) {
      for (const [when, seconds] of [
        ["one second before", -1n],
        ["at", 0n],
        ["one second after", 1n],
      ] as const) {
        const [open, shut] = seconds <= 0n ? [before, after] : [after, before];
        it(`I12 ${when} the ${deadline} deadline allows ${open.join(" and ")}, and not ${shut.join(" or ")}`, async () => {
          const market = await stocked();
          const terms = await requestJob(market);
          if (deliver) await submitJob(market, terms, OUTPUT);
          for (const [names, possible] of [
            [shut, false],
            [open, true],
          ] as const) {
            for (const name of names) {
              const snapshot = await networkHelpers.takeSnapshot();
              await afterPhase(market, terms, seconds);
              const call = ACTIONS[name].act(market, terms);
              if (possible) await expect(call, name).not.to.be.revert(ethers);
              else await expect(call, name).to.be.revertedWithCustomError(market.market, "InferenceMarket_WrongStatus");
              await snapshot.restore();
            }
          }
        });
      }
    }

    async function stocked() {
      return networkHelpers.loadFixture(marketWithArbiter);
    }

    it("tells the status by the clock of the next block", async () => {
      const market = await load();
      const terms = await requestJob(market);
      await afterPhase(market, terms, 0n);
      await networkHelpers.mine();
      expect(await market.market.statusOf(terms.id)).to.equal(STATUS.requested);
      await networkHelpers.mine();
      expect(await market.market.statusOf(terms.id)).to.equal(STATUS.expired);
    });
  });

  it("B20 knows nothing of jobs that were not requested", async () => {
    const market = await networkHelpers.loadFixture(openMarket);
    const terms = await requestJob(market);
    for (const unknown of [0n, 2n]) {
      expect(await market.market.statusOf(unknown)).to.equal(STATUS.none);
      expect(await market.market.phaseEndOf(unknown)).to.equal(0n);
    }
    const never = { ...terms, nonce: BigInt(terms.nonce) + 1n };
    const call = market.market.expire(never);
    await refused(call, market.market, "InferenceMarket_WrongStatus", idOf(never), STATUS.none, STATUS.expired);
  });

  it("I09 empties the slot of a settled job", async () => {
    const market = await networkHelpers.loadFixture(openMarket);
    const terms = await requestJob(market);
    await market.market.connect(market.operator).decline(terms);
    expect(await market.market.phaseEndOf(terms.id)).to.equal(0n);
    expect(await market.market.statusOf(terms.id)).to.equal(STATUS.settled);
  });

  it("keeps what an open job was delivered with, and nothing of a settled one", async () => {
    const market = await networkHelpers.loadFixture(openMarket);
    const terms = await requestJob(market);
    expect(await market.market.hasOutput(terms.id, OUTPUT)).to.equal(false);
    expect(await market.market.hasOutput(terms.id, ZeroHash)).to.equal(false);
    await submitJob(market, terms, OUTPUT);
    expect(await market.market.hasOutput(terms.id, OUTPUT)).to.equal(true);
    // Every bit counts: a challenge about another output would convict an honest provider.
    const flipped = [0n, 55n, 56n, 255n].map((bit) => toBeHex(BigInt(OUTPUT) ^ (1n << bit), 32));
    for (const wrong of [ZeroHash, id("other"), ...flipped]) {
      expect(await market.market.hasOutput(terms.id, wrong)).to.equal(false);
      const call = market.disputes.connect(market.challenger).challenge(terms, wrong);
      await refused(call, market.market, "InferenceMarket_OutputMismatch", terms.id, wrong);
    }
    await afterPhase(market, terms);
    await market.market.finalise(terms);
    expect(await market.market.hasOutput(terms.id, OUTPUT)).to.equal(false);
  });

  describe("the id", () => {
    /** A change of every member of the terms. */
    const other = (value: unknown) => (typeof value === "bigint" ? value + 1n : undefined);

    it("takes in every member of the terms", async () => {
      const market = await networkHelpers.loadFixture(openMarket);
      const terms = await requestJob(market);
      const names = Object.keys(terms).filter((name) => name !== "id") as (keyof Terms)[];
      expect(names.length).to.equal(12);
      for (const name of names) {
        const value = terms[name];
        const changed = other(value) ?? (name === "inputCommitment" ? id("changed") : market.stranger.address);
        const wrong = { ...terms, [name]: changed };
        expect(await market.market.idOf(wrong), name)
          .to.equal(idOf(wrong))
          .and.not.to.equal(terms.id);
        await afterPhase(market, terms);
        const call = market.market.expire(wrong);
        await refused(call, market.market, "InferenceMarket_WrongStatus", idOf(wrong), STATUS.none, STATUS.expired);
      }
      expect(await market.market.idOf(terms)).to.equal(terms.id);
    });

    it("refuses terms with dirty high bits, which another decoder might read alike", async () => {
      const market = await networkHelpers.loadFixture(openMarket);
      const terms = await requestJob(market);
      await afterPhase(market, terms);
      const clean = market.market.interface.encodeFunctionData("expire", [terms]);
      const word = market.client.address.slice(2).toLowerCase().padStart(64, "0");
      expect(clean).to.contain(word);
      const dirty = clean.replace(word, word.replace(/^0/, "1"));
      const sent = market.stranger.sendTransaction({ to: market.market, data: dirty });
      await expect(sent).to.be.revertedWithCustomError(market.market, "InferenceMarket_WrongStatus");
      await market.stranger.sendTransaction({ to: market.market, data: clean });
      expect(await market.escrow.balanceOf(market.payToken, market.client)).to.be.greaterThanOrEqual(OFFER.price);
    });
  });
});
