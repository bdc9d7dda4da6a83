import { expect } from "chai";
import { ZeroHash } from "ethers";

import { HOUR, MAX_RESOLUTION, POOL_LOCK, RULING, UNBONDING_PERIOD } from "../support/assemble.js";
import { expectAllSettled } from "../support/books.js";
import type { Market, Terms } from "../support/fixture.js";
import {
  afterPhase,
  at,
  networkHelpers,
  now,
  OFFER,
  openMarket,
  refused,
  requestJob,
  requestOf,
  STAKE,
  STATUS,
  submitJob,
} from "../support/fixture.js";
import { awaitSeed, DELIVERED, OTHER, seatsOf, vote } from "../support/jury.js";

describe("I16 A15 A pause", () => {
  /** A market with two jobs under way, one of them delivered, that the guardian then paused. */
  async function paused() {
    const market = await openMarket();
    const requested = await requestJob(market);
    const delivered = await requestJob(market);
    await submitJob(market, delivered, DELIVERED);
    await market.market.connect(market.guardian).pause();
    return { ...market, requested, delivered };
  }
  const load = () => networkHelpers.loadFixture(paused);

  it("stops requests, alone and in batches, and nothing else", async () => {
    const market = await load();
    await refused(requestJob(market), market.market, "InferenceMarket_Paused");
    const batch = [market.market.interface.encodeFunctionData("request", [requestOf(market)])];
    const call = market.market.connect(market.client).multicall(batch);
    await refused(call, market.market, "InferenceMarket_Paused");
  });

  /** Exits and moves that one transaction makes. */
  const EXITS: Record<string, (market: Awaited<ReturnType<typeof load>>) => Promise<unknown>> = {
    submit: (market) => submitJob(market, market.requested),
    decline: ({ market, operator, requested }) => market.connect(operator).decline(requested),
    expire: async (market) => {
      await afterPhase(market, market.requested);
      return market.market.expire(market.requested);
    },
    finalise: async (market) => {
      await afterPhase(market, market.delivered);
      return market.market.finalise(market.delivered);
    },
    finaliseDue: async (market) => {
      await afterPhase(market, market.delivered);
      await market.market.finaliseDue([market.delivered]);
      expect(await market.market.statusOf(market.delivered.id)).to.equal(STATUS.settled);
    },
    submitAndFinaliseDue: ({ market, operator, requested }) =>
      market.connect(operator).submitAndFinaliseDue(requested, DELIVERED, "", []),
    collect: async (market) => {
      await afterPhase(market, market.delivered);
      await market.market.finalise(market.delivered);
      await market.market.collect({ ...market.delivered });
    },
    challenge: ({ disputes, challenger, delivered }) => disputes.connect(challenger).challenge(delivered, DELIVERED),
    "resolve by time": async (market) => {
      await market.disputes.connect(market.challenger).challenge(market.delivered, DELIVERED);
      await at((await now()) + MAX_RESOLUTION + 1n);
      return market.disputes.resolve(1n, market.delivered);
    },
    "withdraw from the escrow": ({ escrow, client, payToken }) =>
      escrow.connect(client).withdraw(payToken, client, OFFER.price),
    sweep: async ({ escrow, client, payToken, stranger }) => {
      await escrow.connect(client).allowSweep(true);
      return escrow.connect(stranger).sweep(payToken, client);
    },
    "unbond and withdraw stake": async ({ staking, provider }) => {
      await staking.connect(provider).requestUnbonding(STAKE - POOL_LOCK - 2n * OFFER.stake);
      await at((await now()) + UNBONDING_PERIOD);
      return staking.connect(provider).withdraw(provider);
    },
    "leave a jury pool": ({ jury, modelId, provider }) => jury.connect(provider).leave(modelId, provider),
    "remove an offer": ({ providers, modelId, payToken, provider }) =>
      providers.connect(provider).removeOffer(modelId, payToken),
  };

  for (const [name, exit] of Object.entries(EXITS)) {
    it(`never blocks: ${name}`, async () => {
      const market = await load();
      await exit(market);
      expect((await market.market.parameters()).paused).to.equal(true);
    });
  }

  it("never blocks a dispute: it is judged, resolved and paid as ever", async () => {
    const market = await load();
    const { disputes, jury, challenger, delivered, requested, client, escrow, payToken } = market;
    await disputes.connect(challenger).challenge(delivered, DELIVERED);
    const [opened] = await jury.queryFilter(jury.filters.JuryCaseOpened(1n));
    await awaitSeed();
    await jury.draw(1n, [...(opened?.args.pool ?? [])], [...(opened?.args.weights ?? [])]);
    const seats = await seatsOf(market, 1n);
    await vote(market, 1n, seats, [OTHER, OTHER, ZeroHash]);
    await disputes.resolve(1n, delivered);
    await jury.payJurors(1n);
    expect((await disputes.caseOf(1n)).ruling).to.equal(RULING.upheld);
    await market.market.connect(market.operator).decline(requested);
    await expectAllSettled(market);

    const all = await escrow.balanceOf(payToken, client);
    await escrow.connect(client).withdraw(payToken, client, all);
    expect(await payToken.balanceOf(client)).to.equal(all);
  });

  it("stops no clock: deadlines run on", async () => {
    const market: Market & { requested: Terms } = await load();
    await at(BigInt(market.requested.executionDeadline) + HOUR);
    const { expired, requested } = STATUS;
    const late = submitJob(market, market.requested);
    await refused(late, market.market, "InferenceMarket_WrongStatus", market.requested.id, expired, requested);
  });
});
