import { traceFactsOf } from "@assay/sdk";
import { expect } from "chai";

import { BOND, COURT_PERIOD, RULING } from "../support/assemble.js";
import { expectBooksExact } from "../support/books.js";
import { challengedCase, quietUntil, settle } from "../support/cases.js";
import { at, networkHelpers, OFFER, PREPAID, STAKE } from "../support/fixture.js";
import type { ProvenMarket } from "../support/proofs.js";
import {
  accusationsOf,
  accuse,
  answer,
  demand,
  demandFees,
  evidenceOf,
  postTrace,
  provenMarket,
  rootsOf,
  run,
} from "../support/proofs.js";

describe("An honest provider before the proof court", function () {
  this.timeout(120_000);

  it("outlasts all adversaries at once: keeps its stake, is paid, and gets their bond and fees", async () => {
    const market = await networkHelpers.loadFixture(provenMarket);
    const { court, disputes, escrow, staking, stakeToken, payToken, provider, stranger } = market;
    const second: ProvenMarket = { ...market, challenger: stranger };
    const had = await Promise.all([market.challenger, stranger].map((who) => escrow.balanceOf(stakeToken, who)));
    const given = await run(3);
    const fake = await run(3, { tensor: 6, byte: 0 });
    const opened = await challengedCase(market, given);
    const { terms, caseId } = opened;
    const fails = (call: Promise<unknown>, error: string) => expect(call).to.be.revertedWithCustomError(court, error);

    // A rival posts in its name; it takes its own time to the last second.
    await fails(postTrace({ ...market, operator: stranger }, fake, opened), "ProofCourt_NotProvider");
    const { openedAt } = await disputes.caseOf(caseId);
    await at(openedAt + COURT_PERIOD);
    await postTrace(market, given, opened);

    // Two challengers ask for everything, each for half, accuse it of another run and call its answers overdue.
    const parts = given.model.nodes.map((_, i) => ({ tensor: given.model.inputNames.length + i, level: 0, index: 0 }));
    for (const [i, part] of parts.entries()) await demand(i % 2 ? second : market, given, caseId, part);
    const fees = demandFees(given, ...parts);
    await expectBooksExact(market, { prices: OFFER.price, bonds: BOND, fees });
    const [accusation] = accusationsOf(fake, evidenceOf(fake, { tensor: 6, level: 0, index: 0 }));
    if (!accusation) throw new Error("nothing to accuse");
    const { deadline } = await court.demandOf(caseId, parts[0] ?? expect.fail("no nodes"));
    for (const [i, part] of parts.entries()) {
      await fails(court.proveSilence(caseId, part), "ProofCourt_NotOverdue");
      await fails(accuse(second, caseId, accusation), "ProofCourt_TraceMismatch");
      const provenance = { ...accusation.provenance, trace: traceFactsOf(given.model.graph, rootsOf(given)) };
      await fails(accuse(second, caseId, { ...accusation, provenance }), "ProofCourt_NotProven");
      const call = disputes.resolve(caseId, terms);
      await expect(call).to.be.revertedWithCustomError(disputes, "DisputeManager_NotYetRuled");
      // The last of all falls into the last second of the first.
      await at(deadline + BigInt(i + 1 - parts.length));
      await answer(market, given, caseId, part);
    }

    await at((await quietUntil(market, caseId)) + 1n);
    expect(await settle(market, terms, caseId, parts)).to.equal(RULING.rejected);
    expect(await staking.bondedOf(provider)).to.equal(STAKE);
    expect(await escrow.balanceOf(stakeToken, provider)).to.equal(BOND + fees);
    expect(await escrow.balanceOf(payToken, market.client)).to.equal(PREPAID - OFFER.price);
    const cut = (OFFER.price * (250n + 500n)) / 10_000n;
    expect(await escrow.balanceOf(payToken, provider)).to.equal(OFFER.price - cut);
    const have = await Promise.all([market.challenger, stranger].map((who) => escrow.balanceOf(stakeToken, who)));
    const lost = had.map((before, i) => before - (have[i] ?? 0n));
    const byFirst = demandFees(given, ...parts.filter((_, i) => i % 2 === 0));
    expect(lost).to.deep.equal([BOND + byFirst, fees - byFirst]);
  });
});
