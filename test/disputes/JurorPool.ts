import { expect } from "chai";
import { id, MaxUint256, parseEther, Wallet, ZeroAddress } from "ethers";

import { JuryArbiter__factory } from "../../sdk/src/typechain/index.js";
import { assemble, HOUR, JUROR_LOCK, POOL_LOCK } from "../support/assemble.js";
import type { Market, Signer } from "../support/fixture.js";
import {
  ethers,
  networkHelpers,
  OFFER,
  openMarket,
  populate,
  refused,
  registerModel,
  requestJob,
  STAKE,
  stake,
  STATUS,
  submitJob,
} from "../support/fixture.js";
import { expectedJury, openedCase } from "../support/jury.js";

const MAX_POOL = 32;

/** Registers a provider with an offer that needs no juror's stake, and gives it some. */
async function offering(market: Market, provider: Signer, amount: bigint, operator = provider): Promise<void> {
  const { providers, modelId, payToken } = market;
  await providers.connect(provider).register(operator, provider, 1n, "", "0x");
  await providers.connect(provider).setOffer(modelId, payToken, OFFER.price, OFFER.stake, 60n);
  if (amount > 0n) await stake(market, provider, amount);
}

/** Somebody new in the pool, with this much more stake than the deposit takes. */
async function joinPool(market: Market, name: string, more: bigint): Promise<Signer> {
  const { address } = new Wallet(id(name));
  await networkHelpers.setBalance(address, parseEther("1"));
  const member = await ethers.getImpersonatedSigner(address);
  await offering(market, member, POOL_LOCK + more);
  await market.jury.connect(member).enrol(market.modelId, member);
  return member;
}

/** Fills a market's pool: the fifth member on has four, five, six ... units of stake more than its deposit takes. */
async function filled<Opened extends Market>(market: Opened) {
  const members: Signer[] = [];
  for (let i = 4; i < MAX_POOL; i++) members.push(await joinPool(market, `member ${String(i)}`, BigInt(i)));
  return { ...market, members };
}

async function fullPool() {
  return filled(await openMarket());
}

/** The same, with juries so large that most of their members have little stake. */
async function fullPoolOfLargeJuries() {
  return filled(await populate(await assemble({ juryJudges: true, jurySize: 15n })));
}

describe("JurorPool", () => {
  const load = () => networkHelpers.loadFixture(openMarket);

  it("needs something for a juror to lose", async () => {
    const { deployer, jury, disputes, escrow, staking, providers, randomness } = await load();
    const periods = { draw: HOUR, commit: HOUR, reveal: HOUR };
    const factory = new JuryArbiter__factory(deployer);
    const call = factory.deploy(disputes, escrow, staking, providers, randomness, periods, 3n, 0n);
    await refused(call, jury, "JuryArbiter_ZeroLock");
    expect(await jury.JUROR_LOCK()).to.equal(JUROR_LOCK);
  });

  describe("enrolling", () => {
    for (const who of ["provider", "operator"] as const) {
      it(`is up to the ${who}`, async () => {
        const market = await load();
        const { jury, modelId, provider } = market;
        const own = jury.connect(market[who]);
        await expect(own.leave(modelId, provider)).to.emit(jury, "JurorLeft").withArgs(modelId, provider);
        expect(await jury.poolOf(modelId)).not.to.include(provider.address);
        await expect(own.enrol(modelId, provider))
          .to.emit(jury, "JurorEnrolled")
          .withArgs(modelId, provider, ZeroAddress);
        expect(await jury.poolOf(modelId)).to.include(provider.address);
      });
    }

    it("is up to nobody else", async () => {
      const { jury, modelId, provider, stranger } = await load();
      for (const call of [() => jury.enrol(modelId, provider), () => jury.leave(modelId, provider)]) {
        await refused(call(), jury, "JuryArbiter_NotAllowed", provider, stranger);
      }
    });

    it("takes an offer for the model", async () => {
      const market = await load();
      const { jury, provider, stranger } = market;
      const another = await registerModel(market);
      await refused(jury.connect(provider).enrol(another, provider), jury, "JuryArbiter_NoOffer", provider, another);
      const unregistered = jury.connect(stranger).enrol(market.modelId, stranger);
      await refused(unregistered, jury, "JuryArbiter_NoOffer", stranger, market.modelId);
    });

    it("locks a deposit for four silent seats, to the unit", async () => {
      const market = await load();
      const { jury, staking, modelId, stranger } = market;
      await offering(market, stranger, POOL_LOCK - 1n);
      const enrol = () => jury.connect(stranger).enrol(modelId, stranger);
      await refused(enrol(), staking, "ProviderStaking_InsufficientFree", stranger, POOL_LOCK - 1n, POOL_LOCK);
      await stake(market, stranger, 1n);
      await expect(enrol()).to.emit(jury, "JurorEnrolled");
      expect(await staking.lockedOf(stranger)).to.equal(POOL_LOCK);
      expect(await jury.SILENT_SEATS()).to.equal(4n);
      expect(await jury.membershipOf(modelId, stranger)).to.deep.equal([4n, 0n, false]);
    });

    it("happens once, and so does leaving", async () => {
      const { jury, modelId, provider } = await load();
      const own = jury.connect(provider);
      await refused(own.enrol(modelId, provider), jury, "JuryArbiter_AlreadyEnrolled", provider, modelId);
      await own.leave(modelId, provider);
      await refused(own.leave(modelId, provider), jury, "JuryArbiter_NotEnrolled", provider, modelId);
    });
  });

  describe("a full pool", () => {
    it("makes room for who has more stake bonded than the member with the least", async () => {
      const market = await networkHelpers.loadFixture(fullPool);
      const { jury, modelId, stranger, members } = market;
      const [least] = members;
      if (!least) throw new Error("the pool is empty");
      await offering(market, stranger, POOL_LOCK + 4n);
      const enrol = () => jury.connect(stranger).enrol(modelId, stranger);
      await refused(enrol(), jury, "JuryArbiter_PoolFull", modelId, POOL_LOCK + 4n);
      await stake(market, stranger, 1n);
      await expect(enrol()).to.emit(jury, "JurorEnrolled").withArgs(modelId, stranger, least);
      const pool = await jury.poolOf(modelId);
      expect(pool).to.have.length(MAX_POOL).and.to.include(stranger.address);
      expect(pool).not.to.include(least.address);
    });

    it("keeps the deposit of who was displaced until it leaves, and frees it then", async () => {
      const market = await networkHelpers.loadFixture(fullPool);
      const { jury, staking, modelId } = market;
      const [least] = market.members as [Signer];
      await joinPool(market, "richer", 100n);
      expect(await jury.poolOf(modelId)).not.to.include(least.address);
      expect(await staking.lockedOf(least)).to.equal(POOL_LOCK);
      await expect(jury.connect(least).leave(modelId, least))
        .to.emit(jury, "JurorDepositFreed")
        .withArgs(modelId, least, POOL_LOCK);
      expect(await staking.lockedOf(least)).to.equal(0n);
      await refused(jury.connect(least).leave(modelId, least), jury, "JuryArbiter_NotEnrolled", least, modelId);
    });

    it("takes back who was displaced for the deposit it has", async () => {
      const market = await networkHelpers.loadFixture(fullPool);
      const { jury, staking, modelId } = market;
      const [least] = market.members as [Signer];
      await joinPool(market, "richer", 100n);
      await stake(market, least, 100n);
      await jury.connect(least).enrol(modelId, least);
      expect(await jury.poolOf(modelId)).to.include(least.address);
      expect(await staking.lockedOf(least)).to.equal(POOL_LOCK);
    });

    it("lets nobody change the jury of an open case by displacing who is drawn", async () => {
      const market = await networkHelpers.loadFixture(fullPoolOfLargeJuries);
      const { jury, randomness, modelId, members } = market;
      const { caseId, pool, weights } = await openedCase(market);
      await networkHelpers.mine(3);
      const [seed] = await randomness.seedOf((await jury.juryCaseOf(caseId)).seedRequest);
      const expected = expectedJury(seed, caseId, pool, weights, 15);
      const poorest = members.findIndex(({ address }) => expected.includes(address));
      for (let i = 0; i <= poorest; i++) await joinPool(market, `richer ${String(i)}`, 100n);
      const drawnAndDisplaced = members[poorest]?.address;
      expect(await jury.poolOf(modelId)).not.to.include(drawnAndDisplaced);
      await jury.draw(caseId, pool, weights);
      const { jurors } = await jury.juryCaseOf(caseId);
      expect([...jurors])
        .to.deep.equal(expected)
        .and.to.include(drawnAndDisplaced);
    });

    it("I26 is drawn from within the gas of a block", async () => {
      const market = await networkHelpers.loadFixture(fullPool);
      const { caseId, pool, weights } = await openedCase(market);
      expect(pool).to.have.length(MAX_POOL - 1);
      await networkHelpers.mine(2);
      const sent = await market.jury.draw(caseId, pool, weights);
      expect((await sent.wait())?.gasUsed).to.be.lessThan(1_000_000n);
    });
  });

  describe("a case", () => {
    /** How the last of the four providers becomes unfit for the first one's cases. */
    const UNFIT: Record<string, (market: Market, juror: Signer, operator: Signer) => Promise<unknown>> = {
      "left the pool": ({ jury, modelId }, juror) => jury.connect(juror).leave(modelId, juror),
      "has no offer any more": ({ providers, modelId, payToken }, juror) =>
        providers.connect(juror).removeOffer(modelId, payToken),
      "has nothing bonded any more": ({ staking }, juror) => staking.connect(juror).requestUnbonding(STAKE),
      "works with the key of the client": ({ providers, client }, juror) =>
        providers.connect(juror).setOperator(client),
      "works with the key of the challenger": ({ providers, challenger }, juror) =>
        providers.connect(juror).setOperator(challenger),
      "has the provider as its key": ({ providers, provider }, juror) => providers.connect(juror).setOperator(provider),
      "is the client": async (market, juror) => {
        market.client = juror;
        await market.payToken.mint(juror, OFFER.price);
        await market.payToken.connect(juror).approve(market.escrow, MaxUint256);
        await market.escrow.connect(juror).deposit(market.payToken, juror, OFFER.price);
      },
      "is the challenger": async (market, juror) => {
        await market.escrow.connect(market.challenger).transfer(market.stakeToken, juror, parseEther("10"));
        market.challenger = juror;
      },
    };

    for (const [what, make] of Object.entries(UNFIT)) {
      it(`is refused, at no cost, when the third of three jurors ${what}`, async () => {
        const market = { ...(await load()) };
        const { disputes, jury, escrow, stakeToken, modelId, keys } = market;
        const juror = keys[3];
        if (!juror) throw new Error("there is no fourth provider");
        await make(market, juror.provider, juror.operator);
        const before = await escrow.balanceOf(stakeToken, market.challenger);
        const terms = await requestJob(market);
        const output = await submitJob(market, terms);
        const call = disputes.connect(market.challenger).challenge(terms, output);
        await refused(call, jury, "JuryArbiter_TooFewJurors", modelId, 2n, 3n);
        expect(await escrow.balanceOf(stakeToken, market.challenger)).to.equal(before);
        expect(await market.market.statusOf(terms.id)).to.equal(STATUS.submitted);
      });
    }

    it("weighs every eligible juror by its bonded stake, and never the provider", async () => {
      const market = await load();
      const { keys, jury, modelId, challenger } = market;
      const [provider, first, second, third] = keys.map((pair) => pair.provider) as [Signer, Signer, Signer, Signer];
      await stake(market, first, 7n);
      await market.staking.connect(second).requestUnbonding(9n);
      const terms = await requestJob(market);
      const output = await submitJob(market, terms);
      const block = BigInt(await ethers.provider.getBlockNumber()) + 1n;
      const challenged = market.disputes.connect(challenger).challenge(terms, output);
      const pool = [first.address, second.address, third.address];
      await expect(challenged)
        .to.emit(jury, "JuryCaseOpened")
        .withArgs(1n, terms.id, modelId, block + 2n, pool, [STAKE + 7n, STAKE - 9n, STAKE]);
      expect(pool).not.to.include(provider.address);
    });
  });
});
