import { expect } from "chai";

import { BOND, JUROR_LOCK, POOL_LOCK, RULING, UNBONDING_PERIOD } from "../support/assemble.js";
import { expectAllSettled, expectBooksExact } from "../support/books.js";
import type { Market, Terms } from "../support/fixture.js";
import {
  at,
  fundStakeBalance,
  networkHelpers,
  now,
  OFFER,
  openMarket,
  refused,
  requestJob,
  STAKE,
  stake,
  submitJob,
} from "../support/fixture.js";
import type { Juror } from "../support/jury.js";
import { awaitSeed, commit, drawnCase, openedCase, OTHER, PHASE, reveal, vote } from "../support/jury.js";

describe("The deposit of a juror", () => {
  const load = () => networkHelpers.loadFixture(openMarket);
  const locksOf = async ({ jury, modelId }: Market, { provider }: Juror) => {
    const { locks, openSeats } = await jury.membershipOf(modelId, provider);
    return [locks, openSeats];
  };

  /** Cases before the same three jurors, all drawn before any is judged. */
  async function drawnCases(market: Market, count: number) {
    const cases: Awaited<ReturnType<typeof drawnCase>>[] = [];
    for (let i = 0; i < count; i++) cases.push(await drawnCase(market));
    const [latest] = cases.slice(-1);
    if (!latest) throw new Error("no case was drawn");
    const [first, second, third] = latest.seats as [Juror, Juror, Juror];
    return { cases, caseIds: cases.map(({ caseId }) => caseId), first, second, third };
  }

  async function passReveal(market: Market, caseId: bigint, seconds = 1n): Promise<void> {
    await at((await market.jury.juryCaseOf(caseId)).revealEnd + seconds);
    await networkHelpers.mine();
  }

  /** Commits and reveals what `jurors` found in one case, in its reveal period if somebody is silent. */
  async function voteIn(market: Market, caseId: bigint, jurors: Juror[]): Promise<void> {
    for (const juror of jurors) await commit(market, caseId, juror, OTHER);
    await at((await market.jury.juryCaseOf(caseId)).commitEnd + 1n);
    for (const juror of jurors) await reveal(market, caseId, juror, OTHER);
  }

  async function settle(market: Market, cases: { caseId: bigint; terms: Terms }[]): Promise<void> {
    for (const { caseId, terms } of cases) {
      await market.disputes.resolve(caseId, terms);
      await market.jury.payJurors(caseId);
    }
  }

  it("D2 is not used up by cases: after six self-challenges an honest challenge gets its full jury and wins", async () => {
    const market = await load();
    const { jury, disputes, staking, stranger } = market;
    for (const { provider } of market.keys.slice(1)) {
      await staking.connect(provider).requestUnbonding(STAKE - POOL_LOCK);
      expect(await staking.freeOf(provider)).to.equal(0n);
    }
    await fundStakeBalance(market, stranger, 6n * BOND);
    const friend: Market = { ...market, challenger: stranger };
    const own = await drawnCases(friend, 6);

    const honest = await drawnCase(market);
    expect(honest.seats).to.have.length(3);
    await vote(market, honest.caseId, honest.seats, [OTHER, OTHER, OTHER]);
    await disputes.resolve(honest.caseId, honest.terms);
    expect((await disputes.caseOf(honest.caseId)).ruling).to.equal(RULING.upheld);
    await jury.payJurors(honest.caseId);

    await passReveal(market, own.caseIds.at(-1) ?? 0n);
    for (const { caseId } of own.cases) await jury.close(caseId);
    await settle(market, own.cases);
    await market.market.collect({ ...honest.terms });
    await expectAllSettled(market);
  });

  it("is not touched by seats: a juror sits in as many cases as there are", async () => {
    const market = await load();
    const { caseIds, first } = await drawnCases(market, 6);
    expect(await locksOf(market, first)).to.deep.equal([4n, 6n]);
    expect(await market.staking.lockedOf(first.provider)).to.equal(POOL_LOCK);
    for (const caseId of caseIds) expect((await market.jury.juryCaseOf(caseId)).jurors).to.have.length(3);
  });

  it("pays for four silent seats; a fifth takes nothing, and the juror is drawn no more until it enrols again", async () => {
    const market = await load();
    const { jury, staking, disputes, modelId, challenger } = market;
    const { cases, caseIds, first, second, third } = await drawnCases(market, 5);
    for (const caseId of caseIds) await commit(market, caseId, second, OTHER);
    for (const caseId of caseIds) await commit(market, caseId, third, OTHER);
    await at((await jury.juryCaseOf(caseIds.at(-1) ?? 0n)).commitEnd + 1n);
    for (const caseId of caseIds) await reveal(market, caseId, second, OTHER);
    for (const caseId of caseIds) await reveal(market, caseId, third, OTHER);
    await passReveal(market, caseIds.at(-1) ?? 0n);

    for (const [i, caseId] of caseIds.entries()) {
      const taken = i < 4 ? JUROR_LOCK : 0n;
      const closed = jury.close(caseId);
      await expect(closed).to.emit(jury, "JurorPenalised").withArgs(caseId, first.provider, taken);
      if (i === 3) await expect(closed).to.emit(jury, "JurorLeft").withArgs(modelId, first.provider);
      else await expect(closed).not.to.emit(jury, "JurorLeft");
      expect((await jury.juryCaseOf(caseId)).penalties).to.equal(taken);
      expect(await locksOf(market, first)).to.deep.equal([BigInt(Math.max(3 - i, 0)), BigInt(4 - i)]);
    }
    expect(await staking.bondedOf(first.provider)).to.equal(STAKE - POOL_LOCK);
    expect(await staking.lockedOf(first.provider)).to.equal(0n);
    await expectBooksExact(market, { prices: 5n * OFFER.price, bonds: 5n * BOND });

    expect(await jury.poolOf(modelId)).not.to.include(first.provider.address);
    const next = await requestJob(market);
    const output = await submitJob(market, next);
    const challenge = () => disputes.connect(challenger).challenge(next, output);
    await refused(challenge(), jury, "JuryArbiter_TooFewJurors", modelId, 2n, 3n);
    const leave = jury.connect(first.provider).leave(modelId, first.provider);
    await refused(leave, jury, "JuryArbiter_NotEnrolled", first.provider, modelId);
    await jury.connect(first.operator).enrol(modelId, first.provider);
    expect(await staking.lockedOf(first.provider)).to.equal(POOL_LOCK);
    await expect(challenge()).to.emit(jury, "JuryCaseOpened");
    await settle(market, cases);
  });

  it("once lost leaves the juror its seats: it still votes and is paid", async () => {
    const market = await load();
    const { jury, escrow, stakeToken } = market;
    const silent = await drawnCases(market, 4);
    await passReveal(market, silent.caseIds.at(-1) ?? 0n, -20n);
    const last = await drawnCase(market);
    await passReveal(market, silent.caseIds.at(-1) ?? 0n);
    for (const caseId of silent.caseIds) await jury.close(caseId);
    expect(await locksOf(market, silent.first)).to.deep.equal([0n, 1n]);
    await vote(market, last.caseId, last.seats, [OTHER, OTHER, OTHER]);
    await settle(market, [last]);
    expect(await escrow.balanceOf(stakeToken, silent.first.provider)).to.be.greaterThan(0n);
    expect(await locksOf(market, silent.first)).to.deep.equal([0n, 0n]);
  });

  it("loses the seat of a case that was opened before the last lock went and is drawn after", async () => {
    const market = await load();
    const { jury } = market;
    const { caseIds } = await drawnCases(market, 4);
    await at((await jury.juryCaseOf(caseIds.at(-1) ?? 0n)).revealEnd - 10n);
    const late = await openedCase(market);
    await awaitSeed();
    await passReveal(market, caseIds.at(-1) ?? 0n);
    for (const caseId of caseIds) await jury.close(caseId);
    await jury.draw(late.caseId, late.pool, late.weights);
    expect((await jury.juryCaseOf(late.caseId)).jurors).to.deep.equal([]);
    expect(await jury.phaseOf(late.caseId)).to.equal(PHASE.count);
  });

  describe("of who leaves", () => {
    it("is free at once without a seat", async () => {
      const market = await load();
      const { jury, staking, provider, modelId } = market;
      await expect(jury.connect(provider).leave(modelId, provider))
        .to.emit(jury, "JurorDepositFreed")
        .withArgs(modelId, provider, POOL_LOCK);
      expect(await staking.lockedOf(provider)).to.equal(0n);
      expect(await jury.membershipOf(modelId, provider)).to.deep.equal([0n, 0n, false]);
    });

    it("stays until the last of its seats is settled, by whoever closes that case", async () => {
      const market = await load();
      const { jury, staking, modelId, stranger } = market;
      const { cases, first } = await drawnCases(market, 2);
      const [one, two] = cases as [(typeof cases)[0], (typeof cases)[0]];
      const left = jury.connect(first.operator).leave(modelId, first.provider);
      await expect(left).to.emit(jury, "JurorLeft").withArgs(modelId, first.provider);
      await expect(left).not.to.emit(jury, "JurorDepositFreed");
      expect(await jury.poolOf(modelId)).not.to.include(first.provider.address);
      const again = jury.connect(first.operator).leave(modelId, first.provider);
      await refused(again, jury, "JuryArbiter_NotEnrolled", first.provider, modelId);

      for (const { caseId, seats } of cases) for (const juror of seats) await commit(market, caseId, juror, OTHER);
      for (const { caseId, seats } of cases) for (const juror of seats) await reveal(market, caseId, juror, OTHER);
      await expect(jury.connect(stranger).close(one.caseId)).not.to.emit(jury, "JurorDepositFreed");
      expect(await staking.lockedOf(first.provider)).to.equal(POOL_LOCK);
      await expect(jury.connect(stranger).close(two.caseId))
        .to.emit(jury, "JurorDepositFreed")
        .withArgs(modelId, first.provider, POOL_LOCK);
      expect(await staking.lockedOf(first.provider)).to.equal(0n);
      await settle(market, cases);
    });

    for (const [when, period, seconds] of [
      ["in the commit period", "commitEnd", -10n],
      ["in the last second of the commit period", "commitEnd", 0n],
      ["in the last second of the reveal period", "revealEnd", 0n],
      ["one second after the reveal period", "revealEnd", 1n],
    ] as const) {
      it(`pays for its silence although it leaves ${when}, and the rest is free`, async () => {
        const market = await load();
        const { jury, staking, modelId } = market;
        const { caseId, seats } = await drawnCase(market);
        const [silent, ...others] = seats as [Juror, Juror, Juror];
        const leavesAt = (await jury.juryCaseOf(caseId))[period] + seconds;
        if (period === "revealEnd") await voteIn(market, caseId, others);
        await at(leavesAt);
        await jury.connect(silent.provider).leave(modelId, silent.provider);
        expect(await staking.lockedOf(silent.provider)).to.equal(POOL_LOCK);
        if (period === "commitEnd") await passReveal(market, caseId);
        else await at(leavesAt + 1n);
        await expect(jury.close(caseId))
          .to.emit(jury, "JurorPenalised")
          .withArgs(caseId, silent.provider, JUROR_LOCK)
          .and.to.emit(jury, "JurorDepositFreed")
          .withArgs(modelId, silent.provider, POOL_LOCK - JUROR_LOCK);
        expect(await staking.bondedOf(silent.provider)).to.equal(STAKE - JUROR_LOCK);
        expect(await staking.lockedOf(silent.provider)).to.equal(0n);
      });
    }

    it("cannot be withdrawn from under a seat that nobody settled yet", async () => {
      const market = await load();
      const { jury, staking, stranger, modelId, stakeToken } = market;
      const { caseId, seats } = await drawnCase(market);
      const [silent] = seats as [Juror];
      const own = staking.connect(silent.provider);
      await jury.connect(silent.provider).leave(modelId, silent.provider);
      await own.requestUnbonding(STAKE);
      await at((await now()) + UNBONDING_PERIOD);
      await refused(own.withdraw(stranger), staking, "ProviderStaking_StillLocked", silent.provider, POOL_LOCK, 0n);
      await jury.connect(stranger).close(caseId);
      await own.withdraw(stranger);
      expect(await stakeToken.balanceOf(stranger)).to.equal(STAKE - JUROR_LOCK);
    });

    it("is topped up when it enrols again while seats are open, and silence in these still costs it", async () => {
      const market = await load();
      const { jury, staking, modelId } = market;
      const { caseIds, first } = await drawnCases(market, 2);
      const [one, two] = caseIds as [bigint, bigint];
      await passReveal(market, two);
      await jury.close(one);
      expect(await locksOf(market, first)).to.deep.equal([3n, 1n]);
      await jury.connect(first.operator).leave(modelId, first.provider);
      expect(await staking.lockedOf(first.provider)).to.equal(POOL_LOCK - JUROR_LOCK);
      await jury.connect(first.operator).enrol(modelId, first.provider);
      expect(await staking.lockedOf(first.provider)).to.equal(POOL_LOCK);
      await expect(jury.close(two)).to.emit(jury, "JurorPenalised").withArgs(two, first.provider, JUROR_LOCK);
      expect(await locksOf(market, first)).to.deep.equal([3n, 0n]);
      expect(await jury.poolOf(modelId)).to.include(first.provider.address);
      expect(await staking.lockedOf(first.provider)).to.equal(POOL_LOCK - JUROR_LOCK);
    });

    it("is topped up to the unit", async () => {
      const market = await load();
      const { jury, staking, modelId } = market;
      const { caseIds, first } = await drawnCases(market, 2);
      const [one, two] = caseIds as [bigint, bigint];
      await passReveal(market, two);
      await jury.close(one);
      await staking.connect(first.provider).requestUnbonding(STAKE - POOL_LOCK);
      await jury.connect(first.operator).leave(modelId, first.provider);
      const enrol = () => jury.connect(first.operator).enrol(modelId, first.provider);
      const error = "ProviderStaking_InsufficientFree";
      await refused(enrol(), staking, error, first.provider, 0n, JUROR_LOCK);
      await stake(market, first.provider, JUROR_LOCK - 1n);
      await refused(enrol(), staking, error, first.provider, JUROR_LOCK - 1n, JUROR_LOCK);
      await stake(market, first.provider, 1n);
      await expect(enrol()).to.emit(jury, "JurorEnrolled");
    });
  });
});
