import { expect } from "chai";
import { id, MaxUint256, ZeroAddress } from "ethers";

import { POOL_LOCK } from "../support/assemble.js";
import { expectAllSettled, expectBooksExact } from "../support/books.js";
import type { Market, Terms } from "../support/fixture.js";
import {
  afterPhase,
  networkHelpers,
  OFFER,
  openMarket,
  refused,
  registerModel,
  requestJob,
  STATUS,
  submitJob,
} from "../support/fixture.js";

const MAX = 2n ** 128n - 1n;
const OUTPUT = id("output");

/** A share of an amount, rounded up. */
const ceilShare = (amount: bigint, bps: bigint) => (amount * bps + 9_999n) / 10_000n;

describe("Earnings of the InferenceMarket", () => {
  const load = () => networkHelpers.loadFixture(openMarket);

  /** Jobs that are delivered and unchallenged. */
  async function dueJobs(market: Market, count: number, changes: Record<string, unknown> = {}): Promise<Terms[]> {
    const jobs: Terms[] = [];
    for (let i = 0; i < count; i++) {
      const terms = await requestJob(market, changes);
      await submitJob(market, terms, OUTPUT);
      jobs.push(terms);
    }
    const last = jobs.at(-1);
    if (last) await afterPhase(market, last);
    await networkHelpers.mine();
    return jobs;
  }

  async function dueJob(market: Market, changes: Record<string, unknown> = {}): Promise<Terms> {
    const [terms] = await dueJobs(market, 1, changes);
    if (!terms) throw new Error("no job was requested");
    return terms;
  }

  describe("finalising", () => {
    it("moves price and lock into the pot, whoever asks for it", async () => {
      const market = await load();
      const { provider, payToken, stranger, staking } = market;
      const terms = await dueJob(market);
      await expect(market.market.connect(stranger).finalise(terms))
        .to.emit(market.market, "JobPaid")
        .withArgs(terms.id, provider, payToken, OFFER.price);
      expect(await market.market.earnedOf({ ...terms })).to.deep.equal([OFFER.price, OFFER.stake]);
      expect(await staking.lockedOf(provider)).to.equal(POOL_LOCK + OFFER.stake);
      await expectBooksExact(market, { prices: OFFER.price });
    });

    it("B18 happens once", async () => {
      const market = await load();
      const terms = await dueJob(market);
      await market.market.finalise(terms);
      const { settled, finalisable } = STATUS;
      const again = market.market.finalise(terms);
      await refused(again, market.market, "InferenceMarket_WrongStatus", terms.id, settled, finalisable);
      expect(await market.market.finaliseDue.staticCall([terms])).to.equal(0n);
      expect((await market.market.earnedOf({ ...terms })).amount).to.equal(OFFER.price);
    });

    it("many jobs at a time pays those that are due, each once, and skips the others", async () => {
      const market = await load();
      const [first, second] = (await dueJobs(market, 2)) as [Terms, Terms];
      const running = await requestJob(market);
      const young = await requestJob(market);
      await submitJob(market, young, OUTPUT);
      const due = [first, first, running, young, { ...second, price: 0n }, { ...second, nonce: 99n }, second];
      expect(await market.market.finaliseDue.staticCall(due)).to.equal(2n);
      await market.market.finaliseDue(due);
      expect(await market.market.earnedOf({ ...first })).to.deep.equal([2n * OFFER.price, 2n * OFFER.stake]);
      expect(await market.market.statusOf(running.id)).to.equal(STATUS.requested);
      expect(await market.market.statusOf(young.id)).to.equal(STATUS.submitted);
      expect(await market.market.finaliseDue.staticCall([])).to.equal(0n);
    });

    it("with the next delivery does both", async () => {
      const market = await load();
      const due = await dueJob(market);
      const next = await requestJob(market);
      const own = market.market.connect(market.operator);
      await expect(own.submitAndFinaliseDue(next, OUTPUT, "ipfs:next", [due, next]))
        .to.emit(market.market, "ResultSubmitted")
        .and.to.emit(market.market, "JobPaid")
        .withArgs(due.id, market.provider, market.payToken, OFFER.price);
      expect(await market.market.statusOf(next.id)).to.equal(STATUS.submitted);
      expect(await market.market.statusOf(due.id)).to.equal(STATUS.settled);
    });
  });

  describe("expiry", () => {
    it("gives the client its price and the provider its stake back, whoever asks for it", async () => {
      const market = await load();
      const { client, payToken, stranger } = market;
      const terms = await requestJob(market);
      await afterPhase(market, terms);
      await expect(market.market.connect(stranger).expire(terms))
        .to.emit(market.market, "JobRefunded")
        .withArgs(terms.id, client, payToken, OFFER.price);
      await expectAllSettled(market);
    });
  });

  describe("collecting", () => {
    it("splits a pot between payout account, model owner and treasury, and frees the stake", async () => {
      const market = await load();
      const { provider, providers, modelId, modelOwner, payToken, treasury, stranger, escrow } = market;
      await providers.connect(provider).setPayout(stranger);
      const terms = await dueJob(market);
      await market.market.finalise(terms);
      const [fee, royalty] = [ceilShare(OFFER.price, 250n), ceilShare(OFFER.price, 500n)];
      const rest = OFFER.price - fee - royalty;
      await expect(market.market.collect({ ...terms }))
        .to.emit(market.market, "EarningsCollected")
        .withArgs(provider, modelId, payToken, stranger, rest, modelOwner, royalty, treasury, fee, OFFER.stake);
      expect(await escrow.balanceOf(payToken, stranger)).to.equal(rest);
      expect(await escrow.balanceOf(payToken, modelOwner)).to.equal(royalty);
      expect(await escrow.balanceOf(payToken, treasury)).to.equal(fee);
      await expectAllSettled(market);
    });

    it("happens once for many jobs, and not again before the next", async () => {
      const market = await load();
      const jobs = await dueJobs(market, 3);
      await market.market.finaliseDue(jobs);
      const key = { ...(jobs[0] as Terms) };
      await market.market.collect(key);
      expect(await market.escrow.balanceOf(market.payToken, market.treasury)).to.equal(
        ceilShare(3n * OFFER.price, 250n),
      );
      await refused(market.market.collect(key), market.market, "InferenceMarket_NothingEarned");
      expect(await market.market.earnedOf(key)).to.deep.equal([0n, 0n]);
      await expectAllSettled(market);
    });

    it("finds nothing under another key", async () => {
      const market = await load();
      const terms = await dueJob(market);
      await market.market.finalise(terms);
      for (const changes of [
        { provider: market.stranger.address },
        { modelId: 2n },
        { token: market.stakeToken.target },
        { protocolFeeBps: 0n },
        { provider: ZeroAddress },
      ]) {
        const call = market.market.collect({ ...terms, ...changes });
        await refused(call, market.market, "InferenceMarket_NothingEarned");
      }
    });

    for (const [price, royaltyBps] of [
      [0n, 2_000n],
      [1n, 2_000n],
      [2n, 2_000n],
      [3n, 1n],
      [39n, 500n],
      [10_000n, 2_000n],
      [10_001n, 0n],
      [MAX, 2_000n],
    ] as const) {
      it(`I23 splits ${String(price)} with a royalty of ${String(royaltyBps)} basis points to the unit`, async () => {
        const market = await load();
        const { providers, provider, payToken, escrow, client, modelOwner, treasury } = market;
        const modelId = await registerModel(market, { royaltyBps });
        await providers.connect(provider).setOffer(modelId, payToken, price, OFFER.stake, 60n);
        await payToken.mint(client, MAX);
        await escrow.connect(client).withdraw(payToken, client, await escrow.balanceOf(payToken, client));
        if (price > 0n) await escrow.connect(client).deposit(payToken, client, price);
        const terms = await dueJob(market, { modelId, maxPrice: price });
        await market.market.finalise(terms);
        await market.market.collect({ ...terms });
        const fee = ceilShare(price, 250n);
        const royalty = ceilShare(price, royaltyBps) > price - fee ? price - fee : ceilShare(price, royaltyBps);
        const split = [provider, modelOwner, treasury].map((account) => escrow.balanceOf(payToken, account));
        expect(await Promise.all(split)).to.deep.equal([price - fee - royalty, royalty, fee]);
        await expectAllSettled(market);
      });
    }
  });

  describe("A26 prices that fill the whole range", () => {
    /** A job that costs all that a balance can hold, and a client that could buy it twice. */
    async function dearOffer() {
      const market = await openMarket();
      const { providers, provider, payToken, escrow, client, modelId } = market;
      await providers.connect(provider).setOffer(modelId, payToken, MAX, OFFER.stake, 600n);
      await payToken.mint(client, 2n * MAX);
      await escrow.connect(client).withdraw(payToken, client, await escrow.balanceOf(payToken, client));
      await payToken.connect(client).approve(escrow, MaxUint256);
      const fund = () => escrow.connect(client).deposit(payToken, client, MAX);
      return { ...market, fund };
    }

    it("wait in the pot for each other, and are paid one after the other", async () => {
      const market = await networkHelpers.loadFixture(dearOffer);
      const { escrow, payToken, provider, providers, fund } = market;
      await fund();
      const first = await dueJob(market, { maxPrice: MAX });
      await fund();
      const second = await dueJob(market, { maxPrice: MAX });
      await market.market.finalise(first);
      await expect(market.market.finalise(second)).to.be.revertedWithPanic(0x11);
      await market.market.collect({ ...first });
      await market.market.finalise(second);
      await expect(market.market.collect({ ...second })).to.be.revertedWithPanic(0x11);
      const earned = await escrow.balanceOf(payToken, provider);
      await escrow.connect(provider).withdraw(payToken, provider, earned);
      await market.market.collect({ ...second });
      expect(await escrow.balanceOf(payToken, provider)).to.equal(earned);
      expect(await providers.payoutOf(provider)).to.equal(provider);
      await expectAllSettled(market);
    });

    it("are refunded once the client has room for them", async () => {
      const market = await networkHelpers.loadFixture(dearOffer);
      const { escrow, payToken, client, fund } = market;
      await fund();
      const terms = await requestJob(market, { maxPrice: MAX });
      await fund();
      await afterPhase(market, terms);
      await expect(market.market.expire(terms)).to.be.revertedWithPanic(0x11);
      await escrow.connect(client).withdraw(payToken, client, MAX);
      await market.market.expire(terms);
      expect(await escrow.balanceOf(payToken, client)).to.equal(MAX);
      await expectAllSettled(market);
    });
  });
});
