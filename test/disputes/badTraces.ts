import type { CourtModel, Hex, Tensor } from "@assay/sdk";
import { answerDemand, MerkleTree, traceFactsOf } from "@assay/sdk";
import { expect } from "chai";

import { COURT_PERIOD, RULING } from "../support/assemble.js";
import { challengedCase, forge, settle, tracedCase } from "../support/cases.js";
import { at, networkHelpers, OFFER, refused, STAKE } from "../support/fixture.js";
import { WIDE, wideModel } from "../support/graphs.js";
import type { ProvenMarket, Run } from "../support/proofs.js";
import {
  accusationsOf,
  accuse,
  answer,
  demand,
  digDown,
  evidenceOf,
  marketOf,
  postTrace,
  provenMarket,
  rootsOf,
  run,
  runOf,
} from "../support/proofs.js";

const EXACT = 1;
const PLACES = 300;
const LEAF = { tensor: 6, level: 0, index: 0 };

describe("A provider that commits to what no honest party would", function () {
  this.timeout(120_000);
  let wide: { model: CourtModel; sample: Tensor };
  before(async () => {
    wide = await wideModel(PLACES);
  });

  const load = () => networkHelpers.loadFixture(provenMarket);
  const wideMarket = () => marketOf(wide.model, EXACT);
  const loadWide = () => networkHelpers.loadFixture(wideMarket);

  async function expectConvicted(market: ProvenMarket, ruling: bigint): Promise<void> {
    expect(ruling).to.equal(RULING.upheld);
    expect(await market.staking.bondedOf(market.provider)).to.equal(STAKE - OFFER.stake);
  }

  /** Proves that a part was not shown in time, and carries the conviction out. */
  async function convictOfSilence(market: ProvenMarket, { terms, caseId }: Awaited<ReturnType<typeof tracedCase>>) {
    const [asked] = await market.court.queryFilter(market.court.filters.PartDemanded(caseId));
    if (!asked) throw new Error("nothing was demanded");
    const [tensor, level, index] = [...asked.args.part].map(Number);
    const part = { tensor: tensor ?? 0, level: level ?? 0, index: index ?? 0 };
    await at(asked.args.replyBy + 1n);
    await market.court.proveSilence(caseId, part);
    await expectConvicted(market, await settle(market, terms, caseId, [part]));
  }

  for (const bytes of [0, 32, 96, 1023, 1025, 2048]) {
    it(`a leaf of ${String(bytes)} bytes: cannot show it, and is convicted for its silence`, async () => {
      const market = await load();
      const given = forge(await run(3), LEAF.tensor, [new Uint8Array(bytes).fill(7)]);
      const opened = await tracedCase(market, given);
      await demand(market, given, opened.caseId, LEAF);
      const call = answer(market, given, opened.caseId, LEAF);
      await refused(call, market.court, "TensorCommitment_WrongLeafLength", bytes, 1024);
      await convictOfSilence(market, opened);
    });
  }

  it("a wrong tensor: cannot show the right one in its place, and is convicted for its silence", async () => {
    const market = await load();
    const given = await run(3, { tensor: LEAF.tensor, byte: 0 });
    const opened = await tracedCase(market, given);
    await demand(market, given, opened.caseId, LEAF);
    const right = given.honest.tensors[LEAF.tensor];
    if (!right) throw new Error("no such tensor");
    const shown = answerDemand(right, LEAF);
    if (shown.kind !== "leaf") throw new Error("hashes were shown");
    const { merkleRoot } = right.header;
    const facts = traceFactsOf(given.model.graph, rootsOf(given));
    for (const roots of [rootsOf(given), rootsOf({ ...given, posted: given.honest })]) {
      const traceProof = MerkleTree.fromHashes(roots).proof(LEAF.tensor);
      const proofs: [Hex[], string, Hex[]] = [[...shown.proof], merkleRoot, traceProof];
      const call = market.court.revealLeaf(opened.caseId, facts, LEAF, shown.leaf, ...proofs);
      await refused(call, market.court, "ProofCourt_NotProven", merkleRoot);
    }
    await convictOfSilence(market, opened);
  });

  it("fewer leaves than the tensor has: cannot show one, and is convicted for its silence", async () => {
    const market = await loadWide();
    const given = await runOf(wide.model, wide.sample);
    const leaves = Array.from({ length: PLACES - 1 }, () => new Uint8Array(32));
    const short = forge(given, WIDE, leaves);
    const opened = await tracedCase(market, short);
    await demand(market, short, opened.caseId, { tensor: WIDE, level: 0, index: PLACES - 1 });
    const root = short.posted.tensors[WIDE]?.header.merkleRoot ?? "";
    const traceProof = MerkleTree.fromHashes(rootsOf(short)).proof(WIDE);
    const facts = traceFactsOf(wide.model.graph, rootsOf(short));
    const part = { tensor: WIDE, level: 0, index: PLACES - 1 };
    const proof = MerkleTree.fromLeaves(leaves).proof(PLACES - 2);
    const call = market.court.revealLeaf(opened.caseId, facts, part, new Uint8Array(32), proof, root, traceProof);
    await expect(call).to.be.revertedWithCustomError(market.court, "ProofCourt_NotProven");
    await convictOfSilence(market, opened);
  });

  it("children that are too many, too few or do not hash to the tensor's root: are no answer", async () => {
    const market = await loadWide();
    const given = await runOf(wide.model, wide.sample);
    const opened = await tracedCase(market, given);
    const { caseId } = opened;
    const part = { tensor: WIDE, level: 1, index: 1 };
    await demand(market, given, caseId, part);
    const committed = given.posted.tensors[WIDE];
    if (!committed) throw new Error("no such tensor");
    const shown = answerDemand(committed, part);
    if (shown.kind !== "children") throw new Error("a leaf was shown");
    const { children, proof } = shown;
    const root = committed.header.merkleRoot;
    const traceProof = MerkleTree.fromHashes(rootsOf(given)).proof(WIDE);
    const facts = traceFactsOf(given.model.graph, rootsOf(given));
    const show = (hashes: readonly string[]) =>
      market.court.revealChildren(caseId, facts, part, [...hashes], [...proof], root, traceProof);
    const expected = PLACES - 256;
    const [count, error] = ["ProofCourt_WrongChildren", "ProofCourt_NotProven"];
    await refused(show(children.slice(1)), market.court, count, expected - 1, expected);
    await refused(show([...children, root]), market.court, count, expected + 1, expected);
    await refused(show([]), market.court, count, 0, expected);
    const reversed = show([...children].reverse());
    await refused(reversed, market.court, error, MerkleTree.fromHashes([...children].reverse()).root);
    const asLeaf = market.court.revealLeaf(caseId, facts, part, new Uint8Array(32), [...proof], root, traceProof);
    await refused(asLeaf, market.court, "ProofCourt_NotDemanded", caseId, Object.values(part));
    const foreignRoot = given.posted.tensors[0]?.header.merkleRoot ?? "";
    const otherTensor = market.court.revealChildren(
      caseId,
      facts,
      part,
      [...children],
      [...proof],
      foreignRoot,
      traceProof,
    );
    await expect(otherTensor).to.be.revertedWithCustomError(market.court, error);
    await convictOfSilence(market, opened);
  });

  const malformed: [string, (leaf: Uint8Array) => void][] = [
    ["padding that is not zero", (leaf) => void (leaf[31] = 1)],
    ["a NaN that is not canonical", (leaf) => void leaf.set([1, 0, 0xc0, 0x7f])],
    ["a negative NaN", (leaf) => void leaf.set([0, 0, 0xc0, 0xff])],
  ];
  for (const [name, spoil] of malformed) {
    it(`${name}: is convicted by the leaf alone`, async () => {
      const market = await loadWide();
      const honest = await runOf(wide.model, wide.sample);
      const leaves = leavesOf(honest, WIDE);
      const spoilt = leaves[280];
      if (!spoilt) throw new Error("no such leaf");
      spoil(spoilt);
      const given = forge(honest, WIDE, leaves);
      const { terms, caseId } = await tracedCase(market, given);
      const dug = await digDown(market, given, caseId);
      expect(dug.found.index).to.equal(280);
      const [accusation] = accusationsOf(given, dug);
      if (!accusation) throw new Error("nothing to accuse");
      expect(accusation.kind).to.equal("malformedLeaf");
      await accuse(market, caseId, accusation);
      // An auditor that agreed with this trace pays for it.
      expect(await market.court.disprovenTraceOf(caseId)).to.equal(given.posted.traceRoot);
      const parts = [2, 1, 0].map((level) => ({ tensor: WIDE, level, index: [280, 1, 0][level] ?? 0 }));
      await expectConvicted(market, await settle(market, terms, caseId, parts));
    });
  }

  it("a leaf that is well-formed is no proof of a malformed one", async () => {
    const market = await load();
    const given = await run(3, { tensor: LEAF.tensor, byte: 0 });
    const { caseId } = await tracedCase(market, given);
    const [accusation] = accusationsOf(given, evidenceOf(given, LEAF));
    if (!accusation) throw new Error("nothing to accuse");
    const { claim } = accusation;
    const asMalformed = { ...accusation, kind: "malformedLeaf" } as const;
    await refused(accuse(market, caseId, asMalformed), market.court, "ProofCourt_NoContradiction", caseId);
    const ofOperand = { ...asMalformed, claim: { ...claim, openings: claim.openings.slice(1) } };
    const call = accuse(market, caseId, ofOperand);
    await refused(call, market.court, "ProofCourt_OutOfRange", 0, claim.node.operands.length);
  });

  it("another input, output, graph, length or case: none is taken, and time convicts", async () => {
    const market = await load();
    const { court } = market;
    const given = await run(3);
    const other = await run(4);
    const opened = await challengedCase(market, given);
    const { caseId, facts } = opened;
    const post = (graph: unknown, roots: string[], of: unknown = [...facts]) =>
      court.connect(market.operator).postTrace(caseId, of as never, graph as never, roots);
    const { graph } = given.model;
    const roots = rootsOf(given);
    const wrongInput = post(graph, rootsOf(other));
    await refused(wrongInput, court, "ProofCourt_InputMismatch", other.posted.inputRoot, given.posted.inputRoot);
    const wrongOutput = forge(given, given.model.outputs[0] ?? 0, [new Uint8Array(1024)]);
    const { outputRoot } = wrongOutput.posted;
    const call = post(graph, rootsOf(wrongOutput));
    await refused(call, court, "ProofCourt_OutputMismatch", outputRoot, given.posted.outputRoot);
    const { graph: anotherGraph, commitment } = wide.model;
    const wrongGraph = post(anotherGraph, rootsOf(await runOf(wide.model, wide.sample)));
    await refused(wrongGraph, court, "ProofCourt_GraphMismatch", commitment, given.model.commitment);
    for (const wrong of [roots.slice(0, -1), [...roots, roots[0] ?? ""], []]) {
      await refused(post(graph, wrong), court, "ProofCourt_WrongTraceLength", wrong.length, roots.length);
    }
    const otherFacts = [...facts.slice(0, 1), facts.modelId + 1n, ...facts.slice(2)];
    await refused(post(graph, roots, otherFacts), court, "ProofCourt_FactsMismatch", caseId);
    const bystander = { ...market, operator: market.stranger };
    const foreign = postTrace(bystander, given, opened);
    await refused(foreign, court, "ProofCourt_NotProvider", caseId, market.stranger.address);
    const { openedAt } = await market.disputes.caseOf(caseId);
    await at(openedAt + COURT_PERIOD + 1n);
    await expectConvicted(market, await settle(market, opened.terms, caseId));
  });

  it("a second trace is not taken, also not the same", async () => {
    const market = await load();
    const given = await run(3, { tensor: 5, byte: 0 });
    const opened = await tracedCase(market, given);
    const honest = { ...given, posted: given.honest };
    for (const again of [given, honest]) {
      const call = postTrace(market, again, opened);
      await refused(call, market.court, "ProofCourt_TraceAlreadyPosted", opened.caseId);
    }
  });
});

/** The leaves of a posted tensor, to be spoilt. */
function leavesOf({ posted }: Run, tensor: number): Uint8Array[] {
  const committed = posted.tensors[tensor];
  if (!committed) throw new Error("no such tensor");
  const { leaves, leafBytes, header } = committed;
  return Array.from({ length: header.nLeaves }, (_, i) => leaves.slice(i * leafBytes, (i + 1) * leafBytes));
}
