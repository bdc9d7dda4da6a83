import { expect } from "chai";

import { AUDITS } from "../support/assemble.js";
import {
  answerAudit,
  auditedMarket,
  auditedMarketWith,
  bookedJob,
  committedAudit,
  LONGEST,
  nextSeed,
  OUTPUT,
  passWindow,
  PAY,
  revealedAudit,
  SURE_WINDOW,
} from "../support/audits.js";
import { expectBooksExact } from "../support/books.js";
import type { Terms } from "../support/fixture.js";
import { afterPhase, at, networkHelpers, OFFER, refused, requestJob, submitJob } from "../support/fixture.js";

describe("AuditFunds", () => {
  const load = () => networkHelpers.loadFixture(auditedMarket);
  /** A market whose audits take longer than its challenge windows. */
  const slowMarket = () => auditedMarketWith({ audits: { challengePeriod: 7_200n } });

  it("take anybody's balance for the audits of a model", async () => {
    const market = await load();
    const { audits, client, modelId } = market;
    await expect(audits.connect(client).fund(modelId, 3n)).to.emit(audits, "FundAdded").withArgs(modelId, client, 3n);
    expect(await audits.fundOf(modelId)).to.equal(3n);
    await expectBooksExact(market, { audits: 3n });
  });

  it("take nothing from who has nothing, nothing of nothing, and nothing for a model without exact bytes", async () => {
    const { audits, escrow, stakeToken, stranger, client, modelId } = await load();
    const error = "PaymentEscrow_InsufficientBalance";
    await refused(audits.fund(modelId, 1n), escrow, error, stakeToken, stranger, 0n, 1n);
    await refused(audits.connect(client).fund(modelId, 0n), audits, "AuditOffice_ZeroAmount");
    await refused(audits.connect(client).fund(1n, 1n), audits, "AuditOffice_NoExactBytes", 1n, 4n);
  });

  it("keep what was booked until the audit, which pays it to the auditor", async () => {
    const market = await load();
    const job = await bookedJob(market);
    expect(await market.audits.bookerOf(job.terms.id)).to.equal(market.client);
    await expectBooksExact(market, { audits: PAY, prices: OFFER.price });
    const again = market.audits.connect(market.client).book(job.terms);
    await refused(again, market.audits, "AuditOffice_AlreadyBooked", job.terms.id);
  });

  it("give back what was booked for an audit that nobody took, and not before the job is past it", async () => {
    const market = await load();
    const { audits, escrow, stakeToken, client } = market;
    const before = await escrow.balanceOf(stakeToken, client);
    const { terms } = await bookedJob(market);
    await refused(audits.refundBooking(terms.id), audits, "AuditOffice_WrongStatus", terms.id);
    await afterPhase(market, terms);
    await expect(audits.refundBooking(terms.id)).to.emit(audits, "BookingRefunded").withArgs(terms.id, client, PAY);
    expect(await escrow.balanceOf(stakeToken, client)).to.equal(before);
    await refused(audits.refundBooking(terms.id), audits, "AuditOffice_NotBooked", terms.id);
  });

  for (const [name, settle] of [
    ["was declined", async (market, terms) => market.market.connect(market.operator).decline(terms)],
    [
      "was not delivered",
      async (market, terms) => {
        await afterPhase(market, terms);
        return market.market.expire(terms);
      },
    ],
  ] as [
    string,
    (market: Awaited<ReturnType<typeof load>>, terms: Awaited<ReturnType<typeof requestJob>>) => Promise<unknown>,
  ][]) {
    it(`give back what was booked for a job that ${name}`, async () => {
      const market = await load();
      const { audits, escrow, stakeToken, client } = market;
      const before = await escrow.balanceOf(stakeToken, client);
      const terms = await requestJob(market);
      await audits.connect(client).book(terms);
      await settle(market, terms);
      await audits.refundBooking(terms.id);
      expect(await escrow.balanceOf(stakeToken, client)).to.equal(before);
      await expectBooksExact(market);
    });
  }

  it("keep what was booked for a challenged job until no audit of it can begin any more", async () => {
    const market = await load();
    const { audits, disputes, challenger, escrow, stakeToken, client } = market;
    const { terms } = await bookedJob(market);
    const before = await escrow.balanceOf(stakeToken, client);
    await disputes.connect(challenger).challenge(terms, OUTPUT);
    const last = (await market.market.phaseEndOf(terms.id)) - LONGEST;
    await at(last);
    await refused(audits.refundBooking(terms.id), audits, "AuditOffice_WrongStatus", terms.id);
    await at(last + 1n);
    await audits.refundBooking(terms.id);
    expect(await escrow.balanceOf(stakeToken, client)).to.equal(before + PAY);
  });

  it("take no booking of a job that is over, or audited", async () => {
    const market = await load();
    const { audits, client } = market;
    const job = await committedAudit(market);
    const audited = audits.connect(client).book(job.terms);
    await refused(audited, audits, "AuditOffice_AlreadyAudited", job.terms.id);
    const terms = await requestJob(market);
    await submitJob(market, terms, OUTPUT);
    await afterPhase(market, terms);
    await refused(audits.connect(client).book(terms), audits, "AuditOffice_WrongStatus", terms.id);
  });

  it("take no booking of a job whose window is too short for an audit", async () => {
    const market = await networkHelpers.loadFixture(slowMarket);
    const terms = await requestJob(market);
    const call = market.audits.connect(market.client).book(terms);
    const required = SURE_WINDOW - AUDITS.challengePeriod + 7_200n;
    await refused(call, market.audits, "AuditOffice_WindowTooShort", 3_600n, required);
  });

  it("take a booking only of a window in which an audit has time whenever the job is submitted", async () => {
    const market = await load();
    const { audits, client, deployer } = market;
    await market.market.connect(deployer).setChallengeWindow(SURE_WINDOW - 1n);
    const tooShort = audits.connect(client).book(await requestJob(market));
    await refused(tooShort, audits, "AuditOffice_WindowTooShort", SURE_WINDOW - 1n, SURE_WINDOW);
    await market.market.connect(deployer).setChallengeWindow(SURE_WINDOW);
    const terms = await requestJob(market);
    await audits.connect(client).book(terms);
    expect(await audits.bookerOf(terms.id)).to.equal(client);
  });

  it("take no booking of a delivered job once no audit can begin any more, and give back what was booked", async () => {
    const market = await load();
    const { audits, client } = market;
    const { terms: booked } = await bookedJob(market);
    const terms = await requestJob(market);
    await submitJob(market, terms, OUTPUT);
    const lastOf = async (job: Terms) => (await market.market.phaseEndOf(job.id)) - LONGEST;
    const last = await lastOf(booked);
    await at(last);
    await refused(audits.refundBooking(booked.id), audits, "AuditOffice_WrongStatus", booked.id);
    await at(last + 1n);
    await expect(audits.refundBooking(booked.id)).to.emit(audits, "BookingRefunded");
    await at((await lastOf(terms)) + 1n);
    await refused(audits.connect(client).book(terms), audits, "AuditOffice_WrongStatus", terms.id);
  });

  it("get back what an auditor did not earn, to the wei", async () => {
    const market = await load();
    const { audits, client, modelId } = market;
    await audits.connect(client).fund(modelId, 4n * PAY);
    const job = await committedAudit(market);
    await answerAudit(market, job);
    await passWindow(market, job);
    await audits.close(job.terms.id);
    expect(await audits.fundOf(modelId)).to.equal(4n * PAY);
    await expectBooksExact(market, { audits: 4n * PAY, prices: OFFER.price });
  });

  it("hold what an audit under way may earn, whoever closes it in the end", async () => {
    const market = await load();
    const job = await revealedAudit(market);
    await nextSeed(market);
    await expectBooksExact(market, { audits: PAY, prices: OFFER.price });
    await passWindow(market, job);
    await market.audits.close(job.terms.id);
    await expectBooksExact(market, { prices: OFFER.price });
  });
});
