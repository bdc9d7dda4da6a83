import { expect } from "chai";
import { ZeroHash } from "ethers";

import { BOND, HOUR, JUROR_LOCK, POOL_LOCK, RULING } from "../support/assemble.js";
import { challengedJob } from "../support/court.js";
import type { Market, Terms } from "../support/fixture.js";
import { networkHelpers, OFFER, openMarket, requestJob, STAKE, STATUS, submitJob } from "../support/fixture.js";
import { commit, DELIVERED, drawnCase, OTHER, reveal, vote } from "../support/jury.js";

async function resolve(market: Market, caseId: bigint, terms: Terms) {
  await market.disputes.resolve(caseId, terms);
  await market.jury.payJurors(caseId);
  return (await market.disputes.caseOf(caseId)).ruling;
}

describe("A dispute before a jury", () => {
  const bondOf = async (market: Market, account: { address: string }) =>
    market.escrow.balanceOf(market.stakeToken, account.address);

  it("refunds the client and slashes a provider whose result no juror found", async () => {
    const market = await networkHelpers.loadFixture(openMarket);
    const client = await market.escrow.balanceOf(market.payToken, market.client);
    const challenger = await bondOf(market, market.challenger);
    const { terms, caseId, seats } = await drawnCase(market);
    await vote(market, caseId, seats, [OTHER, OTHER, OTHER]);

    expect(await resolve(market, caseId, terms)).to.equal(RULING.upheld);
    expect(await market.market.statusOf(terms.id)).to.equal(STATUS.settled);
    expect(await market.escrow.balanceOf(market.payToken, market.client)).to.equal(client);
    expect(await market.staking.bondedOf(market.provider)).to.equal(STAKE - OFFER.stake);
    expect(await market.staking.lockedOf(market.provider)).to.equal(POOL_LOCK);
    expect(await bondOf(market, market.challenger)).to.equal(challenger + (OFFER.stake * 40n) / 100n);
    expect(await bondOf(market, market.treasury)).to.equal((OFFER.stake * 40n) / 100n);
    let paid = 0n;
    for (const { provider } of seats) {
      paid += await bondOf(market, provider);
      expect(await market.staking.lockedOf(provider)).to.equal(POOL_LOCK);
    }
    expect(paid).to.equal((OFFER.stake * 20n) / 100n);
    expect(await bondOf(market, { address: await market.jury.getAddress() })).to.equal(0n);
  });

  it("pays an honest provider and takes the challenger's bond", async () => {
    const market = await networkHelpers.loadFixture(openMarket);
    const challenger = await bondOf(market, market.challenger);
    const { terms, caseId, seats } = await drawnCase(market);
    await vote(market, caseId, seats, [DELIVERED, DELIVERED, DELIVERED]);

    expect(await resolve(market, caseId, terms)).to.equal(RULING.rejected);
    expect(await market.market.statusOf(terms.id)).to.equal(STATUS.settled);
    expect(await bondOf(market, market.challenger)).to.equal(challenger - BOND);
    expect(await bondOf(market, market.provider)).to.equal(BOND - OFFER.stake / 5n);
    expect(await market.staking.bondedOf(market.provider)).to.equal(STAKE);
  });

  it("leaves the result standing and returns the bond when too few jurors vote", async () => {
    const market = await networkHelpers.loadFixture(openMarket);
    const challenger = await bondOf(market, market.challenger);
    const { terms, caseId, seats } = await drawnCase(market);
    await vote(market, caseId, seats, [OTHER, undefined, undefined]);

    expect(await resolve(market, caseId, terms)).to.equal(RULING.inconclusive);
    expect(await market.market.statusOf(terms.id)).to.equal(STATUS.settled);
    expect(await bondOf(market, market.challenger)).to.equal(challenger);
    const [voter, ...silent] = seats;
    for (const { provider } of silent) expect(await market.staking.bondedOf(provider)).to.equal(STAKE - JUROR_LOCK);
    if (voter) expect(await bondOf(market, voter.provider)).to.equal(2n * JUROR_LOCK);
  });

  it("lets a juror abstain without pay or penalty", async () => {
    const market = await networkHelpers.loadFixture(openMarket);
    const { terms, caseId, seats } = await drawnCase(market);
    await vote(market, caseId, seats, [OTHER, OTHER, ZeroHash]);

    expect(await resolve(market, caseId, terms)).to.equal(RULING.upheld);
    const abstained = seats[2];
    if (!abstained) throw new Error("no third juror");
    expect(await market.staking.bondedOf(abstained.provider)).to.equal(STAKE);
    expect(await bondOf(market, abstained.provider)).to.equal(0n);
  });

  it("C17 refuses to open a commitment copied from another juror", async () => {
    const market = await networkHelpers.loadFixture(openMarket);
    const { caseId, seats } = await drawnCase(market);
    const [first, second, third] = seats;
    if (!first || !second || !third) throw new Error("no full jury");
    const copied = await market.jury.commitmentOf(caseId, first.provider, OTHER, first.salt);
    await commit(market, caseId, first, OTHER);
    await market.jury.connect(second.operator).commitVote(caseId, second.provider, copied);
    await commit(market, caseId, third, OTHER);
    await reveal(market, caseId, first, OTHER);
    await expect(
      market.jury.connect(second.operator).revealVote(caseId, second.provider, OTHER, first.salt),
    ).to.be.revertedWithCustomError(market.jury, "JuryArbiter_CommitmentMismatch");
  });

  it("never draws a party to the case, nor one juror twice", async () => {
    const market = await networkHelpers.loadFixture(openMarket);
    const { seats } = await drawnCase(market);
    const jurors = seats.map(({ provider }) => provider.address);
    expect(new Set(jurors).size).to.equal(3);
    expect(jurors).not.to.include(market.provider.address);
  });

  it("resolves a case once only", async () => {
    const market = await networkHelpers.loadFixture(openMarket);
    const { terms, caseId, seats } = await drawnCase(market);
    await vote(market, caseId, seats, [OTHER, OTHER, OTHER]);
    await resolve(market, caseId, terms);
    await expect(market.disputes.resolve(caseId, terms)).to.be.revertedWithCustomError(
      market.disputes,
      "DisputeManager_AlreadyResolved",
    );
    await expect(market.jury.payJurors(caseId)).to.be.revertedWithCustomError(market.jury, "JuryArbiter_AlreadyPaid");
  });

  it("ends by time alone when nobody draws a jury", async () => {
    const market = await networkHelpers.loadFixture(openMarket);
    const { terms, caseId } = await challengedJob(market);
    await networkHelpers.time.increase(7n * 24n * HOUR + 1n);
    await market.disputes.resolve(caseId, terms);
    expect(await market.market.statusOf(terms.id)).to.equal(STATUS.settled);
  });

  it("hears a case although the provider took a juror's operator key for its own", async () => {
    const market = await networkHelpers.loadFixture(openMarket);
    const [, juror] = market.keys;
    if (!juror) throw new Error("there is no second provider");
    const terms = await requestJob(market);
    await submitJob(market, terms, DELIVERED);
    await market.providers.connect(market.provider).setOperator(juror.operator.address);
    await market.disputes.connect(market.challenger).challenge(terms, DELIVERED);

    const caseId = await market.disputes.lastCaseId();
    const [opened] = await market.jury.queryFilter(market.jury.filters.JuryCaseOpened(caseId));
    expect(opened?.args.pool).to.include(juror.provider.address).and.not.to.include(market.provider.address);
  });
});
