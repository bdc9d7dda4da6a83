import { partKey } from "@assay/sdk";
import type { Step, Tensor } from "@assay/sdk";

import { statementOf } from "../audits/statement.js";
import { lastMoveIn, openCourtCases } from "../court/courtCase.js";
import type { CourtCase, CourtFacts, Demanded } from "../court/courtCase.js";
import type { CourtRun, CourtRuns } from "../court/courtRuns.js";
import { RunRank, urgencyAbout } from "../court/courtRuns.js";
import { Searches } from "../court/searches.js";
import { Backoff } from "../jobs/backoff.js";
import type { Urgency } from "../jobs/line.js";
import type { Place } from "../jobs/taskPool.js";
import { TaskPool } from "../jobs/taskPool.js";
import { deliveredOutput } from "./difference.js";
import { ProsecutionMoves } from "./prosecutionMoves.js";
import type { Role, RoleContext } from "./role.js";
import { requestOf, runsOf, sameAddress } from "./role.js";
import { verdictOn } from "./spotCheck.js";

const NOTHING_WRONG = "nothing that was shown contradicts what it was computed from";

type Tensors = ReadonlyMap<string, Tensor>;
type Posted = NonNullable<CourtCase["posted"]>;

/** When and where a move is made, and the last second in which it counts. */
interface Turn {
  readonly now: number;
  readonly due: number;
  readonly place: Place;
}

/**
 * Convicts before the proof court. It looks at every open case of another provider, whoever opened it: one honest party
 * has to be enough also where the challenger is the provider's friend.
 */
export class Prosecute implements Role {
  readonly name = "prosecute";
  readonly #tasks: TaskPool;
  /** Silences about its own demands, which take no run. */
  readonly #silences: TaskPool;
  readonly #runs: CourtRuns;
  readonly #searches: Searches;
  readonly #moves: ProsecutionMoves;
  /** When to look at a case again in which something failed, and at a silence that could not be proven. */
  readonly #backoff = new Backoff();
  /** Traces of which this machine's run ended otherwise, and results got outside of the court, undefined if they could not be. */
  readonly #wrong = new Set<string>();
  readonly #outputs = new Map<string, Tensors | undefined>();
  /** What a case waits for, so that nothing is computed before it is shown or overdue. */
  readonly #awaited = new Map<string, readonly string[]>();

  constructor(private readonly context: RoleContext) {
    const onError = (key: string, error: unknown) => {
      context.log.warn({ case: key, err: error }, "case not prosecuted yet");
    };
    this.#tasks = new TaskPool(4, context.signal, onError);
    this.#silences = new TaskPool(Infinity, context.signal, onError);
    this.#runs = runsOf(context);
    this.#searches = new Searches(context.judge);
    this.#moves = new ProsecutionMoves(context);
  }

  tick(now: number): Promise<void> {
    this.#backoff.tick(now);
    const { journal, provider } = this.context;
    const others = openCourtCases(journal).filter(({ facts }) => !sameAddress(facts.provider, provider));
    this.#runs.keepOnly(others.map(({ facts }) => facts.jobId));
    this.#forgetBut(others.flatMap((found) => (found.posted ? [noteOf(found, found.posted)] : [])));
    const open = new Set(others.map(({ id }) => id));
    for (const id of this.#awaited.keys()) if (!open.has(id)) this.#awaited.delete(id);
    for (const found of others) {
      // Without a trace in time the ruling follows by itself: `resolve` carries it out.
      if (!found.posted) continue;
      const unanswered = this.#ownUnanswered(found, now);
      if (unanswered) {
        this.#convictTheSilent(found, unanswered);
        continue;
      }
      if (journal.note(noteOf(found, found.posted)) !== undefined) continue;
      if (this.#waits(found, now) || !this.#backoff.isDue(found.id)) continue;
      const { posted } = found;
      const urgency = this.#urgencyOf(found);
      this.#tasks.start(found.id, (place) => this.#prosecute(found, posted, now, place), urgency);
    }
    return Promise.resolve();
  }

  #ownUnanswered({ demands }: CourtCase, now: number): Demanded | undefined {
    const { operator } = this.context;
    return demands.find((each) => isOverdue(each, now) && sameAddress(each.demander, operator));
  }

  /** It asked because the result is wrong: whatever keeps it from running the job again, it has nothing more to find out. */
  #convictTheSilent(found: CourtCase, unanswered: Demanded): void {
    const key = `silence ${found.id}`;
    if (!this.#backoff.isDue(key)) return;
    this.#silences.start(found.id, () => this.#backoff.attempt(key, () => this.#moves.proveSilence(found, unanswered)));
  }

  #forgetBut(traces: readonly string[]): void {
    this.#searches.keepOnly(traces);
    const open = new Set(traces);
    for (const each of this.#wrong) if (!open.has(each)) this.#wrong.delete(each);
    for (const each of this.#outputs.keys()) if (!open.has(each)) this.#outputs.delete(each);
  }

  /**
   * Its own bonds first, then what it knows to be wrong, then all others: whoever challenges its own right results by the
   * hundred delays its own cases only.
   */
  #urgencyOf({ facts }: CourtCase): Urgency {
    const isBonded = sameAddress(facts.challenger, this.context.operator);
    const rank = isBonded ? RunRank.OwnBond : this.#isKnownWrong(facts) ? RunRank.Wrong : RunRank.Others;
    return urgencyAbout(facts.provider, rank, Number(facts.challengeableUntil));
  }

  #isKnownWrong({ jobId, outputCommitment }: CourtFacts): boolean {
    const { journal } = this.context;
    const statement = statementOf(journal, jobId);
    if (statement) return statement.output !== outputCommitment;
    const [delivery] = journal.events("ResultSubmitted", jobId);
    return delivery !== undefined && verdictOn(journal, delivery) === "wrong";
  }

  #waits({ id, demands }: CourtCase, now: number): boolean {
    const open = new Set(demands.filter(({ answer }) => !answer).map(({ part }) => partKey(part)));
    const awaited = this.#awaited.get(id) ?? [];
    const quiet = awaited.length > 0 && awaited.every((part) => open.has(part));
    return quiet && !demands.some((each) => isOverdue(each, now));
  }

  async #prosecute(found: CourtCase, posted: Posted, now: number, place: Place): Promise<void> {
    const attempt = <T>(act: () => Promise<T>) => this.#unlessHopeless(found, posted, act);
    const isRight = await attempt(() => this.#isRight(found, posted, place));
    if (isRight === true) this.#giveUp(found, posted, "the result is right");
    if (isRight !== false) return;
    const run = await attempt(() => this.#runs.get(found.facts.jobId, place, this.#urgencyOf(found)));
    const due = run && (await attempt(() => lastMoveIn(this.context.contracts, found.id, now)));
    if (!run || due === undefined) return;
    // Whatever the provider posted, what fails from here on says nothing about the job: it is tried again.
    await this.#backoff.attempt(found.id, () => this.#move(found, posted, run, { now, due, place }), due);
  }

  async #move(found: CourtCase, posted: Posted, run: CourtRun, { now, due, place }: Turn): Promise<void> {
    const step = await this.#nextStep(found, posted, run, place);
    if (step.kind === "nothing") return this.#giveUp(found, posted, NOTHING_WRONG);
    const overdue = found.demands.find((each) => isOverdue(each, now));
    if (overdue) return this.#moves.proveSilence(found, overdue);
    if (step.kind === "demand") {
      this.#awaited.set(found.id, step.parts.map(partKey));
      return this.#moves.demandAll(found, run, step.parts, due);
    }
    if (await this.#moves.accuse(found, step.accusation, due)) return;
    this.#giveUp(found, posted, NOTHING_WRONG);
  }

  /** What an act on a case gives; undefined, and the case given up, if it can never succeed. */
  async #unlessHopeless<T>(found: CourtCase, posted: Posted, act: () => Promise<T>): Promise<T | undefined> {
    try {
      return await act();
    } catch (error) {
      if (this.context.signal.aborted || this.#backoff.retries(found.id, error)) throw error;
      this.#giveUp(found, posted, `the job cannot be run on this machine: ${(error as Error).message}`);
      return undefined;
    }
  }

  /** By a plain run, which costs next to nothing: whoever floods the court with right results gets nobody to trace them. */
  async #isRight(found: CourtCase, posted: Posted, place: Place): Promise<boolean> {
    const { journal, executor, signal } = this.context;
    const key = noteOf(found, posted);
    if (this.#wrong.has(key)) return false;
    const { terms, inputUri } = requestOf(journal, found.facts.jobId);
    const { root } = await executor.execute(terms, inputUri, place, signal);
    if (root === found.facts.outputCommitment) return true;
    this.#wrong.add(key);
    return false;
  }

  async #nextStep(found: CourtCase, posted: Posted, run: CourtRun, place: Place): Promise<Step> {
    const key = noteOf(found, posted);
    const { signal } = this.context;
    return this.#searches.use(key, { run, roots: posted.roots }, async (search) => {
      const step = await search.next(found.demands, this.#outputs.get(key), signal);
      const isOfOutputs =
        step.kind === "demand" && step.parts.every(({ tensor }) => run.model.outputs.includes(tensor));
      if (!isOfOutputs || this.#outputs.has(key)) return step;
      this.#outputs.set(key, await this.#outputOf(found, place));
      return search.next(found.demands, this.#outputs.get(key), signal);
    });
  }

  /** The result from where its provider says, which saves the fees for showing it; undefined if it is not there. */
  async #outputOf({ facts }: CourtCase, place: Place): Promise<Tensors | undefined> {
    const { journal, signal, log } = this.context;
    const [delivered] = journal.events("ResultSubmitted", facts.jobId);
    if (!delivered) return undefined;
    try {
      return await deliveredOutput(this.context, delivered, place, signal);
    } catch (error) {
      signal.throwIfAborted();
      log.info({ job: facts.jobId, err: error }, "the result cannot be fetched: it is demanded");
      return undefined;
    }
  }

  /** Once per posted trace. */
  #giveUp(found: CourtCase, posted: Posted, why: string): void {
    this.context.log.warn({ case: found.id, job: found.facts.jobId, why }, "nothing to prove");
    this.context.journal.setNote(noteOf(found, posted), why, found.id);
  }
}

/** Another branch of the chain may have another trace. */
function noteOf({ id }: CourtCase, { blockHash }: Posted): string {
  return `prosecution of ${id}, trace in ${blockHash}`;
}

function isOverdue({ answer, replyBy }: Demanded, now: number): boolean {
  return !answer && replyBy < now;
}
