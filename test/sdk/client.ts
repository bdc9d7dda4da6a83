import type { JobTerms } from "@assay/sdk";
import { AssayClient, CONTRACT_NAMES, ContractRevertError, Ruling, voteCommitment } from "@assay/sdk";
import { expect } from "chai";
import { id } from "ethers";

import { drawnCase, OTHER, vote } from "../support/jury.js";
import type { Market } from "../support/fixture.js";
import { ethers, networkHelpers, OFFER, openMarket, requestOf, submitJob, WINDOW } from "../support/fixture.js";

async function clientOf(market: Market) {
  const entries = CONTRACT_NAMES.map((name) => [name, (market as never)[name]] as const);
  const deployment = Object.fromEntries(
    await Promise.all(
      entries.map(async ([name, contract]) => [name, await (contract as Market["market"]).getAddress()]),
    ),
  ) as never;
  return new AssayClient({ deployment, signer: market.client, delay: () => Promise.resolve() });
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
