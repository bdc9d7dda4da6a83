import { GasLimitError, inPartsThatFit, metaHeader, nodesTree, partKey, proofCalls, Ruling } from "@assay/sdk";
import type { Accusation, Part, Step, Tensor } from "@assay/sdk";

import { statementOf } from "../audits/statement.js";
import type { Call, Outcome } from "../chain/submitter.js";
import { Rank } from "../chain/submitter.js";
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
import type { Role, RoleContext } from "./role.js";
import { requestOf, runsOf, sameAddress } from "./role.js";
import { verdictOn } from "./spotCheck.js";

const NOTHING_WRONG = "nothing that was shown contradicts what it was computed from";

type Tensors = ReadonlyMap<string, Tensor>;
/** A call of the court, and the last second in which it counts. */
type Move = Pick<Call, "purpose" | "data" | "stillWanted"> & { readonly due: number };
type Posted = NonNullable<CourtCase["posted"]>;

/**
 * Convicts before the proof court. It looks at every open case of another provider, whoever opened it: one honest party
 * has to be enough also where the challenger is the provider's friend.
 */
export class Prosecute implements Role {
  readonly name = "prosecute";
  readonly #tasks: TaskPool;
  readonly #runs: CourtRuns;
  readonly #searches: Searches;
  readonly #backoff = new Backoff();
  /** Traces of which this machine's run ended otherwise, and results got outside of the court, undefined if they could not be. */
  readonly #wrong = new Set<string>();
  readonly #outputs = new Map<string, Tensors | undefined>();
  /** Fees of demands on their way. */
  #reserved = 0n;
  /** What a case waits for, so that nothing is computed before it is shown or overdue. */
  readonly #awaited = new Map<string, readonly string[]>();

  constructor(private readonly context: RoleContext) {
    this.#tasks = new TaskPool(4, context.signal, (key, error) => {
      context.log.warn({ case: key, err: error }, "case not prosecuted yet");
    });
    this.#runs = runsOf(context);
    this.#searches = new Searches(context.judge);
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
      if (!found.posted || journal.note(noteOf(found, found.posted)) !== undefined) continue;
      if (this.#waits(found, now) || !this.#backoff.isDue(found.id)) continue;
      const { posted } = found;
      const urgency = this.#urgencyOf(found);
      this.#tasks.start(found.id, (place) => this.#prosecute(found, posted, now, place), urgency);
    }
    return Promise.resolve();
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
    const step = run && (await attempt(() => this.#nextStep(found, posted, run, place)));
    if (!run || !step) return;
    if (step.kind === "nothing") return this.#giveUp(found, posted, NOTHING_WRONG);
    const overdue = found.demands.find((each) => isOverdue(each, now));
    if (overdue) return this.#proveSilence(found, overdue);
    const due = await lastMoveIn(this.context.contracts, found.id, now);
    if (step.kind === "demand") return this.#demandAll(found, run, step.parts, due);
    if (await this.#accuse(found, step.accusation, due)) return;
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

  /** Without a fee for all of them the job is run again after a pause only, or it would be at each look. */
  async #demandAll(found: CourtCase, run: CourtRun, parts: readonly Part[], due: number): Promise<void> {
    this.#awaited.set(found.id, parts.map(partKey));
    const paid = await Promise.all(parts.map((part) => this.#demand(found, run, part, due)));
    if (paid.includes(false)) this.#backoff.failed(found.id);
    else this.#backoff.succeeded(found.id);
  }

  /** False if there is no fee for it. */
  async #demand(found: CourtCase, { model }: CourtRun, part: Part, due: number): Promise<boolean> {
    const { court } = this.context.contracts;
    const { id } = found;
    const nodeIndex = part.tensor - model.inputNames.length;
    const [node, meta] = [model.nodes[nodeIndex], model.tensors[part.tensor]];
    if (!node || !meta) return true;
    const header = metaHeader(meta) as never;
    const stillWanted = async () => !(await this.#isOver(id)) && (await court.demandOf(id, part)).deadline === 0n;
    if (!(await stillWanted())) return true;
    const fee = await court.demandFeeOf(part, header);
    if (!(await this.#reserve(id, fee))) return false;
    const proof = nodesTree(model.nodes).proof(nodeIndex);
    const words = [id, part, node as never, proof, header] as const;
    const data = court.interface.encodeFunctionData("demand", [...words]);
    try {
      const purpose = `demand ${id} ${partKey(part)}`;
      await this.#move("demand", id, { purpose, data, due, stillWanted });
      return true;
    } finally {
      this.#reserved -= fee;
    }
  }

  /** Whether a fee leaves a bond: what is spent on cases must not keep the worker from challenging the next. */
  async #reserve(caseId: string, fee: bigint): Promise<boolean> {
    const { contracts, operator, log } = this.context;
    const { court, disputes, escrow } = contracts;
    const [bond, token] = await Promise.all([disputes.CHALLENGE_BOND(), court.STAKE_TOKEN()]);
    const balance = await escrow.balanceOf(token, operator);
    const needed = this.#reserved + fee + bond;
    if (balance >= needed) {
      this.#reserved += fee;
      return true;
    }
    log.error({ case: caseId, needed, balance, operator }, "no fee: deposit stake tokens into the escrow for this key");
    return false;
  }

  /** Of what is shown after all, until somebody proves the silence, the time to claim begins anew. */
  async #proveSilence({ id }: CourtCase, { part, replyBy }: Demanded): Promise<void> {
    const { court } = this.context.contracts;
    const stillWanted = async () => !(await this.#isOver(id)) && !(await court.demandOf(id, part)).answered;
    if (!(await stillWanted())) return;
    const data = court.interface.encodeFunctionData("proveSilence", [id, part]);
    const due = replyBy + Number(await court.CLAIM_PERIOD());
    await this.#move("silence", id, { purpose: `silence ${id}`, data, due, stillWanted });
  }

  /** False if the court sees no contradiction: this machine and the verifier do not compute the same. */
  async #accuse({ id }: CourtCase, accusation: Accusation, due: number): Promise<boolean> {
    const { journal, log } = this.context;
    const stillWanted = async () => !(await this.#isOver(id));
    if (!(await stillWanted())) return true;
    // What was added up in short parts is not to be found again among longer ones.
    let cuts = Number(journal.note(cutsOf(id)) ?? 0);
    let first = accusation;
    for (let i = 0; i < cuts; i++) first = first.smaller?.() ?? first;
    try {
      return await inPartsThatFit(
        first,
        (tried) => this.#prove(id, tried, due, stillWanted),
        ({ parts }, error) => {
          journal.setNote(cutsOf(id), String(++cuts), id);
          log.warn({ case: id, calls: parts.length + 1, err: error }, "not enough gas: proving in shorter parts");
        },
      );
    } catch (error) {
      if (error instanceof GasLimitError) this.#startOver(id);
      throw error;
    }
  }

  /** Another node may allow more gas. */
  #startOver(id: string): void {
    this.context.journal.removeNote(cutsOf(id));
    this.#backoff.failed(id);
  }

  /** False as above. */
  async #prove(id: string, accusation: Accusation, due: number, stillWanted: Move["stillWanted"]): Promise<boolean> {
    const { contracts, operator } = this.context;
    const calls = await proofCalls(contracts.court, id, operator, accusation);
    if (!calls) return false;
    // A long sum takes several calls. What stops here goes on from what the chain has by then.
    for (const { name, data } of calls) {
      const [move, purpose] =
        name === "accumulate" ? (["sum", `sum ${id}`] as const) : (["proof", `prove ${id}`] as const);
      if ((await this.#move(move, id, { purpose, data, due, stillWanted })) !== "mined") return true;
    }
    return true;
  }

  async #move(
    move: "demand" | "silence" | "sum" | "proof",
    id: string,
    { purpose, data, due, stillWanted }: Move,
  ): Promise<Outcome> {
    const { contracts, submitter, metrics, log } = this.context;
    const outcome = await submitter.send({
      purpose,
      to: await contracts.court.getAddress(),
      data,
      urgency: { rank: Rank.InTime, due },
      stillWanted,
    });
    if (outcome === "mined") metrics.courtMoves.inc({ move });
    log.info({ case: id, purpose, outcome }, "prosecuted");
    return outcome;
  }

  async #isOver(caseId: string): Promise<boolean> {
    const [ruling] = await this.context.contracts.court.rulingOf(caseId);
    return ruling !== Ruling.None;
  }

  /** Once per posted trace. */
  #giveUp(found: CourtCase, posted: Posted, why: string): void {
    this.context.log.warn({ case: found.id, job: found.facts.jobId, why }, "nothing to prove");
    this.context.journal.setNote(noteOf(found, posted), why, found.id);
  }
}

/** How often the sums of a case were cut in halves. */
function cutsOf(id: string): string {
  return `cuts of sums in ${id}`;
}

/** Another branch of the chain may have another trace. */
function noteOf({ id }: CourtCase, { blockHash }: Posted): string {
  return `prosecution of ${id}, trace in ${blockHash}`;
}

function isOverdue({ answer, replyBy }: Demanded, now: number): boolean {
  return !answer && replyBy < now;
}
