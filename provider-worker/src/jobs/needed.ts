import { openCourtCases } from "../court/courtCase.js";
import type { RoleContext } from "../roles/role.js";
import { findRequest, isOurs, sameAddress } from "../roles/role.js";
import type { ChainEvent } from "./journal.js";

export interface Needs {
  /** The chain's clock. */
  now: number;
  /** Whether this worker looks at other providers' cases before the proof court. */
  prosecutes: boolean;
}

/**
 * Commitments of the inputs and outputs that must stay in the store: of the provider's own jobs while they can still be
 * delivered or challenged, or are in a case or an audit, and of others' jobs that this worker audits, judges or
 * prosecutes. No others': strangers may upload the tensors of jobs that they request from each other.
 */
export function neededTensors(context: Pick<RoleContext, "journal" | "provider">, needs: Needs): Set<string> {
  const { journal } = context;
  const jobs = [...ownJobs(context, needs.now), ...othersJobs(context, needs.prosecutes)];
  return new Set(
    jobs.flatMap((job) => {
      const delivered = journal.events("ResultSubmitted", job).map(({ args }) => String(args.outputCommitment));
      return [findRequest(journal, job)?.terms.inputCommitment, journal.resultOf(job), ...delivered].filter(
        (each) => each !== undefined,
      );
    }),
  );
}

function ownJobs(context: Pick<RoleContext, "journal" | "provider">, now: number): string[] {
  const { journal } = context;
  const contested = new Set([
    ...journal.openEvents("CaseOpened").map(jobOf),
    ...journal.openEvents("AuditCommitted").map(({ key }) => key),
  ]);
  const isNeeded = (job: string) => {
    const [delivery] = journal.events("ResultSubmitted", job);
    if (delivery) return Number(delivery.args.challengeableUntil) >= now || contested.has(job);
    return Number(findRequest(journal, job)?.terms.executionDeadline ?? 0) >= now;
  };
  const own = journal.openEvents("JobRequested").filter((event) => isOurs(context, event));
  return own.map(({ key }) => key).filter(isNeeded);
}

function othersJobs({ journal, provider }: Pick<RoleContext, "journal" | "provider">, prosecutes: boolean): string[] {
  const isJuror = ({ args }: ChainEvent) => (args.jurors as string[]).some((juror) => sameAddress(juror, provider));
  const isAuditor = ({ args }: ChainEvent) => sameAddress(args.auditor, provider);
  return [
    ...journal.openEvents("JurorsDrawn").filter(isJuror).map(jobOf),
    ...journal
      .openEvents("AuditCommitted")
      .filter(isAuditor)
      .map(({ key }) => key),
    ...(prosecutes ? openCourtCases(journal).map(({ facts }) => facts.jobId) : []),
  ];
}

function jobOf({ args }: ChainEvent): string {
  return String(args.jobId);
}
