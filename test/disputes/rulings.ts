import { anyValue } from "@nomicfoundation/hardhat-ethers-chai-matchers/withArgs";
import { expect } from "chai";
import { parseEther, ZeroAddress } from "ethers";

import { BOND, MAX_RESOLUTION, POOL_LOCK, RULING, UNBONDING_PERIOD } from "../support/assemble.js";
import { expectAllSettled, expectBooksExact } from "../support/books.js";
import type { ArbiterMarket } from "../support/court.js";
import { challengedJob, marketWithArbiter, unstakedMarketWithArbiter } from "../support/court.js";
import {
  at,
  networkHelpers,
  now,
  OFFER,
  PREPAID,
  refused,
  STAKE,
  STATUS,
  requestJob,
  submitJob,
} from "../support/fixture.js";

const FINDER = (OFFER.stake * 40n) / 100n;
const ARBITER = (OFFER.stake * 20n) / 100n;
const TREASURY = OFFER.stake - FINDER - ARBITER;

describe("A ruling", () => {
  const load = () => networkHelpers.loadFixture(marketWithArbiter);
  const bondsOf = (market: ArbiterMarket, account: { address: string }) =>
    market.escrow.balanceOf(market.stakeToken, account.address);

  it("Upheld refunds the client, slashes the provider and rewards finder, arbiter and treasury", async () => {
    const market = await load();
    const { disputes, arbiter, challenger, provider, client, treasury } = market;
    const before = await bondsOf(market, challenger);
    const { terms, caseId } = await challengedJob(market);
    await arbiter.rule(RULING.upheld, ZeroAddress);
    await expect(disputes.resolve(caseId, terms))
      .to.emit(disputes, "CaseResolved")
      .withArgs(caseId, terms.id, RULING.upheld, challenger, FINDER, ARBITER, OFFER.stake, BOND, 0n, TREASURY)
      .and.to.emit(market.staking, "StakeSlashed")
      .withArgs(provider, disputes, OFFER.stake, OFFER.stake)
      .and.to.emit(market.market, "JobRefunded")
      .withArgs(terms.id, client, market.payToken, OFFER.price);

    expect(await market.escrow.balanceOf(market.payToken, client)).to.equal(PREPAID);
    expect(await bondsOf(market, challenger)).to.equal(before + FINDER);
    expect(await bondsOf(market, treasury)).to.equal(TREASURY);
    expect(await market.escrow.balanceOf(market.stakeToken, arbiter)).to.equal(ARBITER);
    expect(await market.staking.bondedOf(provider)).to.equal(STAKE - OFFER.stake);
    expect(await market.staking.lockedOf(provider)).to.equal(POOL_LOCK);
    const { ruling, arbiterReward } = await disputes.caseOf(caseId);
    expect([ruling, arbiterReward]).to.deep.equal([RULING.upheld, ARBITER]);
  });

  it("Upheld gives the finder's share to the finder that the arbiter names", async () => {
    const market = await load();
    const { disputes, arbiter, challenger, stranger } = market;
    const before = await bondsOf(market, challenger);
    const { terms, caseId } = await challengedJob(market);
    await arbiter.rule(RULING.upheld, stranger);
    await disputes.resolve(caseId, terms);
    expect(await bondsOf(market, stranger)).to.equal(FINDER);
    expect(await bondsOf(market, challenger)).to.equal(before);
  });

  it("Rejected pays the provider its price and most of the bond, the arbiter what it would earn by upholding", async () => {
    const market = await load();
    const { disputes, arbiter, challenger, provider, client } = market;
    const before = await bondsOf(market, challenger);
    const { terms, caseId } = await challengedJob(market);
    await arbiter.rule(RULING.rejected, challenger);
    await expect(disputes.resolve(caseId, terms))
      .to.emit(disputes, "CaseResolved")
      .withArgs(caseId, terms.id, RULING.rejected, ZeroAddress, 0n, ARBITER, 0n, 0n, BOND - ARBITER, 0n)
      .and.to.emit(market.market, "JobPaid")
      .withArgs(terms.id, provider, market.payToken, OFFER.price);

    expect(await bondsOf(market, challenger)).to.equal(before - BOND);
    expect(await bondsOf(market, provider)).to.equal(BOND - ARBITER);
    expect(await market.escrow.balanceOf(market.stakeToken, arbiter)).to.equal(ARBITER);
    expect(await market.escrow.balanceOf(market.payToken, client)).to.equal(PREPAID - OFFER.price);
    expect(await market.market.earnedOf({ ...terms })).to.deep.equal([OFFER.price, OFFER.stake]);
    expect(await market.staking.bondedOf(provider)).to.equal(STAKE);
    expect((await disputes.caseOf(caseId)).arbiterReward).to.equal(ARBITER);
  });

  it("Inconclusive pays the provider its price and returns the bond", async () => {
    const market = await load();
    const { disputes, arbiter, challenger, provider } = market;
    const before = await bondsOf(market, challenger);
    const { terms, caseId } = await challengedJob(market);
    await arbiter.rule(RULING.inconclusive, challenger);
    await expect(disputes.resolve(caseId, terms))
      .to.emit(disputes, "CaseResolved")
      .withArgs(caseId, terms.id, RULING.inconclusive, ZeroAddress, 0n, 0n, 0n, BOND, 0n, 0n);

    expect(await bondsOf(market, challenger)).to.equal(before);
    expect(await market.market.earnedOf({ ...terms })).to.deep.equal([OFFER.price, OFFER.stake]);
    expect(await market.staking.bondedOf(provider)).to.equal(STAKE);
  });

  for (const [name, ruling] of Object.entries(RULING).slice(1)) {
    it(`${name} leaves no token unaccounted for and resolves once`, async () => {
      const market = await load();
      const { disputes, arbiter } = market;
      const { terms, caseId } = await challengedJob(market);
      await arbiter.rule(ruling, ZeroAddress);
      await disputes.resolve(caseId, terms);
      await expectBooksExact(market, { prices: ruling === RULING.upheld ? 0n : OFFER.price });
      for (const other of [ruling, RULING.upheld, RULING.rejected]) {
        await arbiter.rule(other, ZeroAddress);
        const again = disputes.resolve(caseId, terms);
        await refused(again, disputes, "DisputeManager_AlreadyResolved", caseId, ruling);
      }
      const { settled, finalisable } = STATUS;
      const finalise = market.market.finalise(terms);
      await refused(finalise, market.market, "InferenceMarket_WrongStatus", terms.id, settled, finalisable);
      if (ruling !== RULING.upheld) await market.market.collect({ ...terms });
      expect(await market.staking.lockedOf(market.provider)).to.equal(POOL_LOCK);
    });
  }

  it("is carried out for the challenged job only", async () => {
    const market = await load();
    const { disputes, arbiter } = market;
    const first = await challengedJob(market);
    const second = await challengedJob(market);
    await arbiter.rule(RULING.upheld, ZeroAddress);
    for (const terms of [second.terms, { ...first.terms, price: 1n }]) {
      const call = disputes.resolve(first.caseId, terms);
      await refused(call, disputes, "DisputeManager_OtherJob", first.caseId, first.terms.id);
    }
  });

  it("is not carried out for a case that does not exist", async () => {
    const market = await load();
    const { disputes } = market;
    const { terms, caseId } = await challengedJob(market);
    for (const unknown of [0n, caseId + 1n]) {
      await refused(disputes.resolve(unknown, terms), disputes, "DisputeManager_UnknownCase", unknown);
      await refused(disputes.caseOf(unknown), disputes, "DisputeManager_UnknownCase", unknown);
    }
  });

  it("C13 is not carried out on too little gas, which would make the arbiter look silent", async () => {
    const market = await load();
    const { disputes, arbiter } = market;
    const { terms, caseId } = await challengedJob(market);
    await arbiter.rule(RULING.upheld, ZeroAddress);
    await at((await now()) + MAX_RESOLUTION + 1n);
    const starved = disputes.resolve(caseId, terms, { gasLimit: 900_000n });
    await refused(starved, disputes, "DisputeManager_TooLittleGas", anyValue, 1_000_000n);
    await disputes.resolve(caseId, terms, { gasLimit: 1_400_000n });
    expect((await disputes.caseOf(caseId)).ruling).to.equal(RULING.upheld);
  });

  it("slashes what the job locked, whatever the provider offers by then", async () => {
    const market = await load();
    const { disputes, arbiter, providers, provider, modelId, payToken } = market;
    const { terms, caseId } = await challengedJob(market);
    await providers.connect(provider).setOffer(modelId, payToken, 1n, parseEther("900"), 60n);
    await arbiter.rule(RULING.upheld, ZeroAddress);
    await disputes.resolve(caseId, terms);
    expect(await market.staking.bondedOf(provider)).to.equal(STAKE - OFFER.stake);
    expect(await market.escrow.balanceOf(payToken, market.client)).to.equal(PREPAID);
  });

  it("pays the arbiter half of the bond at most, however much is at stake and whichever way it rules", async () => {
    for (const said of [RULING.upheld, RULING.rejected]) {
      const market = await load();
      const { disputes, arbiter, providers, provider, modelId, payToken } = market;
      const stake = BOND * 10n;
      await providers.connect(provider).setOffer(modelId, payToken, OFFER.price, stake, OFFER.maxDuration);
      const { terms, caseId } = await challengedJob(market);
      await arbiter.rule(said, ZeroAddress);
      await disputes.resolve(caseId, terms);
      expect((await disputes.caseOf(caseId)).arbiterReward).to.equal(BOND / 2n);
      expect(await market.escrow.balanceOf(market.stakeToken, arbiter)).to.equal(BOND / 2n);
      expect(await market.staking.bondedOf(provider)).to.equal(said === RULING.upheld ? STAKE - stake : STAKE);
    }
  });

  it("A10 costs a cheat that challenges itself", async () => {
    const market = await load();
    const { disputes, arbiter, provider } = market;
    const cheat = { ...market, challenger: provider };
    await market.escrow.connect(market.challenger).transfer(market.stakeToken, provider, BOND);
    const { terms, caseId } = await challengedJob(cheat);
    await arbiter.rule(RULING.upheld, provider);
    await disputes.resolve(caseId, terms);
    const kept = (await bondsOf(market, provider)) + (await market.staking.bondedOf(provider));
    expect(kept).to.equal(BOND + STAKE - OFFER.stake + FINDER);
  });

  it("A03 slashes stake that is on its way out, even when nothing is left bonded", async () => {
    const market = await load();
    const { disputes, arbiter, staking, provider } = market;
    const { terms, caseId } = await challengedJob(market);
    await staking.connect(provider).requestUnbonding(STAKE);
    await arbiter.rule(RULING.upheld, ZeroAddress);
    await disputes.resolve(caseId, terms);
    expect(await staking.bondedOf(provider)).to.equal(0n);
    expect(await staking.unbondingOf(provider)).to.equal(STAKE - OFFER.stake);
  });

  it("I07 finds the stake of a provider that left as early as it could", async () => {
    const market = await load();
    const { disputes, arbiter, staking, provider } = market;
    await market.jury.connect(provider).leave(market.modelId, provider);
    await staking.connect(provider).requestUnbonding(STAKE - OFFER.stake);
    const terms = await requestJob(market);
    await staking.connect(provider).requestUnbonding(OFFER.stake);
    const output = await submitJob(market, terms);
    await disputes.connect(market.challenger).challenge(terms, output);
    await at((await now()) + UNBONDING_PERIOD);
    const exit = staking.connect(provider).withdraw(provider);
    await refused(exit, staking, "ProviderStaking_StillLocked", provider, OFFER.stake, 0n);
    await arbiter.rule(RULING.upheld, ZeroAddress);
    await disputes.resolve(1n, terms);
    expect(await staking.slashableOf(provider)).to.equal(STAKE - OFFER.stake);
    await expect(staking.connect(provider).withdraw(provider))
      .to.emit(staking, "StakeWithdrawn")
      .withArgs(provider, provider, STAKE - OFFER.stake);
  });

  it("slashes nothing for a job without stake, and still refunds the client", async () => {
    const market = await networkHelpers.loadFixture(unstakedMarketWithArbiter);
    const { disputes, arbiter, providers, provider, modelId, payToken } = market;
    await providers.connect(provider).setOffer(modelId, payToken, OFFER.price, 0n, 60n);
    const { terms, caseId } = await challengedJob(market, { minStake: 0n });
    await arbiter.rule(RULING.upheld, ZeroAddress);
    await expect(disputes.resolve(caseId, terms))
      .to.emit(disputes, "CaseResolved")
      .withArgs(caseId, terms.id, RULING.upheld, market.challenger, 0n, 0n, 0n, BOND, 0n, 0n);
    expect(await market.escrow.balanceOf(payToken, market.client)).to.equal(PREPAID);
    await expectAllSettled(market);
  });
});
