import type { Addresses, JobTerms } from "@assay/sdk";
import { AssayClient, CONTRACT_NAMES, ContractRevertError, Ruling, voteCommitment } from "@assay/sdk";
import { expect } from "chai";
import { id } from "ethers";

import { drawnCase, OTHER, vote } from "../support/jury.js";
import type { Market } from "../support/fixture.js";
import { ethers, networkHelpers, OFFER, openMarket, requestOf, submitJob, WINDOW } from "../support/fixture.js";

async function clientOf(market: Market, more: { block?: number } = {}, delay = () => Promise.resolve()) {
  const entries = CONTRACT_NAMES.map((name) => [name, (market as never)[name]] as const);
  const deployment = Object.fromEntries(
    await Promise.all(
      entries.map(async ([name, contract]) => [name, await (contract as Market["market"]).getAddress()]),
    ),
  ) as Addresses;
  return new AssayClient({ deployment: { ...deployment, ...more }, signer: market.client, delay });
}

function providerOf({ client }: Market) {
  if (!client.provider) throw new Error("the client is connected to no chain");
  return client.provider;
}

describe("AssayClient", () => {
  it("requests, waits for and settles a job", async () => {
    const market = await networkHelpers.loadFixture(openMarket);
    const client = await clientOf(market);
    const terms = await client.request(requestOf(market) as never);
    await submitJob(market, terms);
    const delivery = await client.waitForDelivery(terms);
    expect(delivery.outputCommitment).to.equal(id("output"));
    await networkHelpers.time.increase(WINDOW + 1n);
    await client.finalise(await client.termsOf(terms.id));
    expect(await client.outcomeOf(terms.id)).to.equal("paid");
    expect(await client.outcomeOf(1n)).to.equal(undefined);
  });

  it("finds events from the deployment's block on, in ranges that RPC endpoints accept, newest first", async () => {
    const market = await networkHelpers.loadFixture(openMarket);
    const provider = providerOf(market);
    const block = await provider.getBlockNumber();
    const client = await clientOf(market, { block });
    const late = await client.request(requestOf(market) as never);
    await market.market.connect(market.operator).decline(late);
    await networkHelpers.mine(22_000);
    const terms = await client.request(requestOf(market) as never);
    await submitJob(market, terms);

    const asked: { fromBlock: number; toBlock: number }[] = [];
    const getLogs = provider.getLogs.bind(provider);
    provider.getLogs = (filter) => {
      const range = filter as { fromBlock: number; toBlock: number };
      asked.push(range);
      // As public endpoints do.
      if (!(range.toBlock - range.fromBlock < 10_000)) return Promise.reject(new Error("block range is too wide"));
      return getLogs(filter);
    };
    try {
      expect((await client.waitForDelivery(terms)).outputCommitment).to.equal(id("output"));
      expect(asked).to.have.lengthOf(1);
      expect((await client.termsOf(late.id)).id).to.equal(late.id);
      expect(await client.outcomeOf(late.id)).to.equal("refunded");
      expect(await client.outcomeOf(1n)).to.equal(undefined);
      expect(await client.termsOf(late.id, block + 5).catch(String)).to.match(/not requested at or after block/);
      expect(Math.min(...asked.map(({ fromBlock }) => fromBlock))).to.equal(block);
    } finally {
      provider.getLogs = getLogs;
    }
  });

  it("reads the blocks of a job that never was only once while it waits for it", async () => {
    const market = await networkHelpers.loadFixture(openMarket);
    const provider = providerOf(market);
    const stop = new AbortController();
    let waits = 0;
    const client = await clientOf(market, {}, () => {
      if (++waits === 3) stop.abort(new Error("waited enough"));
      return Promise.resolve();
    });
    await networkHelpers.mine(22_000);
    const terms = { ...(await client.request(requestOf(market) as never)), id: 77n };
    const firsts: number[] = [];
    const getLogs = provider.getLogs.bind(provider);
    provider.getLogs = (filter) => {
      firsts.push((filter as { fromBlock: number }).fromBlock);
      return getLogs(filter);
    };
    try {
      expect(await client.waitForDelivery(terms, stop.signal).catch(String)).to.match(/waited enough/);
      expect(
        firsts.filter((first) => first === 0),
        "reads of the first block",
      ).to.have.lengthOf(1);
      expect(firsts).to.have.lengthOf(5);
    } finally {
      provider.getLogs = getLogs;
    }
  });

  it("takes no result for a delivery that was declined or judged wrong", async () => {
    const market = await networkHelpers.loadFixture(openMarket);
    const client = await clientOf(market);
    const declined = await client.request(requestOf(market) as never);
    await market.market.connect(market.operator).decline(declined);
    const judged = await drawnCase(market);
    await vote(market, judged.caseId, judged.seats, [OTHER, OTHER, OTHER]);
    await market.disputes.resolve(judged.caseId, judged.terms);
    for (const terms of [declined, judged.terms as unknown as JobTerms]) {
      expect(await client.outcomeOf(terms.id)).to.equal("refunded");
      const refused = await client.waitForDelivery(terms).catch((error: unknown) => String(error));
      expect(refused).to.match(/brings nothing: its price is refunded/);
    }
  });

  it("names the contract's refusal, its values and the way out", async () => {
    const market = await networkHelpers.loadFixture(openMarket);
    const client = await clientOf(market);
    try {
      await client.request(requestOf(market, { maxPrice: OFFER.price - 1n }) as never);
      expect.fail("the request went through");
    } catch (error) {
      if (!(error instanceof ContractRevertError)) throw error;
      expect(error.error).to.equal("InferenceMarket_PriceAboveMax");
      expect(error.values).to.deep.equal({ price: OFFER.price, maxPrice: OFFER.price - 1n });
      expect(error.message).to.contain("raise it or ask another provider");
    }
  });

  it("commits to a vote as the jury does", async () => {
    const market = await networkHelpers.loadFixture(openMarket);
    const { chainId } = await ethers.provider.getNetwork();
    const [outputCommitment, salt] = [id("output"), id("salt")];
    const juror = market.provider.address;
    const jury = await market.jury.getAddress();
    expect(voteCommitment({ chainId, jury, caseId: 7n, round: 0, juror, outputCommitment, salt })).to.equal(
      await market.jury.commitmentOf(7n, juror, outputCommitment, salt),
    );
    expect(Ruling.Upheld).to.equal(1n);
  });
});
