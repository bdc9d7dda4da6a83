import type { AssayContracts, DemandedPart, Part } from "@assay/sdk";
import { partKey, toPart } from "@assay/sdk";

import type { ChainEvent, Journal } from "../jobs/journal.js";

/** What a case before the proof court is about, as `CourtCaseOpened` has it: numbers are decimal strings. */
export interface CourtFacts {
  readonly jobId: string;
  readonly modelId: string;
  readonly provider: string;
  readonly client: string;
  readonly challenger: string;
  readonly inputCommitment: string;
  readonly outputCommitment: string;
  readonly challengeableUntil: string;
}

/** A part of a tensor that somebody asked for, and what was shown of it. */
export interface Demanded extends DemandedPart {
  readonly demander: string;
  /** Chain's clock. */
  readonly replyBy: number;
}

export interface CourtCase {
  readonly id: string;
  readonly facts: CourtFacts;
  /** Until when the provider's trace has to be there, by the chain's clock. */
  readonly traceBy: number;
  /** The provider's trace, once it is posted, and the block it was posted in. */
  readonly posted: { readonly roots: readonly string[]; readonly blockHash: string } | undefined;
  /** Most urgent first. */
  readonly demands: readonly Demanded[];
}

/** What happens in a case, its end aside. */
const MOVES = ["TracePosted", "PartDemanded", "ChildrenRevealed", "LeafRevealed"] as const;

/** Cases before the proof court whose end the worker has not read. */
export function openCourtCases(journal: Journal): CourtCase[] {
  const movesOf = new Map<string, ChainEvent[]>();
  for (const event of journal.eventsOfOpen("CourtCaseOpened", MOVES)) {
    const moves = movesOf.get(event.key);
    if (moves) moves.push(event);
    else movesOf.set(event.key, [event]);
  }
  return journal.openEvents("CourtCaseOpened").map((event) => courtCaseOf(event, movesOf.get(event.key) ?? []));
}

function courtCaseOf({ key: id, args }: ChainEvent, moves: readonly ChainEvent[]): CourtCase {
  const posted = moves.find(({ name }) => name === "TracePosted");
  return {
    id,
    facts: args.facts as CourtFacts,
    traceBy: Number(args.replyBy),
    posted: posted && { roots: posted.args.roots as string[], blockHash: posted.blockHash },
    demands: demandsIn(moves),
  };
}

function demandsIn(moves: readonly ChainEvent[]): Demanded[] {
  const named = (wanted: (typeof MOVES)[number]) => moves.filter(({ name }) => name === wanted);
  const answers = new Map<string, Demanded["answer"]>();
  for (const { args } of named("ChildrenRevealed")) {
    answers.set(partKey(partOf(args.part)), { children: args.children as string[] });
  }
  for (const { args } of named("LeafRevealed")) {
    answers.set(partKey(partOf(args.part)), { leaf: String(args.leaf) });
  }
  return named("PartDemanded")
    .map(({ args }) => {
      const part = partOf(args.part);
      const demander = String(args.demander);
      return { part, demander, replyBy: Number(args.replyBy), answer: answers.get(partKey(part)) };
    })
    .sort((a, b) => a.replyBy - b.replyBy);
}

/** Last second in which a move against the provider counts. While something is demanded and not shown no case ends. */
export async function lastMoveIn(
  { court }: Pick<AssayContracts, "court">,
  caseId: string,
  now: number,
): Promise<number> {
  const [{ movedAt, windowEnd, pending }, claim] = await Promise.all([court.courtCaseOf(caseId), court.CLAIM_PERIOD()]);
  const since = pending > 0n ? now : Number(movedAt);
  return Math.max(since + Number(claim), Number(windowEnd));
}

/** A part out of a journaled event. */
export function partOf(value: unknown): Part {
  return toPart(value as Record<keyof Part, unknown>);
}
