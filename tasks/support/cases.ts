import { UserError } from "./errors.js";
import type { Session } from "./session.js";

/** A case by its id: the facts on chain and the output it is about. */
export async function findCase({ contracts: { disputes } }: Session, id: bigint, fromBlock: number) {
  const facts = await disputes.caseOf(id);
  const [opened] = await disputes.queryFilter(disputes.filters.CaseOpened(id), fromBlock);
  if (!opened) throw new UserError(`case ${id} was not opened since block ${fromBlock}: give a lower --from-block`);
  return { facts, outputCommitment: opened.args.outputCommitment };
}
