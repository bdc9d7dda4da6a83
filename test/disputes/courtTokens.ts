import { signResult } from "@assay/sdk";
import { expect } from "chai";
import { id, ZeroAddress } from "ethers";

import { ProofCourt__factory } from "../../sdk/src/typechain/index.js";
import { assemble, BOND, RULING } from "../support/assemble.js";
import { expectAllSettled } from "../support/books.js";
import { settle, tracedCase } from "../support/cases.js";
import { namedPeople, networkHelpers, OFFER, refused, STAKE } from "../support/fixture.js";
import type { Run } from "../support/proofs.js";
import {
  accusationsOf,
  accuse,
  answer,
  demand,
  demandFees,
  evidenceOf,
  marketIn,
  preparedDigits,
  run,
} from "../support/proofs.js";
import { arm, deployTokens } from "../support/tokens.js";

const COURT = ProofCourt__factory.createInterface();
const EXACT = 1;
const LEAF = { tensor: 6, level: 0, index: 0 };

/** A market whose stake is a token of this kind, judged by the proof court. */
async function provenIn(kind: keyof Awaited<ReturnType<typeof deployTokens>>) {
  const tokens = await deployTokens((await namedPeople()).deployer);
  const assay = await assemble({ stakeToken: await tokens[kind].getAddress() });
  await assay.disputes.connect(assay.deployer).setArbiter(EXACT, assay.court);
  return { ...(await marketIn(assay, (await preparedDigits()).model, EXACT)), tokens };
}

const provenInReentrant = () => provenIn("reentrant");
const provenInBlocklist = () => provenIn("blocklist");

/** A case with an answered demand. */
async function askedCase(market: Awaited<ReturnType<typeof provenIn>>, given: Run) {
  const opened = await tracedCase(market, given);
  await demand(market, given, opened.caseId, LEAF);
  await answer(market, given, opened.caseId, LEAF);
  return opened;
}

/** The same, its provider proven wrong. */
async function convicted(market: Awaited<ReturnType<typeof provenIn>>, given: Run) {
  const opened = await askedCase(market, given);
  const [accusation] = accusationsOf(given, evidenceOf(given, LEAF));
  if (!accusation) throw new Error("nothing to accuse");
  await accuse(market, opened.caseId, accusation);
  return opened;
}

describe("The proof court over a stake token that misbehaves", function () {
  this.timeout(120_000);

  for (const [name, argsOf] of [
    ["payDemandFee", (caseId: bigint) => [caseId, LEAF]],
    ["multicall", (caseId: bigint) => [[COURT.encodeFunctionData("payDemandFee", [caseId, LEAF])]]],
  ] as const) {
    it(`B05 pays a fee once although the token calls ${name} in the middle of the slash`, async () => {
      const market = await networkHelpers.loadFixture(provenInReentrant);
      const { tokens, court, disputes, escrow, challenger } = market;
      const given = await run(3, { tensor: LEAF.tensor, byte: 0 });
      const { terms, caseId } = await convicted(market, given);
      const had = await escrow.balanceOf(tokens.reentrant, challenger);
      await arm(tokens.reentrant, court, name, ...argsOf(caseId));
      await disputes.resolve(caseId, terms);
      const fee = demandFees(given, LEAF);
      const share = (OFFER.stake * 40n) / 100n;
      expect(await escrow.balanceOf(tokens.reentrant, challenger)).to.equal(had + BOND + share + fee);
      await refused(court.payDemandFee(caseId, LEAF), court, "ProofCourt_NotDemanded", caseId, Object.values(LEAF));
      expect(await market.staking.bondedOf(market.provider)).to.equal(STAKE - OFFER.stake);
      await expectAllSettled(market);
    });

    it(`B05 pays no fee by a ruling that is not carried out yet: the token calls ${name} in the middle of it`, async () => {
      const market = await networkHelpers.loadFixture(provenInReentrant);
      const { tokens, court, disputes, operator } = market;
      const given = await run(3);
      const { terms, caseId } = await askedCase(market, given);
      const { chainId } = await disputes.eip712Domain();
      const domain = { chainId, disputes: await disputes.getAddress() };
      const { signature } = await signResult(operator, domain, { jobId: terms.id, outputCommitment: id("other") });
      const prove = () => disputes.proveEquivocation(terms, given.posted.outputRoot, id("other"), signature);
      await arm(tokens.reentrant, court, name, ...argsOf(caseId));
      await refused(prove(), disputes, "ReentrancyGuardReentrantCall");
      await tokens.reentrant.arm(ZeroAddress, "0x");
      await prove();
      await court.payDemandFee(caseId, LEAF);
      await expectAllSettled(market);
    });
  }

  it("B08 I14 ends although provider, client, challenger and treasury are blocked", async () => {
    const market = await networkHelpers.loadFixture(provenInBlocklist);
    const { tokens, provider, client, challenger, treasury } = market;
    const { terms, caseId } = await convicted(market, await run(3, { tensor: LEAF.tensor, byte: 0 }));
    for (const account of [provider, client, challenger, treasury]) await tokens.blocklist.setBlocked(account, true);
    expect(await settle(market, terms, caseId, [LEAF])).to.equal(RULING.upheld);
  });
});
