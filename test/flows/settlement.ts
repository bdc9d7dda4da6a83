import { expect } from "chai";
import { id, parseEther } from "ethers";

import { POOL_LOCK } from "../support/assemble.js";
import { at, networkHelpers, now, OFFER, openMarket, requestJob, submitJob, WINDOW } from "../support/fixture.js";

const SETTLED = 0n;

describe("Settlement", () => {
  it("pays provider, model owner and protocol for a result that nobody challenged", async () => {
    const market = await networkHelpers.loadFixture(openMarket);
    const terms = await requestJob(market);
    await submitJob(market, terms);
    await at((await now()) + WINDOW + 1n);
    await market.market.finalise(terms);
    expect(await market.market.statusOf(terms.id)).to.equal(SETTLED);

    await market.market.collect({
      provider: terms.provider,
      modelId: terms.modelId,
      token: terms.token,
      protocolFeeBps: terms.protocolFeeBps,
    });
    const balance = async (account: string) => market.escrow.balanceOf(market.payToken, account);
    const fee = (OFFER.price * 250n) / 10_000n;
    const royalty = (OFFER.price * 500n) / 10_000n;
    expect(await balance(market.treasury.address)).to.equal(fee);
    expect(await balance(market.modelOwner.address)).to.equal(royalty);
    expect(await balance(market.provider.address)).to.equal(OFFER.price - fee - royalty);
    expect(await market.staking.lockedOf(market.provider)).to.equal(POOL_LOCK);
  });

  it("refunds a job that was not delivered in time, and not one second earlier", async () => {
    const market = await networkHelpers.loadFixture(openMarket);
    const before = await market.escrow.balanceOf(market.payToken, market.client);
    const terms = await requestJob(market);
    await at(BigInt(terms.executionDeadline));
    await expect(market.market.expire(terms)).to.be.revertedWithCustomError(
      market.market,
      "InferenceMarket_WrongStatus",
    );
    await at(BigInt(terms.executionDeadline) + 1n);
    await market.market.expire(terms);
    expect(await market.market.statusOf(terms.id)).to.equal(SETTLED);
    expect(await market.escrow.balanceOf(market.payToken, market.client)).to.equal(before);
    expect(await market.staking.lockedOf(market.provider)).to.equal(POOL_LOCK);
  });

  it("takes a result in the last second of the deadline", async () => {
    const market = await networkHelpers.loadFixture(openMarket);
    const terms = await requestJob(market);
    await at(BigInt(terms.executionDeadline));
    await expect(market.market.connect(market.operator).submit(terms, id("output"), "")).to.emit(
      market.market,
      "ResultSubmitted",
    );
  });

  it("pays due jobs with the next delivery and skips what somebody else finalised first", async () => {
    const market = await networkHelpers.loadFixture(openMarket);
    const first = await requestJob(market);
    const second = await requestJob(market);
    const output = await submitJob(market, first);
    await submitJob(market, second);
    await at((await now()) + WINDOW + 1n);
    await market.market.finalise(second);
    const third = await requestJob(market);
    await market.market.connect(market.operator).submitAndFinaliseDue(third, output, "", [second, first]);
    expect(await market.market.statusOf(first.id)).to.equal(SETTLED);
    const { amount, stake } = await market.market.earnedOf({ ...first });
    expect(amount).to.equal(2n * OFFER.price);
    expect(stake).to.equal(2n * OFFER.stake);
    expect(await market.staking.lockedOf(market.provider)).to.equal(POOL_LOCK + 3n * parseEther("10"));
  });
});
