import type { Accusation, Hex, Part, TraceFacts } from "@assay/sdk";
import { Source, traceFactsOf } from "@assay/sdk";
import { expect } from "chai";
import { ZeroHash } from "ethers";

import { BOND, RULING } from "../support/assemble.js";
import { expectAllSettled } from "../support/books.js";
import { quietUntil, settle, tracedCase } from "../support/cases.js";
import { at, ethers, networkHelpers, OFFER, refused, STAKE } from "../support/fixture.js";
import type { ProvenMarket, Run } from "../support/proofs.js";
import {
  accusationsOf,
  accuse,
  answer,
  answerData,
  demand,
  demandData,
  demandFees,
  evidenceOf,
  provenMarket,
  rootsOf,
  run,
} from "../support/proofs.js";

const LEAF = { tensor: 6, level: 0, index: 0 };
const WRONG: Hex = `0x${"01".repeat(32)}`;
const TAMPER = { tensor: LEAF.tensor, byte: 0 };

function accusationOf(given: Run): Accusation {
  const [accusation] = accusationsOf(given, evidenceOf(given, LEAF));
  if (!accusation) throw new Error("nothing to accuse");
  return accusation;
}

/** Another byte in the hex text of a leaf. */
const flipped = (data: Hex): Hex =>
  `0x${(Number.parseInt(data.slice(2, 4), 16) ^ 1).toString(16).padStart(2, "0")}${data.slice(4)}`;

describe("A stranger before the proof court", function () {
  this.timeout(120_000);
  const load = () => networkHelpers.loadFixture(provenMarket);

  const asStranger = (market: ProvenMarket): ProvenMarket => ({ ...market, challenger: market.stranger });

  async function expectStands(
    market: ProvenMarket,
    { terms, caseId }: Awaited<ReturnType<typeof tracedCase>>,
    parts: Part[] = [],
  ) {
    await at((await quietUntil(market, caseId)) + 1n);
    expect(await settle(market, terms, caseId, parts)).to.equal(RULING.rejected);
    expect(await market.staking.bondedOf(market.provider)).to.equal(STAKE);
  }

  it("proves nothing by forged leaves, proofs, headers or nodes against an honest run", async () => {
    const market = await load();
    const { court } = market;
    const given = await run(3, TAMPER);
    const opened = await tracedCase(market, { ...given, posted: given.honest });
    const { claim, provenance } = accusationOf(given);
    const honest = accusationsOf({ ...given, posted: given.honest }, evidenceOf(given, LEAF));
    const [base] = honest;
    if (!base) throw new Error("nothing to accuse");
    const [output, ...operands] = base.claim.openings;
    const [operand, ...rest] = operands;
    if (!output || !operand) throw new Error("the claim opens too little");
    const accuseBy = (changes: Partial<Accusation["claim"]>, proof: Partial<Accusation["provenance"]> = {}) => {
      const forged = { ...base, claim: { ...base.claim, ...changes }, provenance: { ...base.provenance, ...proof } };
      return accuse(asStranger(market), opened.caseId, forged);
    };
    const fails = (call: Promise<unknown>, error: string) => expect(call).to.be.revertedWithCustomError(court, error);

    // The leaf that the tampered run would have shown, under the honest root; then other forgeries.
    await fails(accuseBy({}), "TensorCommitment_InvalidProof");
    const operandForged = { ...operand, data: flipped(operand.data) };
    const right = { ...output, data: flipped(output.data) };
    await fails(accuseBy({ openings: [right, operandForged, ...rest] }), "TensorCommitment_InvalidProof");
    const short = { ...right, data: right.data.slice(0, -64) as Hex };
    await fails(accuseBy({ openings: [short, operand, ...rest] }), "TensorCommitment_WrongLeafLength");
    await fails(accuseBy({ openings: [{ ...right, operand: 9 }] }), "ProofCourt_OutOfRange");
    await fails(accuseBy({ headers: claim.headers }), "ProofCourt_NotProven");
    await fails(accuseBy({ headers: base.claim.headers.slice(1) }), "ProofCourt_OutOfRange");
    // Weights of a stranger's own choice would contradict any honest element.
    const { operands: sources } = base.claim.node;
    const constant = sources.findIndex(({ source }) => source === Source.Constant);
    const headersWith = (i: number) => base.claim.headers.map((h, at) => (at === i ? { ...h, merkleRoot: WRONG } : h));
    const ownWeights = accuseBy({ headers: headersWith(constant) });
    await refused(ownWeights, court, "ProofCourt_NotProven", sources[constant]?.hash);
    const ownOutput = accuseBy({ headers: headersWith(sources.length) });
    await refused(ownOutput, court, "ProofCourt_NotProven", WRONG);
    // Nor are elements read at other places, or as other numbers, than the model says.
    for (const change of [{ layout: 4 }, { dtype: 2 }, { nLeaves: 2 }, { chunkElems: 1 }]) {
      const output = base.claim.headers.map((h, at) => (at === sources.length ? { ...h, ...change } : h));
      await refused(accuseBy({ headers: output }), court, "ProofCourt_NotProven", base.claim.node.outputMeta);
    }
    const node = { ...base.claim.node, attributes: "0x" as const };
    await fails(accuseBy({ node }), "ProofCourt_NotProven");
    await fails(accuseBy({}, { nodeIndex: provenance.nodeIndex + 1 }), "ProofCourt_NotProven");
    await fails(accuseBy({}, { nodeProof: [] }), "ProofCourt_NotProven");
    for (const change of [{ root: ZeroHash }, { nodesRoot: ZeroHash }, { inputCount: 2 }, { nodeCount: 1 }]) {
      const trace = { ...provenance.trace, ...change } as TraceFacts;
      await fails(accuseBy({}, { trace }), "ProofCourt_TraceMismatch");
    }
    await fails(accuseBy({}, { traceProofs: provenance.traceProofs.map(() => []) }), "ProofCourt_NotProven");
    // And with nothing forged, there is nothing to be proven.
    await fails(accuseBy({ openings: [right, operand, ...rest] }), "ProofCourt_NoContradiction");
    await expectStands(market, opened);
  });

  it("proves nothing against one job by what another job's run shows", async () => {
    const market = await load();
    const honest = await run(3);
    const wrong = await run(4, TAMPER);
    const opened = await tracedCase(market, honest);
    const other = await tracedCase(market, wrong);
    const accusation = accusationOf(wrong);
    const call = accuse(asStranger(market), opened.caseId, accusation);
    await refused(call, market.court, "ProofCourt_TraceMismatch", opened.caseId);
    const trace = traceFactsOf(honest.model.graph, rootsOf(honest));
    const mixed = { ...accusation, provenance: { ...accusation.provenance, trace } };
    const disguised = accuse(asStranger(market), opened.caseId, mixed);
    await expect(disguised).to.be.revertedWithCustomError(market.court, "ProofCourt_NotProven");
    await accuse(asStranger(market), other.caseId, accusation);
    expect((await market.court.rulingOf(opened.caseId)).ruling).to.equal(RULING.none);
    await market.disputes.resolve(other.caseId, other.terms);
    await at((await quietUntil(market, opened.caseId)) + 1n);
    expect(await settle(market, opened.terms, opened.caseId)).to.equal(RULING.rejected);
    expect(await market.staking.bondedOf(market.provider)).to.equal(STAKE - OFFER.stake);
  });

  it("asks and shows nothing by the facts of another trace, nor by words with bits that do not count", async () => {
    const market = await load();
    const { court, challenger } = market;
    const given = await run(3);
    const opened = await tracedCase(market, given);
    const { caseId } = opened;
    const courtAt = await court.getAddress();
    /** Word i of the call, its first byte another; the facts are words 1 to 4. */
    const changed = (data: string, word: number, byte: number) => {
      const start = 10 + 64 * word + 2 * byte;
      return `${data.slice(0, start)}01${data.slice(start + 2)}`;
    };
    const send = (data: string) => challenger.sendTransaction({ to: courtAt, data });
    const expectNoneTaken = async (data: string) => {
      for (const [word, byte] of [...Array(4).keys()].map((i) => [i + 1, 30] as const)) {
        await refused(send(changed(data, word, byte)), court, "ProofCourt_TraceMismatch", caseId);
      }
      for (const word of [3, 4]) await expect(send(changed(data, word, 0))).to.be.revertedWithoutReason(ethers);
    };

    await expectNoneTaken(demandData(market, given, caseId, LEAF));
    await demand(market, given, caseId, LEAF);
    await expectNoneTaken(answerData(market, given, caseId, LEAF));
    await answer(market, given, caseId, LEAF);
    await expectStands(market, opened, [LEAF]);
  });

  it("proves nothing before there is a trace, twice, or after the ruling", async () => {
    const market = await load();
    const { court } = market;
    const given = await run(3, TAMPER);
    const { terms, caseId } = await tracedCase(market, given);
    const accusation = accusationOf(given);
    await refused(accuse(market, caseId + 1n, accusation), court, "ProofCourt_NoTrace", caseId + 1n);
    await accuse(market, caseId, accusation);
    const again = () => accuse(asStranger(market), caseId, accusation);
    await refused(again(), court, "ProofCourt_Over", caseId);
    expect(await settle(market, terms, caseId)).to.equal(RULING.upheld);
    await refused(again(), court, "ProofCourt_Over", caseId);
    await refused(accuse(market, caseId, { ...accusation, kind: "malformedLeaf" }), court, "ProofCourt_Over", caseId);
    await refused(court.proveSilence(caseId, LEAF), court, "ProofCourt_Over", caseId);
    const resolved = market.disputes.resolve(caseId, terms);
    await refused(resolved, market.disputes, "DisputeManager_AlreadyResolved", caseId, RULING.upheld);
  });

  it("proves a fraud in the last second, and not one second later", async () => {
    for (const late of [0n, 1n]) {
      const market = await load();
      const given = await run(3, TAMPER);
      const { terms, caseId } = await tracedCase(market, given);
      await at((await quietUntil(market, caseId)) + late);
      const call = accuse(asStranger(market), caseId, accusationOf(given));
      if (late) await refused(call, market.court, "ProofCourt_Over", caseId);
      else await call;
      expect(await settle(market, terms, caseId)).to.equal(late ? RULING.rejected : RULING.upheld);
    }
  });

  it("gets no ruling early, not by any wrong terms, and no money before it", async () => {
    const market = await load();
    const { court, disputes } = market;
    const given = await run(3);
    const { terms, caseId } = await tracedCase(market, given);
    await demand(market, given, caseId, LEAF);
    await answer(market, given, caseId, LEAF);
    const quiet = await quietUntil(market, caseId);
    const { openedAt } = await disputes.caseOf(caseId);
    for (const time of [quiet - 1n, quiet]) {
      await at(time);
      const latest = openedAt + 7n * 86_400n;
      await refused(disputes.resolve(caseId, terms), disputes, "DisputeManager_NotYetRuled", caseId, latest);
    }
    await refused(court.payDemandFee(caseId, LEAF), court, "ProofCourt_NotOver", caseId);
    const otherTerms = { ...terms, price: 1n };
    await at(quiet + 10n);
    const call = disputes.resolve(caseId, otherTerms);
    await refused(call, disputes, "DisputeManager_OtherJob", caseId, terms.id);
    await networkHelpers.mine();
    // What the court says is not yet carried out: fees wait for that.
    expect((await court.rulingOf(caseId)).ruling).to.equal(RULING.rejected);
    await refused(court.payDemandFee(caseId, LEAF), court, "ProofCourt_NotOver", caseId);
    expect(await settle(market, terms, caseId, [LEAF])).to.equal(RULING.rejected);
  });

  it("forwards fees once, to whom they belong, and none of a case that there is not", async () => {
    const market = await load();
    const { court, escrow, stakeToken, provider, stranger } = market;
    const given = await run(3);
    const { terms, caseId } = await tracedCase(market, given);
    await demand(market, given, caseId, LEAF);
    await answer(market, given, caseId, LEAF);
    const had = await escrow.balanceOf(stakeToken, stranger);
    await at((await quietUntil(market, caseId)) + 1n);
    await settle(market, terms, caseId, [LEAF]);
    expect(await escrow.balanceOf(stakeToken, provider)).to.equal(BOND + demandFees(given, LEAF));
    expect(await escrow.balanceOf(stakeToken, stranger)).to.equal(had);
    const fee = court.payDemandFee(caseId, LEAF);
    await refused(fee, court, "ProofCourt_NotDemanded", caseId, Object.values(LEAF));
    const none = court.payDemandFee(caseId + 1n, LEAF);
    await refused(none, market.disputes, "DisputeManager_UnknownCase", caseId + 1n);
    await expectAllSettled(market);
  });
});
