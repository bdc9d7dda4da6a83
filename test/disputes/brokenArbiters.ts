import { anyValue } from "@nomicfoundation/hardhat-ethers-chai-matchers/withArgs";
import { expect } from "chai";
import { ZeroAddress } from "ethers";

import { MAX_RESOLUTION, RULING } from "../support/assemble.js";
import { expectAllSettled } from "../support/books.js";
import type { ArbiterMarket } from "../support/court.js";
import { challengedJob, marketWithArbiter, MOOD } from "../support/court.js";
import { at, networkHelpers, OFFER, refused, STAKE, STATUS } from "../support/fixture.js";

/** Answers that are no ruling. */
const { calm, flooding, ...BROKEN } = MOOD;

describe("An arbiter that does not answer", () => {
  const load = () => networkHelpers.loadFixture(marketWithArbiter);

  /** When the court stops waiting: the last second in which only the arbiter decides. */
  async function lastSecond(market: ArbiterMarket, caseId: bigint): Promise<bigint> {
    return (await market.disputes.caseOf(caseId)).openedAt + MAX_RESOLUTION;
  }

  for (const [name, mood] of Object.entries({ silent: calm, ...BROKEN })) {
    it(`${name}: the case waits for its last second, then the result stands`, async () => {
      const market = await load();
      const { disputes, arbiter, escrow, challenger, stakeToken } = market;
      const before = await escrow.balanceOf(stakeToken, challenger);
      const { terms, caseId } = await challengedJob(market);
      await arbiter.setMood(mood);
      const latest = await lastSecond(market, caseId);
      for (const time of [latest - 1n, latest]) {
        await at(time);
        const call = disputes.resolve(caseId, terms);
        await refused(call, disputes, "DisputeManager_NotYetRuled", caseId, latest);
      }
      await at(latest + 1n);
      await disputes.resolve(caseId, terms);

      expect((await disputes.caseOf(caseId)).ruling).to.equal(RULING.inconclusive);
      expect(await market.market.statusOf(terms.id)).to.equal(STATUS.settled);
      expect(await market.market.earnedOf({ ...terms })).to.deep.equal([OFFER.price, OFFER.stake]);
      expect(await escrow.balanceOf(stakeToken, challenger)).to.equal(before);
      expect(await market.staking.bondedOf(market.provider)).to.equal(STAKE);
      await market.market.collect({ ...terms });
      await expectAllSettled(market);
    });
  }

  it("that recovers in time is still heard", async () => {
    const market = await load();
    const { disputes, arbiter } = market;
    const { terms, caseId } = await challengedJob(market);
    await arbiter.rule(RULING.upheld, ZeroAddress);
    await arbiter.setMood(MOOD.reverting);
    const early = disputes.resolve(caseId, terms);
    await refused(early, disputes, "DisputeManager_NotYetRuled", caseId, anyValue);
    await arbiter.setMood(MOOD.calm);
    await disputes.resolve(caseId, terms);
    expect((await disputes.caseOf(caseId)).ruling).to.equal(RULING.upheld);
  });

  it("that rules late is heard as long as nobody ended the case", async () => {
    const market = await load();
    const { disputes, arbiter } = market;
    const { terms, caseId } = await challengedJob(market);
    await at((await lastSecond(market, caseId)) + 1n);
    await arbiter.rule(RULING.upheld, ZeroAddress);
    await disputes.resolve(caseId, terms);
    expect((await disputes.caseOf(caseId)).ruling).to.equal(RULING.upheld);
  });

  it("that says more than it is asked is understood", async () => {
    const market = await load();
    const { disputes, arbiter, escrow, stakeToken } = market;
    const { terms, caseId } = await challengedJob(market);
    await arbiter.setMood(flooding);
    await disputes.resolve(caseId, terms);
    expect((await disputes.caseOf(caseId)).ruling).to.equal(RULING.upheld);
    // The finder it names is address 1.
    const finder = ZeroAddress.replace(/0$/, "1");
    expect(await escrow.balanceOf(stakeToken, finder)).to.equal((OFFER.stake * 40n) / 100n);
  });

  it("that burns all gas still leaves enough to end the case", async () => {
    const market = await load();
    const { disputes, arbiter } = market;
    const { terms, caseId } = await challengedJob(market);
    await arbiter.setMood(MOOD.burning);
    await at((await lastSecond(market, caseId)) + 1n);
    const sent = await disputes.resolve(caseId, terms, { gasLimit: 1_200_000n });
    const receipt = await sent.wait();
    expect(receipt?.gasUsed).to.be.greaterThan(500_000n).and.lessThan(1_000_000n);
  });
});
