import { auditCommitment, signResult } from "@assay/sdk";
import { expect } from "chai";
import { id, parseEther } from "ethers";

import { COURT_PERIOD, RULING } from "../support/assemble.js";
import { nextSeed, SALT } from "../support/audits.js";
import { waitForRuling } from "../support/cases.js";
import type { Terms } from "../support/fixture.js";
import { at, ethers, fundStakeBalance, networkHelpers, now, refused, STAKE } from "../support/fixture.js";
import type { Run } from "../support/proofs.js";
import {
  accusationsOf,
  accuse,
  deliver,
  demand,
  digDown,
  openCase,
  postTrace,
  provenMarket,
  run,
} from "../support/proofs.js";

/** A byte of a tensor in the middle of the digits model. */
const TAMPER = { tensor: 6, byte: 0 };

const wrong = ({ posted: { outputRoot, traceRoot } }: Run) => ({ outputRoot, traceRoot });

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
  type AuditedProvenMarket = Awaited<ReturnType<typeof auditedProvenMarket>>;
  const load = () => networkHelpers.loadFixture(auditedProvenMarket);

  /** The job of a run, audited: the auditor computes honestly, the provider answers with this root. */
  async function audited(
    market: AuditedProvenMarket,
    given: Run,
    root: string,
    beforeAnswer: (terms: Terms) => Promise<void> = () => Promise.resolve(),
  ) {
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
    await beforeAnswer(terms);
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

  it("costs who agreed with a wrong trace a ticket, once that trace is proven wrong", async () => {
    const market = await load();
    const given = await run(0, TAMPER);
    const friend = { ...given, honest: { ...given.honest, ...wrong(given) } };
    const terms = await audited(market, friend, given.posted.traceRoot);
    const opened = await openCase(market, terms, given);
    await postTrace(market, given, opened);
    const [accusation] = accusationsOf(given, await digDown(market, given, opened.caseId));
    if (!accusation) throw new Error("nothing to accuse");
    await accuse(market, opened.caseId, accusation);
    await market.disputes.resolve(opened.caseId, terms);
    await market.audits.close(terms.id);
    expect(await market.staking.bondedOf(market.auditor.provider)).to.equal(STAKE - parseEther("5"));
  });

  it("leaves it no trace at all, if it answered with a root of nothing: its silence convicts", async () => {
    const market = await load();
    const given = await run(0);
    const terms = await audited(market, given, id("nothing"));
    const opened = await openCase(market, terms, given);
    const honest = postTrace(market, given, opened);
    await refused(honest, market.court, "ProofCourt_OtherTrace", given.honest.traceRoot, id("nothing"));
    await at((await market.disputes.caseOf(opened.caseId)).openedAt + COURT_PERIOD + 1n);
    await market.disputes.resolve(opened.caseId, terms);
    expect((await market.disputes.caseOf(opened.caseId)).ruling).to.equal(RULING.upheld);
    await market.audits.close(terms.id);
    expect(await market.escrow.balanceOf(market.stakeToken, market.auditor.provider)).to.equal(parseEther("0.5"));
  });

  describe("cannot cost an auditor that agreed with a right result its ticket", () => {
    const OTHER = id("another output");

    /** Closes the audit after the provider had itself convicted. */
    async function closed(market: AuditedProvenMarket, jobId: bigint) {
      await market.audits.close(jobId);
      expect(await market.staking.bondedOf(market.auditor.provider)).to.equal(STAKE);
      expect(await market.escrow.balanceOf(market.stakeToken, market.auditor.provider)).to.equal(0n);
    }

    it("by signing a second result", async () => {
      const market = await load();
      const given = await run(0);
      const terms = await audited(market, given, given.honest.traceRoot);
      const { disputes, operator } = market;
      const domain = { chainId: (await ethers.provider.getNetwork()).chainId, disputes: await disputes.getAddress() };
      const { signature } = await signResult(operator, domain, { jobId: terms.id, outputCommitment: OTHER });
      await disputes.proveEquivocation(terms, given.posted.outputRoot, OTHER, signature);
      await closed(market, terms.id);
    });

    it("by posting no trace in court", async () => {
      const market = await load();
      const given = await run(0);
      const terms = await audited(market, given, given.honest.traceRoot);
      const { caseId } = await openCase(market, terms, given);
      await at((await market.disputes.caseOf(caseId)).openedAt + COURT_PERIOD + 1n);
      await market.disputes.resolve(caseId, terms);
      expect((await market.disputes.caseOf(caseId)).ruling).to.equal(RULING.upheld);
      await closed(market, terms.id);
    });

    it("by leaving a demand for a part of its trace without an answer", async () => {
      const market = await load();
      const given = await run(0);
      const terms = await audited(market, given, given.honest.traceRoot);
      const opened = await openCase(market, terms, given);
      await postTrace(market, given, opened);
      const part = { tensor: TAMPER.tensor, level: 0, index: 0 };
      await demand(market, given, opened.caseId, part);
      const { deadline } = await market.court.demandOf(opened.caseId, part);
      await at(deadline + 1n);
      await market.court.proveSilence(opened.caseId, part);
      await market.disputes.resolve(opened.caseId, terms);
      await closed(market, terms.id);
    });

    it("by posting a wrong trace in court first, and answering the audit with the right one", async () => {
      const market = await load();
      const given = await run(0, TAMPER);
      const terms = await audited(market, given, given.honest.traceRoot, async (delivered) => {
        await postTrace(market, given, await openCase(market, delivered, given));
      });
      const caseId = await market.disputes.lastCaseId();
      const [accusation] = accusationsOf(given, await digDown(market, given, caseId));
      if (!accusation) throw new Error("nothing to accuse");
      await accuse(market, caseId, accusation);
      await market.disputes.resolve(caseId, terms);
      await closed(market, terms.id);
    });
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
