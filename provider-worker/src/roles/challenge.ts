import { JobStatus } from "@assay/sdk";

import { Rank } from "../chain/submitter.js";
import type { ChainEvent } from "../jobs/journal.js";
import type { RoleContext } from "./role.js";
import { requestOf } from "./role.js";

/** Challenges a delivered result, once, whoever of this worker's roles found it wrong. */
export async function challenge(context: RoleContext, { key: job, args }: ChainEvent): Promise<void> {
  const { contracts, journal, submitter, operator, metrics, log } = context;
  const { terms } = requestOf(journal, job);
  const { disputes, escrow, staking, market } = contracts;
  const stillWanted = async () => (await market.statusOf(terms.id)) === JobStatus.Submitted;
  if (!(await stillWanted())) return;
  const [bond, balance] = await Promise.all([
    disputes.CHALLENGE_BOND(),
    escrow.balanceOf(await staking.STAKE_TOKEN(), operator),
  ]);
  if (balance < bond) {
    log.error({ job, bond, balance, operator }, "no bond: deposit stake tokens into the escrow for this key");
    return;
  }
  const outcome = await submitter.send({
    purpose: `challenge ${job}`,
    to: await disputes.getAddress(),
    data: disputes.interface.encodeFunctionData("challenge", [terms, String(args.outputCommitment)]),
    urgency: { rank: Rank.InTime, due: Number(args.challengeableUntil) },
    stillWanted,
  });
  if (outcome === "mined") metrics.challenges.inc();
  log.info({ job, outcome }, "challenged");
}
