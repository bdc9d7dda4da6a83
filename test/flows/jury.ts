import { expect } from "chai";
import { id, parseEther, ZeroHash } from "ethers";

import type { Market, ProviderKeys, Terms } from "../support/fixture.js";
import { networkHelpers, OFFER, openMarket, requestJob, STAKE, submitJob } from "../support/fixture.js";

const SETTLED = 6n;
const RULING = { upheld: 1n, rejected: 2n, inconclusive: 3n };
const BOND = parseEther("10");
const JUROR_LOCK = parseEther("1");
const HOUR = 3600;
const WRONG = id("wrong");
const RIGHT = id("right");

interface Juror extends ProviderKeys {
  salt: string;
}

/** A delivered job under challenge, its jury drawn. */
async function drawnCase(market: Market, output = WRONG) {
  const terms = await requestJob(market);
  await submitJob(market, terms, output);
  const { disputes, jury, challenger } = market;
  await disputes.connect(challenger).challenge(terms, output);
  const caseId = await disputes.lastCaseId();
  const [opened] = await jury.queryFilter(jury.filters.JuryCaseOpened(caseId));
  if (!opened) throw new Error("no jury case was opened");
  await networkHelpers.mine(3);
  await jury.draw(caseId, [...opened.args.pool], [...opened.args.weights]);
  const { jurors } = await jury.juryCaseOf(caseId);
  const seats = jurors.map((address, i): Juror => {
    const keys = market.keys.find(({ provider }) => provider.address === address);
    if (!keys) throw new Error(`juror ${address} is no provider`);
    return { ...keys, salt: id(`salt ${String(i)}`) };
  });
  return { terms, output, caseId, seats };
}

async function commit(market: Market, caseId: bigint, juror: Juror, found: string) {
  const commitment = await market.jury.commitmentOf(caseId, juror.provider, found, juror.salt);
  return market.jury.connect(juror.operator).commitVote(caseId, juror.provider, commitment);
}

async function reveal(market: Market, caseId: bigint, juror: Juror, found: string) {
  return market.jury.connect(juror.operator).revealVote(caseId, juror.provider, found, juror.salt);
}

/** Lets the jurors vote for what they found, in order; who has nothing stays silent. */
async function vote(market: Market, caseId: bigint, seats: Juror[], found: (string | undefined)[]) {
  for (const [i, juror] of seats.entries()) if (found[i]) await commit(market, caseId, juror, found[i]);
  await networkHelpers.time.increase(HOUR + 1);
  for (const [i, juror] of seats.entries()) if (found[i]) await reveal(market, caseId, juror, found[i]);
  await networkHelpers.time.increase(HOUR + 1);
  await market.jury.close(caseId);
}

async function resolve(market: Market, caseId: bigint, terms: Terms, output: string) {
  await market.disputes.resolve(caseId, terms, output);
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
    const { terms, output, caseId, seats } = await drawnCase(market);
    await vote(market, caseId, seats, [RIGHT, RIGHT, RIGHT]);

    expect(await resolve(market, caseId, terms, output)).to.equal(RULING.upheld);
    expect(await market.market.statusOf(terms.id)).to.equal(SETTLED);
    expect(await market.escrow.balanceOf(market.payToken, market.client)).to.equal(client);
    expect(await market.staking.bondedOf(market.provider)).to.equal(STAKE - OFFER.stake);
    expect(await market.staking.lockedOf(market.provider)).to.equal(0n);
    expect(await bondOf(market, market.challenger)).to.equal(challenger + (OFFER.stake * 40n) / 100n);
    expect(await bondOf(market, market.treasury)).to.equal((OFFER.stake * 40n) / 100n);
    let paid = 0n;
    for (const { provider } of seats) {
      paid += await bondOf(market, provider);
      expect(await market.staking.lockedOf(provider)).to.equal(0n);
    }
    expect(paid).to.equal((OFFER.stake * 20n) / 100n);
    expect(await bondOf(market, { address: await market.jury.getAddress() })).to.equal(0n);
  });

  it("pays an honest provider and takes the challenger's bond", async () => {
    const market = await networkHelpers.loadFixture(openMarket);
    const challenger = await bondOf(market, market.challenger);
    const { terms, output, caseId, seats } = await drawnCase(market, RIGHT);
    await vote(market, caseId, seats, [RIGHT, RIGHT, RIGHT]);

    expect(await resolve(market, caseId, terms, output)).to.equal(RULING.rejected);
    expect(await market.market.statusOf(terms.id)).to.equal(SETTLED);
    expect(await bondOf(market, market.challenger)).to.equal(challenger - BOND);
    expect(await bondOf(market, market.provider)).to.equal(BOND / 2n);
    expect(await market.staking.bondedOf(market.provider)).to.equal(STAKE);
  });

  it("leaves the result standing and returns the bond when too few jurors vote", async () => {
    const market = await networkHelpers.loadFixture(openMarket);
    const challenger = await bondOf(market, market.challenger);
    const { terms, output, caseId, seats } = await drawnCase(market);
    await vote(market, caseId, seats, [RIGHT, undefined, undefined]);

    expect(await resolve(market, caseId, terms, output)).to.equal(RULING.inconclusive);
    expect(await market.market.statusOf(terms.id)).to.equal(SETTLED);
    expect(await bondOf(market, market.challenger)).to.equal(challenger);
    const [voter, ...silent] = seats;
    for (const { provider } of silent) expect(await market.staking.bondedOf(provider)).to.equal(STAKE - JUROR_LOCK);
    if (voter) expect(await bondOf(market, voter.provider)).to.equal(2n * JUROR_LOCK);
  });

  it("lets a juror abstain without pay or penalty", async () => {
    const market = await networkHelpers.loadFixture(openMarket);
    const { terms, output, caseId, seats } = await drawnCase(market);
    await vote(market, caseId, seats, [RIGHT, RIGHT, ZeroHash]);

    expect(await resolve(market, caseId, terms, output)).to.equal(RULING.upheld);
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
    const copied = await market.jury.commitmentOf(caseId, first.provider, RIGHT, first.salt);
    await commit(market, caseId, first, RIGHT);
    await market.jury.connect(second.operator).commitVote(caseId, second.provider, copied);
    await commit(market, caseId, third, RIGHT);
    await reveal(market, caseId, first, RIGHT);
    await expect(
      market.jury.connect(second.operator).revealVote(caseId, second.provider, RIGHT, first.salt),
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
    const { terms, output, caseId, seats } = await drawnCase(market);
    await vote(market, caseId, seats, [RIGHT, RIGHT, RIGHT]);
    await resolve(market, caseId, terms, output);
    await expect(market.disputes.resolve(caseId, terms, output)).to.be.revertedWithCustomError(
      market.disputes,
      "DisputeManager_AlreadyResolved",
    );
    await expect(market.jury.payJurors(caseId)).to.be.revertedWithCustomError(market.jury, "JuryArbiter_AlreadyPaid");
  });

  it("ends by time alone when nobody draws a jury", async () => {
    const market = await networkHelpers.loadFixture(openMarket);
    const terms = await requestJob(market);
    const output = await submitJob(market, terms, WRONG);
    await market.disputes.connect(market.challenger).challenge(terms, output);
    const caseId = await market.disputes.lastCaseId();
    await networkHelpers.time.increase(7 * 24 * HOUR + 1);
    await market.disputes.resolve(caseId, terms, output);
    expect(await market.market.statusOf(terms.id)).to.equal(SETTLED);
  });
});
