import { consequencesOf, findCase } from "../support/cases.js";
import { readEvents } from "../support/events.js";
import { findDelivered, findJob } from "../support/jobs.js";
import { named, PHASES, RULINGS } from "../support/names.js";
import { hash, hexBytes, required } from "../support/parse.js";
import { jobId, Listing, moment } from "../support/report.js";
import type { Session } from "../support/session.js";
import { action, emitted } from "../support/session.js";

export const challenge = action(async (session, given: { job: bigint; fromBlock: number }) => {
  const { disputes } = session.contracts;
  const { terms, delivery } = await findDelivered(session, given.job, given.fromBlock);
  const receipt = await session.send(() => disputes.challenge(terms, delivery.outputCommitment));
  const opened = emitted(receipt, disputes.interface, "CaseOpened");
  const token = await session.stakeToken();
  return {
    case: opened.caseId as bigint,
    job: jobId(terms.id),
    challenger: String(opened.challenger),
    arbiter: String(opened.arbiter),
    bond: token.show(opened.bond as bigint),
    stake: token.show(opened.stake as bigint),
    outputCommitment: delivery.outputCommitment,
    transaction: receipt.hash,
  };
});

interface Equivocation {
  job: bigint;
  signed?: string;
  signature?: string;
  fromBlock: number;
}

export const equivocation = action(async (session, given: Equivocation) => {
  const { disputes } = session.contracts;
  const signed = hash("--signed", given.signed);
  const signature = hexBytes("--signature", required("--signature", given.signature));
  const { terms, delivery } = await findDelivered(session, given.job, given.fromBlock);
  const { outputCommitment } = delivery;
  const receipt = await session.send(() => disputes.proveEquivocation(terms, outputCommitment, signed, signature));
  const id = emitted(receipt, disputes.interface, "EquivocationProven").caseId as bigint;
  return {
    case: id,
    job: jobId(terms.id),
    delivered: outputCommitment,
    signed,
    ruling: named(RULINGS, (await disputes.caseOf(id)).ruling),
    ...(await consequencesOf(session, id, given.fromBlock)),
    transaction: receipt.hash,
  };
});

export const show = action(async (session, given: { case: bigint; fromBlock: number }) => {
  const { facts, outputCommitment } = await findCase(session, given.case, given.fromBlock);
  const token = await session.stakeToken();
  return {
    case: given.case,
    job: jobId(facts.jobId),
    ruling: named(RULINGS, facts.ruling),
    juryPhase: await phaseOf(session, given.case),
    challenger: facts.challenger,
    arbiter: facts.arbiter,
    openedAt: moment(facts.openedAt),
    bond: token.show(facts.bond),
    outputCommitment,
    ...(await consequencesOf(session, given.case, given.fromBlock)),
  };
});

export const list = action(async (session, given: { fromBlock: number }) => {
  const { disputes } = session.contracts;
  const events = await readEvents(disputes, disputes.filters.CaseOpened(), given.fromBlock);
  const rows = events.map(async ({ args: { caseId, jobId: id, challenger } }) => ({
    case: caseId,
    job: jobId(id),
    challenger,
    ruling: named(RULINGS, (await disputes.caseOf(caseId)).ruling),
    juryPhase: await phaseOf(session, caseId),
  }));
  return new Listing("cases", await Promise.all(rows));
});

export const resolve = action(async (session, given: { case: bigint; fromBlock: number }) => {
  const { disputes } = session.contracts;
  const { facts } = await findCase(session, given.case, given.fromBlock);
  const { terms } = await findJob(session, facts.jobId, given.fromBlock);
  const receipt = await session.send(() => disputes.resolve(given.case, terms));
  return {
    case: given.case,
    job: jobId(facts.jobId),
    ruling: named(RULINGS, (await disputes.caseOf(given.case)).ruling),
    ...(await consequencesOf(session, given.case, given.fromBlock)),
    transaction: receipt.hash,
  };
});

async function phaseOf({ contracts: { jury } }: Session, caseId: bigint) {
  return named(PHASES, await jury.phaseOf(caseId));
}
