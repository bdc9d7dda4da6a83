import { expect } from "chai";
import { id, ZeroAddress, ZeroHash } from "ethers";

import { ModelRegistry__factory } from "../../sdk/src/typechain/index.js";
import type { Market } from "../support/fixture.js";
import {
  afterPhase,
  at,
  ethers,
  MODEL_SPEC,
  networkHelpers,
  now,
  OFFER,
  openMarket,
  refused,
  registerModel,
  requestJob,
  STATUS,
  submitJob,
} from "../support/fixture.js";

const MAX_ROYALTY = 2_000n;
const GRAPH = id("graph");

describe("ModelRegistry", () => {
  const load = () => networkHelpers.loadFixture(openMarket);

  /** What the owner may do, as anybody tries it. */
  const ownerActions = {
    deprecate: (market: Market, modelId: bigint) => market.models.connect(market.stranger).deprecate(modelId),
    setUris: (market: Market, modelId: bigint) => market.models.connect(market.stranger).setUris(modelId, "a", "b"),
  };

  it("registers what the owner states, under the next id, as a token of the owner", async () => {
    const market = await load();
    const { models, modelOwner, modelId } = market;
    const time = (await now()) + 10n;
    await at(time);
    const next = await registerModel(market, {
      royaltyBps: MAX_ROYALTY,
      parentId: modelId,
      graphCommitment: GRAPH,
      profile: 1,
    });
    expect(next).to.equal(modelId + 1n);
    expect(await models.ownerOf(next)).to.equal(modelOwner.address);
    expect(await models.royaltyOf(next)).to.equal(MAX_ROYALTY);
    expect(await models.factsOf(next)).to.deep.equal([1000n, time, MAX_ROYALTY, 1n, false]);
    const spec = await models.specOf(next);
    expect([spec.fileHash, spec.goldenHash, spec.parentId]).to.deep.equal([id("model"), id("golden"), modelId]);
    expect([spec.inputSignature, spec.outputSignature]).to.deep.equal(["x:float32[1,64]", "label:int64[1]"]);
    expect([spec.licence, spec.modelUri, spec.goldenUri]).to.deep.equal([
      "MIT",
      "file:model.onnx",
      "file:golden.safetensors",
    ]);
  });

  it("emits all that was stated", async () => {
    const { models, stranger, modelId } = await load();
    await expect(models.connect(stranger).register(MODEL_SPEC))
      .to.emit(models, "ModelRegistered")
      .withArgs(modelId + 1n, stranger, id("model"), Object.values(MODEL_SPEC))
      .and.to.emit(models, "Transfer")
      .withArgs(ZeroAddress, stranger, modelId + 1n);
  });

  for (const [what, changes, error, values] of [
    ["without a file hash", { fileHash: ZeroHash }, "EmptyFileHash", []],
    ["without a profile", { profile: 0 }, "NoProfile", []],
    ["of exact integers without a graph", { profile: 1 }, "NoGraph", [1n]],
    ["of canonical fp32 without a graph", { profile: 2 }, "NoGraph", [2n]],
    ["of bounded fp32 without a graph", { profile: 3 }, "NoGraph", [3n]],
    ["without an input signature", { inputSignature: "" }, "EmptySignature", []],
    ["without an output signature", { outputSignature: "" }, "EmptySignature", []],
    [
      "with a royalty above the cap",
      { royaltyBps: MAX_ROYALTY + 1n },
      "RoyaltyAboveCap",
      [MAX_ROYALTY + 1n, MAX_ROYALTY],
    ],
    ["with a parent that does not exist yet", { parentId: 2n }, "UnknownModel", [2n]],
  ] as const) {
    it(`refuses a model ${what}`, async () => {
      const market = await load();
      await refused(registerModel(market, changes), market.models, `ModelRegistry_${error}`, ...values);
    });
  }

  for (const [name, act] of Object.entries(ownerActions)) {
    it(`lets nobody but the owner call ${name}`, async () => {
      const market = await load();
      const { models, modelId, stranger, modelOwner } = market;
      await refused(act(market, modelId), models, "ModelRegistry_NotOwner", modelId, stranger, modelOwner);
      await refused(act(market, modelId + 1n), models, "ModelRegistry_UnknownModel", modelId + 1n);
    });

    it(`lets a new owner of the token call ${name}, and the old one no more`, async () => {
      const market = await load();
      const { models, modelId, stranger, modelOwner } = market;
      await models.connect(modelOwner).transferFrom(modelOwner, stranger, modelId);
      await expect(act(market, modelId)).not.to.be.revert(ethers);
      const old = { ...market, stranger: modelOwner };
      await refused(act(old, modelId), models, "ModelRegistry_NotOwner", modelId, modelOwner, stranger);
    });
  }

  it("knows nothing of models that were not registered", async () => {
    const { models, modelId } = await load();
    for (const unknown of [0n, modelId + 1n]) {
      await refused(models.specOf(unknown), models, "ModelRegistry_UnknownModel", unknown);
      await refused(models.factsOf(unknown), models, "ModelRegistry_UnknownModel", unknown);
      await refused(models.requireActive(unknown), models, "ModelRegistry_UnknownModel", unknown);
      await refused(models.tokenURI(unknown), models, "ERC721NonexistentToken", unknown);
      expect(await models.royaltyOf(unknown)).to.equal(0n);
    }
  });

  it("deprecates a model once, for good", async () => {
    const { models, modelId, modelOwner } = await load();
    await models.requireActive(modelId);
    await expect(models.deprecate(modelId)).to.emit(models, "ModelDeprecated").withArgs(modelId, modelOwner);
    expect((await models.factsOf(modelId)).deprecated).to.equal(true);
    await refused(models.deprecate(modelId), models, "ModelRegistry_Deprecated", modelId);
    await refused(models.requireActive(modelId), models, "ModelRegistry_Deprecated", modelId);
  });

  it("tells the registry of providers that its deployer named, once, what is closed", async () => {
    const { providers, modelId, deployer, stranger } = await load();
    for (const caller of [stranger, deployer]) {
      const close = providers.connect(caller).closeModel(modelId);
      await refused(close, providers, "ProviderRegistry_NotModels", caller);
    }
    expect(await providers.modelClosed(modelId)).to.equal(false);
    const fresh = await new ModelRegistry__factory(deployer).deploy();
    await refused(fresh.connect(stranger).linkProviders(providers), fresh, "ModelRegistry_NotDeployer", stranger);
    await refused(fresh.linkProviders(ZeroAddress), fresh, "ModelRegistry_ZeroAddress");
    await expect(fresh.linkProviders(providers)).to.emit(fresh, "ProvidersLinked").withArgs(providers);
    await refused(fresh.linkProviders(stranger), fresh, "ModelRegistry_AlreadyLinked", providers);
  });

  it("takes no new jobs and no new offers for a deprecated model, but running jobs finish", async () => {
    const market = await load();
    const { models, modelId, providers, provider, payToken } = market;
    const terms = await requestJob(market);
    await models.deprecate(modelId);
    await refused(requestJob(market), providers, "ProviderRegistry_ModelClosed", modelId);
    expect(await providers.modelClosed(modelId)).to.equal(true);
    const offer = providers.connect(provider).setOffer(modelId, payToken, 1n, OFFER.stake, 60n);
    await refused(offer, models, "ModelRegistry_Deprecated", modelId);

    await submitJob(market, terms);
    await afterPhase(market, terms);
    await market.market.finalise(terms);
    expect(await market.market.statusOf(terms.id)).to.equal(STATUS.settled);
    expect((await market.market.earnedOf({ ...terms })).amount).to.equal(OFFER.price);
  });

  it("moves the places of the files, never their hashes", async () => {
    const { models, modelId } = await load();
    await expect(models.setUris(modelId, "ipfs:model", "ipfs:golden"))
      .to.emit(models, "ModelUrisChanged")
      .withArgs(modelId, "ipfs:model", "ipfs:golden");
    const spec = await models.specOf(modelId);
    expect([spec.modelUri, spec.goldenUri]).to.deep.equal(["ipfs:model", "ipfs:golden"]);
    expect([spec.fileHash, spec.goldenHash]).to.deep.equal([id("model"), id("golden")]);
    expect(await models.tokenURI(modelId)).to.equal("ipfs:model");
  });

  it("C11 keeps the graph commitment that it was registered with", async () => {
    const market = await load();
    for (const profile of [1, 2, 3, 4]) {
      const modelId = await registerModel(market, { profile, graphCommitment: GRAPH });
      expect(await market.models.graphOf(modelId)).to.equal(GRAPH);
    }
  });

  it("credits royalties to whoever owns the token when they are collected", async () => {
    const market = await load();
    const { models, modelOwner, modelId, stranger, payToken, escrow } = market;
    const terms = await requestJob(market);
    await submitJob(market, terms);
    await models.connect(modelOwner).transferFrom(modelOwner, stranger, modelId);
    await afterPhase(market, terms);
    await market.market.finalise(terms);
    await market.market.collect({ ...terms });
    expect(await escrow.balanceOf(payToken, modelOwner)).to.equal(0n);
    expect(await escrow.balanceOf(payToken, stranger)).to.equal((OFFER.price * 500n) / 10_000n);
  });
});
