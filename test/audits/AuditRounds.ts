import { auditTurn, isDrawn } from "@assay/sdk";
import { expect } from "chai";

import { AUDITS } from "../support/assemble.js";
import type { AuditedMarket, SeededJob } from "../support/audits.js";
import {
  auditedMarket,
  awaitTurn,
  bookedJob,
  commitAudit,
  committedAudit,
  drawAt,
  nextRound,
  nextSeed,
  OUTPUT,
  PAY,
  PHASE,
  seededJob,
} from "../support/audits.js";
import { at, ethers, networkHelpers, now, refused, requestJob, submitJob } from "../support/fixture.js";

const MEMORY = 256n;

describe("AuditRounds", () => {
  const load = () => networkHelpers.loadFixture(auditedMarket);

  /** Submitted jobs with lots that the highest rate draws, or does not. */
  async function jobWhere(market: AuditedMarket, drawn: boolean): Promise<SeededJob> {
    for (;;) {
      const job = await seededJob(market);
      if (isDrawn(job.terms, job.seed, 5_000n) === drawn) return job;
    }
  }

  it("C18 ask for a seed that nobody knows, and write it down once it is known", async () => {
    const { audits } = await load();
    const round = await nextRound({ audits });
    expect((await audits.roundOf(round)).askedAt).to.equal(await now());
    await refused(audits.recordSeed(round), audits, "AuditOffice_SeedNotReady", round);
    await networkHelpers.mine(2);
    await expect(audits.recordSeed(round)).to.emit(audits, "SeedRecorded");
    const { seed, recordedAt } = await audits.roundOf(round);
    expect(BigInt(seed)).to.not.equal(0n);
    expect(recordedAt).to.equal(await now());
    await refused(audits.recordSeed(round), audits, "AuditOffice_AlreadyRecorded", round);
    await refused(audits.recordSeed(round + 1n), audits, "AuditOffice_UnknownRound", round + 1n);
  });

  it("ask anew for a seed that was missed", async () => {
    const { audits } = await load();
    const round = await nextRound({ audits });
    const { seedRequest } = await audits.roundOf(round);
    await networkHelpers.mine(MEMORY + 3n);
    await expect(audits.recordSeed(round)).to.emit(audits, "SeedAsked");
    expect((await audits.roundOf(round)).seedRequest).to.be.greaterThan(seedRequest);
    await networkHelpers.mine(3);
    await expect(audits.recordSeed(round)).to.emit(audits, "SeedRecorded");
  });

  it("follow one another in no less than their period", async () => {
    const { audits } = await load();
    await nextRound({ audits });
    const nextAt = (await now()) + AUDITS.roundPeriod;
    await at(nextAt - 1n);
    await refused(audits.askSeed(), audits, "AuditOffice_RoundTooEarly", nextAt);
    await at(nextAt);
    await audits.askSeed();
    expect(await audits.lastRound()).to.equal(2n);
  });

  it("are for the jobs submitted since the one before, and for no other", async () => {
    const market = await load();
    const { audits } = market;
    const before = await bookedJob(market);
    const later = await bookedJob(market);
    expect(later.round).to.equal(before.round + 1n);
    const submittedAt = async ({ terms }: SeededJob) =>
      (await market.market.phaseEndOf(terms.id)) - BigInt(terms.challengeWindow);
    const tooEarly = commitAudit(market, { ...later, round: before.round }, market.first);
    await refused(tooEarly, audits, "AuditOffice_OtherRound", before.round, await submittedAt(later));
    const tooLate = commitAudit(market, { ...before, round: later.round }, market.first);
    await refused(tooLate, audits, "AuditOffice_OtherRound", later.round, await submittedAt(before));
  });

  it("C18 are not for jobs of the second in which the seed was asked for: those are for the next", async () => {
    const market = await load();
    const { audits } = market;
    const terms = await requestJob(market);
    await audits.connect(market.client).book(terms);
    await ethers.provider.send("evm_setAutomine", [false]);
    await submitJob(market, terms, OUTPUT);
    await audits.askSeed();
    await networkHelpers.mine(3);
    await ethers.provider.send("evm_setAutomine", [true]);
    const round = await audits.lastRound();
    const submittedAt = (await market.market.phaseEndOf(terms.id)) - BigInt(terms.challengeWindow);
    expect((await audits.roundOf(round)).askedAt).to.equal(submittedAt);
    await audits.recordSeed(round);
    const early = commitAudit(market, { terms, round, seed: "" }, market.first);
    await refused(early, audits, "AuditOffice_OtherRound", round, submittedAt);
    const job = { terms, ...(await nextSeed(market)) };
    await awaitTurn(market, job, market.first);
    await commitAudit(market, job, market.first);
    expect(await audits.phaseOf(terms.id)).to.equal(PHASE.answer);
  });

  it("draw nothing before the seed is known", async () => {
    const market = await load();
    const terms = await requestJob(market);
    await submitJob(market, terms, OUTPUT);
    const round = await nextRound(market);
    const early = commitAudit(market, { terms, round, seed: "" }, market.first);
    await refused(early, market.audits, "AuditOffice_SeedNotReady", round);
    await refused(market.audits.isDrawn(terms.id, round), market.audits, "AuditOffice_SeedNotReady", round);
  });

  it("draw what the SDK says they draw, at any rate", async () => {
    const market = await load();
    const { audits } = market;
    for (const rate of [0n, 2_500n, 5_000n]) {
      await drawAt(market, rate);
      for (let i = 0; i < 4; i++) {
        const job = await seededJob(market);
        expect((await audits.roundOf(job.round)).rateBps).to.equal(rate);
        const drawn = await audits.isDrawn(job.terms.id, job.round);
        expect(drawn).to.equal(isDrawn(job.terms, job.seed, rate));
        if (rate === 0n) expect(drawn).to.equal(false);
      }
    }
  });

  it("draw at the rate of before their first job: no change reaches a job that was submitted before it", async () => {
    const market = await load();
    const { audits, client, deployer, modelId } = market;
    await audits.connect(client).fund(modelId, PAY);
    await drawAt(market, 5_000n);
    let job: SeededJob;
    do {
      const terms = await requestJob(market);
      await submitJob(market, terms, OUTPUT);
      await audits.connect(deployer).setAuditRate(0n);
      job = { terms, ...(await nextSeed(market)) };
      await drawAt(market, 5_000n);
    } while (!isDrawn(job.terms, job.seed, 5_000n));
    await audits.connect(deployer).setAuditRate(0n);
    expect(await audits.isDrawn(job.terms.id, job.round)).to.equal(true);
    await awaitTurn(market, job, market.first);
    await commitAudit(market, job, market.first);
    expect(await audits.phaseOf(job.terms.id)).to.equal(PHASE.answer);
  });

  it("draw at the changed rate what is submitted once the next seed was asked for, and keep it if that was missed", async () => {
    const market = await load();
    const { audits, deployer } = market;
    const rates = async () => {
      const last = await audits.lastRound();
      return Promise.all([last, last + 1n].map(async (round) => (await audits.roundOf(round)).rateBps));
    };
    expect(await rates()).to.deep.equal([0n, AUDITS.auditRateBps]);
    await audits.connect(deployer).setAuditRate(5_000n);
    const round = await nextRound(market);
    expect(await rates()).to.deep.equal([AUDITS.auditRateBps, 5_000n]);
    await audits.connect(deployer).setAuditRate(1n);
    await networkHelpers.mine(MEMORY + 3n);
    await expect(audits.recordSeed(round)).to.emit(audits, "SeedAsked");
    expect(await rates()).to.deep.equal([AUDITS.auditRateBps, 5_000n]);
  });

  it("let a drawn job be audited for the fund of its model, and no other job", async () => {
    const market = await load();
    const { audits, client, modelId } = market;
    await drawAt(market, 5_000n);
    await audits.connect(client).fund(modelId, PAY);
    const spared = await jobWhere(market, false);
    await awaitTurn(market, spared, market.first);
    const call = commitAudit(market, spared, market.first);
    await refused(call, audits, "AuditOffice_NotDrawn", spared.terms.id);
    const drawn = await jobWhere(market, true);
    await awaitTurn(market, drawn, market.first);
    await commitAudit(market, drawn, market.first);
    expect(await audits.fundOf(modelId)).to.equal(0n);
  });

  it("draw for nothing while the fund is empty: no audit is begun that is not paid", async () => {
    const market = await load();
    const { audits, client, modelId } = market;
    await drawAt(market, 5_000n);
    await audits.connect(client).fund(modelId, PAY - 1n);
    const drawn = await jobWhere(market, true);
    await awaitTurn(market, drawn, market.first);
    await refused(commitAudit(market, drawn, market.first), audits, "AuditOffice_FundEmpty", modelId, PAY - 1n, PAY);
  });

  describe("a turn", () => {
    it("comes when the SDK says, at most half the commit period after the seed", async () => {
      const market = await load();
      const job = await seededJob(market);
      const { recordedAt } = await market.audits.roundOf(job.round);
      for (const { provider } of market.keys) {
        for (const tickets of [1, 3, 8]) {
          const turn = await market.audits.turnOf(job.terms.id, job.round, provider, tickets);
          const facts = { jobId: job.terms.id, seed: job.seed, auditor: provider.address, tickets, recordedAt };
          expect(turn).to.equal(auditTurn({ ...facts, commitPeriod: AUDITS.commitPeriod }));
          expect(turn - recordedAt).to.be.lessThan(AUDITS.commitPeriod / 2n);
        }
      }
    });

    it("comes no later with more tickets", async () => {
      const market = await load();
      const job = await seededJob(market);
      const turns: bigint[] = [];
      for (let tickets = 1; tickets <= 8; tickets++) {
        turns.push(await market.audits.turnOf(job.terms.id, job.round, market.first.provider, tickets));
      }
      expect(turns).to.deep.equal([...turns].sort((a, b) => Number(b - a)));
    });

    it("is waited for to the second, and then passes to whoever's is next", async () => {
      const market = await load();
      const job = await bookedJob(market);
      const { audits, first, second } = market;
      const turns = await Promise.all(
        [first, second].map(({ provider }) => audits.turnOf(job.terms.id, job.round, provider, 1)),
      );
      const [mine = 0n, theirs = 0n] = turns;
      const [later, turn] = mine > theirs ? [first, mine] : [second, theirs];
      if (turn - 1n > (await now())) {
        await at(turn - 1n);
        const early = commitAudit(market, job, later);
        await refused(early, audits, "AuditOffice_NotYourTurn", later.provider, turn);
      }
      await at(turn);
      // The one before it did nothing: nobody waits for it.
      await commitAudit(market, job, later);
      expect((await audits.auditOf(job.terms.id)).auditor).to.equal(later.provider);
    });

    it("does not come for tickets of the second in which the seed was asked for, or later", async () => {
      const market = await load();
      const { audits, idle, modelId } = market;
      const terms = await requestJob(market);
      await audits.connect(market.client).book(terms);
      await submitJob(market, terms, OUTPUT);
      const seeded = await nextSeed(market);
      const { askedAt } = await audits.roundOf(seeded.round);
      await audits.connect(idle.operator).enrol(modelId, idle.provider, 1);
      const since = await now();
      const call = commitAudit(market, { terms, ...seeded }, idle);
      await refused(call, audits, "AuditOffice_TooNew", idle.provider, since, askedAt);
    });

    it("is not lost to others who come: no list is full", async () => {
      const market = await load();
      const { audits, idle, modelId, second } = market;
      const job = await bookedJob(market);
      const before = await audits.turnOf(job.terms.id, job.round, second.provider, 1);
      await audits.connect(idle.operator).enrol(modelId, idle.provider, 8);
      expect(await audits.turnOf(job.terms.id, job.round, second.provider, 1)).to.equal(before);
    });
  });

  it("leave the audits of other rounds alone", async () => {
    const market = await load();
    const job = await committedAudit(market);
    await nextSeed(market);
    expect(await market.audits.phaseOf(job.terms.id)).to.equal(PHASE.answer);
  });
});
