import type { DemandedPart } from "@assay/sdk";
import { partKey, toPart } from "@assay/sdk";

import { UserError } from "./errors.js";
import { readEvents } from "./events.js";
import type { Session } from "./session.js";

/** A part of a tensor that somebody asked for, and what the provider showed. */
export interface Demanded extends DemandedPart {
  readonly demander: string;
  readonly replyBy: bigint;
  readonly transaction: string;
  readonly answer: Answered | undefined;
}

interface Answered {
  readonly children?: readonly string[];
  readonly leaf?: string;
  readonly transaction: string;
}

export type CourtCase = Awaited<ReturnType<typeof findCourtCase>>;

/** A case before the proof court, from its events: they outlive the case. */
export async function findCourtCase({ contracts: { court } }: Session, id: bigint, fromBlock: number) {
  const [opened] = await readEvents(court, court.filters.CourtCaseOpened(id), fromBlock);
  if (!opened) {
    throw new UserError(`case ${id} is not before the proof court since block ${fromBlock}: see dispute:list`);
  }
  const since = opened.blockNumber;
  const [posted] = await readEvents(court, court.filters.TracePosted(id), since);
  const [fraud] = await readEvents(court, court.filters.FraudProven(id), since);
  const [malformed] = await readEvents(court, court.filters.MalformedLeafProven(id), since);
  const [silence] = await readEvents(court, court.filters.SilenceProven(id), since);
  const { facts, replyBy } = opened.args;
  const demands = await demandsOf(court, id, since);
  return { id, since, facts, replyBy, posted, demands, fraud, malformed, silence };
}

/** The roots that the provider posted. */
export function postedRoots({ id, posted }: CourtCase): readonly string[] {
  if (!posted) throw new UserError(`the provider of case ${id} has posted no trace yet: see dispute:explain ${id}`);
  return [...posted.args.roots];
}

async function demandsOf(court: Session["contracts"]["court"], id: bigint, since: number): Promise<Demanded[]> {
  const answers = new Map<string, Answered>();
  for (const { args, transactionHash } of await readEvents(court, court.filters.ChildrenRevealed(id), since)) {
    answers.set(partKey(toPart(args.part)), { children: [...args.children], transaction: transactionHash });
  }
  for (const { args, transactionHash } of await readEvents(court, court.filters.LeafRevealed(id), since)) {
    answers.set(partKey(toPart(args.part)), { leaf: args.leaf, transaction: transactionHash });
  }
  const asked = await readEvents(court, court.filters.PartDemanded(id), since);
  return asked.map(({ args: { part, demander, replyBy }, transactionHash }) => {
    const answer = answers.get(partKey(toPart(part)));
    return { part: toPart(part), demander, replyBy, transaction: transactionHash, answer };
  });
}
