import { UserError } from "./errors.js";
import { readEvents } from "./events.js";
import type { Fields } from "./report.js";
import type { Session } from "./session.js";

/** A case by its id: the facts on chain and the output it is about. */
export async function findCase({ contracts: { disputes } }: Session, id: bigint, fromBlock: number) {
  const facts = await disputes.caseOf(id);
  const [opened] = await readEvents(disputes, disputes.filters.CaseOpened(id), fromBlock);
  if (!opened) throw new UserError(`case ${id} was not opened since block ${fromBlock}: give a lower --from-block`);
  return { facts, outputCommitment: opened.args.outputCommitment };
}

/** Where a resolved case's money went; all of it are balances in the escrow. */
export async function consequencesOf(session: Session, caseId: bigint, fromBlock: number): Promise<Fields> {
  const { disputes } = session.contracts;
  const [resolved] = await readEvents(disputes, disputes.filters.CaseResolved(caseId), fromBlock);
  if (!resolved) return {};
  const token = await session.stakeToken();
  const { finder, slashed, finderReward, arbiterReward, treasuryAmount, bondReturned, bondToProvider } = resolved.args;
  return {
    finder,
    slashed: token.show(slashed),
    finderReward: token.show(finderReward),
    arbiterReward: token.show(arbiterReward),
    treasuryAmount: token.show(treasuryAmount),
    bondReturned: token.show(bondReturned),
    bondToProvider: token.show(bondToProvider),
  };
}
