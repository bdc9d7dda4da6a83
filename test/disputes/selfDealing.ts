import { expect } from "chai";

import { assemble, BOND, COURT_PERIOD, RULING } from "../support/assemble.js";
import { expectAllSettled } from "../support/books.js";
import { challengedCase, quietUntil, settle, tracedCase } from "../support/cases.js";
import type { Assay, Market, Signer } from "../support/fixture.js";
import { at, fundStakeBalance, networkHelpers, OFFER, populate, prepay, refused } from "../support/fixture.js";
import { drawnCase, OTHER, vote } from "../support/jury.js";
import type { ProvenMarket } from "../support/proofs.js";
import { accusationsOf, accuse, answer, demand, digDown, evidenceOf, provenMarket, run } from "../support/proofs.js";

const LEAF = { tensor: 9, level: 0, index: 0 };
const FINDERS_SHARE = (OFFER.stake * 40n) / 100n;

/** All tokens of one kind that these accounts could take out, or have at stake. */
async function wealth({ escrow, staking, stakeToken, payToken }: Assay, people: Signer[]) {
  let [stakes, payments] = [0n, 0n];
  for (const person of new Set(people)) {
    stakes += (await stakeToken.balanceOf(person)) + (await escrow.balanceOf(stakeToken, person));
    stakes += await staking.slashableOf(person);
    payments += (await payToken.balanceOf(person)) + (await escrow.balanceOf(payToken, person));
  }
  return { stakes, payments };
}

describe("A provider that has friends", function () {
  this.timeout(120_000);
  const load = () => networkHelpers.loadFixture(provenMarket);

  /** A market in which the provider is its own client and challenger. */
  async function alone(): Promise<ProvenMarket> {
    const market = await load();
    const { provider } = market;
    await prepay(market, provider, OFFER.price);
    await fundStakeBalance(market, provider, 10n * BOND);
    return { ...market, client: provider, challenger: provider, operator: provider };
  }

  it("is not shielded by one that challenges first and proves nothing: a stranger convicts in the same case", async () => {
    const market = await load();
    const { escrow, stakeToken, challenger, stranger } = market;
    const friendHad = await escrow.balanceOf(stakeToken, challenger);
    const had = await escrow.balanceOf(stakeToken, stranger);
    const given = await run(3, { tensor: LEAF.tensor, byte: 0 });
    const { terms, caseId } = await tracedCase(market, given);
    const second = market.disputes.connect(stranger).challenge(terms, given.posted.outputRoot);
    await expect(second).to.be.revertedWithCustomError(market.market, "InferenceMarket_WrongStatus");
    const asStranger = { ...market, challenger: stranger };
    const [accusation] = accusationsOf(given, await digDown(asStranger, given, caseId));
    if (!accusation) throw new Error("nothing to accuse");
    await accuse(asStranger, caseId, accusation);
    expect(await settle(market, terms, caseId, [LEAF])).to.equal(RULING.upheld);
    expect(await escrow.balanceOf(stakeToken, stranger)).to.equal(had + FINDERS_SHARE);
    expect(await escrow.balanceOf(stakeToken, challenger)).to.equal(friendHad);
  });

  it("is not shielded by one that asks first: what it shows the friend convicts it", async () => {
    const market = await load();
    const { escrow, stakeToken, stranger } = market;
    const had = await escrow.balanceOf(stakeToken, stranger);
    const given = await run(3, { tensor: LEAF.tensor, byte: 0 });
    const { terms, caseId } = await tracedCase(market, given);
    await demand(market, given, caseId, LEAF);
    const asStranger = { ...market, challenger: stranger };
    const again = demand(asStranger, given, caseId, LEAF);
    await refused(again, market.court, "ProofCourt_AlreadyDemanded", caseId, Object.values(LEAF));
    await answer(market, given, caseId, LEAF);
    const [accusation] = accusationsOf(given, evidenceOf(given, LEAF));
    if (!accusation) throw new Error("nothing to accuse");
    await accuse(asStranger, caseId, accusation);
    expect(await settle(market, terms, caseId, [LEAF])).to.equal(RULING.upheld);
    expect(await escrow.balanceOf(stakeToken, stranger)).to.equal(had + FINDERS_SHARE);
  });

  it("is not shielded by one that asks first and is not answered: a stranger proves the silence", async () => {
    const market = await load();
    const { escrow, stakeToken, challenger, provider, stranger } = market;
    const friends = [provider, market.operator, challenger];
    const before = await wealth(market, friends);
    const given = await run(3, { tensor: LEAF.tensor, byte: 0 });
    const { terms, caseId } = await tracedCase(market, given);
    await demand(market, given, caseId, LEAF);
    const { deadline } = await market.court.demandOf(caseId, LEAF);
    await at(deadline + 1n);
    await market.court.connect(stranger).proveSilence(caseId, LEAF);
    expect(await settle(market, terms, caseId, [LEAF])).to.equal(RULING.upheld);
    const after = await wealth(market, friends);
    expect(before.stakes - after.stakes).to.equal(OFFER.stake - FINDERS_SHARE);
    expect(await escrow.balanceOf(stakeToken, market.treasury)).to.equal(OFFER.stake - FINDERS_SHARE);
  });

  it("and is provider, client, challenger and finder in one: loses 60 % of the slash to the treasury", async () => {
    const market = await alone();
    const { provider, treasury } = market;
    const before = await wealth(market, [provider]);
    const given = await run(3, { tensor: LEAF.tensor, byte: 0 });
    const { terms, caseId } = await tracedCase(market, given);
    const [accusation] = accusationsOf(given, await digDown(market, given, caseId));
    if (!accusation) throw new Error("nothing to accuse");
    await accuse(market, caseId, accusation);
    expect(await settle(market, terms, caseId, [LEAF])).to.equal(RULING.upheld);
    const after = await wealth(market, [provider]);
    expect(before.stakes - after.stakes).to.equal((OFFER.stake * 60n) / 100n);
    expect(before.payments - after.payments).to.equal(0n);
    expect((await wealth(market, [treasury])).stakes).to.equal((OFFER.stake * 60n) / 100n);
  });

  it("and accuses itself of what is right: has its bond and fees again, and nothing of anybody's", async () => {
    const market = await alone();
    const { provider } = market;
    const before = await wealth(market, [provider]);
    const given = await run(3);
    const { terms, caseId } = await tracedCase(market, given);
    await demand(market, given, caseId, LEAF);
    await answer(market, given, caseId, LEAF);
    await at((await quietUntil(market, caseId)) + 1n);
    expect(await settle(market, terms, caseId, [LEAF])).to.equal(RULING.rejected);
    const after = await wealth(market, [provider]);
    expect(after.stakes).to.equal(before.stakes);
    // What it paid itself less royalty and fee.
    expect(before.payments - after.payments).to.equal((OFFER.price * 750n) / 10_000n);
  });

  it("and posts no trace against itself: loses the same", async () => {
    const market = await alone();
    const before = await wealth(market, [market.provider]);
    const { terms, caseId } = await challengedCase(market, await run(3));
    const { openedAt } = await market.disputes.caseOf(caseId);
    await at(openedAt + COURT_PERIOD + 1n);
    expect(await settle(market, terms, caseId)).to.equal(RULING.upheld);
    const after = await wealth(market, [market.provider]);
    expect(before.stakes - after.stakes).to.equal((OFFER.stake * 60n) / 100n);
  });

  it("and owns its whole jury besides: still loses 40 % of the slash", async () => {
    const judged = async (): Promise<Market> => populate(await assemble({ juryJudges: true }));
    const market = await networkHelpers.loadFixture(judged);
    const own = [...market.keys.flatMap(({ provider, operator }) => [provider, operator]), market.challenger];
    const before = await wealth(market, own);
    const { terms, caseId, seats } = await drawnCase(market);
    await vote(market, caseId, seats, [OTHER, OTHER, OTHER]);
    await market.disputes.resolve(caseId, terms);
    await market.jury.payJurors(caseId);
    await expectAllSettled(market);
    const after = await wealth(market, own);
    expect(before.stakes - after.stakes).to.equal((OFFER.stake * 40n) / 100n);
  });
});
