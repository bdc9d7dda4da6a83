import type { JobTerms } from "@assay/sdk";
import { jobIdText, JobStatus } from "@assay/sdk";

import { Rank } from "../chain/submitter.js";
import { isProven } from "../court/courtModels.js";
import { isDeclinable, isHopeless } from "../errors.js";
import { Backoff } from "../jobs/backoff.js";
import { Deadlines } from "../jobs/deadlines.js";
import type { Journal } from "../jobs/journal.js";
import type { Place } from "../jobs/taskPool.js";
import { TaskPool } from "../jobs/taskPool.js";
import { Answerable } from "./answerable.js";
import type { Role, RoleContext } from "./role.js";
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
  readonly #backoff = new Backoff();
  readonly #deadlines: Deadlines;
  readonly #answerable: Answerable;
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
    this.#tasks = new TaskPool(concurrency, context.signal, (job, error) => {
      context.log.warn({ job, err: error }, "job not delivered yet");
    });
    this.#deadlines = new Deadlines(context.signal);
    this.#preparations = new TaskPool(1, context.signal, (model, error) => {
      context.log.warn({ model, err: error }, "model not ready yet");
    });
  }

  async tick(now: number): Promise<void> {
    this.#deadlines.tick(now);
    this.#backoff.tick(now);
    const { journal, provider } = this.context;
    const requested = journal.openEventsOf(provider, "JobRequested", ["ResultSubmitted"]);
    const open = requested.filter((event) => this.#isOpen(orderIn(event).terms, now)).map(({ key }) => key);
    if (open.length > 0) await this.#answerable.look(now, new Set(open));
    for (const job of open) {
      if (this.#backoff.isDue(job)) this.#tasks.start(job, (place) => this.#deliver(job, now, place));
    }
    for (const [model, offer] of this.#offers()) {
      const key = `model ${model}`;
      if (this.#prepared.get(model) === offer || !this.#backoff.isDue(key)) continue;
      this.#preparations.start(model, (place) => this.#backoff.attempt(key, () => this.#prepare(model, offer, place)));
    }
  }

  #isOpen(terms: JobTerms, now: number): boolean {
    return terms.executionDeadline >= now && this.context.journal.note(noteOf(terms)) === undefined;
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
    const { contracts, executor, provider, signal, log } = this.context;
    try {
      const offers = await contracts.providers.offerCountOf(provider, model);
      if (offers > 0n) await executor.prepare(BigInt(model), place, signal);
      if (offers > 0n) await this.#measure(BigInt(model));
    } catch (error) {
      if (signal.aborted || !isHopeless(error)) throw error;
      log.error({ model, err: error }, "model cannot be served: remove the offer");
    }
    this.#prepared.set(model, offer);
  }

  /** How long a run for the court takes. Where it fails the worst is taken for granted. */
  async #measure(modelId: bigint): Promise<void> {
    const { contracts, tracer, signal, log } = this.context;
    const { profile } = await contracts.models.factsOf(modelId);
    if (!isProven(profile)) return;
    try {
      await tracer.measure(modelId);
      log.info({ model: String(modelId), seconds: this.#answerable.secondsOf(modelId) }, "traced a sample");
    } catch (error) {
      if (signal.aborted) throw error;
      log.warn({ model: String(modelId), err: error }, "no sample traced: fewer jobs are taken at once");
    }
  }

  /** Whether a job waits: with its result there would be more to answer for than can be answered in time. */
  async #isHeld(job: string, terms: JobTerms): Promise<boolean> {
    const { journal, log } = this.context;
    if (journal.resultOf(jobIdText(terms.id)) !== undefined) return false;
    const held = !(await this.#answerable.takes(job, terms));
    if (held && !this.#holds) log.warn(this.#answerable.numbers(), "jobs wait: more results than can be answered for");
    this.#holds = held;
    return held;
  }

  async #deliver(job: string, now: number, place: Place): Promise<void> {
    const { contracts, journal, submitter, metrics, log } = this.context;
    const { terms, inputUri } = requestOf(journal, job);
    const wanted = async () => (await contracts.market.statusOf(terms.id)) === JobStatus.Requested;
    const isHeld = await this.#isHeld(job, terms);
    if (isHeld && Number(terms.executionDeadline) - now > LAST_CALL) return;
    if (!(await wanted())) return;

    const output = isHeld ? undefined : (journal.resultOf(jobIdText(terms.id)) ?? (await this.#execute(job, place)));
    const to = await contracts.market.getAddress();
    const urgency = { rank: Rank.InTime, due: Number(terms.executionDeadline) };
    if (output === undefined) {
      if (terms.stake === 0n) {
        journal.setNote(noteOf(terms), "yes", job);
        return;
      }
      const data = contracts.market.interface.encodeFunctionData("decline", [terms]);
      const outcome = await submitter.send({ purpose: `decline ${job}`, to, data, stillWanted: wanted });
      if (outcome === "mined") metrics.jobs.inc({ outcome: "declined" });
      log.info({ job, outcome }, "declined");
      return;
    }
    const due = dueSettlements(this.context, now, SETTLED_ALONG);
    const data =
      due.length > 0
        ? contracts.market.interface.encodeFunctionData("submitAndFinaliseDue", [terms, output, "", due])
        : contracts.market.interface.encodeFunctionData("submit", [terms, output, ""]);
    const outcome = await submitter.send({ purpose: `submit ${job}`, to, data, urgency, stillWanted: wanted });
    if (outcome === "mined") metrics.jobs.inc({ outcome: "delivered" });
    log.info({ job, output, inputUri, outcome }, "delivered");
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
      if (!isDeclinable(error)) {
        this.#backoff.failed(job, Number(terms.executionDeadline));
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
