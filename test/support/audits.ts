import { auditCommitment } from "@assay/sdk";
import { id, parseEther } from "ethers";

import { SilentArbiter__factory } from "../../sdk/src/typechain/index.js";
import type { Variation } from "./assemble.js";
import { assemble, AUDITS, LONGEST_ARBITER } from "./assemble.js";
import type { Market, ProviderKeys, Terms } from "./fixture.js";
import {
  at,
  ethers,
  fundStakeBalance,
  networkHelpers,
  now,
  OFFER,
  populate,
  registerModel,
  requestJob,
  submitJob,
} from "./fixture.js";

export const PHASE = { none: 0n, answer: 1n, reveal: 2n, wait: 3n, due: 4n, closed: 5n };
export const FINDING = { none: 0n, agrees: 1n, differs: 2n, unanswered: 3n };
export const { auditPay: PAY, ticketLock: TICKET } = AUDITS;
/** What an audit may take from its commitment to the end of the time to challenge. */
export const LONGEST = AUDITS.answerPeriod + AUDITS.revealPeriod + AUDITS.challengePeriod;
/** The shortest challenge window in which an audit has time whenever the job is submitted. */
export const SURE_WINDOW = AUDITS.roundPeriod + AUDITS.commitPeriod + LONGEST;
export const OUTPUT = id("output");
export const TRACE = id("trace");
export const OTHER_TRACE = id("other trace");
export const SALT = id("salt");
const EXACT = 1;

/** A market with a model of exact integers, an arbiter that rules as it is told, and two auditors with a ticket each. */
export async function auditedMarket() {
  return auditedMarketWith({});
}

export async function auditedMarketWith(variation: Variation) {
  const market = await populate(await assemble(variation));
  const arbiter = await new SilentArbiter__factory(market.deployer).deploy(LONGEST_ARBITER);
  await market.disputes.connect(market.deployer).setArbiter(EXACT, arbiter);
  const modelId = await registerModel(market, { profile: EXACT, graphCommitment: id("graph") });
  for (const { provider } of market.keys) {
    await market.providers
      .connect(provider)
      .setOffer(modelId, market.payToken, OFFER.price, OFFER.stake, OFFER.maxDuration);
  }
  const [, first, second, idle] = market.keys;
  if (!first || !second || !idle) throw new Error("too few providers joined");
  for (const { provider, operator } of [first, second])
    await market.audits.connect(operator).enrol(modelId, provider, 1);
  await fundStakeBalance(market, market.client, parseEther("100"));
  return { ...market, modelId, arbiter, first, second, idle };
}

export type AuditedMarket = Awaited<ReturnType<typeof auditedMarket>>;

/** A submitted job and the round that is for it. */
export interface SeededJob {
  terms: Terms;
  round: bigint;
  seed: string;
}

/** A submitted job whose round has its seed. */
export async function seededJob(market: Market): Promise<SeededJob> {
  const terms = await requestJob(market);
  await submitJob(market, terms, OUTPUT);
  return { terms, ...(await nextSeed(market)) };
}

/** Opens a round as soon as it may be, and records its seed. */
export async function nextSeed({ audits }: Pick<Market, "audits">): Promise<{ round: bigint; seed: string }> {
  const round = await nextRound({ audits });
  await networkHelpers.mine(2);
  await audits.recordSeed(round);
  return { round, seed: (await audits.roundOf(round)).seed };
}

export async function nextRound({ audits }: Pick<Market, "audits">): Promise<bigint> {
  const { askedAt } = await audits.roundOf(await audits.lastRound());
  const earliest = askedAt + AUDITS.roundPeriod;
  const next = (await now()) + 1n;
  await at(next > earliest ? next : earliest);
  await audits.askSeed();
  return audits.lastRound();
}

/** Jobs submitted from here on are drawn at this rate. */
export async function drawAt({ audits, deployer }: Market, rateBps: bigint): Promise<void> {
  await audits.connect(deployer).setAuditRate(rateBps);
  await nextRound({ audits });
}

/** A job that the client paid an audit for, its seed known. */
export async function bookedJob(market: AuditedMarket): Promise<SeededJob> {
  const terms = await requestJob(market);
  await market.audits.connect(market.client).book(terms);
  await submitJob(market, terms, OUTPUT);
  return { terms, ...(await nextSeed(market)) };
}

/** Lets an auditor's turn come. */
export async function awaitTurn(market: AuditedMarket, job: SeededJob, { provider }: ProviderKeys): Promise<void> {
  const { tickets } = await market.audits.membershipOf(market.modelId, provider);
  const turn = await market.audits.turnOf(job.terms.id, job.round, provider, tickets);
  if (turn > (await now())) await networkHelpers.time.increaseTo(turn);
}

export async function commitmentFor(market: AuditedMarket, terms: Terms, auditor: ProviderKeys, trace = TRACE) {
  const { chainId } = await ethers.provider.getNetwork();
  const audits = await market.audits.getAddress();
  const statement = { chainId, audits, jobId: terms.id, auditor: auditor.provider.address, salt: SALT };
  return auditCommitment({ ...statement, outputCommitment: OUTPUT, traceRoot: trace });
}

/** An auditor binds itself to a trace with the submitted output. */
export async function commitAudit(market: AuditedMarket, job: SeededJob, auditor: ProviderKeys, trace = TRACE) {
  const commitment = await commitmentFor(market, job.terms, auditor, trace);
  return market.audits.connect(auditor.operator).commit(job.terms, OUTPUT, job.round, auditor.provider, commitment);
}

/** A booked job that the first auditor has taken. */
export async function committedAudit(market: AuditedMarket, trace = TRACE): Promise<SeededJob> {
  const job = await bookedJob(market);
  await awaitTurn(market, job, market.first);
  await commitAudit(market, job, market.first, trace);
  return job;
}

export async function answerAudit(market: AuditedMarket, { terms }: SeededJob, trace = TRACE) {
  return market.audits.connect(market.operator).answer(terms.id, trace);
}

export async function revealAudit(market: AuditedMarket, { terms }: SeededJob, trace = TRACE, output = OUTPUT) {
  return market.audits.connect(market.first.operator).reveal(terms.id, output, trace, SALT);
}

/** An audit in which both have shown their traces. */
export async function revealedAudit(market: AuditedMarket, found = TRACE): Promise<SeededJob> {
  const job = await committedAudit(market, found);
  await answerAudit(market, job);
  await revealAudit(market, job, found);
  return job;
}

/** Challenges the job and lets its arbiter rule. */
export async function ruled(market: AuditedMarket, { terms }: SeededJob, ruling: bigint): Promise<void> {
  await market.disputes.connect(market.challenger).challenge(terms, OUTPUT);
  await market.arbiter.rule(ruling, market.challenger);
  await market.disputes.resolve(await market.disputes.lastCaseId(), terms);
}

/** The last seconds in which the provider may answer and the auditor reveal. */
export async function deadlinesOf(market: AuditedMarket, { terms }: SeededJob) {
  const { committedAt } = await market.audits.auditOf(terms.id);
  const answerBy = committedAt + AUDITS.answerPeriod;
  return { answerBy, revealBy: answerBy + AUDITS.revealPeriod };
}

/** Lets the job's window pass. */
export async function passWindow(market: AuditedMarket, { terms }: SeededJob): Promise<void> {
  await at((await market.audits.auditOf(terms.id)).challengeableUntil + 1n);
  await networkHelpers.mine();
}
