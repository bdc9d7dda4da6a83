import type { CourtModel, Hex } from "@assay/sdk";
import { initHash, MerkleTree, traceFactsOf } from "@assay/sdk";
import { expect } from "chai";
import type { ContractTransactionResponse } from "ethers";
import { Transaction, dataLength, ZeroAddress } from "ethers";

import { ProofCourt__factory } from "../../sdk/src/typechain/index.js";
import { BOND, COURT_PERIOD, DEFENCE_GAS, GAS_VALUE } from "../support/assemble.js";
import type { DeepTrace, Lengths } from "../support/deepTraces.js";
import { deepTrace } from "../support/deepTraces.js";
import { deployAssay, networkHelpers, refused } from "../support/fixture.js";
import type { ProvenMarket, Run } from "../support/proofs.js";
import { deliver, marketIn, openCase } from "../support/proofs.js";

const EXACT = 1;
/** Roots of the longest trace that a transaction of 128 KB carries, beside one input and one output. */
const MOST_NODES = 3_933;
const MOST_BYTES = 131_072;
/** As many leaves as a tensor can have. */
const MOST_LEAVES = 2 ** 32 - 1;
/** Whole nodes of 256 leaves before the last, which has fewer. */
const BELOW_LAST = 2 ** 32 - 256;

/** Half as much again. */
const covering = (gas: bigint): bigint => (gas * GAS_VALUE * 3n) / 2n;

/** A case about a trace that is nothing but hashes. */
async function deepCase(lengths: Lengths) {
  const deep = deepTrace(lengths);
  const market = await marketIn(await deployAssay(), { commitment: deep.commitment } as CourtModel, EXACT);
  const given = { posted: { inputRoot: deep.inputRoot, outputRoot: deep.outputRoot } } as Run;
  const { caseId, facts } = await openCase(market, await deliver(market, given), given);
  const court = market.court.connect(market.operator);
  const posted = await court.postTrace(caseId, [...facts] as never, deep.graph as never, [...deep.roots]);
  return { deep, market, caseId, posted };
}

async function demandPart(market: ProvenMarket, caseId: bigint, deep: DeepTrace) {
  const { answer, node, nodes, meta, graph, roots } = deep;
  const court = market.court.connect(market.challenger);
  return court.demand(caseId, traceFactsOf(graph, roots), answer.part, node as never, nodes.proof(0), meta as never);
}

async function showPart(market: ProvenMarket, caseId: bigint, { answer, graph, roots }: DeepTrace) {
  const facts = traceFactsOf(graph, roots);
  const { part, leaf, children, proof } = answer;
  const tree = MerkleTree.fromHashes(roots);
  const proofs: [Hex[], string, string[]] = [[...proof], roots[part.tensor] ?? "", tree.proof(part.tensor)];
  const court = market.court.connect(market.operator);
  return leaf === undefined
    ? court.revealChildren(caseId, facts, part, [...(children ?? [])], ...proofs)
    : court.revealLeaf(caseId, facts, part, leaf, ...proofs);
}

const gasOf = async (sent: ContractTransactionResponse): Promise<bigint> => (await sent.wait())?.gasUsed ?? 0n;

describe("What a provider's defence costs before the proof court", function () {
  this.timeout(300_000);
  before(initHash);

  for (const [what, words, lengths] of [
    ["a leaf of 32 bytes", 1, { leafBytes: 32, leaves: MOST_LEAVES }],
    ["a leaf of 1 KB", 32, { leafBytes: 1_024, leaves: MOST_LEAVES }],
    ["a leaf of 56 KB", 1_792, { leafBytes: 57_344, leaves: MOST_LEAVES }],
    ["a leaf of 64 KB", 2_048, { leafBytes: 65_536, leaves: MOST_LEAVES }],
    ["one hash", 1, { children: true, leaves: BELOW_LAST + 1 }],
    ["64 hashes", 64, { children: true, leaves: BELOW_LAST + 64 }],
    ["256 hashes", 256, { children: true, leaves: BELOW_LAST }],
  ] as const) {
    it(`is covered by the fee of a demand, one and a half times, with the longest proofs: ${what}`, async () => {
      const { deep, market, caseId } = await deepCase({ nodes: MOST_NODES, ...lengths });
      const { escrow, stakeToken, challenger } = market;
      const had = await escrow.balanceOf(stakeToken, challenger);
      await demandPart(market, caseId, deep);
      const fee = had - (await escrow.balanceOf(stakeToken, challenger));
      expect(fee).to.equal(covering(DEFENCE_GAS.answer + BigInt(words) * DEFENCE_GAS.word));
      expect(fee).to.equal(await market.court.demandFeeOf(deep.answer.part, deep.meta as never));
      const gas = await gasOf(await showPart(market, caseId, deep));
      expect(covering(gas)).to.be.at.most(fee);
    });
  }

  for (const [what, lengths] of [
    ["as many roots as there is room for", { nodes: MOST_NODES }],
    ["as many inputs as there is room for", { nodes: 1, inputs: 238 }],
    ["as many outputs as there is room for", { nodes: 237, outputs: 237 }],
  ] as const) {
    it(`is covered by the bond of a challenge, one and a half times: a trace of ${what}, and a leaf of 64 KB`, async () => {
      const { posted } = await deepCase(lengths);
      const bytes = dataLength(Transaction.from(posted).serialized);
      expect(bytes).to.be.within(0.95 * MOST_BYTES, MOST_BYTES);
      const gas = await gasOf(posted);
      expect(gas).to.be.at.most(DEFENCE_GAS.trace);
      const answer = DEFENCE_GAS.answer + DEFENCE_GAS.mostWords * DEFENCE_GAS.word;
      expect(covering(gas + answer)).to.be.at.most(BOND);
    });
  }

  it("is covered at the deployment, or there is none", async () => {
    const { deployer, disputes, models, providers, escrow, audits, stakeToken } =
      await networkHelpers.loadFixture(deployAssay);
    const court = ProofCourt__factory.connect(ZeroAddress, deployer);
    const deployWith = (gasValue: bigint) =>
      new ProofCourt__factory(deployer).deploy(
        ...([disputes, models, providers, escrow, audits, stakeToken] as const),
        { reply: COURT_PERIOD, claim: COURT_PERIOD },
        gasValue,
        [],
      );
    const gas = DEFENCE_GAS.trace + DEFENCE_GAS.answer + DEFENCE_GAS.mostWords * DEFENCE_GAS.word;
    const most = (BOND * 2n) / (gas * 3n);
    const least = (gas * (most + 1n) * 3n) / 2n;
    await refused(deployWith(most + 1n), court, "ProofCourt_BondTooSmall", BOND, least);
    expect(await (await deployWith(most)).GAS_VALUE()).to.equal(most);
    await refused(deployWith(0n), court, "ProofCourt_ZeroGasValue");
  });
});
