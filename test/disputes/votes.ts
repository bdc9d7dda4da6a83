import { expect } from "chai";
import { ZeroHash } from "ethers";

import { BOND, HOUR, JUROR_LOCK, MAX_RESOLUTION, POOL_LOCK, RULING } from "../support/assemble.js";
import { expectAllSettled, expectBooksExact } from "../support/books.js";
import type { Market } from "../support/fixture.js";
import {
  at,
  networkHelpers,
  now,
  OFFER,
  openMarket,
  PREPAID,
  refused,
  STAKE,
  stake,
  STATUS,
} from "../support/fixture.js";
import type { Juror } from "../support/jury.js";
import { commit, DELIVERED, drawnCase, openedCase, OTHER, PHASE, reveal, vote } from "../support/jury.js";

/** What a juror may do, as the output it finds; silence is none. */
const CHOICES = { agrees: DELIVERED, differs: OTHER, abstains: ZeroHash, silent: undefined };
type Choice = keyof typeof CHOICES;

const NAMES = Object.keys(CHOICES) as Choice[];
/** Every jury of three whose members count alike: the order of the seats does not matter. */
const JURIES = NAMES.flatMap((a, i) =>
  NAMES.slice(i).flatMap((b, j) => NAMES.slice(i + j).map((c): Choice[] => [a, b, c])),
);

/** The rules once more: what follows from the choices of three jurors of equal weight. */
function expectedOutcome(choices: Choice[]) {
  const count = (choice: Choice) => BigInt(choices.filter((made) => made === choice).length);
  const [agree, differ, silent] = [count("agrees"), count("differs"), count("silent")];
  const undecided = agree + differ < 2n || agree === differ;
  const ruling = undecided ? RULING.inconclusive : differ > agree ? RULING.upheld : RULING.rejected;
  // The same whichever way it rules.
  const reward = undecided ? 0n : OFFER.stake / 5n;
  const pot = reward + silent * JUROR_LOCK;
  const earns = (choice: Choice) =>
    ruling === RULING.inconclusive
      ? choice === "agrees" || choice === "differs"
      : choice === (ruling === RULING.upheld ? "differs" : "agrees");
  const earners = BigInt(choices.filter(earns).length);
  const paid = choices.map((choice) => (earns(choice) ? pot / earners : 0n));
  const first = choices.findIndex(earns);
  if (first >= 0) paid[first] = (paid[first] ?? 0n) + (pot % earners);
  return { ruling, paid, toTreasury: earners === 0n ? pot : 0n, silent };
}

describe("The votes of a jury", () => {
  const load = () => networkHelpers.loadFixture(openMarket);
  const balanceOf = (market: Market, account: { address: string }) =>
    market.escrow.balanceOf(market.stakeToken, account.address);

  for (const choices of JURIES) {
    const { ruling, paid, toTreasury, silent } = expectedOutcome(choices);
    const name = Object.entries(RULING).find(([, value]) => value === ruling)?.[0];
    it(`${choices.join(", ")}: ${String(name)}, with exact books`, async () => {
      const market = await load();
      const { jury, disputes, staking, escrow, payToken, client, provider, challenger, treasury } = market;
      const bond = await balanceOf(market, challenger);
      const { terms, caseId, seats } = await drawnCase(market);
      const found = choices.map((choice) => CHOICES[choice]);
      const closed = await vote(market, caseId, seats, found);
      const revealed = choices.filter((choice) => choice !== "silent").length;
      const weight = (choice: Choice) => BigInt(choices.filter((made) => made === choice).length) * STAKE;
      await expect(closed)
        .to.emit(jury, "JuryCaseClosed")
        .withArgs(caseId, ruling, weight("agrees"), weight("differs"), revealed, silent * JUROR_LOCK);
      expect((await jury.rulingOf(caseId))[0]).to.equal(ruling);
      await disputes.resolve(caseId, terms);
      expect((await disputes.caseOf(caseId)).ruling).to.equal(ruling);
      await jury.payJurors(caseId);

      for (const [i, { provider: juror }] of seats.entries()) {
        expect(await balanceOf(market, juror)).to.equal(paid[i]);
        expect(await staking.bondedOf(juror)).to.equal(choices[i] === "silent" ? STAKE - JUROR_LOCK : STAKE);
      }
      const upheld = ruling === RULING.upheld;
      const rejected = ruling === RULING.rejected;
      const share = (OFFER.stake * 2n) / 5n;
      expect(await escrow.balanceOf(payToken, client)).to.equal(upheld ? PREPAID : PREPAID - OFFER.price);
      expect(await staking.bondedOf(provider)).to.equal(upheld ? STAKE - OFFER.stake : STAKE);
      expect(await balanceOf(market, provider)).to.equal(rejected ? BOND - OFFER.stake / 5n : 0n);
      expect(await balanceOf(market, challenger)).to.equal(upheld ? bond + share : rejected ? bond - BOND : bond);
      expect(await balanceOf(market, treasury)).to.equal(toTreasury + (upheld ? share : 0n));
      if (!upheld) await market.market.collect({ ...terms });
      await expectAllSettled(market);
    });
  }

  it("count by stake: one rich juror outweighs two", async () => {
    const market = await load();
    for (const { provider } of market.keys.slice(1, 2)) await stake(market, provider, STAKE + 1n);
    const { caseId, seats } = await drawnCase(market);
    const rich = market.keys[1]?.provider.address;
    const found = seats.map(({ provider }) => (provider.address === rich ? DELIVERED : OTHER));
    await vote(market, caseId, seats, found);
    expect(await market.jury.rulingOf(caseId)).to.deep.equal([RULING.rejected, "0x" + "0".repeat(40)]);
  });

  it("are closed by anyone, from the second after the last reveal or period on, once", async () => {
    const market = await load();
    const { jury, stranger } = market;
    const { caseId, seats } = await drawnCase(market);
    const close = () => jury.connect(stranger).close(caseId);
    const early = (phase: bigint) => refused(close(), jury, "JuryArbiter_WrongPhase", caseId, phase, PHASE.count);
    await early(PHASE.commit);
    for (const juror of seats) await commit(market, caseId, juror, OTHER);
    await early(PHASE.reveal);
    for (const juror of seats) await reveal(market, caseId, juror, OTHER);
    await close();
    await early(PHASE.closed);
  });

  it("are not shared before the case is closed and resolved, and then once", async () => {
    const market = await load();
    const { jury, disputes } = market;
    const { terms, caseId, seats } = await drawnCase(market);
    const pay = () => jury.payJurors(caseId);
    await refused(pay(), jury, "JuryArbiter_WrongPhase", caseId, PHASE.commit, PHASE.closed);
    await vote(market, caseId, seats, [OTHER, OTHER, OTHER]);
    await refused(pay(), jury, "JuryArbiter_NotResolved", caseId);
    await disputes.resolve(caseId, terms);
    const reward = OFFER.stake / 5n;
    const sent = pay();
    for (const [i, { provider }] of seats.entries()) {
      const part = reward / 3n + (i === 0 ? reward % 3n : 0n);
      await expect(sent).to.emit(jury, "JurorPaid").withArgs(caseId, provider, part);
    }
    await refused(pay(), jury, "JuryArbiter_AlreadyPaid", caseId);
    await expectAllSettled(market);
  });

  it("I19 cost a juror that does not reveal its lock, once, even if it is leaving", async () => {
    const market = await load();
    const { jury, staking } = market;
    const { caseId, seats } = await drawnCase(market);
    const [silent] = seats as [Juror];
    await staking.connect(silent.provider).requestUnbonding(STAKE);
    await expect(vote(market, caseId, seats, [undefined, OTHER, OTHER]))
      .to.emit(jury, "JurorPenalised")
      .withArgs(caseId, silent.provider, JUROR_LOCK)
      .and.to.emit(staking, "StakeSlashed")
      .withArgs(silent.provider, jury, JUROR_LOCK, JUROR_LOCK);
    expect(await staking.bondedOf(silent.provider)).to.equal(0n);
    expect(await staking.unbondingOf(silent.provider)).to.equal(STAKE - JUROR_LOCK);
    expect(await staking.lockedOf(silent.provider)).to.equal(POOL_LOCK - JUROR_LOCK);
    await expectBooksExact(market, { prices: OFFER.price, bonds: BOND });
  });

  describe("at the deadlines", () => {
    for (const [when, seconds, open] of [
      ["one second before the end of", -1n, true],
      ["in the last second of", 0n, true],
      ["one second after", 1n, false],
    ] as const) {
      it(`${open ? "can" : "cannot"} be committed ${when} the commit period`, async () => {
        const market = await load();
        const { caseId, seats } = await drawnCase(market);
        const [first] = seats as [Juror];
        await at((await market.jury.juryCaseOf(caseId)).commitEnd + seconds);
        const call = commit(market, caseId, first, OTHER);
        if (open) await expect(call).to.emit(market.jury, "VoteCommitted");
        else await refused(call, market.jury, "JuryArbiter_WrongPhase", caseId, PHASE.reveal, PHASE.commit);
      });

      it(`${open ? "cannot" : "can"} be revealed ${when} the commit period while a commitment is missing`, async () => {
        const market = await load();
        const { caseId, seats } = await drawnCase(market);
        const [first] = seats as [Juror];
        await commit(market, caseId, first, OTHER);
        await at((await market.jury.juryCaseOf(caseId)).commitEnd + seconds);
        const call = reveal(market, caseId, first, OTHER);
        if (!open) await expect(call).to.emit(market.jury, "VoteRevealed");
        else await refused(call, market.jury, "JuryArbiter_WrongPhase", caseId, PHASE.commit, PHASE.reveal);
      });

      it(`${open ? "can be revealed" : "can only be closed"} ${when} the reveal period`, async () => {
        const market = await load();
        const { jury } = market;
        const { caseId, seats } = await drawnCase(market);
        const [first] = seats as [Juror];
        await commit(market, caseId, first, OTHER);
        const time = (await jury.juryCaseOf(caseId)).revealEnd + seconds;
        await at(time);
        if (open) {
          await refused(jury.close(caseId), jury, "JuryArbiter_WrongPhase", caseId, PHASE.reveal, PHASE.count);
          await at(time);
          await expect(reveal(market, caseId, first, OTHER)).to.emit(jury, "VoteRevealed");
        } else {
          const late = reveal(market, caseId, first, OTHER);
          await refused(late, jury, "JuryArbiter_WrongPhase", caseId, PHASE.count, PHASE.reveal);
          await expect(jury.close(caseId)).to.emit(jury, "JuryCaseClosed");
        }
      });
    }
  });

  describe("that come too late or never", () => {
    it("a jury that nobody drew ends without a ruling after its period", async () => {
      const market = await load();
      const { jury, disputes } = market;
      const { terms, caseId } = await openedCase(market);
      await at((await jury.juryCaseOf(caseId)).openedAt + HOUR + 1n);
      await expect(jury.close(caseId))
        .to.emit(jury, "JuryCaseClosed")
        .withArgs(caseId, RULING.inconclusive, 0n, 0n, 0n, 0n);
      await disputes.resolve(caseId, terms);
      await jury.payJurors(caseId);
      expect(await market.market.statusOf(terms.id)).to.equal(STATUS.settled);
      await market.market.collect({ ...terms });
      await expectAllSettled(market);
    });

    it("a jury without members ends without a ruling at once", async () => {
      const market = await load();
      const { jury, staking } = market;
      const { caseId, pool, weights } = await openedCase(market);
      for (const { provider } of market.keys.slice(1)) {
        await jury.connect(provider).leave(market.modelId, provider);
        await staking.connect(provider).requestUnbonding(STAKE);
      }
      await jury.draw(caseId, pool, weights);
      await jury.close(caseId);
      expect((await jury.rulingOf(caseId))[0]).to.equal(RULING.inconclusive);
    });

    it("a case that time ended keeps its outcome when the jury closes after it", async () => {
      const market = await load();
      const { jury, disputes } = market;
      const { terms, caseId, seats } = await drawnCase(market);
      const [first, second] = seats as [Juror, Juror];
      for (const juror of [first, second]) await commit(market, caseId, juror, OTHER);
      await at((await jury.juryCaseOf(caseId)).commitEnd + 1n);
      for (const juror of [first, second]) await reveal(market, caseId, juror, OTHER);
      await at((await now()) + MAX_RESOLUTION);
      await disputes.resolve(caseId, terms);
      await refused(jury.payJurors(caseId), jury, "JuryArbiter_WrongPhase", caseId, PHASE.count, PHASE.closed);
      await jury.close(caseId);
      expect((await disputes.caseOf(caseId)).ruling).to.equal(RULING.inconclusive);
      const again = disputes.resolve(caseId, terms);
      await refused(again, disputes, "DisputeManager_AlreadyResolved", caseId, RULING.inconclusive);
      await jury.payJurors(caseId);
      for (const { provider } of [first, second]) expect(await balanceOf(market, provider)).to.equal(JUROR_LOCK / 2n);
      await market.market.collect({ ...terms });
      await expectAllSettled(market);
    });
  });
});
