import { expect } from "chai";
import { id, MaxUint256 } from "ethers";

import { expectAllSettled, expectBooksExact } from "../support/books.js";
import type { Market } from "../support/fixture.js";
import { afterPhase, networkHelpers, OFFER, openMarket, requestJob, setCap, submitJob } from "../support/fixture.js";
import { arm, asPlain, deployTokens } from "../support/tokens.js";

const JURY = 4n;
const OUTPUT = id("output");
const DEPOSIT = 100n * OFFER.price;

/** A market whose providers also sell for every kind of token. */
async function marketOfAllTokens() {
  const market = await openMarket();
  const tokens = await deployTokens(market.deployer);
  for (const token of Object.values(tokens)) await setCap(market, JURY, token, OFFER.price);
  return { ...market, tokens };
}

type Kind = keyof Awaited<ReturnType<typeof deployTokens>>;

describe("InferenceMarket with tokens that misbehave", () => {
  /** The market as it looks to people who deal in this token only. */
  async function marketIn(kind: Kind) {
    const { tokens, ...market } = await networkHelpers.loadFixture(marketOfAllTokens);
    const { client, escrow, provider, providers, modelId } = market;
    const payToken = await asPlain(tokens[kind], client);
    await providers.connect(provider).setOffer(modelId, payToken, OFFER.price, OFFER.stake, OFFER.maxDuration);
    await payToken.mint(client, DEPOSIT);
    await payToken.approve(escrow, MaxUint256);
    await escrow.connect(client).deposit(payToken, client, DEPOSIT);
    return { market: { ...market, payToken }, tokens };
  }

  async function paidJob(market: Market) {
    const terms = await requestJob(market);
    await submitJob(market, terms, OUTPUT);
    await afterPhase(market, terms);
    await market.market.finalise(terms);
    await market.market.collect({ ...terms });
    return terms;
  }

  for (const kind of ["noReturn", "falseReturn", "fee", "blocklist", "reentrant"] as const) {
    it(`sells one inference for ${kind} and gives back the price of another`, async () => {
      const { market } = await marketIn(kind);
      const { escrow, payToken, client, provider } = market;
      const credited = await escrow.balanceOf(payToken, client);
      await paidJob(market);
      const expired = await requestJob(market);
      await expectBooksExact(market, { prices: OFFER.price });
      await afterPhase(market, expired);
      await market.market.expire(expired);
      expect(await escrow.balanceOf(payToken, client)).to.equal(credited - OFFER.price);
      expect(await escrow.balanceOf(payToken, provider)).to.equal((OFFER.price * 9_250n) / 10_000n);
      await expectAllSettled(market);
    });
  }

  it("B08 I14 pays everybody else when one payee is blocked", async () => {
    const { market, tokens } = await marketIn("blocklist");
    const { escrow, payToken, client, provider, treasury, modelOwner } = market;
    for (const account of [client, provider]) await tokens.blocklist.setBlocked(account, true);
    await paidJob(market);
    const expired = await requestJob(market);
    await afterPhase(market, expired);
    await market.market.expire(expired);
    for (const account of [treasury, modelOwner]) {
      const earned = await escrow.balanceOf(payToken, account);
      await escrow.connect(account).withdraw(payToken, account, earned);
      expect(await payToken.balanceOf(account))
        .to.equal(earned)
        .and.to.be.greaterThan(0n);
    }
    await expectAllSettled(market);
  });

  it("settles although the token moves nothing any more", async () => {
    const { market, tokens } = await marketIn("falseReturn");
    await tokens.falseReturn.setFailing(true);
    await paidJob(market);
    const declined = await requestJob(market);
    await market.market.connect(market.operator).decline(declined);
    await expectAllSettled(market);
  });

  describe("B05 I27 in the middle of a withdrawal", () => {
    it("finalises and collects once", async () => {
      const { market, tokens } = await marketIn("reentrant");
      const { escrow, payToken, client, provider } = market;
      const terms = await requestJob(market);
      await submitJob(market, terms, OUTPUT);
      await afterPhase(market, terms);
      const { interface: abi } = market.market;
      const calls = [abi.encodeFunctionData("finalise", [terms]), abi.encodeFunctionData("collect", [{ ...terms }])];
      await arm(tokens.reentrant, market.market, "multicall", calls);
      await escrow.connect(client).withdraw(payToken, client, 1n);
      expect(await escrow.balanceOf(payToken, provider)).to.equal((OFFER.price * 9_250n) / 10_000n);
      await expectAllSettled(market);
    });

    it("refunds once", async () => {
      const { market, tokens } = await marketIn("reentrant");
      const { escrow, payToken, client } = market;
      const terms = await requestJob(market);
      await afterPhase(market, terms);
      await arm(tokens.reentrant, market.market, "expire", terms);
      await escrow.connect(client).withdraw(payToken, client, DEPOSIT - OFFER.price);
      expect(await escrow.balanceOf(payToken, client)).to.equal(OFFER.price);
      await expectAllSettled(market);
    });
  });
});
