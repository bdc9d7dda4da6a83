import type { Part } from "@assay/sdk";
import { courtBatches } from "@assay/sdk";
import { expect } from "chai";
import { dataLength } from "ethers";

import { BOND, RULING } from "../support/assemble.js";
import { expectAllSettled, expectBooksExact } from "../support/books.js";
import { quietUntil, tracedCase, waitForRuling } from "../support/cases.js";
import type { Signer } from "../support/fixture.js";
import { at, networkHelpers, OFFER, refused, STAKE } from "../support/fixture.js";
import { wideModel } from "../support/graphs.js";
import type { ProvenMarket, Run } from "../support/proofs.js";
import {
  accusationsOf,
  answer,
  answerData,
  demand,
  demandData,
  demandFees,
  evidenceOf,
  marketOf,
  provenMarket,
  run,
  runOf,
} from "../support/proofs.js";

const EXACT = 1;
/** Leaves of the widest tensor. */
const PLACES = 300;
const LEAF: Part = { tensor: 6, level: 0, index: 0 };
const OTHER: Part = { tensor: 5, level: 0, index: 0 };

const wideMarket = async () => marketOf((await wideModel(PLACES)).model, EXACT);

/** Every part that can be asked for of what the first node writes, and two of its hashes. */
const wideParts = (): Part[] => [
  ...Array.from({ length: PLACES }, (_, index) => ({ tensor: 1, level: 0, index })),
  ...[0, 1].map((index) => ({ tensor: 1, level: 1, index })),
];

/** Sends calls as few transactions, and says what they used. */
async function sendAll({ court }: ProvenMarket, by: Signer, data: readonly string[]) {
  const batches = courtBatches(data.map((each) => ({ data: each })));
  const used: bigint[] = [];
  for (const batch of batches) {
    const sent = await court.connect(by).multicall(batch.map((call) => call.data));
    expect(dataLength(sent.data)).to.be.below(131_072 - 200);
    used.push((await sent.wait())?.gasUsed ?? 0n);
  }
  return used;
}

describe("Several calls of the proof court as one", function () {
  this.timeout(120_000);
  const load = () => networkHelpers.loadFixture(provenMarket);

  it("answer hundreds of demands in a few transactions, and send all fees on in three, to the wei", async () => {
    const market = await networkHelpers.loadFixture(wideMarket);
    const { court, disputes, escrow, stakeToken, challenger, operator, provider, stranger, staking } = market;
    const { model, sample } = await wideModel(PLACES);
    const given: Run = await runOf(model, sample);
    const { terms, caseId } = await tracedCase(market, given);
    const parts = wideParts();
    const fees = demandFees(given, ...parts);
    const had = await escrow.balanceOf(stakeToken, challenger);

    const asked = await sendAll(
      market,
      challenger,
      parts.map((part) => demandData(market, given, caseId, part)),
    );
    expect((await court.courtCaseOf(caseId)).pending).to.equal(parts.length);
    expect(await escrow.balanceOf(stakeToken, challenger)).to.equal(had - fees);
    await expectBooksExact(market, { prices: OFFER.price, bonds: BOND, fees });

    const shown = await sendAll(
      market,
      operator,
      parts.map((part) => answerData(market, given, caseId, part)),
    );
    expect((await court.courtCaseOf(caseId)).pending).to.equal(0n);
    expect(await court.queryFilter(court.filters.LeafRevealed(caseId))).to.have.lengthOf(PLACES);
    // What some blocks had room to ask for, fewer have room to show, of leaves as short as these.
    const total = (used: readonly bigint[]) => used.reduce((sum, each) => sum + each, 0n);
    expect(shown.length).to.be.at.most(asked.length);
    expect(total(shown)).to.be.below(total(asked));

    await waitForRuling(market, caseId);
    await disputes.resolve(caseId, terms);
    const payments = parts.map((part) => court.interface.encodeFunctionData("payDemandFee", [caseId, part]));
    const paid = await sendAll(market, stranger, payments);
    expect(paid).to.have.lengthOf(3);
    await market.market.collect({ ...terms });
    await expectAllSettled(market);
    expect(await escrow.balanceOf(stakeToken, provider)).to.equal(BOND + fees);
    expect(await staking.bondedOf(provider)).to.equal(STAKE);
  });

  it("do not fail because somebody copied one answer and was first with it", async () => {
    const market = await load();
    const given = await run(3);
    const { caseId } = await tracedCase(market, given);
    for (const part of [LEAF, OTHER]) await demand(market, given, caseId, part);
    await answer({ ...market, operator: market.stranger }, given, caseId, LEAF);
    const both = [LEAF, OTHER].map((part) => answerData(market, given, caseId, part));
    await market.court.connect(market.operator).multicall(both);
    expect((await market.court.courtCaseOf(caseId)).pending).to.equal(0n);
    expect(await market.court.queryFilter(market.court.filters.LeafRevealed(caseId))).to.have.lengthOf(2);
  });

  it("give nobody time by an answer that was given before", async () => {
    const market = await load();
    const given = await run(3);
    const { caseId } = await tracedCase(market, given);
    await demand(market, given, caseId, LEAF);
    await answer(market, given, caseId, LEAF);
    const quiet = await quietUntil(market, caseId);
    await at(quiet - 10n);
    await answer(market, given, caseId, LEAF);
    expect(await quietUntil(market, caseId)).to.equal(quiet);
  });

  it("are made by who makes them: its fee, its reward as the finder", async () => {
    const market = await load();
    const { court, challenger, stranger } = market;
    const given = await run(3, { tensor: LEAF.tensor, byte: 0 });
    const { caseId } = await tracedCase(market, given);
    await court.connect(challenger).multicall([demandData(market, given, caseId, LEAF)]);
    expect((await court.demandOf(caseId, LEAF)).demander).to.equal(challenger.address);
    await answer(market, given, caseId, LEAF);
    const [accusation] = accusationsOf(given, evidenceOf(given, LEAF));
    if (!accusation) throw new Error("nothing to accuse");
    const words = [caseId, accusation.claim as never, accusation.provenance as never] as const;
    await court.connect(stranger).multicall([court.interface.encodeFunctionData("proveFraud", [...words])]);
    expect(await court.rulingOf(caseId)).to.deep.equal([RULING.upheld, stranger.address]);
  });

  it("are all made or none, and none after the ruling, which one of them may be", async () => {
    const market = await load();
    const { court, challenger } = market;
    const given = await run(3, { tensor: LEAF.tensor, byte: 0 });
    const { terms, caseId } = await tracedCase(market, given);
    const twice = [LEAF, LEAF].map((part) => demandData(market, given, caseId, part));
    await refused(
      court.connect(challenger).multicall(twice),
      court,
      "ProofCourt_AlreadyDemanded",
      caseId,
      Object.values(LEAF),
    );
    expect((await court.demandOf(caseId, LEAF)).demander).to.equal("0x0000000000000000000000000000000000000000");
    await demand(market, given, caseId, LEAF);
    await answer(market, given, caseId, LEAF);
    const [accusation] = accusationsOf(given, evidenceOf(given, LEAF));
    if (!accusation) throw new Error("nothing to accuse");
    const words = [caseId, accusation.claim as never, accusation.provenance as never] as const;
    const proof = court.interface.encodeFunctionData("proveFraud", [...words]);
    const late = court.connect(challenger).multicall([proof, demandData(market, given, caseId, OTHER)]);
    await refused(late, court, "ProofCourt_Over", caseId);
    await court.connect(challenger).multicall([proof]);
    const fee = court.interface.encodeFunctionData("payDemandFee", [caseId, LEAF]);
    const ruling = court.interface.encodeFunctionData("resolve", [caseId, terms]);
    const twicePaid = court.multicall([ruling, fee, fee]);
    await refused(twicePaid, court, "ProofCourt_NotDemanded", caseId, Object.values(LEAF));
    await court.connect(market.stranger).multicall([ruling, fee]);
    await expectAllSettled(market);
  });

  it("pay the fees of an acquittal behind the ruling that they follow from, not before it", async () => {
    const market = await load();
    const { court, escrow, stakeToken, provider, stranger } = market;
    const given = await run(3);
    const { terms, caseId } = await tracedCase(market, given);
    await demand(market, given, caseId, LEAF);
    await answer(market, given, caseId, LEAF);
    await waitForRuling(market, caseId);
    const fee = court.interface.encodeFunctionData("payDemandFee", [caseId, LEAF]);
    const ruling = court.interface.encodeFunctionData("resolve", [caseId, terms]);
    await refused(court.multicall([fee, ruling]), court, "ProofCourt_NotOver", caseId);
    await court.connect(stranger).multicall([ruling, fee]);
    expect(await escrow.balanceOf(stakeToken, provider)).to.equal(BOND + demandFees(given, LEAF));
    await market.market.collect({ ...terms });
    await expectAllSettled(market);
  });
});
