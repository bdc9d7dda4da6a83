import type { Part } from "@assay/sdk";
import { expect } from "chai";

import { BOND, COURT_PERIOD, RULING } from "../support/assemble.js";
import { expectBooksExact } from "../support/books.js";
import { challengedCase, quietUntil, rulingAt, settle, tracedCase } from "../support/cases.js";
import { at, networkHelpers, OFFER, PREPAID, refused, STAKE } from "../support/fixture.js";
import type { ProvenMarket } from "../support/proofs.js";
import { answer, demand, demandFees, postTrace, preparedDigits, provenMarket, run } from "../support/proofs.js";

const PART: Part = { tensor: 6, level: 0, index: 0 };

describe("A provider that withholds", function () {
  this.timeout(120_000);
  const load = () => networkHelpers.loadFixture(provenMarket);

  /** Expects a conviction carried out: the challenger has bond, fees and the finder's share, the treasury the rest. */
  async function expectConvicted(market: ProvenMarket, had: bigint): Promise<void> {
    const { escrow, stakeToken, payToken, staking, challenger, treasury } = market;
    const share = (OFFER.stake * 40n) / 100n;
    expect(await staking.bondedOf(market.provider)).to.equal(STAKE - OFFER.stake);
    expect(await escrow.balanceOf(payToken, market.client)).to.equal(PREPAID);
    expect(await escrow.balanceOf(stakeToken, challenger)).to.equal(had + share);
    expect(await escrow.balanceOf(stakeToken, treasury)).to.equal(OFFER.stake - share);
  }

  const balance = ({ escrow, stakeToken, challenger }: ProvenMarket) => escrow.balanceOf(stakeToken, challenger);

  it("the trace is convicted the second after its time, not before", async () => {
    const market = await load();
    const had = await balance(market);
    const given = await run(3);
    const opened = await challengedCase(market, given);
    const { terms, caseId } = opened;
    await expectBooksExact(market, { prices: OFFER.price, bonds: BOND });
    const { openedAt } = await market.disputes.caseOf(caseId);
    expect(await rulingAt(market, caseId, openedAt + COURT_PERIOD)).to.equal(RULING.none);
    await at(openedAt + COURT_PERIOD + 1n);
    await refused(postTrace(market, given, opened), market.court, "ProofCourt_Over", caseId);
    expect(await settle(market, terms, caseId)).to.equal(RULING.upheld);
    await expectConvicted(market, had);
  });

  it("the trace until its last second is heard", async () => {
    const market = await load();
    const given = await run(3);
    const opened = await challengedCase(market, given);
    const { openedAt } = await market.disputes.caseOf(opened.caseId);
    await at(openedAt + COURT_PERIOD);
    await postTrace(market, given, opened);
    await at((await quietUntil(market, opened.caseId)) + 1n);
    expect(await settle(market, opened.terms, opened.caseId)).to.equal(RULING.rejected);
    expect(await market.staking.bondedOf(market.provider)).to.equal(STAKE);
  });

  it("every answer is convicted, and whoever asked is the finder, whoever proves it", async () => {
    const market = await load();
    const had = await balance(market);
    const given = await run(3);
    const { terms, caseId } = await tracedCase(market, given);
    await demand(market, given, caseId, PART);
    await expectBooksExact(market, { prices: OFFER.price, bonds: BOND, fees: demandFees(given, PART) });
    const { deadline } = await market.court.demandOf(caseId, PART);
    await at(deadline + 1n);
    await market.court.connect(market.stranger).proveSilence(caseId, PART);
    expect(await market.court.rulingOf(caseId)).to.deep.equal([RULING.upheld, market.challenger.address]);
    expect(await settle(market, terms, caseId, [PART])).to.equal(RULING.upheld);
    await expectConvicted(market, had);
  });

  it("one answer of many is convicted, and every fee goes back", async () => {
    const market = await load();
    const had = await balance(market);
    const given = await run(3);
    const { terms, caseId } = await tracedCase(market, given);
    const { model } = await preparedDigits();
    const parts = model.nodes.map((_, i) => ({ tensor: model.inputNames.length + i, level: 0, index: 0 }));
    for (const part of parts) await demand(market, given, caseId, part);
    for (const part of parts.slice(0, -1)) await answer(market, given, caseId, part);
    const fees = demandFees(given, ...parts);
    await expectBooksExact(market, { prices: OFFER.price, bonds: BOND, fees });
    const last = parts.at(-1);
    if (!last) throw new Error("the model has no nodes");
    const { deadline } = await market.court.demandOf(caseId, last);
    for (const part of parts.slice(0, -1)) {
      const call = market.court.proveSilence(caseId, part);
      await refused(call, market.court, "ProofCourt_AlreadyAnswered", caseId, Object.values(part));
    }
    await at(deadline + 1n);
    await market.court.proveSilence(caseId, last);
    expect(await settle(market, terms, caseId, parts)).to.equal(RULING.upheld);
    await expectConvicted(market, had);
  });

  it("an answer until one second late loses to who proves the silence first", async () => {
    const market = await load();
    const had = await balance(market);
    const given = await run(3);
    const { terms, caseId } = await tracedCase(market, given);
    await demand(market, given, caseId, PART);
    const { deadline } = await market.court.demandOf(caseId, PART);
    await at(deadline + 1n);
    await market.court.proveSilence(caseId, PART);
    await refused(answer(market, given, caseId, PART), market.court, "ProofCourt_Over", caseId);
    expect(await settle(market, terms, caseId, [PART])).to.equal(RULING.upheld);
    await expectConvicted(market, had);
  });

  it("an answer until one second late is heard if nobody proved the silence", async () => {
    const market = await load();
    const given = await run(3);
    const { terms, caseId } = await tracedCase(market, given);
    await demand(market, given, caseId, PART);
    const { deadline } = await market.court.demandOf(caseId, PART);
    await at(deadline + 1n);
    await answer(market, given, caseId, PART);
    const call = market.court.proveSilence(caseId, PART);
    await refused(call, market.court, "ProofCourt_AlreadyAnswered", caseId, Object.values(PART));
    expect(await rulingAt(market, caseId, await quietUntil(market, caseId))).to.equal(RULING.none);
    expect(await settle(market, terms, caseId, [PART])).to.equal(RULING.rejected);
  });

  it("an answer until the last second keeps its stake and gets the fee", async () => {
    const market = await load();
    const given = await run(3);
    const { terms, caseId } = await tracedCase(market, given);
    await demand(market, given, caseId, PART);
    const { deadline } = await market.court.demandOf(caseId, PART);
    await at(deadline);
    await answer(market, given, caseId, PART);
    await at(deadline + COURT_PERIOD + 1n);
    expect(await settle(market, terms, caseId, [PART])).to.equal(RULING.rejected);
    expect(await market.staking.bondedOf(market.provider)).to.equal(STAKE);
    expect(await market.escrow.balanceOf(market.stakeToken, market.provider)).to.equal(BOND + demandFees(given, PART));
  });

  it("an answer that nobody proves overdue is paid, and every bond and fee goes back", async () => {
    const market = await load();
    const had = await balance(market);
    const given = await run(3);
    const { terms, caseId } = await tracedCase(market, given);
    await demand(market, given, caseId, PART);
    const { openedAt } = await market.disputes.caseOf(caseId);
    const latest = openedAt + 7n * 86_400n;
    await at(latest);
    const early = market.disputes.resolve(caseId, terms);
    await refused(early, market.disputes, "DisputeManager_NotYetRuled", caseId, latest);
    await at(latest + 1n);
    expect(await settle(market, terms, caseId, [PART])).to.equal(RULING.inconclusive);
    expect(await balance(market)).to.equal(had);
  });
});
