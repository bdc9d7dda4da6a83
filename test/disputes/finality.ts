import { signResult } from "@assay/sdk";
import { expect } from "chai";
import { id } from "ethers";

import { COURT_PERIOD, MAX_RESOLUTION, RULING } from "../support/assemble.js";
import { expectAllSettled } from "../support/books.js";
import { challengedCase, quietUntil, settle, tracedCase } from "../support/cases.js";
import type { Terms } from "../support/fixture.js";
import { at, networkHelpers, now, refused } from "../support/fixture.js";
import type { ProvenMarket, Run } from "../support/proofs.js";
import {
  accusationsOf,
  accuse,
  answer,
  demand,
  demandFees,
  evidenceOf,
  postTrace,
  provenMarket,
  run,
} from "../support/proofs.js";

const LEAF = { tensor: 6, level: 0, index: 0 };
const OTHER = { tensor: 5, level: 0, index: 0 };
const TAMPER = { tensor: LEAF.tensor, byte: 0 };
const NOTHING = { next: 0n, state: "0x" };

type Opened = Awaited<ReturnType<typeof challengedCase>>;

const accusationIn = (given: Run) => {
  const [accusation] = accusationsOf(given, evidenceOf(given, LEAF));
  if (!accusation) throw new Error("nothing to accuse");
  return accusation;
};

/** A case in which somebody asked for a leaf, and was shown it if the provider answers. */
async function askedCase(market: ProvenMarket, given: Run, answers: boolean): Promise<Opened> {
  const opened = await tracedCase(market, given);
  await demand(market, given, opened.caseId, LEAF);
  if (answers) await answer(market, given, opened.caseId, LEAF);
  return opened;
}

async function untilQuiet(market: ProvenMarket, given: Run): Promise<Opened> {
  const opened = await askedCase(market, given, true);
  await at((await quietUntil(market, opened.caseId)) + 1n);
  await networkHelpers.mine();
  return opened;
}

/** Ways to a ruling, none of which `DisputeManager` has carried out yet. */
const ENDINGS: Readonly<
  Record<string, { ruling: bigint; lead: (market: ProvenMarket, given: Run) => Promise<Opened> }>
> = {
  "no trace": {
    ruling: RULING.upheld,
    lead: async (market, given) => {
      const opened = await challengedCase(market, given);
      await at((await now()) + COURT_PERIOD + 1n);
      await networkHelpers.mine();
      return opened;
    },
  },
  "a demand without an answer": {
    ruling: RULING.upheld,
    lead: async (market, given) => {
      const opened = await askedCase(market, given, false);
      await at((await market.court.demandOf(opened.caseId, LEAF)).deadline + 1n);
      await market.court.connect(market.stranger).proveSilence(opened.caseId, LEAF);
      return opened;
    },
  },
  "a wrong element": {
    ruling: RULING.upheld,
    lead: async (market, given) => {
      const opened = await askedCase(market, given, true);
      await accuse(market, opened.caseId, accusationIn(given));
      return opened;
    },
  },
  "time without a proof": { ruling: RULING.rejected, lead: untilQuiet },
};

describe("A ruling of the proof court", function () {
  this.timeout(120_000);
  const load = () => networkHelpers.loadFixture(provenMarket);

  const secondSignature = async ({ disputes, operator }: ProvenMarket, { posted }: Run, terms: Terms) => {
    const { chainId } = await disputes.eip712Domain();
    const domain = { chainId, disputes: await disputes.getAddress() };
    const { signature } = await signResult(operator, domain, { jobId: terms.id, outputCommitment: id("other") });
    return disputes.proveEquivocation(terms, posted.outputRoot, id("other"), signature);
  };

  async function expectClosed(market: ProvenMarket, given: Run, opened: Opened): Promise<void> {
    const { court, stranger } = market;
    const { caseId } = opened;
    const accusation = accusationIn(given);
    const words = [caseId, accusation.claim as never, accusation.provenance as never] as const;
    const byStranger = court.connect(stranger);
    const moves = {
      postTrace: () => postTrace(market, given, opened),
      demand: () => demand(market, given, caseId, OTHER),
      revealLeaf: () => answer(market, given, caseId, LEAF),
      revealChildren: () => answer(market, given, caseId, { ...LEAF, level: 1 }),
      proveFraud: () => byStranger.proveFraud(...words),
      accumulate: () => byStranger.accumulate(...words, NOTHING, 1),
      proveFraudOfSum: () => byStranger.proveFraudOfSum(...words, NOTHING),
      proveMalformedLeaf: () => byStranger.proveMalformedLeaf(...words),
      proveSilence: () => byStranger.proveSilence(caseId, LEAF),
    };
    for (const move of Object.values(moves)) await refused(move(), court, "ProofCourt_Over", caseId);
  }

  for (const [name, { ruling, lead }] of Object.entries(ENDINGS)) {
    it(`by ${name} is the same whatever is tried and however much time passes, until it is carried out`, async () => {
      const market = await load();
      const { court, disputes } = market;
      const given = await run(3, TAMPER);
      const opened = await lead(market, given);
      const { terms, caseId } = opened;
      const first = await court.rulingOf(caseId);
      const disproven = await court.disprovenTraceOf(caseId);
      expect(first.ruling).to.equal(ruling);
      expect(disproven).to.equal(name === "a wrong element" ? given.posted.traceRoot : `0x${"00".repeat(32)}`);
      for (const wait of [0n, MAX_RESOLUTION + 1n]) {
        await at((await now()) + wait + 1n);
        await expectClosed(market, given, opened);
        expect(await court.rulingOf(caseId)).to.deep.equal(first);
        expect(await court.disprovenTraceOf(caseId)).to.equal(disproven);
      }
      if (ruling === RULING.upheld) {
        await refused(secondSignature(market, given, terms), disputes, "DisputeManager_AlreadyUpheld", caseId);
      }
      const parts = name === "no trace" ? [] : [LEAF];
      expect(await settle(market, terms, caseId, parts)).to.equal(ruling);
      await expectClosed(market, given, opened);
      expect(await court.rulingOf(caseId)).to.deep.equal(first);
    });
  }

  for (const name of ["a demand without an answer", "a wrong element"]) {
    it(`by ${name} pays the demander's fee back once, before or after it is carried out`, async () => {
      const { lead } = ENDINGS[name] ?? {};
      if (!lead) throw new Error("no such ending");
      const market = await load();
      const { court, disputes, escrow, stakeToken, challenger, stranger } = market;
      const given = await run(3, TAMPER);
      const { terms, caseId } = await lead(market, given);
      const had = await escrow.balanceOf(stakeToken, challenger);
      const pay = () => court.connect(stranger).payDemandFee(caseId, LEAF);
      await expect(pay()).to.emit(court, "DemandFeePaid").withArgs(caseId, challenger.address, demandFees(given, LEAF));
      expect(await escrow.balanceOf(stakeToken, challenger)).to.equal(had + demandFees(given, LEAF));
      await refused(pay(), court, "ProofCourt_NotDemanded", caseId, Object.values(LEAF));
      await refused(court.proveSilence(caseId, LEAF), court, "ProofCourt_Over", caseId);
      await refused(secondSignature(market, given, terms), disputes, "DisputeManager_AlreadyUpheld", caseId);
      await disputes.resolve(caseId, terms);
      await refused(pay(), court, "ProofCourt_NotDemanded", caseId, Object.values(LEAF));
      await expectAllSettled(market);
    });
  }

  it("that acquits pays no fee before it is carried out, for a second signature may still convict", async () => {
    const market = await load();
    const { court, escrow, stakeToken, challenger, provider } = market;
    const given = await run(3, TAMPER);
    const { terms, caseId } = await untilQuiet(market, given);
    const had = await escrow.balanceOf(stakeToken, challenger);
    await refused(court.payDemandFee(caseId, LEAF), court, "ProofCourt_NotOver", caseId);
    await secondSignature(market, given, terms);
    const [carriedOut, owed] = [await escrow.balanceOf(stakeToken, challenger), demandFees(given, LEAF)];
    expect(carriedOut).to.be.above(had);
    await court.payDemandFee(caseId, LEAF);
    expect(await escrow.balanceOf(stakeToken, challenger)).to.equal(carriedOut + owed);
    expect(await escrow.balanceOf(stakeToken, provider)).to.equal(0n);
    await expectAllSettled(market);
  });

  it("that nobody could give leaves the fees of what was not answered with who asked", async () => {
    const market = await load();
    const { court, disputes, escrow, stakeToken, challenger } = market;
    const given = await run(3);
    const { terms, caseId } = await askedCase(market, given, false);
    const had = await escrow.balanceOf(stakeToken, challenger);
    await at((await disputes.caseOf(caseId)).openedAt + MAX_RESOLUTION + 1n);
    await disputes.resolve(caseId, terms);
    expect((await disputes.caseOf(caseId)).ruling).to.equal(RULING.inconclusive);
    const bonded = await escrow.balanceOf(stakeToken, challenger);
    expect(bonded).to.be.above(had);
    await court.payDemandFee(caseId, LEAF);
    expect(await escrow.balanceOf(stakeToken, challenger)).to.equal(bonded + demandFees(given, LEAF));
    // Once paid it is gone: nobody is convicted for it, nor asked again.
    await refused(court.proveSilence(caseId, LEAF), court, "ProofCourt_NotDemanded", caseId, Object.values(LEAF));
    await expect(demand(market, given, caseId, LEAF)).to.be.revertedWithCustomError(court, "ProofCourt_TooLate");
    await market.market.collect({ ...terms });
    await expectAllSettled(market);
  });
});
