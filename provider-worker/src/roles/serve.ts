import type { JobTerms } from "@assay/sdk";
import { jobIdText, JobStatus } from "@assay/sdk";

import type { Outcome } from "../chain/submitter.js";
import { Rank } from "../chain/submitter.js";
import { isProven } from "../court/courtModels.js";
import { isDeclinable, isHopeless, mayPass, pauseAfter } from "../errors.js";
import { Backoff } from "../jobs/backoff.js";
import { Deadlines } from "../jobs/deadlines.js";
import type { Journal } from "../jobs/journal.js";
import type { Urgency } from "../jobs/line.js";
import type { Place } from "../jobs/taskPool.js";
import { TaskPool } from "../jobs/taskPool.js";
import { Answerable } from "./answerable.js";
import type { JobOrder, Role, RoleContext } from "./role.js";
import { dueSettlements, isOurs, orderIn, requestOf } from "./role.js";

/** Due jobs finalised along with a delivery. */
const SETTLED_ALONG = 5;

/** Seconds before its deadline in which a job that still waits for others is declined. */
const LAST_CALL = 60;

/** How the names of notes about offers begin. */
const OFFER = "offer ";

/**
 * Delivers the jobs of its provider. A job that cannot be done is declined, which frees its stake; one without stake is
 * left to expire, which costs the provider nothing.
 */
export class Serve implements Role {
  readonly name = "serve";
  readonly #tasks: TaskPool;
  /** Held jobs that are declined: there is nothing to execute, and the submitter knows what goes first. */
  readonly #declining: TaskPool;
  readonly #backoff = new Backoff();
  readonly #deadlines: Deadlines;
  readonly #answerable: Answerable;
  #now = 0;
  /** Whether the log says already that jobs are held. */
  #holds = false;
  /** Apart from the jobs, one model after another, except for what they download. */
  readonly #preparations: TaskPool;
  /** The offer by which a model was made ready in this run, by the model's id. */
  readonly #prepared = new Map<string, string>();

  constructor(
    private readonly context: RoleContext,
    concurrency: number,
    mostOpenResults?: number,
  ) {
    this.#answerable = new Answerable(context, mostOpenResults);
    const onError = (job: string, error: unknown) => {
      context.log.warn({ job, err: error }, "job not delivered yet");
    };
    this.#tasks = new TaskPool(concurrency, context.signal, onError);
    this.#declining = new TaskPool(Infinity, context.signal, onError);
    this.#deadlines = new Deadlines(context.signal);
    this.#preparations = new TaskPool(1, context.signal, (model, error) => {
      context.log.warn({ model, err: error }, "model not ready yet");
    });
  }

  async tick(now: number): Promise<void> {
    this.#now = now;
    this.#deadlines.tick(now);
    this.#backoff.tick(now);
    const { journal, provider, log } = this.context;
    // What was delivered or challenged in a last second is read some blocks later.
    const readUntil = Math.min(now, this.context.readUntil());
    const requested = journal
      .deliverable(provider, readUntil)
      .map(orderIn)
      .filter(({ terms }) => journal.note(noteOf(terms)) === undefined);
    const open = requested.filter(({ terms }) => terms.executionDeadline >= now);
    if (open.length > 0) await this.#answerable.look(readUntil, requested);
    const held = await this.#start(open, now);
    if (held && !this.#holds) log.warn(this.#answerable.numbers(), "jobs wait: more results than can be answered for");
    this.#holds = held;
    for (const [model, offer] of this.#offers()) {
      const key = `model ${model}`;
      if (this.#prepared.get(model) === offer || !this.#backoff.isDue(key)) continue;
      this.#preparations.start(model, (place) => this.#backoff.attempt(key, () => this.#prepare(model, offer, place)));
    }
  }

  /** Starts what is due of these jobs; whether some of them wait. */
  async #start(open: readonly JobOrder[], now: number): Promise<boolean> {
    let holds = false;
    for (const { terms } of open) {
      const job = jobIdText(terms.id);
      if (!this.#backoff.isDue(job)) continue;
      const held = this.#declining.has(job) || (await this.#isHeld(job, terms));
      holds ||= held;
      if (!held) this.#tasks.start(job, (place) => this.#deliver(job, now, place));
      else if (Number(terms.executionDeadline) - now <= LAST_CALL)
        this.#declining.start(job, () => this.#decline(job, terms));
    }
    return holds;
  }

  /** The last offer that the provider set for each model, by the model's id. */
  #offers(): Map<string, string> {
    const { journal } = this.context;
    journal.takeNew("serve", "OfferSet", (event) => {
      if (isOurs(this.context, event)) journal.setNote(OFFER + event.key, `${event.blockHash} ${event.logIndex}`);
    });
    return journal.notes(OFFER);
  }

  /** Before the first job does: what must not be served is known while the offer can still be taken back. */
  async #prepare(model: string, offer: string, place: Place): Promise<void> {
    const { contracts, provider } = this.context;
    const offers = await contracts.providers.offerCountOf(provider, model);
    if (offers > 0n && (await this.#isReady(model, place))) await this.#measure(BigInt(model));
    this.#prepared.set(model, offer);
  }

  /** Makes a model ready; whether it may be served here. */
  async #isReady(model: string, place: Place): Promise<boolean> {
    const { executor, signal, log } = this.context;
    try {
      await executor.prepare(BigInt(model), place, signal);
      return true;
    } catch (error) {
      if (signal.aborted || !isHopeless(error)) throw error;
      log.error({ model, err: error }, "model cannot be served: remove the offer");
      return false;
    }
  }

  /**
   * How long a run for the court takes. Where none comes to its end on this machine no job is taken that one could be asked
   * for; where the sample is no input of the model the worst is taken for granted.
   */
  async #measure(modelId: bigint): Promise<void> {
    const { contracts, tracer, signal, log } = this.context;
    const { profile } = await contracts.models.factsOf(modelId);
    if (!isProven(profile)) return;
    try {
      await tracer.measure(modelId);
      this.#answerable.noteTraceable(modelId, true);
      log.info({ model: String(modelId), seconds: this.#answerable.secondsOf(modelId) }, "traced a sample");
    } catch (error) {
      if (signal.aborted) throw error;
      this.#answerable.noteTraceable(modelId, !mayPass(error));
      if (mayPass(error)) throw error;
      log.warn({ model: String(modelId), err: error }, "no sample traced: fewer jobs are taken at once");
    }
    this.#noteTrace(modelId);
  }

  /** For whoever asks `doctor` or `status` how much stake can be answered for. */
  #noteTrace(modelId: bigint): void {
    const { journal, traceFile, log } = this.context;
    const offers = journal.events("OfferSet", String(modelId)).filter((event) => isOurs(this.context, event));
    const tokens = [...new Set(offers.map(({ args }) => String(args.token)))];
    try {
      traceFile.note(modelId, { seconds: this.#answerable.secondsOf(modelId), tokens });
    } catch (error) {
      log.warn({ model: String(modelId), err: error }, "not written down for doctor and status");
    }
  }

  /** Whether a job waits: with its result there would be more to answer for than can be answered in time. */
  async #isHeld(job: string, terms: JobTerms): Promise<boolean> {
    return this.context.journal.resultOf(job) === undefined && !(await this.#answerable.takes(job, terms));
  }

  async #deliver(job: string, now: number, place: Place): Promise<void> {
    const { contracts, journal, metrics, log } = this.context;
    const { terms, inputUri } = requestOf(journal, job);
    if (!(await this.#isWanted(terms))) return;
    const output = journal.resultOf(jobIdText(terms.id)) ?? (await this.#execute(job, place));
    if (output === undefined) return this.#decline(job, terms);
    const due = dueSettlements(this.context, now, SETTLED_ALONG);
    const data =
      due.length > 0
        ? contracts.market.interface.encodeFunctionData("submitAndFinaliseDue", [terms, output, "", due])
        : contracts.market.interface.encodeFunctionData("submit", [terms, output, ""]);
    // One that comes too late loses its fee only: however many there are, they must not go before what saves a stake.
    const urgency = { rank: Rank.InTime, due: Number(terms.executionDeadline), keepsRank: true };
    const outcome = await this.#send(`submit ${job}`, terms, data, urgency);
    if (outcome === "mined") metrics.jobs.inc({ outcome: "delivered" });
    log.info({ job, output, inputUri, outcome }, "delivered");
  }

  async #decline(job: string, terms: JobTerms): Promise<void> {
    const { contracts, journal, metrics, log } = this.context;
    if (terms.stake === 0n) {
      journal.setNote(noteOf(terms), "yes", job);
      return;
    }
    const data = contracts.market.interface.encodeFunctionData("decline", [terms]);
    // One that comes too late loses nothing: anybody expires the job then. It must not keep what saves a stake waiting.
    const outcome = await this.#send(`decline ${job}`, terms, data, { rank: Rank.AnyTime });
    if (outcome === "mined") metrics.jobs.inc({ outcome: "declined" });
    log.info({ job, outcome }, "declined");
  }

  async #send(purpose: string, terms: JobTerms, data: string, urgency: Urgency): Promise<Outcome> {
    const { contracts, submitter } = this.context;
    return submitter.send({
      purpose,
      to: await contracts.market.getAddress(),
      data,
      urgency,
      stillWanted: () => this.#isWanted(terms),
    });
  }

  async #isWanted({ id }: JobTerms): Promise<boolean> {
    return (await this.context.contracts.market.statusOf(id)) === JobStatus.Requested;
  }

  /** The output commitment, bound in the journal before anything is sent; undefined if the job cannot be done. */
  async #execute(job: string, place: Place): Promise<string | undefined> {
    const { journal, executor, signal, log } = this.context;
    const { terms, inputUri } = requestOf(journal, job);
    try {
      const execute = (stop: AbortSignal) => executor.execute(terms, inputUri, place, stop);
      const { root } = await this.#deadlines.until(Number(terms.executionDeadline), execute);
      journal.bindResult(jobIdText(terms.id), root);
      this.#backoff.succeeded(job);
      return root;
    } catch (error) {
      if (signal.aborted) throw error;
      const pause = pauseAfter(error);
      if (!isDeclinable(error) && this.#now + pause <= Number(terms.executionDeadline)) {
        this.#backoff.failed(job, Number(terms.executionDeadline), pause);
        throw error;
      }
      log.warn({ job, err: error }, `job cannot be done: ${terms.stake === 0n ? "letting it expire" : "declining"}`);
      return undefined;
    }
  }
}

/** Name of the note that a job cannot be done. */
function noteOf(terms: JobTerms): string {
  return `cannot do ${jobIdText(terms.id)}`;
}

/** Models that the provider ever set an offer for. */
export function offeredModels(journal: Journal): bigint[] {
  return [...journal.notes(OFFER).keys()].map(BigInt);
}
