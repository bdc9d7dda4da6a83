import { ModelProfile } from "@assay/sdk";
import { expect } from "chai";
import { id } from "ethers";

import { POOL_LOCK } from "../support/assemble.js";
import {
  answerAudit,
  auditedMarket,
  awaitTurn,
  bookedJob,
  commitAudit,
  committedAudit,
  deadlinesOf,
  nextSeed,
  OUTPUT,
  revealAudit,
  TICKET,
} from "../support/audits.js";
import { at, networkHelpers, now, OFFER, refused, registerModel, requestJob, submitJob } from "../support/fixture.js";

const MAX_TICKETS = 8;

describe("AuditorPool", () => {
  const load = () => networkHelpers.loadFixture(auditedMarket);

  it("takes a provider of the model with tickets that lock its stake", async () => {
    const { audits, staking, idle, modelId } = await load();
    const before = await staking.lockedOf(idle.provider);
    await expect(audits.connect(idle.provider).enrol(modelId, idle.provider, 3))
      .to.emit(audits, "AuditorEnrolled")
      .withArgs(modelId, idle.provider, 3);
    expect(await staking.lockedOf(idle.provider)).to.equal(before + 3n * TICKET);
    expect(await audits.membershipOf(modelId, idle.provider)).to.deep.equal([3n, 0n, await now()]);
    expect(await audits.ticketsOf(modelId)).to.equal(5n);
  });

  it("has at most so many tickets of one auditor, and no enrolment without any", async () => {
    const { audits, idle, modelId } = await load();
    const own = audits.connect(idle.operator);
    await refused(own.enrol(modelId, idle.provider, 0), audits, "AuditOffice_ZeroAmount");
    await own.enrol(modelId, idle.provider, MAX_TICKETS);
    const more = own.enrol(modelId, idle.provider, 1);
    await refused(more, audits, "AuditOffice_TooManyTickets", MAX_TICKETS + 1, MAX_TICKETS);
  });

  it("takes nobody without an offer, and nobody on another's word", async () => {
    const { audits, idle, modelId, providers, payToken, stranger } = await load();
    const foreign = audits.enrol(modelId, idle.provider, 1);
    await refused(foreign, audits, "AuditOffice_NotAllowed", idle.provider, stranger);
    await providers.connect(idle.provider).removeOffer(modelId, payToken);
    const call = audits.connect(idle.operator).enrol(modelId, idle.provider, 1);
    await refused(call, audits, "AuditOffice_NoOffer", idle.provider, modelId);
  });

  it("takes nobody for a model that is never audited", async () => {
    const market = await load();
    const { audits, providers, payToken, idle } = market;
    const { price, stake, maxDuration } = OFFER;
    for (const profile of [ModelProfile.Tolerance, ModelProfile.Jury]) {
      const modelId = await registerModel(market, { profile, graphCommitment: id(`graph ${String(profile)}`) });
      await providers.connect(idle.provider).setOffer(modelId, payToken, price, stake, maxDuration);
      const call = audits.connect(idle.operator).enrol(modelId, idle.provider, 1);
      await refused(call, audits, "AuditOffice_NoExactBytes", modelId, profile);
    }
  });

  it("gives back at any time what no open audit needs", async () => {
    const { audits, staking, first, modelId } = await load();
    await expect(audits.connect(first.operator).leave(modelId, first.provider))
      .to.emit(audits, "AuditorLeft")
      .withArgs(modelId, first.provider, 1n, 0n);
    expect(await staking.lockedOf(first.provider)).to.equal(POOL_LOCK);
    const again = audits.connect(first.operator).leave(modelId, first.provider);
    await refused(again, audits, "AuditOffice_NoTicketFree", modelId, first.provider);
  });

  it("A03 keeps the ticket behind an open audit until that is closed", async () => {
    const market = await load();
    const { audits, staking, first, modelId } = market;
    const job = await committedAudit(market);
    const leave = () => audits.connect(first.operator).leave(modelId, first.provider);
    await refused(leave(), audits, "AuditOffice_NoTicketFree", modelId, first.provider);
    await at((await deadlinesOf(market, job)).answerBy + 1n);
    await revealAudit(market, job);
    await audits.close(job.terms.id);
    await leave();
    expect(await staking.lockedOf(first.provider)).to.equal(POOL_LOCK);
  });

  it("A14 puts no ticket behind two audits", async () => {
    const market = await load();
    const terms = [await requestJob(market), await requestJob(market)];
    for (const each of terms) {
      await market.audits.connect(market.client).book(each);
      await submitJob(market, each, OUTPUT);
    }
    const seeded = await nextSeed(market);
    const [one, two] = terms.map((each) => ({ terms: each, ...seeded }));
    if (!one || !two) throw new Error("two jobs were requested");
    for (const job of [one, two]) await awaitTurn(market, job, market.first);
    await commitAudit(market, one, market.first);
    const call = commitAudit(market, two, market.first);
    await refused(call, market.audits, "AuditOffice_NoTicketFree", market.modelId, market.first.provider);
  });

  it("has no party to a job audit it, by its own name or through its operator key", async () => {
    const market = await load();
    const { audits, providers, client, first, operator, provider, modelId } = market;
    await audits.connect(operator).enrol(modelId, provider, 1);
    const job = await bookedJob(market);
    const own = commitAudit(market, job, { provider, operator });
    await refused(own, audits, "AuditOffice_Party", provider);
    await providers.connect(first.provider).setOperator(client);
    const through = commitAudit(market, job, { provider: first.provider, operator: first.provider });
    await refused(through, audits, "AuditOffice_Party", first.provider);
  });

  it("has nobody audit that no longer serves the model", async () => {
    const market = await load();
    const job = await bookedJob(market);
    await awaitTurn(market, job, market.first);
    await market.providers.connect(market.first.provider).removeOffer(market.modelId, market.payToken);
    const call = commitAudit(market, job, market.first);
    await refused(call, market.audits, "AuditOffice_NoOffer", market.first.provider, market.modelId);
  });

  it("A05 takes what is left of a ticket whose stake was slashed elsewhere, and closes all the same", async () => {
    const market = await load();
    const { audits, staking, first, modelId } = market;
    const job = await committedAudit(market);
    await answerAudit(market, job);
    await staking.connect(first.provider).requestUnbonding(await staking.bondedOf(first.provider));
    await at((await deadlinesOf(market, job)).revealBy + 1n);
    await expect(audits.close(job.terms.id))
      .to.emit(audits, "TicketLost")
      .withArgs(modelId, first.provider, job.terms.id, TICKET);
  });
});
