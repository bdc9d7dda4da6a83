import type { Part } from "@assay/sdk";
import { answerDemand, courtBatches, MerkleTree, partKey, Ruling } from "@assay/sdk";

import type { CourtCase, Demanded } from "../court/courtCase.js";
import { openCourtCases } from "../court/courtCase.js";
import type { CourtRun, CourtRuns } from "../court/courtRuns.js";
import { Backoff, URGENT } from "../jobs/backoff.js";
import type { Place } from "../jobs/taskPool.js";
import { TaskPool } from "../jobs/taskPool.js";
import type { Role, RoleContext } from "./role.js";
import { runsOf, sameAddress } from "./role.js";

/** What a demand obliges to show, as a call of the court. */
interface Answer {
  readonly part: Part;
  readonly data: string;
}

/** Answers for its provider before the proof court: posts the trace of each job in dispute and shows what is demanded. */
export class Defend implements Role {
  readonly name = "defend";
  readonly #tasks: TaskPool;
  readonly #runs: CourtRuns;
  readonly #backoff = new Backoff(URGENT);

  constructor(private readonly context: RoleContext) {
    this.#tasks = new TaskPool(4, context.signal, (key, error) => {
      context.log.error({ case: key, err: error }, "case not defended yet");
    });
    this.#runs = runsOf(context);
  }

  tick(now: number): Promise<void> {
    this.#backoff.tick(now);
    const { journal, provider } = this.context;
    const ours = openCourtCases(journal).filter(({ facts }) => sameAddress(facts.provider, provider));
    this.#runs.keepOnly(ours.map(({ facts }) => facts.jobId));
    for (const found of ours) {
      const idle = found.posted !== undefined && found.demands.every(({ answer }) => answer);
      if (idle || journal.note(noteOf(found)) !== undefined || !this.#backoff.isDue(found.id)) continue;
      this.#tasks.start(found.id, (place) => this.#backoff.attempt(found.id, () => this.#defend(found, place)));
    }
    return Promise.resolve();
  }

  async #defend(found: CourtCase, place: Place): Promise<void> {
    const run = await this.#runs.get(found.facts.jobId, place);
    const roots = rootsOf(run);
    // The court takes no trace that ends otherwise than the result, and a worker that posted one could not answer.
    if (run.trace.outputRoot !== found.facts.outputCommitment) return this.#giveUp(found, run.trace.outputRoot);
    if (!found.posted) return this.#postTrace(found, run, roots);
    if (found.posted.roots.join() !== roots.join()) return this.#giveUp(found, run.trace.traceRoot);
    const tree = MerkleTree.fromHashes(roots);
    const open = found.demands.filter(({ answer }) => !answer);
    const answers = await Promise.all(open.map((demanded) => this.#answer(found, run, tree, demanded)));
    await Promise.all(
      courtBatches(answers.filter((each) => each !== undefined)).map((batch) => this.#show(found, batch)),
    );
  }

  async #postTrace({ id, facts }: CourtCase, { model, trace }: CourtRun, roots: readonly string[]): Promise<void> {
    const { contracts, journal, submitter, metrics, log } = this.context;
    const { court } = contracts;
    const stillWanted = async () => !(await this.#isOver(id)) && BigInt((await court.courtCaseOf(id)).traceRoot) === 0n;
    if (!(await stillWanted())) return;
    journal.bindTrace(facts.jobId, trace.traceRoot);
    const outcome = await submitter.send({
      purpose: `trace ${id}`,
      to: await court.getAddress(),
      data: court.interface.encodeFunctionData("postTrace", [id, facts, model.graph as never, [...roots]]),
      stillWanted,
    });
    if (outcome === "mined") metrics.courtMoves.inc({ move: "trace" });
    log.info({ case: id, job: facts.jobId, traceRoot: trace.traceRoot, outcome }, "trace posted");
  }

  /** Also after the deadline: an answer counts until somebody proves the silence. Nothing where another was first. */
  async #answer(
    { id }: CourtCase,
    { trace }: CourtRun,
    tree: MerkleTree,
    { part }: Demanded,
  ): Promise<Answer | undefined> {
    const { interface: calls } = this.context.contracts.court;
    const committed = trace.tensors[part.tensor];
    if (!committed || !(await this.#isOpen(id, part))) return undefined;
    const shown = answerDemand(committed, part);
    const proofs: [string[], string, string[]] = [
      [...shown.proof],
      committed.header.merkleRoot,
      tree.proof(part.tensor),
    ];
    const data =
      shown.kind === "leaf"
        ? calls.encodeFunctionData("revealLeaf", [id, part, shown.leaf, ...proofs])
        : calls.encodeFunctionData("revealChildren", [id, part, [...shown.children], ...proofs]);
    return { part, data };
  }

  /** One transaction; each answer by itself where they do not go together. */
  async #show(found: CourtCase, answers: readonly Answer[]): Promise<void> {
    const { id } = found;
    const { contracts, submitter, metrics, log } = this.context;
    const { court } = contracts;
    const [first, ...more] = answers;
    if (!first) return;
    const isAnyOpen = async () => {
      const open = await Promise.all(answers.map(({ part }) => this.#isOpen(id, part)));
      return open.includes(true);
    };
    const all = answers.map(({ data }) => data);
    const outcome = await submitter.send({
      purpose: `show ${id} ${partKey(first.part)}${more.length > 0 ? ` and ${more.length} more` : ""}`,
      to: await court.getAddress(),
      data: more.length > 0 ? court.interface.encodeFunctionData("multicall", [all]) : first.data,
      stillWanted: async () => !(await this.#isOver(id)) && (await isAnyOpen()),
    });
    if (outcome === "mined") metrics.courtMoves.inc({ move: "answer" }, answers.length);
    log.info({ case: id, ...first.part, answers: answers.length, outcome }, "demands answered");
    if (more.length === 0 || outcome === "mined" || outcome === "superseded") return;
    await Promise.all(answers.map((each) => this.#show(found, [each])));
  }

  async #isOpen(id: string, part: Part): Promise<boolean> {
    return !(await this.context.contracts.court.demandOf(id, part)).answered;
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

function rootsOf({ trace }: CourtRun): string[] {
  return trace.tensors.map(({ header }) => header.merkleRoot);
}
