import { expect } from "chai";
import { ZeroAddress } from "ethers";

import { ProviderRegistry__factory } from "../../sdk/src/typechain/index.js";
import type { Market } from "../support/fixture.js";
import {
  afterPhase,
  at,
  ethers,
  networkHelpers,
  now,
  OFFER,
  openMarket,
  refused,
  requestJob,
  setCap,
  STATUS,
  submitJob,
} from "../support/fixture.js";

const MAX_DURATION = 3n * 86_400n;
const MAX_PRICE = 2n ** 128n - 1n;
const MAX_STAKE = 2n ** 96n - 1n;
const KEY = "0x1234";
/** Profile of the models in these tests. */
const JURY = 4n;

describe("ProviderRegistry", () => {
  const load = () => networkHelpers.loadFixture(openMarket);

  /** What only a registered provider may do, done by the market's stranger. */
  const providerActions = {
    setOperator: ({ providers, client }: Market) => providers.setOperator(client),
    setPayout: ({ providers, client }: Market) => providers.setPayout(client),
    setEndpoint: ({ providers }: Market) => providers.setEndpoint("http://x", KEY, 1n),
    setDraining: ({ providers, stranger }: Market) => providers.setDraining(stranger, true),
    setOffer: ({ providers, modelId, payToken }: Market) => providers.setOffer(modelId, payToken, 1n, 1n, 1n),
  };

  it("cannot be deployed without a model registry and value caps", async () => {
    const { deployer, providers, models, valueCaps } = await load();
    const factory = new ProviderRegistry__factory(deployer);
    await refused(factory.deploy(ZeroAddress, valueCaps), providers, "ProviderRegistry_ZeroAddress");
    await refused(factory.deploy(models, ZeroAddress), providers, "ProviderRegistry_ZeroAddress");
    expect(await providers.MODELS()).to.equal(models);
    expect(await providers.VALUE_CAPS()).to.equal(valueCaps);
  });

  it("registers a provider with the keys and places it states", async () => {
    const { providers, stranger, client, challenger } = await load();
    const time = (await now()) + 10n;
    await at(time);
    await expect(providers.register(client, challenger, 7n, "http://worker", KEY))
      .to.emit(providers, "ProviderRegistered")
      .withArgs(stranger, client, challenger, 7n, "http://worker", KEY);
    expect(await providers.providerOf(stranger)).to.deep.equal([
      client.address,
      7n,
      time,
      false,
      challenger.address,
      "http://worker",
      KEY,
    ]);
    expect(await providers.operatorOf(stranger)).to.equal(client);
    expect(await providers.payoutOf(stranger)).to.equal(challenger);
  });

  it("registers an account once", async () => {
    const { providers, provider } = await load();
    const again = providers.connect(provider).register(provider, provider, 1n, "", "0x");
    await refused(again, providers, "ProviderRegistry_AlreadyRegistered", provider);
  });

  it("refuses a provider without an operator or a payout account", async () => {
    const { providers, provider, client } = await load();
    for (const call of [
      () => providers.register(ZeroAddress, client, 1n, "", "0x"),
      () => providers.register(client, ZeroAddress, 1n, "", "0x"),
      () => providers.connect(provider).setOperator(ZeroAddress),
      () => providers.connect(provider).setPayout(ZeroAddress),
    ]) {
      await refused(call(), providers, "ProviderRegistry_ZeroAddress");
    }
  });

  it("knows nothing of accounts that did not register", async () => {
    const { providers, stranger, modelId, payToken } = await load();
    await refused(providers.providerOf(stranger), providers, "ProviderRegistry_NotRegistered", stranger);
    expect(await providers.operatorOf(stranger)).to.equal(ZeroAddress);
    expect(await providers.payoutOf(stranger)).to.equal(ZeroAddress);
    expect(await providers.offerOf(stranger, modelId, payToken)).to.deep.equal([0n, 0n, 0n]);
    const offer = providers.activeOfferOf(stranger, modelId, payToken);
    await refused(offer, providers, "ProviderRegistry_NoOffer", stranger, modelId, payToken);
  });

  for (const [name, act] of Object.entries(providerActions)) {
    it(`lets nobody but a registered provider call ${name}`, async () => {
      const market = await load();
      await refused(act(market), market.providers, "ProviderRegistry_NotRegistered", market.stranger);
      await market.providers.register(market.stranger, market.stranger, 1n, "", "0x");
      await expect(act(market)).not.to.be.revert(ethers);
    });
  }

  it("changes keys, payout and endpoint", async () => {
    const { providers, provider, stranger } = await load();
    const own = providers.connect(provider);
    await expect(own.setOperator(stranger)).to.emit(providers, "OperatorChanged").withArgs(provider, stranger);
    await expect(own.setPayout(stranger)).to.emit(providers, "PayoutChanged").withArgs(provider, stranger);
    await expect(own.setEndpoint("http://new", KEY, 9n))
      .to.emit(providers, "EndpointChanged")
      .withArgs(provider, "http://new", KEY, 9n);
    const record = await providers.providerOf(provider);
    expect([record.operator, record.payout]).to.deep.equal([stranger.address, stranger.address]);
    expect([record.endpoint, record.encryptionKey, record.capacity]).to.deep.equal(["http://new", KEY, 9n]);
  });

  for (const who of ["provider", "operator"] as const) {
    it(`lets the ${who} drain and resume`, async () => {
      const market = await load();
      const { providers, provider, modelId, payToken } = market;
      const caller = providers.connect(market[who]);
      await expect(caller.setDraining(provider, true)).to.emit(providers, "DrainChanged").withArgs(provider, true);
      await refused(requestJob(market), providers, "ProviderRegistry_Draining", provider);
      await expect(caller.setDraining(provider, false)).to.emit(providers, "DrainChanged").withArgs(provider, false);
      const [offer, operator] = await providers.activeOfferOf(provider, modelId, payToken);
      expect(offer).to.deep.equal([OFFER.price, OFFER.stake, OFFER.maxDuration]);
      expect(operator).to.equal(market.operator);
    });
  }

  it("E15 lets nobody else drain a provider, nor an operator that was replaced", async () => {
    const { providers, provider, operator, stranger } = await load();
    const byStranger = providers.connect(stranger).setDraining(provider, true);
    await refused(byStranger, providers, "ProviderRegistry_NotAllowed", provider, stranger);
    await providers.connect(provider).setOperator(stranger);
    const byOld = providers.connect(operator).setDraining(provider, true);
    await refused(byOld, providers, "ProviderRegistry_NotAllowed", provider, operator);
  });

  it("counts offers of a model one a token", async () => {
    const { providers, provider, modelId, payToken, stakeToken } = await load();
    const own = providers.connect(provider);
    await own.setOffer(modelId, payToken, 1n, 1n, 1n);
    expect(await providers.offerCountOf(provider, modelId)).to.equal(1n);
    await expect(own.setOffer(modelId, stakeToken, MAX_PRICE, MAX_STAKE, MAX_DURATION))
      .to.emit(providers, "OfferSet")
      .withArgs(provider, modelId, stakeToken, MAX_PRICE, MAX_STAKE, MAX_DURATION);
    expect(await providers.offerCountOf(provider, modelId)).to.equal(2n);
    expect(await providers.offerOf(provider, modelId, stakeToken)).to.deep.equal([MAX_PRICE, MAX_STAKE, MAX_DURATION]);
    await expect(own.removeOffer(modelId, payToken))
      .to.emit(providers, "OfferRemoved")
      .withArgs(provider, modelId, payToken);
    expect(await providers.offerCountOf(provider, modelId)).to.equal(1n);
    await own.removeOffer(modelId, stakeToken);
    expect(await providers.offerCountOf(provider, modelId)).to.equal(0n);
  });

  it("takes an offer back once, and lets nobody take back another's", async () => {
    const { providers, provider, stranger, modelId, payToken } = await load();
    const byStranger = providers.connect(stranger).removeOffer(modelId, payToken);
    await refused(byStranger, providers, "ProviderRegistry_NoOffer", stranger, modelId, payToken);
    await providers.connect(provider).removeOffer(modelId, payToken);
    const again = providers.connect(provider).removeOffer(modelId, payToken);
    await refused(again, providers, "ProviderRegistry_NoOffer", provider, modelId, payToken);
  });

  describe("closes an offer above a cap that was lowered, whoever calls", () => {
    const capped = async () => {
      const market = await load();
      const { payToken } = market;
      await setCap(market, JURY, payToken, OFFER.price - 1n);
      return { ...market, close: () => market.providers.closeOffer(market.provider, market.modelId, payToken) };
    };

    it("which takes no jobs from then on, and leaves those that it had", async () => {
      const market = await load();
      const { providers, provider, modelId, payToken } = market;
      const open = await requestJob(market);
      await setCap(market, JURY, payToken, OFFER.price - 1n);
      await requestJob(market);
      await expect(providers.closeOffer(provider, modelId, payToken))
        .to.emit(providers, "OfferClosed")
        .withArgs(provider, modelId, payToken, OFFER.price, OFFER.price - 1n);
      await refused(requestJob(market), providers, "ProviderRegistry_NoOffer", provider, modelId, payToken);
      expect(open.price).to.equal(OFFER.price);
    });

    it("once, and not while its price is within the cap", async () => {
      const { providers, provider, modelId, payToken, close } = await capped();
      await close();
      await refused(close(), providers, "ProviderRegistry_NoOffer", provider, modelId, payToken);
      const market = await load();
      await setCap(market, JURY, payToken, OFFER.price);
      const early = market.providers.closeOffer(provider, modelId, payToken);
      const prices = [OFFER.price, OFFER.price];
      await refused(early, providers, "ProviderRegistry_PriceWithinCap", modelId, payToken, ...prices);
    });

    it("and keeps its provider among those that serve the model, until it takes the offer back", async () => {
      const { providers, provider, modelId, payToken, close } = await capped();
      await close();
      const own = providers.connect(provider);
      expect(await providers.offerCountOf(provider, modelId)).to.equal(1n);
      await own.setOffer(modelId, payToken, OFFER.price - 1n, OFFER.stake, OFFER.maxDuration);
      expect(await providers.offerCountOf(provider, modelId)).to.equal(1n);
      expect((await providers.activeOfferOf(provider, modelId, payToken)).offer.price).to.equal(OFFER.price - 1n);
      await own.removeOffer(modelId, payToken);
      expect(await providers.offerCountOf(provider, modelId)).to.equal(0n);
    });

    it("and lets its provider take it back then", async () => {
      const { providers, provider, modelId, payToken, close } = await capped();
      await close();
      await providers.connect(provider).removeOffer(modelId, payToken);
      expect(await providers.offerCountOf(provider, modelId)).to.equal(0n);
      const again = providers.connect(provider).removeOffer(modelId, payToken);
      await refused(again, providers, "ProviderRegistry_NoOffer", provider, modelId, payToken);
    });
  });

  for (const duration of [0n, MAX_DURATION + 1n]) {
    it(`refuses an offer to deliver within ${String(duration)} seconds`, async () => {
      const { providers, provider, modelId, payToken } = await load();
      const offer = providers.connect(provider).setOffer(modelId, payToken, 1n, 1n, duration);
      await refused(offer, providers, "ProviderRegistry_DurationOutOfBounds", duration, MAX_DURATION);
    });
  }

  it("refuses offers without a token or for a model that does not exist", async () => {
    const { providers, models, provider, modelId, payToken } = await load();
    const own = providers.connect(provider);
    await refused(own.setOffer(modelId, ZeroAddress, 1n, 1n, 1n), providers, "ProviderRegistry_ZeroAddress");
    const unknown = own.setOffer(modelId + 1n, payToken, 1n, 1n, 1n);
    await refused(unknown, models, "ModelRegistry_UnknownModel", modelId + 1n);
  });

  it("leaves running jobs their price, stake and deadline when the offer changes or goes", async () => {
    const market = await load();
    const { providers, provider, modelId, payToken } = market;
    const changed = await requestJob(market);
    await providers.connect(provider).setOffer(modelId, payToken, 1n, OFFER.stake, 1n);
    const removed = await requestJob(market, { maxPrice: 1n });
    await providers.connect(provider).removeOffer(modelId, payToken);
    expect([changed.price, removed.price]).to.deep.equal([OFFER.price, 1n]);

    await at(BigInt(changed.executionDeadline));
    await submitJob(market, changed);
    await market.market.expire(removed);
    await afterPhase(market, changed);
    await market.market.finalise(changed);
    expect(await market.market.earnedOf({ ...changed })).to.deep.equal([OFFER.price, OFFER.stake]);
  });

  it("lets the operator of the request and the provider deliver, never the operator named later", async () => {
    const market = await load();
    const { providers, provider, operator, stranger } = market;
    const [byOld, byProvider] = [await requestJob(market), await requestJob(market)];
    await providers.connect(provider).setOperator(stranger);
    const early = submitJob({ ...market, operator: stranger }, byOld);
    await refused(early, market.market, "InferenceMarket_NotProvider", provider, stranger);
    await submitJob({ ...market, operator }, byOld);
    await submitJob({ ...market, operator: provider }, byProvider);

    const later = await requestJob(market);
    await refused(submitJob(market, later), market.market, "InferenceMarket_NotProvider", provider, operator);
    await submitJob({ ...market, operator: stranger }, later);
    for (const { id } of [byOld, byProvider, later]) {
      expect(await market.market.statusOf(id)).to.equal(STATUS.submitted);
    }
  });

  it("credits earnings to the payout account of the day they are collected", async () => {
    const market = await load();
    const { providers, provider, stranger, escrow, payToken } = market;
    const terms = await requestJob(market);
    await submitJob(market, terms);
    await afterPhase(market, terms);
    await market.market.finalise(terms);
    await providers.connect(provider).setPayout(stranger);
    await market.market.collect({ ...terms });
    expect(await escrow.balanceOf(payToken, provider)).to.equal(0n);
    expect(await escrow.balanceOf(payToken, stranger)).to.equal((OFFER.price * 9_250n) / 10_000n);
  });
});
