import { auditCommitment, AuditPhase, auditTurn, isDrawn, JobStatus } from "@assay/sdk";
import { ZeroHash } from "ethers";

import type { AuditableJob } from "../audits/auditable.js";
import { auditableJobs } from "../audits/auditable.js";
import type { AuditDesk } from "../audits/office.js";
import { roundOf } from "../audits/office.js";
import type { Statement } from "../audits/statement.js";
import { bindStatement, statementOf } from "../audits/statement.js";
import { Rank } from "../chain/submitter.js";
import type { CourtRuns } from "../court/courtRuns.js";
import { RunRank, urgencyAbout } from "../court/courtRuns.js";
import { Backoff } from "../jobs/backoff.js";
import type { ChainEvent } from "../jobs/journal.js";
import type { Place } from "../jobs/taskPool.js";
import { TaskPool } from "../jobs/taskPool.js";
import { challenge } from "./challenge.js";
import { differenceOfResult } from "./difference.js";
import type { Role, RoleContext } from "./role.js";
import { runsOf } from "./role.js";

export interface TakeAuditsOptions {
  chainId: bigint;
  concurrency: number;
}

/** A job that this auditor may take now. */
interface DueJob extends AuditableJob {
  readonly round: bigint;
  /** Last second to commit. */
  readonly commitBy: number;
}

/**
 * Takes drawn and booked jobs when its turn comes: runs them tensor by tensor, binds itself to what it found in the
 * journal, and commits to that. What differs from the result is challenged; `closeAudits` does the rest.
 */
export class TakeAudits implements Role {
  readonly name = "takeAudits";
  readonly #looks: TaskPool;
  readonly #runners: TaskPool;
  /** One at a time: each takes a ticket. */
  readonly #commits: TaskPool;
  readonly #challenges: TaskPool;
  readonly #runs: CourtRuns;
  readonly #backoff = new Backoff();
  /** Jobs whose commitment the office refused in this run, while their results are open. */
  readonly #refused = new Set<string>();

  constructor(
    private readonly context: RoleContext,
    private readonly desk: AuditDesk,
    private readonly options: TakeAuditsOptions,
  ) {
    const warn = (job: string, error: unknown) => {
      context.log.warn({ job, err: error }, "drawn job not audited yet");
    };
    this.#looks = new TaskPool(1, context.signal, warn);
    this.#runners = new TaskPool(options.concurrency, context.signal, warn);
    this.#commits = new TaskPool(1, context.signal, warn);
    this.#challenges = new TaskPool(2, context.signal, warn);
    this.#runs = runsOf(context);
  }

  tick(now: number): Promise<void> {
    this.desk.look(now);
    this.#backoff.tick(now);
    this.#looks.start("all", () => this.#look(now));
    return Promise.resolve();
  }

  async #look(now: number): Promise<void> {
    const { journal } = this.context;
    const due = (await this.#dueJobs(now)).filter(({ job }) => this.#backoff.isDue(job));
    this.#runs.keepOnly(due.map(({ job }) => job));
    for (const each of due) {
      const statement = statementOf(journal, each.job);
      if (statement) this.#commits.start(each.job, () => this.#commit(each, statement));
      else if (journal.note(noteOf(each.event)) === undefined)
        this.#runners.start(each.job, (place) => this.#run(each, place));
    }
    await this.#lookForWrong(now);
  }

  /** Drawn or booked jobs whose turn has come and whose time is not over. */
  async #dueJobs(now: number): Promise<DueJob[]> {
    const { context, desk } = this;
    const jobs = await auditableJobs(context, desk, now);
    if (jobs.length === 0) return [];
    const { list } = await desk.rounds(Math.min(...jobs.map(({ submittedAt }) => submittedAt)));
    const { commitPeriod } = await desk.rules();
    const due: DueJob[] = [];
    for (const each of jobs) {
      const { terms, isBooked, submittedAt, beginBy } = each;
      const found = roundOf(list, submittedAt);
      const { tickets, since } = await desk.membership(terms.modelId);
      if (!found || found.seed === ZeroHash || since >= found.askedAt) continue;
      const commitBy = Math.min(beginBy, found.recordedAt + commitPeriod);
      if (now > commitBy || (!isBooked && !isDrawn(terms, found.seed, found.rateBps))) continue;
      const turn = auditTurn({
        ...{ jobId: terms.id, seed: found.seed, auditor: context.provider, tickets },
        ...{ recordedAt: BigInt(found.recordedAt), commitPeriod: BigInt(commitPeriod) },
      });
      if (turn <= BigInt(now)) due.push({ ...each, round: found.round, commitBy });
    }
    return due;
  }

  /** Runs the job and binds the worker to what it found, under a salt. The next look commits to it. */
  async #run(due: DueJob, place: Place): Promise<void> {
    const { journal, signal, log } = this.context;
    const { job, event, commitBy } = due;
    if (!(await this.#isFree(due))) return;
    try {
      const { trace } = await this.#runs.get(job, place, urgencyAbout(due.terms.provider, RunRank.Others, commitBy));
      bindStatement(journal, job, { output: trace.outputRoot, traceRoot: trace.traceRoot });
      this.#backoff.succeeded(job);
    } catch (error) {
      if (signal.aborted || this.#backoff.retries(job, error, commitBy)) throw error;
      log.warn({ job, err: error }, "cannot audit");
      journal.setNote(noteOf(event), "failed", job);
    }
  }

  async #commit(due: DueJob, statement: Statement): Promise<void> {
    const { contracts, submitter, provider, metrics, log } = this.context;
    const { audits } = contracts;
    const { job, event, terms, round, commitBy } = due;
    const stillWanted = async () => (await this.#isFree(due)) && (await this.#pays(due, statement));
    if (!(await stillWanted())) return;
    const office = await audits.getAddress();
    const commitment = auditCommitment({
      ...{ chainId: this.options.chainId, audits: office, jobId: terms.id, auditor: provider },
      ...{ outputCommitment: statement.output, traceRoot: statement.traceRoot, salt: statement.salt },
    });
    const words = [terms, String(event.args.outputCommitment), round, provider, commitment] as const;
    const outcome = await submitter.send({
      purpose: `take audit ${job}`,
      to: office,
      data: audits.interface.encodeFunctionData("commit", [...words]),
      urgency: { rank: Rank.InTime, due: commitBy },
      stillWanted,
    });
    if (outcome === "mined") metrics.drawnAudits.inc({ step: "commit" });
    log.info({ job, round: String(round), outcome }, "audit taken");
    if (outcome !== "refused") return;
    this.#refused.add(job);
    this.#backoff.failed(job, commitBy);
    this.desk.forget();
  }

  /** Whether nobody took the job yet, and this auditor has a ticket for it. */
  async #isFree({ job, terms }: DueJob): Promise<boolean> {
    const { contracts, provider } = this.context;
    const [phase, { tickets, busy }] = await Promise.all([
      contracts.audits.phaseOf(job),
      contracts.audits.membershipOf(terms.modelId, provider),
    ]);
    return phase === AuditPhase.None && busy < tickets;
  }

  /** A wrong result that is challenged already is proven in the open case: its audit pays for agreement only. */
  async #pays({ terms, event }: DueJob, { output }: Statement): Promise<boolean> {
    const status = await this.context.contracts.market.statusOf(terms.id);
    if (status === JobStatus.Disputed) return output === event.args.outputCommitment;
    return status === JobStatus.Submitted;
  }

  /** Jobs kept in mind beside the journal. */
  get remembered(): number {
    return this.#refused.size;
  }

  /** Challenges the wrong results it found, once an audit of them has begun or none can begin any more. */
  async #lookForWrong(now: number): Promise<void> {
    const { journal } = this.context;
    const delivered = journal.challengeable(now, ["JobDisputed"]);
    const open = new Set(delivered.map(({ key }) => key));
    for (const job of this.#refused) if (!open.has(job)) this.#refused.delete(job);
    for (const event of delivered) {
      const { key: job, args } = event;
      const statement = statementOf(journal, job);
      if (!statement || statement.output === args.outputCommitment) continue;
      const { longest } = await this.desk.rules();
      const isTooLate = now > Number(args.challengeableUntil) - longest;
      const isTime = isTooLate || this.#refused.has(job) || journal.events("AuditCommitted", job).length > 0;
      if (isTime && this.#backoff.isDue(challengeOf(job)))
        this.#challenges.start(job, (place) => this.#challenge(event, place));
    }
  }

  /** Unless it differs only in what the court leaves open, or that cannot be told. */
  async #challenge(event: ChainEvent, place: Place): Promise<void> {
    const { journal, signal, log } = this.context;
    const { key: job, args } = event;
    const note = differenceIn(event);
    if (journal.note(note) === undefined) {
      const end = Number(args.challengeableUntil);
      try {
        const run = await this.#runs.get(job, place, urgencyAbout(String(args.provider), RunRank.Wrong, end));
        const difference = await differenceOfResult(this.context, event, run, place, signal);
        journal.setNote(note, difference, job);
        const [claimed, found] = [args.outputCommitment, run.trace.outputRoot];
        if (difference === "wrong") log.warn({ job, claimed, found }, "wrong result: challenging");
        this.#backoff.succeeded(challengeOf(job));
      } catch (error) {
        if (signal.aborted || this.#backoff.retries(challengeOf(job), error, end)) throw error;
        log.warn({ job, err: error }, "cannot tell whether a result is wrong: not challenged");
        journal.setNote(note, "failed", job);
      }
    }
    if (journal.note(note) === "wrong") await challenge(this.context, event);
  }
}

/** What is tried again beside the audit itself. */
const challengeOf = (job: string): string => `challenge ${job}`;

/** Name of the note about how a delivery differs. */
function differenceIn({ key, blockHash }: ChainEvent): string {
  return `difference of ${key} in ${blockHash}`;
}

/** On another branch of the chain the delivery may be another. */
function noteOf({ key, blockHash }: ChainEvent): string {
  return `drawn audit of ${key} in ${blockHash}`;
}
