import { statementOf } from "../audits/statement.js";
import type { CourtCase } from "../court/courtCase.js";
import { openCourtCases } from "../court/courtCase.js";
import { verdictOn } from "../roles/spotCheck.js";
import type { RoleContext } from "../roles/role.js";
import { factsIn, findFacts, sameAddress } from "../roles/role.js";
import type { ChainEvent } from "./journal.js";

export interface NeedsOptions {
  /** Time of the newest block that was read, seconds since 1970. Zero while that is not known: nothing is over then. */
  readUntil: number;
  /** Whether this worker looks at other providers' cases before the proof court. */
  prosecutes: boolean;
}

/** Jobs whose input, output and model must stay here. */
export interface NeededJobs {
  /** Those that the worker's provider, or its operator, has a stake or a bond in. */
  readonly own: string[];
  /** Those that it looks at for the sake of all. */
  readonly others: string[];
}

type Parties = Pick<RoleContext, "journal" | "provider" | "operator">;

/**
 * Seconds that something stays needed after the time of a block that was read has passed its end. What was done in its last
 * second is in a block that was read by then, unless that block is replaced, or a node left its logs out: those are read again.
 */
export const MARGIN_SECONDS = 3_600;

/**
 * Jobs that the worker may have to run again, or answer for: the provider's own while they can be delivered or challenged,
 * or are in a case or an audit; others' that it audits, judges, found wrong or challenged; and those that it prosecutes. No
 * others: strangers may upload the tensors of jobs that they request from each other.
 */
export function neededJobs(parties: Parties, { readUntil, prosecutes }: NeedsOptions): NeededJobs {
  const isOpen = (end: number) => end + MARGIN_SECONDS >= readUntil;
  const cases = prosecutes ? openCourtCases(parties.journal) : [];
  const isBonded = ({ facts }: CourtCase) => sameAddress(facts.challenger, parties.operator);
  return {
    own: [
      ...ownJobs(parties, isOpen),
      ...duties(parties),
      ...foundJobs(parties, isOpen),
      ...cases.filter(isBonded).map(({ facts }) => facts.jobId),
    ],
    others: cases.filter((each) => !isBonded(each)).map(({ facts }) => facts.jobId),
  };
}

/** Commitments of the inputs and outputs of these jobs. */
export function tensorsOf({ journal }: Pick<Parties, "journal">, jobs: readonly string[]): Set<string> {
  const commitments = jobs.flatMap((job) => {
    const delivered = journal.events("ResultSubmitted", job).map(({ args }) => String(args.outputCommitment));
    return [findFacts(journal, job)?.inputCommitment, journal.resultOf(job), ...delivered];
  });
  return new Set(commitments.filter((each) => each !== undefined));
}

/** Ids of the models of these jobs. */
export function modelsOf({ journal }: Pick<Parties, "journal">, jobs: readonly string[]): Set<bigint> {
  return new Set(jobs.flatMap((job) => findFacts(journal, job)?.modelId ?? []));
}

function ownJobs({ journal, provider }: Parties, isOpen: (end: number) => boolean): string[] {
  const contested = new Set([
    ...journal.openEvents("CaseOpened").map(jobOf),
    ...journal.openEvents("AuditCommitted").map(keyOf),
  ]);
  const isNeeded = (request: ChainEvent) => {
    const [delivery] = journal.events("ResultSubmitted", request.key);
    if (delivery) return isOpen(Number(delivery.args.challengeableUntil)) || contested.has(request.key);
    return isOpen(Number(factsIn(request).executionDeadline));
  };
  return journal.openEventsOf(provider, "JobRequested").filter(isNeeded).map(keyOf);
}

/** Jobs of juries it sits on and of audits it took. */
function duties({ journal, provider }: Parties): string[] {
  const isJuror = ({ args }: ChainEvent) => (args.jurors as string[]).some((juror) => sameAddress(juror, provider));
  const isAuditor = ({ args }: ChainEvent) => sameAddress(args.auditor, provider);
  const audits = journal.openEvents("AuditCommitted").filter(isAuditor);
  return [...journal.openEvents("JurorsDrawn").filter(isJuror).map(jobOf), ...audits.map(keyOf)];
}

/** Others' jobs that it ran and is about to commit to or to challenge: that it did is read some blocks later. */
function foundJobs({ journal }: Parties, isOpen: (end: number) => boolean): string[] {
  const isFound = (event: ChainEvent) =>
    statementOf(journal, event.key) !== undefined || verdictOn(journal, event) === "wrong";
  return journal
    .openEventsNoted("ResultSubmitted")
    .filter((event) => isOpen(Number(event.args.challengeableUntil)) && isFound(event))
    .map(keyOf);
}

function keyOf({ key }: ChainEvent): string {
  return key;
}

function jobOf({ args }: ChainEvent): string {
  return String(args.jobId);
}
