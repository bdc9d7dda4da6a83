import { anyValue } from "@nomicfoundation/hardhat-ethers-chai-matchers/withArgs";
import { expect } from "chai";
import type { AddressLike } from "ethers";
import { getAddress, id, ZeroAddress } from "ethers";

import { ValueCaps__factory } from "../../sdk/src/typechain/index.js";
import type { Market } from "../support/fixture.js";
import { networkHelpers, OFFER, openMarket, refused, registerModel, requestJob, setCap } from "../support/fixture.js";

const NO_LIMIT = 2n ** 128n - 1n;
const [NONE, EXACT, CANONICAL, TOLERANCE, JURY] = [0n, 1n, 2n, 3n, 4n] as const;
const PROVEN_EXACTLY = [EXACT, CANONICAL];
const CAPPED = [TOLERANCE, JURY];
/** A token for which nobody set a cap. */
const ANOTHER = getAddress(`0x${"a".repeat(40)}`);

describe("ValueCaps", () => {
  const load = () => networkHelpers.loadFixture(openMarket);

  /** A model of a profile, and the provider's offer for it in the token that the fixture caps. */
  async function offering(market: Market, profile: bigint) {
    const { providers, provider } = market;
    const modelId = await registerModel(market, { profile, graphCommitment: id("graph") });
    const offer = (price: bigint, token: AddressLike = market.payToken) =>
      providers.connect(provider).setOffer(modelId, token, price, OFFER.stake, OFFER.maxDuration);
    return { modelId, offer };
  }

  it("limit no job whose result is proven exactly, in any token", async () => {
    const market = await load();
    for (const profile of PROVEN_EXACTLY) {
      expect(await market.valueCaps.capOf(profile, ANOTHER)).to.equal(NO_LIMIT);
      const { offer } = await offering(market, profile);
      await offer(NO_LIMIT, ANOTHER);
    }
  });

  it("let nothing be charged for other results in a token for which nobody set a cap", async () => {
    const market = await load();
    const { valueCaps, providers } = market;
    for (const profile of CAPPED) {
      expect(await valueCaps.capOf(profile, ANOTHER)).to.equal(0n);
      const { modelId, offer } = await offering(market, profile);
      const paid = offer(1n, ANOTHER);
      await refused(paid, providers, "ProviderRegistry_PriceAboveCap", modelId, ANOTHER, 1n, 0n);
      await offer(0n, ANOTHER);
    }
  });

  it("let an offer cost the cap and not one unit more", async () => {
    const market = await load();
    const { payToken, providers } = market;
    for (const profile of CAPPED) {
      await setCap(market, profile, payToken, 100n);
      const { modelId, offer } = await offering(market, profile);
      await offer(100n);
      await refused(offer(101n), providers, "ProviderRegistry_PriceAboveCap", modelId, payToken, 101n, 100n);
    }
  });

  it("hold for each profile and token by itself", async () => {
    const market = await load();
    const { valueCaps, payToken } = market;
    await setCap(market, JURY, ANOTHER, 7n);
    expect(await valueCaps.capOf(JURY, ANOTHER)).to.equal(7n);
    expect(await valueCaps.capOf(TOLERANCE, ANOTHER)).to.equal(0n);
    expect(await valueCaps.capOf(JURY, payToken)).to.equal(NO_LIMIT);
  });

  it("leave an offer as it is when they are lowered, and hold once it is set again", async () => {
    const market = await load();
    const { payToken, providers, provider, modelId } = market;
    await setCap(market, JURY, payToken, OFFER.price - 1n);
    expect((await requestJob(market)).price).to.equal(OFFER.price);
    const again = providers.connect(provider).setOffer(modelId, payToken, OFFER.price, OFFER.stake, OFFER.maxDuration);
    const values = [modelId, payToken, OFFER.price, OFFER.price - 1n];
    await refused(again, providers, "ProviderRegistry_PriceAboveCap", ...values);
  });

  it("hold for what a job costs, whatever the client would pay", async () => {
    const market = await load();
    await setCap(market, JURY, market.payToken, OFFER.price);
    expect((await requestJob(market, { maxPrice: NO_LIMIT })).price).to.equal(OFFER.price);
  });

  it("are set by the parameter role after its delay, and by nobody else", async () => {
    const market = await load();
    const { authority, valueCaps, deployer, guardian, stranger, payToken } = market;
    const early = valueCaps.connect(deployer).setCap(JURY, payToken, 1n);
    await refused(early, authority, "AccessManagerNotScheduled", anyValue);
    for (const caller of [guardian, stranger]) {
      const call = valueCaps.connect(caller).setCap(JURY, payToken, 1n);
      await refused(call, valueCaps, "AccessManagedUnauthorized", caller);
    }
    await expect(setCap(market, JURY, payToken, 1n))
      .to.emit(valueCaps, "ValueCapSet")
      .withArgs(JURY, payToken, 1n);
  });

  it("are set for no profile that has none, and for no token at the zero address", async () => {
    const { valueCaps, deployer, authority, payToken } = await load();
    const factory = new ValueCaps__factory(deployer);
    for (const profile of [NONE, ...PROVEN_EXACTLY]) {
      const initial = [{ profile, token: payToken, cap: 1n }];
      await refused(factory.deploy(authority, initial), valueCaps, "ValueCaps_NotCapped", profile);
    }
    const nowhere = factory.deploy(authority, [{ profile: JURY, token: ZeroAddress, cap: 1n }]);
    await refused(nowhere, valueCaps, "ValueCaps_ZeroAddress");
  });

  it("say zero of a profile that no model has", async () => {
    const { valueCaps, payToken } = await load();
    expect(await valueCaps.capOf(NONE, payToken)).to.equal(0n);
  });
});
