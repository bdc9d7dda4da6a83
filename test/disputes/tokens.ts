import { expect } from "chai";
import { ZeroAddress } from "ethers";

import { SilentArbiter__factory } from "../../sdk/src/typechain/index.js";
import { assemble, LONGEST_ARBITER, RULING } from "../support/assemble.js";
import { expectAllSettled } from "../support/books.js";
import { challengedJob } from "../support/court.js";
import { namedPeople, networkHelpers, OFFER, populate, refused, STAKE } from "../support/fixture.js";
import { drawnCase, OTHER, vote } from "../support/jury.js";
import { arm, deployTokens } from "../support/tokens.js";

type Kind = keyof Awaited<ReturnType<typeof deployTokens>>;

/** A market whose stake is a token of this kind, judged by its jury. */
async function judgedIn(kind: Kind) {
  const tokens = await deployTokens((await namedPeople()).deployer);
  const stakeToken = await tokens[kind].getAddress();
  return { ...(await populate(await assemble({ stakeToken, juryJudges: true }))), tokens };
}

/** The same, judged by an arbiter that upholds every challenge. */
async function upheldIn(kind: Kind) {
  const tokens = await deployTokens((await namedPeople()).deployer);
  const market = await populate(await assemble({ stakeToken: await tokens[kind].getAddress() }));
  const arbiter = await new SilentArbiter__factory(market.deployer).deploy(LONGEST_ARBITER);
  await market.disputes.connect(market.deployer).setArbiter(4, arbiter);
  await arbiter.rule(RULING.upheld, ZeroAddress);
  return { ...market, arbiter, tokens };
}

const judgedInNoReturn = () => judgedIn("noReturn");
const judgedInBlocklist = () => judgedIn("blocklist");
const upheldInFalseReturn = () => upheldIn("falseReturn");
const upheldInReentrant = () => upheldIn("reentrant");

describe("Disputes over a stake token that misbehaves", () => {
  it("B06 slash, pay and fine in a token whose transfers return nothing", async () => {
    const market = await networkHelpers.loadFixture(judgedInNoReturn);
    const { disputes, jury, staking, provider } = market;
    const { terms, caseId, seats } = await drawnCase(market);
    await vote(market, caseId, seats, [OTHER, OTHER, undefined]);
    await disputes.resolve(caseId, terms);
    await jury.payJurors(caseId);
    expect(await staking.bondedOf(provider)).to.equal(STAKE - OFFER.stake);
    await expectAllSettled(market);
  });

  it("B08 I14 end although provider, challenger, a juror and the treasury are blocked", async () => {
    const market = await networkHelpers.loadFixture(judgedInBlocklist);
    const { tokens, disputes, jury, provider, challenger, treasury } = market;
    const { terms, caseId, seats } = await drawnCase(market);
    const blocked = [provider, challenger, treasury, ...seats.slice(0, 2).map((seat) => seat.provider)];
    for (const account of blocked) await tokens.blocklist.setBlocked(account, true);
    await vote(market, caseId, seats, [undefined, OTHER, OTHER]);
    await disputes.resolve(caseId, terms);
    await jury.payJurors(caseId);
    expect((await disputes.caseOf(caseId)).ruling).to.equal(RULING.upheld);
    await expectAllSettled(market);
  });

  it("B06 wait for a token that says false, and lose nothing by it", async () => {
    const market = await networkHelpers.loadFixture(upheldInFalseReturn);
    const { tokens, disputes, staking } = market;
    const { terms, caseId } = await challengedJob(market);
    await tokens.falseReturn.setFailing(true);
    const call = disputes.resolve(caseId, terms);
    await refused(call, staking, "SafeERC20FailedOperation", tokens.falseReturn);
    expect((await disputes.caseOf(caseId)).ruling).to.equal(RULING.none);
    await tokens.falseReturn.setFailing(false);
    await disputes.resolve(caseId, terms);
    expect(await staking.bondedOf(market.provider)).to.equal(STAKE - OFFER.stake);
    await expectAllSettled(market);
  });

  it("B05 resolve once, even when the token asks for more in the middle of the slash", async () => {
    const market = await networkHelpers.loadFixture(upheldInReentrant);
    const { tokens, disputes } = market;
    const { terms, caseId } = await challengedJob(market);
    const other = await challengedJob(market);
    const resolve = () => disputes.resolve(caseId, terms);
    await arm(tokens.reentrant, disputes, "resolve", caseId, terms);
    await refused(resolve(), disputes, "ReentrancyGuardReentrantCall");
    await arm(tokens.reentrant, disputes, "resolve", other.caseId, other.terms);
    await refused(resolve(), disputes, "ReentrancyGuardReentrantCall");
    await tokens.reentrant.arm(ZeroAddress, "0x");
    await resolve();
    await disputes.resolve(other.caseId, other.terms);
    expect(await market.staking.bondedOf(market.provider)).to.equal(STAKE - 2n * OFFER.stake);
    await expectAllSettled(market);
  });
});
