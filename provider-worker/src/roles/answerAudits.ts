import { AuditPhase } from "@assay/sdk";

import { Rank } from "../chain/submitter.js";
import type { CourtRuns } from "../court/courtRuns.js";
import { RunRank } from "../court/courtRuns.js";
import { MOST_AT_ONCE } from "../court/traceSessions.js";
import { WorkerError } from "../errors.js";
import { Backoff, URGENT } from "../jobs/backoff.js";
import type { ChainEvent } from "../jobs/journal.js";
import type { Urgency } from "../jobs/line.js";
import type { Place } from "../jobs/taskPool.js";
import { TaskPool } from "../jobs/taskPool.js";
import type { Role, RoleContext } from "./role.js";
import { hasStake, isOurs, runsOf } from "./role.js";

/** Shows the root of its provider's trace in each audit of its jobs. The court takes no other trace afterwards. */
export class AnswerAudits implements Role {
  readonly name = "answerAudits";
  /** Runs under way, and such that wait for theirs with all that they need. */
  readonly #tasks: TaskPool;
  /** What is ready is sent at once: the submitter knows what goes first. */
  readonly #answers: TaskPool;
  readonly #runs: CourtRuns;
  readonly #backoff = new Backoff(URGENT);

  constructor(private readonly context: RoleContext) {
    const onError = (key: string, error: unknown) => {
      context.log.error({ job: key, err: error }, "audit not answered yet");
    };
    this.#tasks = new TaskPool(MOST_AT_ONCE, context.signal, onError);
    this.#answers = new TaskPool(Infinity, context.signal, onError);
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
      if (journal.note(noteOf(event)) !== undefined || !this.#isIdle(event.key)) continue;
      const due = Number(event.args.answerBy);
      const urgency = { rank: hasStake(journal, event.key) ? RunRank.Own : RunRank.OwnUnstaked, due };
      const run = (place: Place) => this.#run(event, place, urgency);
      this.#tasks.start(event.key, (place) => this.#backoff.attempt(event.key, () => run(place), due), urgency);
    }
    return Promise.resolve();
  }

  /** Also what an earlier run sent goes on by itself. */
  #isIdle(job: string): boolean {
    const { submitter } = this.context;
    const purpose = purposeOf(job);
    if (this.#answers.has(job) || submitter.isUnderWay(purpose)) return false;
    return this.#backoff.isDue(job) && this.#backoff.isDue(purpose);
  }

  async #run(event: ChainEvent, place: Place, urgency: Urgency): Promise<void> {
    const { key: job } = event;
    if (!(await this.#isWanted(job))) return;
    const { trace } = await this.#runs.get(job, place, urgency);
    const [submitted] = this.context.journal.events("ResultSubmitted", job);
    // A reorganisation took it: it is read again.
    if (!submitted) throw new WorkerError(`the result of job ${job} is not in the journal`, true);
    // A root that cannot be defended is worse than none: it convicts, where silence costs a clean record.
    if (trace.outputRoot !== submitted.args.outputCommitment) return this.#giveUp(event, trace.outputRoot);
    // Only the root waits with it: a trace may be large.
    const { traceRoot } = trace;
    const send = () => this.#answer(event, traceRoot);
    this.#answers.start(job, () => this.#backoff.attempt(purposeOf(job), send, urgency.due));
  }

  async #isWanted(job: string): Promise<boolean> {
    return (await this.context.contracts.audits.phaseOf(job)) === AuditPhase.Answer;
  }

  async #answer({ key: job, args }: ChainEvent, traceRoot: string): Promise<void> {
    const { contracts, journal, submitter, metrics, log } = this.context;
    const { audits } = contracts;
    journal.bindTrace(job, traceRoot);
    const outcome = await submitter.send({
      purpose: purposeOf(job),
      to: await audits.getAddress(),
      data: audits.interface.encodeFunctionData("answer", [job, traceRoot]),
      // What has no stake to save has no deadline here: it would go before what has.
      urgency: hasStake(journal, job) ? { rank: Rank.InTime, due: Number(args.answerBy) } : { rank: Rank.AnyTime },
      stillWanted: () => this.#isWanted(job),
    });
    if (outcome === "mined") metrics.auditAnswers.inc();
    log.info({ job, traceRoot, outcome }, "audit answered");
  }

  #giveUp(event: ChainEvent, own: string): void {
    const message = "cannot answer an audit: a run on this machine gives something else than what was submitted";
    this.context.log.error({ job: event.key, own }, message);
    this.context.journal.setNote(noteOf(event), "cannot be answered", event.key);
  }
}

const purposeOf = (job: string): string => `answer ${job}`;

/** On another branch of the chain the result may be another. */
function noteOf({ key, blockHash }: ChainEvent): string {
  return `audit of ${key} in ${blockHash}`;
}
