import type { JobTerms } from "@assay/sdk";

import type { ChainEvent } from "../jobs/journal.js";
import type { RoleContext } from "../roles/role.js";
import { findRequest, sameAddress } from "../roles/role.js";
import type { AuditDesk } from "./office.js";

/** A delivered job that an audit may still begin of. */
export interface AuditableJob {
  readonly job: string;
  readonly event: ChainEvent;
  readonly terms: JobTerms;
  readonly submittedAt: number;
  /** Last second in which an audit may begin. */
  readonly beginBy: number;
  /** Somebody paid for its audit, drawn or not. */
  readonly isBooked: boolean;
}

/** Jobs that this auditor may take if they are drawn: others', of models it has tickets for, with pay and time left. */
export async function auditableJobs(context: RoleContext, desk: AuditDesk, now: number): Promise<AuditableJob[]> {
  const delivered = context.journal.challengeable(now, ["AuditCommitted"]);
  if (delivered.length === 0) return [];
  const { longest, auditPay } = await desk.rules();
  const found: AuditableJob[] = [];
  for (const event of delivered) {
    const until = Number(event.args.challengeableUntil);
    if (until - longest < now) continue;
    const terms = findRequest(context.journal, event.key)?.terms;
    if (!terms || isParty(context, terms)) continue;
    const { tickets, admitted, fund } = await desk.membership(terms.modelId);
    const isBooked = context.journal.events("AuditBooked", event.key).length > 0;
    if (tickets === 0 || !admitted || (!isBooked && fund < auditPay)) continue;
    const submittedAt = until - Number(terms.challengeWindow);
    found.push({ job: event.key, event, terms, submittedAt, beginBy: until - longest, isBooked });
  }
  return found;
}

/** Whether the office takes this auditor, or its operator, for a party to the job. */
function isParty({ provider, operator }: RoleContext, terms: JobTerms): boolean {
  return [terms.provider, terms.client].some((party) => sameAddress(party, provider) || sameAddress(party, operator));
}
