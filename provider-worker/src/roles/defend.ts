import type { Part } from "@assay/sdk";
import { answerDemand, courtBatches, CourtStage, MerkleTree, partKey, Ruling } from "@assay/sdk";

import { Rank, together } from "../chain/submitter.js";
import type { CourtCase, Demanded } from "../court/courtCase.js";
import { openCourtCases } from "../court/courtCase.js";
import type { CourtRun, CourtRuns } from "../court/courtRuns.js";
import { RunRank } from "../court/courtRuns.js";
import { MOST_AT_ONCE } from "../court/traceSessions.js";
import { Backoff, URGENT } from "../jobs/backoff.js";
import type { Urgency } from "../jobs/line.js";
import type { Place } from "../jobs/taskPool.js";
import { TaskPool } from "../jobs/taskPool.js";
import type { Role, RoleContext } from "./role.js";
import { hasStake, runsOf, sameAddress } from "./role.js";

/** What a demand obliges to show, as a call of the court. */
interface Answer {
  readonly part: Part;
  readonly due: number;
  readonly data: string;
}

/** Seconds from which on it may be too late: what still can be in time goes first. */
const LAST_CALL = 60;

/** Answers for its provider before the proof court: posts the trace of each job in dispute and shows what is demanded. */
export class Defend implements Role {
  readonly name = "defend";
  /** Runs under way, and such that wait for theirs with all that they need. */
  readonly #tasks: TaskPool;
  /** What is ready is sent at once: the submitter knows what goes first. */
  readonly #moves: TaskPool;
  readonly #moving = new Set<string>();
  readonly #runs: CourtRuns;
  readonly #backoff = new Backoff(URGENT);

  constructor(private readonly context: RoleContext) {
    const onError = (key: string, error: unknown) => {
      context.log.error({ case: key, err: error }, "case not defended yet");
    };
    this.#tasks = new TaskPool(MOST_AT_ONCE, context.signal, onError);
    this.#moves = new TaskPool(Infinity, context.signal, onError);
    this.#runs = runsOf(context);
  }

  tick(now: number): Promise<void> {
    this.#backoff.tick(now);
    const { journal, provider } = this.context;
    const ours = openCourtCases(journal).filter(({ facts }) => sameAddress(facts.provider, provider));
    this.#runs.keepOnly(ours.map(({ facts }) => facts.jobId));
    for (const found of ours) {
      const due = this.#dueOf(found);
      if (due === undefined) continue;
      // Only the last minute makes it less urgent than it was.
      if (this.#tasks.has(found.id) && due - now >= LAST_CALL) continue;
      if (journal.note(noteOf(found)) !== undefined || !this.#backoff.isDue(found.id)) continue;
      const urgency = { rank: this.#rankOf(found, due - now), due };
      const defend = (place: Place) => this.#defend(found, place, urgency);
      this.#tasks.start(found.id, (place) => this.#backoff.attempt(found.id, () => defend(place)), urgency);
    }
    return Promise.resolve();
  }

  #rankOf(found: CourtCase, left: number): number {
    if (!this.#hasStake(found)) return RunRank.OwnUnstaked;
    return left < LAST_CALL ? RunRank.OwnLate : RunRank.Own;
  }

  #hasStake({ facts }: CourtCase): boolean {
    return hasStake(this.context.journal, facts.jobId);
  }

  /** Of a transaction. What has no stake to save has no deadline there either: it would go before what has. */
  #inLine(found: CourtCase, rank: number, due: number): Urgency {
    return this.#hasStake(found) ? { rank, due } : { rank: Rank.AnyTime };
  }

  /** By when the next thing has to be shown that is not on its way; undefined if there is none. */
  #dueOf({ id, posted, traceBy, demands }: CourtCase): number | undefined {
    if (!posted) return this.#isIdle(tracePurpose(id)) ? traceBy : undefined;
    return demands.find(({ answer, part }) => !answer && this.#isIdle(showPurpose(id, part)))?.replyBy;
  }

  /** Also what an earlier run sent goes on by itself. */
  #isIdle(purpose: string): boolean {
    const { submitter } = this.context;
    return !this.#moving.has(purpose) && !submitter.isUnderWay(purpose) && this.#backoff.isDue(purpose);
  }

  async #defend(found: CourtCase, place: Place, urgency: Urgency): Promise<void> {
    if (!(await this.#isWaitedFor(found))) return;
    const run = await this.#runs.get(found.facts.jobId, place, urgency);
    const roots = rootsOf(run);
    // The court takes no trace that ends otherwise than the result, and a worker that posted one could not answer.
    if (run.trace.outputRoot !== found.facts.outputCommitment) return this.#giveUp(found, run.trace.outputRoot);
    if (!found.posted) return this.#postTrace(found, run, roots);
    if (found.posted.roots.join() !== roots.join()) return this.#giveUp(found, run.trace.traceRoot);
    const tree = MerkleTree.fromHashes(roots);
    const open = found.demands.filter((each) => !each.answer && this.#isIdle(showPurpose(found.id, each.part)));
    const answers = await Promise.all(open.map((demanded) => this.#answerTo(found, run, tree, demanded)));
    for (const batch of courtBatches(answers.filter((each) => each !== undefined))) this.#show(found, batch);
  }

  /** Whether the court still wants something of what was not shown: otherwise there is nothing to run the job for. */
  async #isWaitedFor({ id, posted, demands }: CourtCase): Promise<boolean> {
    if (!posted) return this.#wantsTrace(id);
    for (const { answer, part } of demands) if (!answer && (await this.#wantsPart(id, part))) return true;
    return false;
  }

  async #wantsTrace(id: string): Promise<boolean> {
    const { court } = this.context.contracts;
    const [isOver, { stage }] = await Promise.all([this.#isOver(id), court.courtCaseOf(id)]);
    return !isOver && stage < CourtStage.Traced;
  }

  async #wantsPart(id: string, part: Part): Promise<boolean> {
    const { court } = this.context.contracts;
    const [isOver, { answered }] = await Promise.all([this.#isOver(id), court.demandOf(id, part)]);
    return !isOver && !answered;
  }

  #postTrace(found: CourtCase, { model, trace }: CourtRun, roots: string[]): void {
    const { contracts, journal, submitter, metrics, log } = this.context;
    // Only these wait with it: a trace may be large, and hundreds may wait.
    const [graph, { traceRoot }] = [model.graph, trace];
    const { court } = contracts;
    const { id, facts, traceBy } = found;
    const purpose = tracePurpose(id);
    this.#start([purpose], async () => {
      journal.bindTrace(facts.jobId, traceRoot);
      const outcome = await submitter.send({
        purpose,
        to: await court.getAddress(),
        data: court.interface.encodeFunctionData("postTrace", [id, facts, graph as never, roots]),
        // One call saves the stake of a job, where an answer saves it together with all others of its case.
        urgency: this.#inLine(found, Rank.First, traceBy),
        stillWanted: () => this.#wantsTrace(id),
      });
      if (outcome === "mined") metrics.courtMoves.inc({ move: "trace" });
      log.info({ case: id, job: facts.jobId, traceRoot, outcome }, "trace posted");
    });
  }

  /** Also after the deadline: an answer counts until somebody proves the silence. Nothing where another was first. */
  async #answerTo(
    { id }: CourtCase,
    { model, trace }: CourtRun,
    tree: MerkleTree,
    { part, replyBy }: Demanded,
  ): Promise<Answer | undefined> {
    const { interface: calls } = this.context.contracts.court;
    const committed = trace.tensors[part.tensor];
    if (!committed || !(await this.#wantsPart(id, part))) return undefined;
    const shown = answerDemand(committed, part);
    const { nodesRoot, nodeCount, inputs } = model.graph;
    const facts = { root: trace.traceRoot, nodesRoot, inputCount: inputs.length, nodeCount };
    const proofs: [string[], string, string[]] = [
      [...shown.proof],
      committed.header.merkleRoot,
      tree.proof(part.tensor),
    ];
    const data =
      shown.kind === "leaf"
        ? calls.encodeFunctionData("revealLeaf", [id, facts, part, shown.leaf, ...proofs])
        : calls.encodeFunctionData("revealChildren", [id, facts, part, [...shown.children], ...proofs]);
    return { part, due: replyBy, data };
  }

  /** In one transaction, or in smaller ones where they do not go together. */
  #show(found: CourtCase, answers: readonly Answer[]): void {
    const purposes = answers.map(({ part }) => showPurpose(found.id, part));
    this.#start(purposes, () => this.#sendAll(found, answers));
  }

  async #sendAll(found: CourtCase, answers: readonly Answer[]): Promise<void> {
    const isDone = await this.#send(found, answers).catch((error: unknown) => {
      // A node may have the gas or the time for each, but not for all of them.
      if (this.context.signal.aborted || answers.length === 1) throw error;
      return false;
    });
    if (isDone || answers.length === 1) return;
    const half = Math.ceil(answers.length / 2);
    await Promise.all([answers.slice(0, half), answers.slice(half)].map((each) => this.#sendAll(found, each)));
  }

  /** Whether it is done with. */
  async #send(found: CourtCase, answers: readonly Answer[]): Promise<boolean> {
    const { contracts, submitter, metrics, log } = this.context;
    const { court } = contracts;
    const { id, facts } = found;
    const [first, ...more] = answers;
    if (!first) return true;
    const all = answers.map(({ data }) => data);
    const outcome = await submitter.send({
      purpose: together(answers.map(({ part }) => showPurpose(id, part))),
      to: await court.getAddress(),
      data: more.length > 0 ? court.interface.encodeFunctionData("multicall", [all]) : first.data,
      urgency: this.#inLine(found, Rank.InTime, Math.min(...answers.map(({ due }) => due))),
      stillWanted: async () => {
        const wanted = await Promise.all(answers.map(({ part }) => this.#wantsPart(id, part)));
        return wanted.includes(true);
      },
    });
    if (outcome === "mined") metrics.courtMoves.inc({ move: "answer" }, answers.length);
    log.info({ case: id, job: facts.jobId, demands: answers.length, outcome }, "demands answered");
    return outcome === "mined" || outcome === "superseded";
  }

  /** An act that several things wait for: each goes on, or is tried again, by itself. */
  #start(purposes: readonly string[], act: () => Promise<void>): void {
    const [name = ""] = purposes;
    for (const each of purposes) this.#moving.add(each);
    this.#moves.start(name, async () => {
      try {
        await act();
        for (const each of purposes) this.#backoff.succeeded(each);
      } catch (error) {
        for (const each of purposes) this.#backoff.failed(each);
        throw error;
      } finally {
        for (const each of purposes) this.#moving.delete(each);
      }
    });
  }

  async #isOver(caseId: string): Promise<boolean> {
    const [ruling] = await this.context.contracts.court.rulingOf(caseId);
    return ruling !== Ruling.None;
  }

  /** Once per case: nothing this machine could send would help. */
  #giveUp(found: CourtCase, own: string): void {
    const { id, facts } = found;
    const message = "cannot defend: a run on this machine gives something else than what was submitted";
    this.context.log.error({ case: id, job: facts.jobId, submitted: facts.outputCommitment, own }, message);
    this.context.journal.setNote(noteOf(found), "cannot be defended", id);
  }
}

/** On another branch of the chain the same id may be another case. */
function noteOf({ id, facts, posted }: CourtCase): string {
  return `defence of ${id}, job ${facts.jobId}, ${facts.outputCommitment}, trace in ${posted?.blockHash ?? "none"}`;
}

const tracePurpose = (id: string): string => `trace ${id}`;
const showPurpose = (id: string, part: Part): string => `show ${id} ${partKey(part)}`;

function rootsOf({ trace }: CourtRun): string[] {
  return trace.tensors.map(({ header }) => header.merkleRoot);
}
