import type { JobTerms } from "@assay/sdk";
import { jobIdText, JobStatus, tensorsUri, toTerms } from "@assay/sdk";
import type { Result } from "ethers";

import { UserError } from "./errors.js";
import { readEvents } from "./events.js";
import { JOB_STATUSES, named } from "./names.js";
import type { Shown } from "./report.js";
import type { Session } from "./session.js";

/** What the events of a job tell. */
export interface FoundJob {
  terms: JobTerms;
  inputUri: string;
  delivery?: { outputCommitment: string; outputUri: string; challengeableUntil: bigint };
}

/** A job by its id, from its events. */
export async function findJob({ contracts: { market } }: Session, id: bigint, fromBlock: number): Promise<FoundJob> {
  const [requested] = await readEvents(market, market.filters.JobRequested(id), fromBlock);
  if (!requested) throw new UserError(`no job ${jobIdText(id)} was requested since block ${fromBlock}: see job:list`);
  const [submitted] = await readEvents(market, market.filters.ResultSubmitted(id), requested.blockNumber);
  return {
    terms: toTerms(requested.args.terms as unknown as Result),
    inputUri: requested.args.inputUri,
    delivery: submitted?.args,
  };
}

/** A job that was delivered. */
export async function findDelivered(session: Session, id: bigint, fromBlock: number) {
  const job = await findJob(session, id, fromBlock);
  const { delivery } = job;
  if (delivery) return { ...job, delivery };
  const status = (await statusOf(session, id)).text;
  throw new UserError(`job ${jobIdText(id)} is ${status}: it was not delivered, so there is no result`);
}

export async function statusOf({ contracts: { market } }: Session, id: bigint): Promise<Shown> {
  return named(JOB_STATUSES, await market.statusOf(id));
}

/** How a settled job ended; undefined while it is under way. */
export async function outcomeOf(session: Session, id: bigint, fromBlock: number): Promise<string | undefined> {
  const { market } = session.contracts;
  if ((await market.statusOf(id)) !== JobStatus.None) return undefined;
  const [paid] = await readEvents(market, market.filters.JobPaid(id), fromBlock);
  return paid ? "paid" : "refunded";
}

/** Where the output of a job lies: where the delivery says, else in the provider's content store. */
export async function outputUriOf(session: Session, { terms, delivery }: Required<Omit<FoundJob, "inputUri">>) {
  if (delivery.outputUri) return delivery.outputUri;
  const { endpoint } = await session.contracts.providers.providerOf(terms.provider);
  return tensorsUri(endpoint, delivery.outputCommitment);
}
