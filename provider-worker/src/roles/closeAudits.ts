import { AuditFinding, AuditPhase } from "@assay/sdk";

import { Stagger } from "../audits/stagger.js";
import { statementOf } from "../audits/statement.js";
import { Rank } from "../chain/submitter.js";
import type { ChainEvent } from "../jobs/journal.js";
import { TaskPool } from "../jobs/taskPool.js";
import type { Role, RoleContext } from "./role.js";
import { sameAddress } from "./role.js";
import { sweep } from "./sweep.js";

/** Seconds over which workers spread the closing of audits that are not their own. */
const SPREAD = 1800;

/**
 * Brings audits to their end: opens its own commitments once the provider has answered or is too late,
 * and closes. An audit whose auditor is gone is closed by whoever is left, so that its pay goes back.
 */
export class CloseAudits implements Role {
  readonly name = "closeAudits";
  /** What is ready is sent at once: the submitter knows what goes first. */
  readonly #openings: TaskPool;
  readonly #closings: TaskPool;
  readonly #stagger: Stagger;

  constructor(private readonly context: RoleContext) {
    const onError = (key: string, error: unknown) => {
      context.log.error({ job: key, err: error }, "audit not ended yet");
    };
    this.#openings = new TaskPool(Infinity, context.signal, onError);
    this.#closings = new TaskPool(4, context.signal, onError);
    this.#stagger = new Stagger(context.operator, SPREAD);
  }

  tick(now: number): Promise<void> {
    const open = this.context.journal.openEvents("AuditCommitted");
    this.#stagger.keepOnly(new Set(open.map(({ key }) => key)));
    for (const event of open) {
      const isOwn = sameAddress(event.args.auditor, this.context.provider);
      if (isOwn && this.#mayReveal(event, now)) this.#openings.start(event.key, () => this.#reveal(event));
      if (this.#mayClose(event, now) && (isOwn || this.#stagger.hasWaited(event.key, now)))
        this.#closings.start(event.key, () => this.#close(event));
    }
    return Promise.resolve();
  }

  #mayReveal({ key, args }: ChainEvent, now: number): boolean {
    const { journal } = this.context;
    const isShown = journal.events("TraceAnswered", key).length > 0 || now > Number(args.answerBy);
    return isShown && now <= Number(args.revealBy) && journal.events("AuditRevealed", key).length === 0;
  }

  async #reveal(event: ChainEvent): Promise<void> {
    const { contracts, journal, submitter, metrics, log } = this.context;
    const { audits } = contracts;
    const { key: job } = event;
    const statement = statementOf(journal, job);
    if (!statement) return this.#giveUp(event);
    const stillWanted = async () => (await audits.phaseOf(job)) === AuditPhase.Reveal;
    if (!(await stillWanted())) return;
    const { output, traceRoot, salt } = statement;
    const outcome = await submitter.send({
      purpose: `open audit ${job}`,
      to: await audits.getAddress(),
      data: audits.interface.encodeFunctionData("reveal", [job, output, traceRoot, salt]),
      urgency: { rank: Rank.InTime, due: Number(event.args.revealBy) },
      stillWanted,
    });
    if (outcome === "mined") metrics.drawnAudits.inc({ step: "reveal" });
    log.info({ job, output, traceRoot, outcome }, "audit opened");
  }

  /** Once: the salt is in no journal that this worker has. */
  #giveUp({ key, blockHash }: ChainEvent): void {
    const { journal, log } = this.context;
    const note = `opening of ${key} in ${blockHash}`;
    if (journal.note(note) !== undefined) return;
    log.error({ job: key }, "cannot open an audit: what was committed to is not in this journal");
    journal.setNote(note, "cannot be opened", key);
  }

  /** Whether it may be due, from what was read: the office is asked only then. */
  #mayClose({ key, args }: ChainEvent, now: number): boolean {
    const { journal } = this.context;
    const [revealed] = journal.events("AuditRevealed", key);
    if (!revealed) return now > Number(args.revealBy);
    if (String(revealed.args.finding) === String(AuditFinding.Unanswered)) return true;
    const isSettled = ["JobPaid", "JobRefunded"].some((name) => journal.events(name, key).length > 0);
    if (isSettled || journal.events("JobDisputed", key).length > 0) return isSettled;
    const [delivered] = journal.events("ResultSubmitted", key);
    return Number(delivered?.args.challengeableUntil ?? 0) < now;
  }

  async #close({ key: job, args }: ChainEvent): Promise<void> {
    const { contracts, submitter, provider, metrics, log } = this.context;
    const { audits, staking } = contracts;
    const stillWanted = async () => (await audits.phaseOf(job)) === AuditPhase.Due;
    if (!(await stillWanted())) return;
    const outcome = await submitter.send({
      purpose: `close audit ${job}`,
      to: await audits.getAddress(),
      data: audits.interface.encodeFunctionData("close", [job]),
      stillWanted,
    });
    if (outcome === "mined") metrics.drawnAudits.inc({ step: "close" });
    log.info({ job, outcome }, "audit closed");
    if (sameAddress(args.auditor, provider)) await sweep(this.context, await staking.STAKE_TOKEN(), provider);
  }
}
