import { expect } from "chai";
import { id, ZeroHash } from "ethers";

import { AUDITS, RULING } from "../support/assemble.js";
import type { AuditedMarket, SeededJob } from "../support/audits.js";
import {
  answerAudit,
  auditedMarket,
  awaitTurn,
  bookedJob,
  commitAudit,
  commitmentFor,
  committedAudit,
  deadlinesOf,
  FINDING,
  LONGEST,
  nextSeed,
  OTHER_TRACE,
  OUTPUT,
  passWindow,
  PAY,
  PHASE,
  revealAudit,
  revealedAudit,
  ruled,
  SALT,
  seededJob,
  TICKET,
  TRACE,
} from "../support/audits.js";
import { expectAllSettled } from "../support/books.js";
import { afterPhase, at, networkHelpers, now, refused, requestJob, STAKE, submitJob } from "../support/fixture.js";

describe("AuditOffice", () => {
  const load = () => networkHelpers.loadFixture(auditedMarket);
  const phaseOf = (market: AuditedMarket, { terms }: SeededJob) => market.audits.phaseOf(terms.id);
  const auditors = (market: AuditedMarket) => market.first.provider;
  const payOf = (market: AuditedMarket) => market.escrow.balanceOf(market.stakeToken, auditors(market));

  /** Pays the job if it still can be, closes the audit, both by a stranger, and expects nothing to be left. */
  async function finish(market: AuditedMarket, { terms }: SeededJob) {
    if ((await market.market.statusOf(terms.id)) !== 0n) {
      await market.market.finalise(terms);
      await market.market.collect({ ...terms });
    }
    await expectAllSettled(market);
  }

  describe("an audit", () => {
    it("begins with the auditor's commitment, which names both deadlines and puts a ticket behind it", async () => {
      const market = await load();
      const job = await bookedJob(market);
      await awaitTurn(market, job, market.first);
      const commitment = await commitmentFor(market, job.terms, market.first);
      const sent = await commitAudit(market, job, market.first);
      const time = await now();
      const answerBy = time + AUDITS.answerPeriod;
      await expect(sent)
        .to.emit(market.audits, "AuditCommitted")
        .withArgs(
          job.terms.id,
          market.first.provider,
          market.provider,
          job.round,
          commitment,
          answerBy,
          answerBy + AUDITS.revealPeriod,
        );
      expect(await phaseOf(market, job)).to.equal(PHASE.answer);
      const { tickets, busy } = await market.audits.membershipOf(market.modelId, auditors(market));
      expect([tickets, busy]).to.deep.equal([1n, 1n]);
      const audit = await market.audits.auditOf(job.terms.id);
      expect([audit.auditor, audit.provider, audit.booker]).to.deep.equal([
        market.first.provider.address,
        market.provider.address,
        market.client.address,
      ]);
      expect([audit.committedAt, audit.challengeableUntil]).to.deep.equal([
        time,
        await market.market.phaseEndOf(job.terms.id),
      ]);
    });

    it("is answered by the provider before the auditor may open its commitment", async () => {
      const market = await load();
      const job = await committedAudit(market);
      const early = revealAudit(market, job);
      await refused(early, market.audits, "AuditOffice_WrongPhase", job.terms.id, PHASE.answer, PHASE.reveal);
      await expect(answerAudit(market, job))
        .to.emit(market.audits, "TraceAnswered")
        .withArgs(job.terms.id, market.provider, TRACE);
      expect(await market.audits.answerOf(job.terms.id)).to.equal(TRACE);
      await expect(revealAudit(market, job))
        .to.emit(market.audits, "AuditRevealed")
        .withArgs(job.terms.id, market.first.provider, OUTPUT, TRACE, FINDING.agrees);
      expect(await phaseOf(market, job)).to.equal(PHASE.wait);
    });

    it("that agrees is paid once the challenge window is over", async () => {
      const market = await load();
      const job = await revealedAudit(market);
      const early = market.audits.close(job.terms.id);
      await refused(early, market.audits, "AuditOffice_WrongPhase", job.terms.id, PHASE.wait, PHASE.due);
      await passWindow(market, job);
      await expect(market.audits.close(job.terms.id))
        .to.emit(market.audits, "AuditClosed")
        .withArgs(job.terms.id, market.first.provider, FINDING.agrees, false, PAY);
      expect(await payOf(market)).to.equal(PAY);
      expect(await phaseOf(market, job)).to.equal(PHASE.closed);
      await finish(market, job);
    });

    it("that agrees with what is proven wrong costs a ticket and is not paid", async () => {
      const market = await load();
      const { audits, client, escrow, stakeToken, staking, treasury } = market;
      const job = await revealedAudit(market);
      const before = await escrow.balanceOf(stakeToken, client);
      await market.arbiter.disprove(TRACE);
      await ruled(market, job, RULING.upheld);
      const treasuryBefore = await escrow.balanceOf(stakeToken, treasury);
      await expect(audits.close(job.terms.id))
        .to.emit(audits, "TicketLost")
        .withArgs(market.modelId, auditors(market), job.terms.id, TICKET);
      expect(await staking.bondedOf(auditors(market))).to.equal(STAKE - TICKET);
      expect(await escrow.balanceOf(stakeToken, treasury)).to.equal(treasuryBefore + TICKET);
      expect(await payOf(market)).to.equal(0n);
      expect(await escrow.balanceOf(stakeToken, client)).to.equal(before + PAY);
      expect(await audits.ticketsOf(market.modelId)).to.equal(1n);
      await finish(market, job);
    });

    for (const [name, ruling, earned] of [
      ["is paid if the result is proven wrong", RULING.upheld, PAY],
      ["is not paid if the result stands", RULING.rejected, 0n],
      ["is not paid if nobody could tell", RULING.inconclusive, 0n],
    ] as const) {
      it(`that differs ${name}, and costs no ticket`, async () => {
        const market = await load();
        const job = await revealedAudit(market, OTHER_TRACE);
        await market.disputes.connect(market.challenger).challenge(job.terms, OUTPUT);
        expect(await phaseOf(market, job)).to.equal(PHASE.wait);
        await market.arbiter.rule(ruling, market.challenger);
        await market.disputes.resolve(await market.disputes.lastCaseId(), job.terms);
        await expect(market.audits.close(job.terms.id))
          .to.emit(market.audits, "AuditClosed")
          .withArgs(job.terms.id, auditors(market), FINDING.differs, ruling === RULING.upheld, earned);
        expect(await payOf(market)).to.equal(earned);
        expect(await market.staking.bondedOf(auditors(market))).to.equal(STAKE);
      });
    }

    it("that differs and that nobody challenges pays nothing: invented roots earn nothing", async () => {
      const market = await load();
      const before = await market.escrow.balanceOf(market.stakeToken, market.client);
      const job = await revealedAudit(market, OTHER_TRACE);
      await passWindow(market, job);
      await market.audits.close(job.terms.id);
      expect(await payOf(market)).to.equal(0n);
      expect(await market.escrow.balanceOf(market.stakeToken, market.client)).to.equal(before);
      await finish(market, job);
    });

    it("differs by another output with the same trace, too", async () => {
      const market = await load();
      const job = await bookedJob(market);
      await awaitTurn(market, job, market.first);
      const { audits, first } = market;
      const found = id("what the model really gives");
      const commitment = await audits.commitmentOf(job.terms.id, first.provider, found, TRACE, SALT);
      await audits.connect(first.operator).commit(job.terms, OUTPUT, job.round, first.provider, commitment);
      await answerAudit(market, job);
      await revealAudit(market, job, TRACE, found);
      expect((await audits.auditOf(job.terms.id)).finding).to.equal(FINDING.differs);
    });

    it("whose provider is silent is paid at once, and the silence is counted", async () => {
      const market = await load();
      const job = await committedAudit(market);
      await at((await deadlinesOf(market, job)).answerBy + 1n);
      await revealAudit(market, job);
      expect(await phaseOf(market, job)).to.equal(PHASE.due);
      await expect(market.audits.close(job.terms.id))
        .to.emit(market.audits, "ProviderSilent")
        .withArgs(job.terms.id, market.provider, 1n);
      expect(await payOf(market)).to.equal(PAY);
      expect(await market.audits.silencesOf(market.provider)).to.equal(1n);
      expect(await market.staking.bondedOf(market.provider)).to.equal(STAKE);
      await afterPhase(market, job.terms);
      await finish(market, job);
    });

    it("costs a silent provider that audits the model itself a ticket", async () => {
      const market = await load();
      await market.audits.connect(market.operator).enrol(market.modelId, market.provider, 2);
      const job = await committedAudit(market);
      await at((await deadlinesOf(market, job)).answerBy + 1n);
      await revealAudit(market, job);
      await market.audits.close(job.terms.id);
      expect(await market.staking.bondedOf(market.provider)).to.equal(STAKE - TICKET);
      expect((await market.audits.membershipOf(market.modelId, market.provider)).tickets).to.equal(1n);
    });

    it("whose auditor does not reveal costs it a ticket, unpaid", async () => {
      const market = await load();
      const job = await committedAudit(market);
      await answerAudit(market, job);
      await at((await deadlinesOf(market, job)).revealBy + 1n);
      await market.audits.close(job.terms.id);
      expect(await payOf(market)).to.equal(0n);
      expect(await market.staking.bondedOf(auditors(market))).to.equal(STAKE - TICKET);
      expect(await market.audits.silencesOf(market.provider)).to.equal(0n);
      await afterPhase(market, job.terms);
      await finish(market, job);
    });

    it("happens once, is closed once, and is not closed before it begins", async () => {
      const market = await load();
      const job = await revealedAudit(market);
      const again = commitAudit(market, job, market.second);
      await refused(again, market.audits, "AuditOffice_AlreadyAudited", job.terms.id);
      await passWindow(market, job);
      await market.audits.close(job.terms.id);
      const twice = market.audits.close(job.terms.id);
      await refused(twice, market.audits, "AuditOffice_WrongPhase", job.terms.id, PHASE.closed, PHASE.due);
      const unknown = market.audits.close(1n);
      await refused(unknown, market.audits, "AuditOffice_WrongPhase", 1n, PHASE.none, PHASE.due);
    });
  });

  describe("deadlines", () => {
    it("take an answer and a reveal in their last second and not one later", async () => {
      const market = await load();
      const job = await committedAudit(market);
      const { answerBy, revealBy } = await deadlinesOf(market, job);
      await at(answerBy);
      await answerAudit(market, job);
      await at(revealBy);
      await revealAudit(market, job);
      expect(await phaseOf(market, job)).to.equal(PHASE.wait);
    });

    it("refuse an answer after its last second", async () => {
      const market = await load();
      const job = await committedAudit(market);
      await at((await deadlinesOf(market, job)).answerBy + 1n);
      const late = answerAudit(market, job);
      await refused(late, market.audits, "AuditOffice_WrongPhase", job.terms.id, PHASE.reveal, PHASE.answer);
    });

    it("refuse a reveal after its last second, and a close before", async () => {
      const market = await load();
      const job = await committedAudit(market);
      const { revealBy } = await deadlinesOf(market, job);
      await at(revealBy);
      const early = market.audits.close(job.terms.id);
      await refused(early, market.audits, "AuditOffice_WrongPhase", job.terms.id, PHASE.reveal, PHASE.due);
      await at(revealBy + 1n);
      const late = revealAudit(market, job);
      await refused(late, market.audits, "AuditOffice_WrongPhase", job.terms.id, PHASE.due, PHASE.reveal);
    });

    it("let an audit begin only while it can end in time to challenge", async () => {
      const market = await load();
      const terms = await requestJob(market);
      await market.audits.connect(market.client).book(terms);
      await submitJob(market, terms, OUTPUT);
      const windowEnd = await market.market.phaseEndOf(terms.id);
      // The seed is asked for so late that the window binds before the round does.
      await networkHelpers.time.increaseTo(windowEnd - LONGEST - 600n);
      const job = { terms, ...(await nextSeed(market)) };
      await at(windowEnd - LONGEST + 1n);
      const late = commitAudit(market, job, market.first);
      await refused(late, market.audits, "AuditOffice_TooLate", terms.id, windowEnd - LONGEST);
    });

    it("let an audit begin in the last second in which it can end in time", async () => {
      const market = await load();
      const terms = await requestJob(market);
      await market.audits.connect(market.client).book(terms);
      await submitJob(market, terms, OUTPUT);
      const windowEnd = await market.market.phaseEndOf(terms.id);
      await networkHelpers.time.increaseTo(windowEnd - LONGEST - 600n);
      const job = { terms, ...(await nextSeed(market)) };
      await at(windowEnd - LONGEST);
      await commitAudit(market, job, market.first);
      const { revealBy } = await deadlinesOf(market, job);
      expect(revealBy + AUDITS.challengePeriod).to.equal(windowEnd);
    });

    it("end the time to commit with the round's", async () => {
      const market = await load();
      const job = await bookedJob(market);
      const { recordedAt } = await market.audits.roundOf(job.round);
      await at(recordedAt + AUDITS.commitPeriod + 1n);
      const late = commitAudit(market, job, market.first);
      const deadline = recordedAt + AUDITS.commitPeriod;
      await refused(late, market.audits, "AuditOffice_TooLate", job.terms.id, deadline);
    });

    it("end the time to commit with its last second", async () => {
      const market = await load();
      const job = await bookedJob(market);
      await at((await market.audits.roundOf(job.round)).recordedAt + AUDITS.commitPeriod);
      await commitAudit(market, job, market.first);
      expect(await phaseOf(market, job)).to.equal(PHASE.answer);
    });
  });

  describe("a commitment", () => {
    it("C17 is bound to job and auditor, and opens with its own output, trace and salt only", async () => {
      const market = await load();
      const { audits, first } = market;
      const job = await committedAudit(market);
      await answerAudit(market, job);
      const own = audits.connect(first.operator);
      for (const [output, trace, salt] of [
        [id("other"), TRACE, SALT],
        [OUTPUT, OTHER_TRACE, SALT],
        [OUTPUT, TRACE, id("other salt")],
      ] as const) {
        const opened = own.reveal(job.terms.id, output, trace, salt);
        await refused(opened, audits, "AuditOffice_CommitmentMismatch", job.terms.id);
      }
      const mine = await audits.commitmentOf(job.terms.id, first.provider, OUTPUT, TRACE, SALT);
      expect(await audits.commitmentOf(job.terms.id, market.second.provider, OUTPUT, TRACE, SALT)).to.not.equal(mine);
      expect(await audits.commitmentOf(job.terms.id + 1n, first.provider, OUTPUT, TRACE, SALT)).to.not.equal(mine);
    });

    it("is not empty, and an answer neither", async () => {
      const market = await load();
      const job = await bookedJob(market);
      await awaitTurn(market, job, market.first);
      const { audits, first } = market;
      const empty = audits.connect(first.operator).commit(job.terms, OUTPUT, job.round, first.provider, ZeroHash);
      await refused(empty, audits, "AuditOffice_EmptyCommitment");
      await commitAudit(market, job, first);
      await refused(answerAudit(market, job, ZeroHash), audits, "AuditOffice_EmptyTrace");
    });

    it("comes from an auditor's own keys, an answer from the provider's and a reveal from the auditor's", async () => {
      const market = await load();
      const { audits, first, stranger, operator } = market;
      const job = await bookedJob(market);
      await awaitTurn(market, job, first);
      const commitment = await commitmentFor(market, job.terms, first);
      const foreign = audits.connect(stranger).commit(job.terms, OUTPUT, job.round, first.provider, commitment);
      await refused(foreign, audits, "AuditOffice_NotAllowed", first.provider, stranger);
      await commitAudit(market, job, first);
      const answered = audits.connect(first.operator).answer(job.terms.id, TRACE);
      await refused(answered, audits, "AuditOffice_NotAllowed", market.provider, first.operator);
      await answerAudit(market, job);
      const again = answerAudit(market, job, OTHER_TRACE);
      await refused(again, audits, "AuditOffice_WrongPhase", job.terms.id, PHASE.reveal, PHASE.answer);
      const revealed = audits.connect(operator).reveal(job.terms.id, OUTPUT, TRACE, SALT);
      await refused(revealed, audits, "AuditOffice_NotAllowed", first.provider, operator);
    });

    it("is about the submitted output of a job that is delivered and not settled", async () => {
      const market = await load();
      const { audits, first, arbiter, disputes, challenger } = market;
      const job = await bookedJob(market);
      await awaitTurn(market, job, first);
      const commitment = await commitmentFor(market, job.terms, first);
      const by = audits.connect(first.operator);
      const other = by.commit(job.terms, id("other"), job.round, first.provider, commitment);
      await refused(other, audits, "AuditOffice_OutputMismatch", job.terms.id, id("other"));
      await disputes.connect(challenger).challenge(job.terms, OUTPUT);
      await arbiter.rule(RULING.upheld, challenger);
      await disputes.resolve(await disputes.lastCaseId(), job.terms);
      const settled = by.commit(job.terms, OUTPUT, job.round, first.provider, commitment);
      await refused(settled, audits, "AuditOffice_WrongStatus", job.terms.id);
      const undelivered = await requestJob(market);
      const early = by.commit(undelivered, OUTPUT, job.round, first.provider, commitment);
      await refused(early, audits, "AuditOffice_WrongStatus", undelivered.id);
    });

    it("is for a model whose honest traces are alike to the byte", async () => {
      const market = await load();
      const jury = 1n;
      const terms = await requestJob({ ...market, modelId: jury });
      const call = market.audits
        .connect(market.first.operator)
        .commit(terms, OUTPUT, 1n, market.first.provider, id("c"));
      await refused(call, market.audits, "AuditOffice_NoExactBytes", jury, 4n);
    });
  });

  describe("an audit of a job that was challenged before", () => {
    async function challengedFirst(market: AuditedMarket, found: string) {
      const job = await bookedJob(market);
      await market.disputes.connect(market.challenger).challenge(job.terms, OUTPUT);
      await awaitTurn(market, job, market.first);
      await commitAudit(market, job, market.first, found);
      await answerAudit(market, job);
      await revealAudit(market, job, found);
      return job;
    }

    it("takes place all the same: a cheat cannot keep auditors out by challenging itself", async () => {
      const market = await load();
      const job = await challengedFirst(market, TRACE);
      await passWindow(market, job);
      await market.arbiter.rule(RULING.rejected, market.challenger);
      await market.disputes.resolve(await market.disputes.lastCaseId(), job.terms);
      await market.audits.close(job.terms.id);
      expect(await payOf(market)).to.equal(PAY);
    });

    it("costs who confirms what is proven wrong a ticket", async () => {
      const market = await load();
      const job = await challengedFirst(market, TRACE);
      await market.arbiter.disprove(TRACE);
      await market.arbiter.rule(RULING.upheld, market.challenger);
      await market.disputes.resolve(await market.disputes.lastCaseId(), job.terms);
      await market.audits.close(job.terms.id);
      expect(await market.staking.bondedOf(auditors(market))).to.equal(STAKE - TICKET);
    });

    it("pays no difference: whoever saw the challenge could invent one", async () => {
      const market = await load();
      const job = await challengedFirst(market, OTHER_TRACE);
      await market.arbiter.rule(RULING.upheld, market.challenger);
      await market.disputes.resolve(await market.disputes.lastCaseId(), job.terms);
      await market.audits.close(job.terms.id);
      expect(await payOf(market)).to.equal(0n);
      expect(await market.staking.bondedOf(auditors(market))).to.equal(STAKE);
    });
  });

  it("goes on while its job is in dispute, and is closed with the ruling", async () => {
    const market = await load();
    const job = await committedAudit(market);
    await market.disputes.connect(market.challenger).challenge(job.terms, OUTPUT);
    await answerAudit(market, job);
    await revealAudit(market, job);
    await passWindow(market, job);
    expect(await phaseOf(market, job)).to.equal(PHASE.wait);
    await market.arbiter.rule(RULING.rejected, market.challenger);
    await market.disputes.resolve(await market.disputes.lastCaseId(), job.terms);
    await market.audits.close(job.terms.id);
    expect(await payOf(market)).to.equal(PAY);
  });

  it("leaves the market's own path alone: a job that is not drawn is settled as ever", async () => {
    const market = await load();
    const { terms } = await seededJob(market);
    await afterPhase(market, terms);
    await market.market.finalise(terms);
    await market.market.collect({ ...terms });
    await expectAllSettled(market);
  });
});
