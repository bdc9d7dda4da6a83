import type { Part } from "@assay/sdk";
import { traceFactsOf } from "@assay/sdk";
import { expect } from "chai";

import { BOND, RULING } from "../support/assemble.js";
import { expectBooksExact } from "../support/books.js";
import { quietUntil, settle, tracedCase } from "../support/cases.js";
import { at, networkHelpers, OFFER, refused, STAKE } from "../support/fixture.js";
import { wideModel } from "../support/graphs.js";
import type { ProvenMarket, Run } from "../support/proofs.js";
import { answer, demand, demandFees, marketOf, provenMarket, rootsOf, run, runOf } from "../support/proofs.js";

const EXACT = 1;
const PLACES = 6;
const LEAF: Part = { tensor: 6, level: 0, index: 0 };

/** Every part of every tensor that nodes write, in a model whose tensors have at most 256 leaves. */
function partsOf({ posted, model }: Run): Part[] {
  return posted.tensors.flatMap(({ header: { nLeaves } }, tensor) => {
    if (tensor < model.inputNames.length) return [];
    const leaves = Array.from({ length: nLeaves }, (_, index) => ({ tensor, level: 0, index }));
    return nLeaves > 1 ? [...leaves, { tensor, level: 1, index: 0 }] : leaves;
  });
}

describe("A challenger that spams", function () {
  this.timeout(120_000);
  const load = () => networkHelpers.loadFixture(provenMarket);

  /** Expects the honest provider to have its stake and price, and bond and fees of who accused it in vain. */
  async function expectPaid(market: ProvenMarket, fees: bigint): Promise<void> {
    const { escrow, stakeToken, payToken, staking, provider } = market;
    expect(await staking.bondedOf(provider)).to.equal(STAKE);
    expect(await escrow.balanceOf(stakeToken, provider)).to.equal(BOND + fees);
    const cut = (OFFER.price * (250n + 500n)) / 10_000n;
    expect(await escrow.balanceOf(payToken, provider)).to.equal(OFFER.price - cut);
  }

  for (const [name, wide] of [
    ["all of a trained model", false],
    ["all leaves and hashes of wide tensors", true],
  ] as const) {
    it(`demands ${name} and proves nothing: loses bond and fees to the provider`, async () => {
      const { model, sample } = await wideModel(PLACES);
      const wideMarket = () => marketOf(model, EXACT);
      const market = wide ? await networkHelpers.loadFixture(wideMarket) : await load();
      const given = wide ? await runOf(model, sample) : await run(3);
      const had = await market.escrow.balanceOf(market.stakeToken, market.challenger);
      const { terms, caseId } = await tracedCase(market, given);
      const parts = partsOf(given);
      for (const part of parts) await demand(market, given, caseId, part);
      const fees = demandFees(given, ...parts);
      await expectBooksExact(market, { prices: OFFER.price, bonds: BOND, fees });
      for (const part of parts) await answer(market, given, caseId, part);
      await at((await quietUntil(market, caseId)) + 1n);
      expect(await settle(market, terms, caseId, parts)).to.equal(RULING.rejected);
      await expectPaid(market, fees);
      expect(await market.escrow.balanceOf(market.stakeToken, market.challenger)).to.equal(had - BOND - fees);
    });
  }

  it("asks for the same part again, answered or not, and from whatever account: is refused", async () => {
    const market = await load();
    const given = await run(3);
    const { caseId } = await tracedCase(market, given);
    await demand(market, given, caseId, LEAF);
    const again = (by: ProvenMarket) =>
      refused(demand(by, given, caseId, LEAF), market.court, "ProofCourt_AlreadyDemanded", caseId, Object.values(LEAF));
    await again(market);
    await answer(market, given, caseId, LEAF);
    await again(market);
    await again({ ...market, challenger: market.stranger });
    await expectBooksExact(market, { prices: OFFER.price, bonds: BOND, fees: demandFees(given, LEAF) });
  });

  it("asks for what does not exist: is refused", async () => {
    const market = await load();
    const given = await run(3);
    const { caseId } = await tracedCase(market, given);
    const ask = (part: Part) => demand(market, given, caseId, part);
    const error = "ProofCourt_OutOfRange";
    await refused(ask({ ...LEAF, index: 1 }), market.court, error, 1, 1);
    for (const level of [1, 2, 9, 255]) await refused(ask({ ...LEAF, level }), market.court, error, 0, 0);
    const inputs = given.model.inputNames.length;
    const ofNode = { ...given, honest: { ...given.honest, tensors: given.honest.tensors.slice(inputs) } };
    const facts = traceFactsOf(given.model.graph, rootsOf(given));
    const call = market.court
      .connect(market.challenger)
      .demand(caseId, facts, { ...LEAF, tensor: 0 }, given.model.nodes[0] as never, [], headerOf(ofNode, 0) as never);
    await refused(call, market.court, error, 0, inputs);
  });

  it("asks with another tensor's node or header: is refused", async () => {
    const market = await load();
    const given = await run(3);
    const { caseId } = await tracedCase(market, given);
    const swapped = [...given.model.nodes];
    [swapped[4], swapped[5]] = [given.model.nodes[5] as never, given.model.nodes[4] as never];
    const otherNode = { ...given, model: { ...given.model, nodes: swapped } };
    const call = demand(market, otherNode, caseId, { ...LEAF, tensor: given.model.inputNames.length + 5 });
    await expect(call).to.be.revertedWithCustomError(market.court, "ProofCourt_NotProven");
    const own = given.honest.tensors[LEAF.tensor];
    if (!own) throw new Error("no such tensor");
    const longer = { ...own, header: { ...own.header, nLeaves: own.header.nLeaves + 1 } };
    const tensors = given.honest.tensors.with(LEAF.tensor, longer);
    const otherHeader = { ...given, honest: { ...given.honest, tensors } };
    const asked = demand(market, otherHeader, caseId, { ...LEAF, index: 1 });
    await expect(asked).to.be.revertedWithCustomError(market.court, "ProofCourt_NotProven");
  });

  it("cannot pay, or asks before there is a trace, or once the claim period is over: is refused", async () => {
    const market = await load();
    const given = await run(3);
    const { caseId } = await tracedCase(market, given);
    const poor = { ...market, challenger: market.guardian };
    const { escrow, stakeToken } = market;
    const short = [stakeToken, poor.challenger, 0n, demandFees(given, LEAF)];
    await refused(demand(poor, given, caseId, LEAF), escrow, "PaymentEscrow_InsufficientBalance", ...short);
    await refused(demand(market, given, caseId + 1n, LEAF), market.court, "ProofCourt_NoTrace", caseId + 1n);
    const quiet = await quietUntil(market, caseId);
    await at(quiet);
    await demand(market, given, caseId, LEAF);
    await answer(market, given, caseId, LEAF);
    await at((await quietUntil(market, caseId)) + 1n);
    await refused(demand(market, given, caseId, { ...LEAF, tensor: 5 }), market.court, "ProofCourt_Over", caseId);
  });
});

const headerOf = ({ honest }: Run, tensor: number) => ({
  ...honest.tensors[tensor]?.header,
  merkleRoot: `0x${"00".repeat(32)}`,
});
