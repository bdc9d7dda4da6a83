import { JobStatus } from "@assay/sdk";
import { id } from "ethers";

import { isHopeless } from "../errors.js";
import type { ChainEvent } from "../jobs/journal.js";
import type { Role, RoleContext } from "./role.js";
import { isOurs, requestOf, TaskPool } from "./role.js";

export interface AuditOptions {
  /** Share of other providers' results to execute again, 0 to 1. */
  sampleRate: number;
  concurrency: number;
  /** Makes the sample unpredictable to providers. */
  secret: string;
}

/** Executes other providers' jobs again and challenges results that differ. */
export class Audit implements Role {
  readonly name = "audit";
  readonly #tasks: TaskPool;

  constructor(
    private readonly context: RoleContext,
    private readonly options: AuditOptions,
  ) {
    this.#tasks = new TaskPool(options.concurrency, (job, error) => {
      context.log.warn({ job, err: error }, "job not audited yet");
    });
  }

  tick(now: number): Promise<void> {
    const { journal } = this.context;
    for (const event of journal.openEvents("ResultSubmitted", ["JobPaid", "JobRefunded", "JobDisputed"])) {
      const open = Number(event.args.challengeableUntil) >= now;
      if (!open || isOurs(this.context, event) || journal.note(`audited ${event.key}`) || !this.#drawn(event.key)) {
        continue;
      }
      this.#tasks.start(event.key, () => this.#audit(event));
    }
    return Promise.resolve();
  }

  #drawn(job: string): boolean {
    return Number(BigInt(id(`${this.options.secret} ${job}`)) % 1_000_000n) < this.options.sampleRate * 1_000_000;
  }

  async #audit(event: ChainEvent): Promise<void> {
    const { journal, executor, log } = this.context;
    const { terms, inputUri } = requestOf(journal, event.key);
    const claimed = String(event.args.outputCommitment);
    let found: string;
    try {
      found = (await executor.execute(terms, inputUri)).root;
    } catch (error) {
      // Nothing is challenged on the ground that it could not be checked.
      if (!isHopeless(error)) throw error;
      log.warn({ job: event.key, err: error }, "cannot audit");
      journal.setNote(`audited ${event.key}`, "failed");
      return;
    }
    if (found === claimed) {
      journal.setNote(`audited ${event.key}`, "right");
      return;
    }
    log.warn({ job: event.key, claimed, found }, "wrong result: challenging");
    if (await this.#challenge(event.key, claimed)) journal.setNote(`audited ${event.key}`, "challenged");
  }

  /** Whether the job needs no further challenge. */
  async #challenge(job: string, claimed: string): Promise<boolean> {
    const { contracts, journal, submitter, operator, metrics, log } = this.context;
    const { terms } = requestOf(journal, job);
    const { disputes, escrow, staking } = contracts;
    const [bond, balance] = await Promise.all([
      disputes.CHALLENGE_BOND(),
      escrow.balanceOf(await staking.STAKE_TOKEN(), operator),
    ]);
    if (balance < bond) {
      log.error({ job, bond, balance, operator }, "no bond: deposit stake tokens into the escrow for this key");
      return false;
    }
    const outcome = await submitter.send({
      purpose: `challenge ${job}`,
      to: await disputes.getAddress(),
      data: disputes.interface.encodeFunctionData("challenge", [terms, claimed]),
      stillWanted: async () => (await contracts.market.statusOf(terms.id)) === JobStatus.Submitted,
    });
    if (outcome === "mined") metrics.challenges.inc();
    log.info({ job, outcome }, "challenged");
    return outcome === "mined" || outcome === "superseded";
  }
}
