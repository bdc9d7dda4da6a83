import type { Exposure, JobTerms } from "@assay/sdk";
import { auditCommitment, quoteAudit, roundFor } from "@assay/sdk";
import { ZeroAddress, ZeroHash } from "ethers";

import { change } from "../support/access.js";
import { UserError } from "../support/errors.js";
import { findDelivered, findJob } from "../support/jobs.js";
import { AUDIT_PHASES, FINDINGS, named } from "../support/names.js";
import { basisPoints, bounded, hash, maybe, whole } from "../support/parse.js";
import type { Fields } from "../support/report.js";
import { jobId, moment, orNone, percent } from "../support/report.js";
import type { Session } from "../support/session.js";
import { action, emitted } from "../support/session.js";

const MAX_RATE_BPS = 5_000n;
const MAX_TICKETS = 8n;
/** Percent of auditors. */
const HONEST = "90";

interface QuoteArguments {
  model: bigint;
  gain?: string;
  fee?: string;
  cost?: string;
  cheatCost?: string;
  honest?: string;
  stake?: string;
}

/** Amounts are all in the stake token: whoever pays in another converts first. */
export const quote = action(async (session, given: QuoteArguments): Promise<Fields> => {
  const token = await session.stakeToken();
  const exposure: Exposure = {
    gain: token.parse("--gain", given.gain ?? "0"),
    fee: token.parse("--fee", given.fee),
    cost: token.parse("--cost", given.cost),
    cheatCost: token.parse("--cheat-cost", given.cheatCost ?? "0"),
    honestBps: basisPoints("--honest", given.honest ?? HONEST),
  };
  const { rateBps, stake, stakeBooked } = await quoteAudit(session.contracts, given.model, exposure);
  const shown = (amount: bigint | undefined) => orNone(amount === undefined ? undefined : token.show(amount));
  const needed = await maybe(given.stake, async (text) => rateFor(session, exposure, token.parse("--stake", text)));
  return {
    model: given.model,
    auditRate: percent(rateBps),
    stake: shown(stake),
    stakeIfBooked: shown(stakeBooked),
    ...(needed && { rateForStake: needed }),
  };
});

async function rateFor({ contracts: { audits } }: Session, exposure: Exposure, stake: bigint) {
  const { possible, rateBps } = await audits.rateFor(exposure, stake);
  return orNone(possible ? percent(rateBps) : undefined);
}

export const fund = action(async (session, given: { model: bigint; amount: string }) => {
  const { audits } = session.contracts;
  const token = await session.stakeToken();
  const units = token.parse("amount", given.amount);
  const receipt = await session.send(() => audits.fund(given.model, units));
  const left = token.show(await audits.fundOf(given.model));
  return { model: given.model, added: token.show(units), fund: left, transaction: receipt.hash };
});

export const book = action(async (session, given: { job: bigint; fromBlock: number }) => {
  const { audits } = session.contracts;
  const { terms } = await findJob(session, given.job, given.fromBlock);
  const receipt = await session.send(() => audits.book(terms));
  const token = await session.stakeToken();
  const { amount } = emitted(receipt, audits.interface, "AuditBooked");
  return { job: jobId(terms.id), booked: true, paid: token.show(amount as bigint), transaction: receipt.hash };
});

export const refund = action(async (session, given: { job: bigint }) => {
  const { audits } = session.contracts;
  const receipt = await session.send(() => audits.refundBooking(given.job));
  const { booker, amount } = emitted(receipt, audits.interface, "BookingRefunded");
  const token = await session.stakeToken();
  const refunded = token.show(amount as bigint);
  return { job: jobId(given.job), booker: String(booker), refunded, transaction: receipt.hash };
});

interface TicketArguments {
  model: bigint;
  auditor?: string;
}

export const enrol = action(async (session, given: TicketArguments & { tickets: string }) => {
  const { audits } = session.contracts;
  const auditor = await session.accountOr("--auditor", given.auditor);
  const more = bounded("tickets", whole("tickets", given.tickets), 1n, MAX_TICKETS);
  const receipt = await session.send(() => audits.enrol(given.model, auditor, more));
  const { tickets } = emitted(receipt, audits.interface, "AuditorEnrolled");
  return { model: given.model, auditor, tickets: tickets as bigint, transaction: receipt.hash };
});

export const leave = action(async (session, given: TicketArguments) => {
  const { audits } = session.contracts;
  const auditor = await session.accountOr("--auditor", given.auditor);
  const receipt = await session.send(() => audits.leave(given.model, auditor));
  const { freed, tickets } = emitted(receipt, audits.interface, "AuditorLeft");
  return { model: given.model, auditor, freed: freed as bigint, tickets: tickets as bigint, transaction: receipt.hash };
});

/** Records the latest seed if it waits for that, and otherwise opens the next round. */
export const seed = action(async (session): Promise<Fields> => {
  const { audits } = session.contracts;
  const last = await audits.lastRound();
  const waits = last > 0n && (await audits.roundOf(last)).seed === ZeroHash;
  const receipt = await session.send(() => (waits ? audits.recordSeed(last) : audits.askSeed()));
  const round = await audits.lastRound();
  const { seed: known } = await audits.roundOf(round);
  return { round, seed: orNone(known === ZeroHash ? undefined : known), transaction: receipt.hash };
});

interface JobArguments {
  job: bigint;
  auditor?: string;
  fromBlock: number;
}

export const status = action(async (session, given: JobArguments): Promise<Fields> => {
  const { audits } = session.contracts;
  const { terms, delivery } = await findJob(session, given.job, given.fromBlock);
  const audit = await audits.auditOf(terms.id);
  const booker = await audits.bookerOf(terms.id);
  const begun = audit.auditor !== ZeroAddress;
  const answerBy = begun ? audit.committedAt + (await audits.ANSWER_PERIOD()) : 0n;
  return {
    job: jobId(terms.id),
    phase: named(AUDIT_PHASES, await audits.phaseOf(terms.id)),
    bookedBy: orNone([booker, audit.booker].find((account) => account !== ZeroAddress)),
    ...(await drawOf(session, terms, delivery?.challengeableUntil, given.auditor)),
    auditor: orNone(begun ? audit.auditor : undefined),
    answerBy: moment(answerBy),
    revealBy: moment(begun ? answerBy + (await audits.REVEAL_PERIOD()) : 0n),
    providerTrace: orNone(audit.answer === ZeroHash ? undefined : audit.answer),
    finding: named(FINDINGS, audit.finding),
  };
});

/** What the job's round says of it, and of the auditor asked for. */
async function drawOf(session: Session, terms: JobTerms, challengeableUntil = 0n, auditor?: string): Promise<Fields> {
  const { audits } = session.contracts;
  const round = challengeableUntil && (await roundFor(session.contracts, challengeableUntil - terms.challengeWindow));
  const known = round && (await audits.roundOf(round)).seed !== ZeroHash;
  if (!round || !known) return { round: orNone(round || undefined), drawn: orNone(undefined), turn: moment(0n) };
  const account = await session.accountOr("--auditor", auditor);
  const { tickets } = await audits.membershipOf(terms.modelId, account);
  const turn = tickets > 0n ? await audits.turnOf(terms.id, round, account, tickets) : 0n;
  return { round, drawn: await audits.isDrawn(terms.id, round), turn: moment(turn) };
}

interface FindingArguments {
  traceRoot?: string;
  output?: string;
  salt?: string;
}

export const commit = action(async (session, given: JobArguments & FindingArguments) => {
  const { audits } = session.contracts;
  const { terms, delivery } = await findDelivered(session, given.job, given.fromBlock);
  const round = await roundFor(session.contracts, delivery.challengeableUntil - terms.challengeWindow);
  if (round === undefined) throw new UserError("nobody has asked for the seed of this job yet: see audit:seed");
  const auditor = await session.accountOr("--auditor", given.auditor);
  const commitment = auditCommitment({
    chainId: session.chainId,
    audits: session.deployment.audits,
    jobId: terms.id,
    auditor,
    outputCommitment: given.output === undefined ? delivery.outputCommitment : hash("--output", given.output),
    traceRoot: hash("--trace-root", given.traceRoot),
    salt: hash("--salt", given.salt),
  });
  const receipt = await session.send(() => audits.commit(terms, delivery.outputCommitment, round, auditor, commitment));
  const { answerBy, revealBy } = emitted(receipt, audits.interface, "AuditCommitted");
  return {
    job: jobId(terms.id),
    auditor,
    commitment,
    answerBy: moment(answerBy as bigint),
    revealBy: moment(revealBy as bigint),
    transaction: receipt.hash,
  };
});

export const answer = action(async (session, given: { job: bigint; traceRoot?: string }) => {
  const traceRoot = hash("--trace-root", given.traceRoot);
  const receipt = await session.send(() => session.contracts.audits.answer(given.job, traceRoot));
  return { job: jobId(given.job), traceRoot, transaction: receipt.hash };
});

export const reveal = action(async (session, given: { job: bigint } & FindingArguments) => {
  const { audits } = session.contracts;
  const { outputCommitment } = await audits.auditOf(given.job);
  const output = given.output === undefined ? outputCommitment : hash("--output", given.output);
  const traceRoot = hash("--trace-root", given.traceRoot);
  const salt = hash("--salt", given.salt);
  const receipt = await session.send(() => audits.reveal(given.job, output, traceRoot, salt));
  const { finding } = emitted(receipt, audits.interface, "AuditRevealed");
  return { job: jobId(given.job), finding: named(FINDINGS, finding as bigint), transaction: receipt.hash };
});

export const close = action(async (session, given: { job: bigint }) => {
  const { audits } = session.contracts;
  const receipt = await session.send(() => audits.close(given.job));
  const { auditor, finding, upheld, paid } = emitted(receipt, audits.interface, "AuditClosed");
  const token = await session.stakeToken();
  return {
    job: jobId(given.job),
    auditor: String(auditor),
    finding: named(FINDINGS, finding as bigint),
    provenWrong: upheld as boolean,
    paid: token.show(paid as bigint),
    transaction: receipt.hash,
  };
});

export const setRate = action(async (session, given: { percent: string; cancel: boolean }) => {
  const shown = (bps: bigint) => percent(bps).text;
  const rate = bounded("percent", basisPoints("percent", given.percent), 0n, MAX_RATE_BPS, shown);
  return change(session, "setAuditRate", [rate], given.cancel, "audits");
});
