import { AuditPhase } from "@assay/sdk";

import { Rank } from "../chain/submitter.js";
import type { CourtRuns } from "../court/courtRuns.js";
import { Backoff, URGENT } from "../jobs/backoff.js";
import type { ChainEvent } from "../jobs/journal.js";
import type { Urgency } from "../jobs/line.js";
import type { Place } from "../jobs/taskPool.js";
import { TaskPool } from "../jobs/taskPool.js";
import type { Role, RoleContext } from "./role.js";
import { isOurs, runsOf } from "./role.js";

/** Shows the root of its provider's trace in each audit of its jobs. The court takes no other trace afterwards. */
export class AnswerAudits implements Role {
  readonly name = "answerAudits";
  readonly #tasks: TaskPool;
  readonly #runs: CourtRuns;
  readonly #backoff = new Backoff(URGENT);

  constructor(private readonly context: RoleContext) {
    this.#tasks = new TaskPool(2, context.signal, (key, error) => {
      context.log.error({ job: key, err: error }, "audit not answered yet");
    });
    this.#runs = runsOf(context);
  }

  tick(now: number): Promise<void> {
    this.#backoff.tick(now);
    const { journal } = this.context;
    const open = journal
      .openEvents("AuditCommitted", ["TraceAnswered"])
      .filter((event) => isOurs(this.context, event) && Number(event.args.answerBy) >= now);
    this.#runs.keepOnly(open.map(({ key }) => key));
    for (const event of open) {
      if (journal.note(noteOf(event)) !== undefined || !this.#backoff.isDue(event.key)) continue;
      const until = Number(event.args.answerBy);
      const urgency = { due: until };
      const answer = (place: Place) => this.#answer(event, place, urgency);
      this.#tasks.start(event.key, (place) => this.#backoff.attempt(event.key, () => answer(place), until), urgency);
    }
    return Promise.resolve();
  }

  async #answer(event: ChainEvent, place: Place, urgency: Urgency): Promise<void> {
    const { contracts, journal, submitter, metrics, log } = this.context;
    const { audits } = contracts;
    const job = event.key;
    const stillWanted = async () => (await audits.phaseOf(job)) === AuditPhase.Answer;
    if (!(await stillWanted())) return;
    const { trace } = await this.#runs.get(job, place, urgency);
    const [submitted] = journal.events("ResultSubmitted", job);
    // A root that cannot be defended is worse than none: it convicts, where silence costs a clean record.
    if (trace.outputRoot !== submitted?.args.outputCommitment) return this.#giveUp(event, trace.outputRoot);

    journal.bindTrace(job, trace.traceRoot);
    const outcome = await submitter.send({
      purpose: `answer ${job}`,
      to: await audits.getAddress(),
      data: audits.interface.encodeFunctionData("answer", [job, trace.traceRoot]),
      urgency: { rank: Rank.InTime, ...urgency },
      stillWanted,
    });
    if (outcome === "mined") metrics.auditAnswers.inc();
    log.info({ job, traceRoot: trace.traceRoot, outcome }, "audit answered");
  }

  #giveUp(event: ChainEvent, own: string): void {
    const message = "cannot answer an audit: a run on this machine gives something else than what was submitted";
    this.context.log.error({ job: event.key, own }, message);
    this.context.journal.setNote(noteOf(event), "cannot be answered", event.key);
  }
}

/** On another branch of the chain the result may be another. */
function noteOf({ key, blockHash }: ChainEvent): string {
  return `audit of ${key} in ${blockHash}`;
}
