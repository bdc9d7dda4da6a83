import { jobIdOf } from "@assay/sdk";
import { expect } from "chai";
import { id, parseEther, ZeroHash } from "ethers";

import { POOL_LOCK } from "../support/assemble.js";
import { expectAllSettled, expectBooksExact } from "../support/books.js";
import type { Terms } from "../support/fixture.js";
import {
  afterPhase,
  at,
  ethers,
  networkHelpers,
  now,
  OFFER,
  openMarket,
  PREPAID,
  refused,
  requestJob,
  requestOf,
  STAKE,
  stake,
  STATUS,
  submitJob,
  termsOf,
  WINDOW,
} from "../support/fixture.js";

const FEE_BPS = 250n;
const MIN_STAKE = parseEther("1");

describe("InferenceMarket", () => {
  const load = () => networkHelpers.loadFixture(openMarket);

  it("knows the contracts it acts on", async () => {
    const { market, models, providers, staking, escrow, disputes } = await load();
    expect(await market.MODELS()).to.equal(models);
    expect(await market.PROVIDERS()).to.equal(providers);
    expect(await market.STAKING()).to.equal(staking);
    expect(await market.ESCROW()).to.equal(escrow);
    expect(await market.disputes()).to.equal(disputes);
  });

  describe("a request", () => {
    it("fixes the terms from offer, request and parameters, and emits them", async () => {
      const market = await load();
      const { client, provider, operator, modelId, payToken } = market;
      const time = (await now()) + 50n;
      await at(time);
      const sent = await market.market.connect(client).request(requestOf(market, { inputUri: "ipfs:input" }));
      const terms = termsOf(market, (await sent.wait())?.logs ?? []);
      expect({ ...terms }).to.deep.include({
        id: jobIdOf(terms as never),
        nonce: 1n,
        client: client.address,
        provider: provider.address,
        operator: operator.address,
        modelId,
        inputCommitment: id("input"),
        token: payToken.target,
        price: OFFER.price,
        stake: OFFER.stake,
        executionDeadline: time + OFFER.maxDuration,
        challengeWindow: WINDOW,
        protocolFeeBps: FEE_BPS,
      });
      await expect(sent)
        .to.emit(market.market, "JobRequested")
        .withArgs(jobIdOf(terms as never), client, provider, Object.values(terms).slice(1), "ipfs:input");
    });

    it("takes the price from the client's balance and locks the provider's stake", async () => {
      const market = await load();
      const { escrow, staking, payToken, client, provider } = market;
      const terms = await requestJob(market);
      expect(await escrow.balanceOf(payToken, client)).to.equal(PREPAID - OFFER.price);
      expect(await staking.lockedOf(provider)).to.equal(POOL_LOCK + OFFER.stake);
      expect(await market.market.statusOf(terms.id)).to.equal(STATUS.requested);
      expect(await market.market.phaseEndOf(terms.id)).to.equal(terms.executionDeadline);
      expect(await market.market.idOf(terms)).to.equal(terms.id);
      expect(await market.market.hasOutput(terms.id, ZeroHash)).to.equal(false);
      await expectBooksExact(market, { prices: OFFER.price });
    });

    it("I24 has the hash of its terms as id, which no other job has, even in the same block", async () => {
      const market = await load();
      const { client, operator } = market;
      const data = market.market.interface.encodeFunctionData("request", [requestOf(market)]);
      const sent = await market.market.connect(client).multicall([data, data]);
      const logs = (await sent.wait())?.logs ?? [];
      const [first, second] = logs.map((log) => termsOf(market, [log])) as [Terms, Terms];
      expect(first.executionDeadline).to.equal(second.executionDeadline);
      expect(second.nonce).to.equal(BigInt(first.nonce) + 1n);
      await market.market.connect(operator).decline(first);
      const third = await requestJob(market);
      for (const terms of [first, second, third]) expect(terms.id).to.equal(jobIdOf(terms as never));
      expect(new Set([first.id, second.id, third.id]).size).to.equal(3);
    });

    for (const [what, changes, error, values] of [
      [
        "costs more than the client accepts",
        { maxPrice: OFFER.price - 1n },
        "PriceAboveMax",
        [OFFER.price, OFFER.price - 1n],
      ],
      [
        "locks less than the client accepts",
        { minStake: OFFER.stake + 1n },
        "StakeBelowMin",
        [OFFER.stake, OFFER.stake + 1n],
      ],
    ] as const) {
      it(`is refused when the offer ${what}`, async () => {
        const market = await load();
        await refused(requestJob(market, changes), market.market, `InferenceMarket_${error}`, ...values);
      });
    }

    it("is refused when the offer locks less than the market asks", async () => {
      const market = await load();
      const { providers, provider, modelId, payToken } = market;
      await providers.connect(provider).setOffer(modelId, payToken, OFFER.price, MIN_STAKE - 1n, 60n);
      const call = requestJob(market, { minStake: 0n });
      await refused(call, market.market, "InferenceMarket_StakeBelowMin", MIN_STAKE - 1n, MIN_STAKE);
      await providers.connect(provider).setOffer(modelId, payToken, OFFER.price, MIN_STAKE, 60n);
      expect((await requestJob(market, { minStake: 0n })).stake).to.equal(MIN_STAKE);
    });

    it("is refused when the result would come later than the client accepts, by the second", async () => {
      const market = await load();
      const time = (await now()) + 100n;
      const deadline = time + OFFER.maxDuration;
      await at(time);
      const late = requestJob(market, { deliverBy: deadline - 1n });
      await refused(late, market.market, "InferenceMarket_DeadlineTooLate", deadline, deadline - 1n);
      await at(time + 1n);
      expect((await requestJob(market, { deliverBy: deadline + 1n })).executionDeadline).to.equal(deadline + 1n);
    });

    it("is refused without an offer, without a balance and without free stake", async () => {
      const market = await load();
      const { providers, escrow, staking, stranger, client, provider, stakeToken, payToken, modelId } = market;
      const noOffer = requestJob(market, { token: stakeToken.target });
      await refused(noOffer, providers, "ProviderRegistry_NoOffer", provider, modelId, stakeToken);
      const error = "PaymentEscrow_InsufficientBalance";
      const noBalance = requestJob({ ...market, client: stranger });
      await refused(noBalance, escrow, error, payToken, stranger, 0n, OFFER.price);
      await staking.connect(provider).requestUnbonding(STAKE - POOL_LOCK - OFFER.stake + 1n);
      const noStake = requestJob(market);
      await refused(noStake, staking, "ProviderStaking_InsufficientFree", provider, OFFER.stake - 1n, OFFER.stake);
      expect(await escrow.balanceOf(payToken, client)).to.equal(PREPAID);
    });

    it("may cost nothing", async () => {
      const market = await load();
      const { providers, provider, modelId, payToken, escrow, stranger } = market;
      await providers.connect(provider).setOffer(modelId, payToken, 0n, OFFER.stake, 60n);
      const terms = await requestJob({ ...market, client: stranger });
      await submitJob(market, terms);
      await afterPhase(market, terms);
      await market.market.finalise(terms);
      await market.market.collect({ ...terms });
      expect(await escrow.balanceOf(payToken, provider)).to.equal(0n);
      await expectAllSettled(market);
    });

    it("A26 may lock the most stake that an offer can name", async () => {
      const market = await load();
      const { providers, provider, modelId, payToken, staking } = market;
      const most = 2n ** 96n - 1n;
      await stake(market, provider, most + POOL_LOCK - STAKE);
      await providers.connect(provider).setOffer(modelId, payToken, OFFER.price, most, 60n);
      expect((await requestJob(market, { minStake: most })).stake).to.equal(most);
      expect(await staking.freeOf(provider)).to.equal(0n);
    });

    it("comes in batches of one caller, all or none", async () => {
      const market = await load();
      const { client, stranger } = market;
      const encode = (changes = {}) =>
        market.market.interface.encodeFunctionData("request", [requestOf(market, changes)]);
      const own = market.market.connect(client);
      const bad = own.multicall([encode(), encode({ maxPrice: 0n })]);
      await refused(bad, market.market, "InferenceMarket_PriceAboveMax", OFFER.price, 0n);
      await own.multicall([encode(), encode(), encode()]);
      expect(await market.market.queryFilter(market.market.filters.JobRequested())).to.have.length(3);
      expect(await market.escrow.balanceOf(market.payToken, client)).to.equal(PREPAID - 3n * OFFER.price);
      const theirs = market.market.connect(stranger).multicall([encode()]);
      const error = "PaymentEscrow_InsufficientBalance";
      await refused(theirs, market.escrow, error, market.payToken, stranger, 0n, OFFER.price);
    });
  });

  describe("a delivery", () => {
    it("opens the challenge window and says until when", async () => {
      const market = await load();
      const { provider, operator } = market;
      const terms = await requestJob(market);
      const time = (await now()) + 10n;
      await at(time);
      await expect(market.market.connect(operator).submit(terms, id("output"), "ipfs:output"))
        .to.emit(market.market, "ResultSubmitted")
        .withArgs(terms.id, provider, id("output"), time + WINDOW, "ipfs:output");
      expect(await market.market.statusOf(terms.id)).to.equal(STATUS.submitted);
      expect(await market.market.phaseEndOf(terms.id)).to.equal(time + WINDOW);
      expect(await market.market.hasOutput(terms.id, id("output"))).to.equal(true);
      expect(await market.market.hasOutput(terms.id, id("other"))).to.equal(false);
    });

    it("B17 B03 comes from the provider or its operator, whoever else brings the same result", async () => {
      const market = await load();
      const { operator, provider, stranger, client, keys } = market;
      const terms = await requestJob(market);
      const others = [stranger, client, keys[1]?.provider ?? stranger];
      for (const caller of others) {
        const own = market.market.connect(caller);
        for (const call of [
          () => own.submit(terms, id("output"), ""),
          () => own.submitAndFinaliseDue(terms, id("output"), "", []),
          () => own.decline(terms),
        ]) {
          await refused(call(), market.market, "InferenceMarket_NotProvider", provider, caller);
        }
        // Terms that name the caller are not the terms of the job.
        const forged = { ...terms, operator: caller.address };
        const call = own.submit(forged, id("output"), "");
        const { none, requested } = STATUS;
        await refused(call, market.market, "InferenceMarket_WrongStatus", jobIdOf(forged as never), none, requested);
      }
      await submitJob({ ...market, operator: provider }, terms);
      await submitJob({ ...market, operator }, await requestJob(market));
    });

    it("has an output, and only one", async () => {
      const market = await load();
      const terms = await requestJob(market);
      const empty = submitJob(market, terms, ZeroHash);
      await refused(empty, market.market, "InferenceMarket_EmptyOutput");
      await submitJob(market, terms);
      for (const output of [id("output"), id("other")]) {
        const { submitted, requested } = STATUS;
        const call = submitJob(market, terms, output);
        await refused(call, market.market, "InferenceMarket_WrongStatus", terms.id, submitted, requested);
      }
    });
  });

  describe("declining", () => {
    for (const who of ["provider", "operator"] as const) {
      it(`gives the client its price and the ${who} its stake back`, async () => {
        const market = await load();
        const { client, payToken } = market;
        const terms = await requestJob(market);
        await expect(market.market.connect(market[who]).decline(terms))
          .to.emit(market.market, "JobRefunded")
          .withArgs(terms.id, client, payToken, OFFER.price);
        expect(await market.escrow.balanceOf(payToken, client)).to.equal(PREPAID);
        await expectAllSettled(market);
      });
    }
  });

  describe("the court's calls", () => {
    it("C02 are refused to everybody else", async () => {
      const market = await load();
      const { deployer, guardian, treasury, client, provider, challenger } = market;
      const terms = await requestJob(market);
      const output = await submitJob(market, terms);
      for (const caller of [deployer, guardian, treasury, client, provider, challenger]) {
        const own = market.market.connect(caller);
        for (const call of [
          () => own.openDispute(terms, output),
          () => own.closeDispute(terms, true),
          () => own.closeDispute(terms, false),
        ]) {
          await refused(call(), market.market, "InferenceMarket_NotDisputes", caller);
        }
      }
    });

    it("close a dispute that is open, once", async () => {
      const market = await load();
      const court = await asCourt(market);
      const wrongStatus = (terms: Terms, upheld: boolean, current: bigint) =>
        refused(
          court.closeDispute(terms, upheld),
          market.market,
          "InferenceMarket_WrongStatus",
          terms.id,
          current,
          STATUS.disputed,
        );
      for (const upheld of [true, false]) {
        const terms = await requestJob(market);
        const output = await submitJob(market, terms);
        await wrongStatus(terms, upheld, STATUS.submitted);
        await court.openDispute(terms, output);
        await court.closeDispute(terms, upheld);
        for (const again of [true, false]) await wrongStatus(terms, again, STATUS.settled);
      }
      expect(await market.escrow.balanceOf(market.payToken, market.client)).to.equal(PREPAID - OFFER.price);
    });

    it("close no dispute about a job that was finalised", async () => {
      const market = await load();
      const court = await asCourt(market);
      const terms = await requestJob(market);
      await submitJob(market, terms);
      await afterPhase(market, terms);
      await market.market.finalise(terms);
      const { settled, disputed } = STATUS;
      const call = court.closeDispute(terms, true);
      await refused(call, market.market, "InferenceMarket_WrongStatus", terms.id, settled, disputed);
    });
  });

  it("takes its court's name from the deployer, once", async () => {
    const { market, deployer, stranger, disputes } = await load();
    await refused(market.linkDisputes(stranger), market, "InferenceMarket_NotDeployer", stranger);
    const again = market.connect(deployer).linkDisputes(stranger);
    await refused(again, market, "InferenceMarket_AlreadyLinked", disputes);
  });

  async function asCourt({ market, disputes }: Awaited<ReturnType<typeof load>>) {
    const address = await disputes.getAddress();
    await networkHelpers.setBalance(address, parseEther("1"));
    return market.connect(await ethers.getImpersonatedSigner(address));
  }
});
