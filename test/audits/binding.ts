import { auditCommitment } from "@assay/sdk";
import { expect } from "chai";
import { id, parseEther } from "ethers";

import { COURT_PERIOD, RULING } from "../support/assemble.js";
import { nextSeed, SALT } from "../support/audits.js";
import { waitForRuling } from "../support/cases.js";
import { at, ethers, fundStakeBalance, networkHelpers, now, refused, STAKE } from "../support/fixture.js";
import type { ProvenMarket, Run } from "../support/proofs.js";
import { accusationsOf, accuse, deliver, digDown, openCase, postTrace, provenMarket, run } from "../support/proofs.js";

/** A byte of a tensor in the middle of the digits model. */
const TAMPER = { tensor: 6, byte: 0 };

describe("What a provider says in an audit, before the proof court", function () {
  this.timeout(120_000);

  async function auditedProvenMarket() {
    const market = await provenMarket();
    const [, auditor] = market.keys;
    if (!auditor) throw new Error("too few providers joined");
    await market.providers
      .connect(auditor.provider)
      .setOffer(market.modelId, market.payToken, 1n, parseEther("1"), 600n);
    await market.audits.connect(auditor.operator).enrol(market.modelId, auditor.provider, 1);
    await fundStakeBalance(market, market.client, parseEther("100"));
    return { ...market, auditor };
  }
  const load = () => networkHelpers.loadFixture(auditedProvenMarket);

  /** The job of a run, audited: the auditor computes honestly, the provider answers with this root. */
  async function audited(market: ProvenMarket & { auditor: ProvenMarket["keys"][number] }, given: Run, root: string) {
    const { audits, auditor, client, operator } = market;
    const terms = await deliver(market, given);
    await audits.connect(client).book(terms);
    const { round } = await nextSeed(market);
    const turn = await audits.turnOf(terms.id, round, auditor.provider, 1);
    if (turn > (await now())) await networkHelpers.time.increaseTo(turn);
    const { outputRoot, traceRoot } = given.honest;
    const commitment = auditCommitment({
      chainId: (await ethers.provider.getNetwork()).chainId,
      audits: await audits.getAddress(),
      jobId: terms.id,
      auditor: auditor.provider.address,
      outputCommitment: outputRoot,
      traceRoot,
      salt: SALT,
    });
    const by = audits.connect(auditor.operator);
    await by.commit(terms, given.posted.outputRoot, round, auditor.provider, commitment);
    await audits.connect(operator).answer(terms.id, root);
    await by.reveal(terms.id, outputRoot, traceRoot, SALT);
    return terms;
  }

  it("binds it to a trace that convicts it, if it answered a wrong one", async () => {
    const market = await load();
    const given = await run(0, TAMPER);
    const terms = await audited(market, given, given.posted.traceRoot);
    const opened = await openCase(market, terms, given);
    const honest = { ...given, posted: given.honest };
    const other = postTrace(market, { ...honest }, opened);
    const { court, audits, disputes } = market;
    await refused(other, court, "ProofCourt_OtherTrace", given.honest.traceRoot, given.posted.traceRoot);
    await postTrace(market, given, opened);
    const [accusation] = accusationsOf(given, await digDown(market, given, opened.caseId));
    if (!accusation) throw new Error("nothing to accuse");
    await accuse(market, opened.caseId, accusation);
    await disputes.resolve(opened.caseId, terms);
    expect((await disputes.caseOf(opened.caseId)).ruling).to.equal(RULING.upheld);
    await audits.close(terms.id);
    expect(await market.escrow.balanceOf(market.stakeToken, market.auditor.provider)).to.equal(parseEther("0.5"));
  });

  it("leaves it no trace at all, if it answered with a root of nothing: its silence convicts", async () => {
    const market = await load();
    const given = await run(0);
    const terms = await audited(market, given, id("nothing"));
    const opened = await openCase(market, terms, given);
    const honest = postTrace(market, given, opened);
    await refused(honest, market.court, "ProofCourt_OtherTrace", given.honest.traceRoot, id("nothing"));
    await at((await market.court.courtCaseOf(opened.caseId)).openedAt + COURT_PERIOD + 1n);
    await market.disputes.resolve(opened.caseId, terms);
    expect((await market.disputes.caseOf(opened.caseId)).ruling).to.equal(RULING.upheld);
    await market.audits.close(terms.id);
    expect(await market.escrow.balanceOf(market.stakeToken, market.auditor.provider)).to.equal(parseEther("0.5"));
  });

  it("costs an honest provider nothing: its trace is the one it answered", async () => {
    const market = await load();
    const given = await run(0);
    const terms = await audited(market, given, given.honest.traceRoot);
    const opened = await openCase(market, terms, given);
    await postTrace(market, given, opened);
    await waitForRuling(market, opened.caseId);
    await market.disputes.resolve(opened.caseId, terms);
    expect((await market.disputes.caseOf(opened.caseId)).ruling).to.equal(RULING.rejected);
    expect(await market.staking.bondedOf(market.provider)).to.equal(STAKE);
    await market.audits.close(terms.id);
    expect(await market.escrow.balanceOf(market.stakeToken, market.auditor.provider)).to.equal(parseEther("0.5"));
  });
});
