import type { Accusation, Part, TraceCommitment } from "@assay/sdk";
import {
  accusations,
  ContractRevertError,
  decodeRevert,
  Evidence,
  firstDivergent,
  metaHeader,
  nodesTree,
  Ruling,
} from "@assay/sdk";

import type { CourtCase, Demanded } from "../court/courtCase.js";
import { openCourtCases, partKey } from "../court/courtCase.js";
import type { CourtRun } from "../court/courtRuns.js";
import { CourtRuns } from "../court/courtRuns.js";
import { TaskPool } from "../jobs/taskPool.js";
import type { Role, RoleContext } from "./role.js";
import { isHopeless, requestOf, sameAddress } from "./role.js";

type Posted = NonNullable<CourtCase["posted"]>;

/**
 * Convicts before the proof court. It looks at every open case of another provider, whoever opened it: one honest party
 * has to be enough also where the challenger is the provider's friend.
 */
export class Prosecute implements Role {
  readonly name = "prosecute";
  readonly #tasks: TaskPool;
  readonly #runs: CourtRuns;
  /** What a case waits for, so that nothing is computed before it is shown or overdue. */
  readonly #awaited = new Map<string, string>();

  constructor(private readonly context: RoleContext) {
    this.#tasks = new TaskPool(4, context.signal, (key, error) => {
      context.log.warn({ case: key, err: error }, "case not prosecuted yet");
    });
    this.#runs = new CourtRuns((job) => {
      const { terms, inputUri } = requestOf(context.journal, job);
      return context.tracer.trace(terms, inputUri);
    });
  }

  tick(now: number): Promise<void> {
    const { journal, provider } = this.context;
    const others = openCourtCases(journal).filter(({ facts }) => !sameAddress(facts.provider, provider));
    this.#runs.keepOnly(others.map(({ facts }) => facts.jobId));
    for (const found of others) {
      // Without a trace in time the ruling follows by itself: `resolve` carries it out.
      if (!found.posted || journal.note(noteOf(found, found.posted)) !== undefined) continue;
      if (this.#waits(found, now)) continue;
      const { posted } = found;
      this.#tasks.start(found.id, () => this.#prosecute(found, posted, now));
    }
    return Promise.resolve();
  }

  #waits({ id, demands }: CourtCase, now: number): boolean {
    const awaited = demands.find(({ part }) => partKey(part) === this.#awaited.get(id));
    return awaited !== undefined && !awaited.answer && !demands.some((each) => isOverdue(each, now));
  }

  async #prosecute(found: CourtCase, posted: Posted, now: number): Promise<void> {
    const run = await this.#ownRun(found, posted);
    if (!run) return;
    if (run.trace.outputRoot === found.facts.outputCommitment)
      return this.#giveUp(found, posted, "the result is right");
    const overdue = found.demands.find((each) => isOverdue(each, now));
    if (overdue) return this.#proveSilence(found, overdue.part);
    const tensor = firstDivergent(run.trace, posted.roots);
    const evidence = tensor === undefined ? undefined : evidenceOf(found, tensor, run.trace);
    // The court holds output against trace, so a trace that differs in nothing cannot be.
    if (tensor === undefined || !evidence) return this.#giveUp(found, posted, "the trace is that of this machine");
    const next = evidence.next();
    if ("ask" in next) {
      this.#awaited.set(found.id, partKey(next.ask));
      return this.#demand(found, run, next.ask);
    }
    const { model, trace: honest } = run;
    const leaf = evidence.honestLeaf(next.found.index);
    const candidates = accusations({ model, honest, roots: posted.roots, tensor }, next.found, leaf);
    if (await this.#accuse(found, candidates)) return;
    this.#giveUp(found, posted, `no element shown of tensor ${tensor} contradicts its operands`);
  }

  /** This machine's run of the job; undefined if it can never be made. */
  async #ownRun(found: CourtCase, posted: Posted): Promise<CourtRun | undefined> {
    try {
      return await this.#runs.get(found.facts.jobId);
    } catch (error) {
      if (this.context.signal.aborted || !isHopeless(error)) throw error;
      this.#giveUp(found, posted, `the job cannot be run on this machine: ${(error as Error).message}`);
      return undefined;
    }
  }

  async #demand(found: CourtCase, { model }: CourtRun, part: Part): Promise<void> {
    const { contracts, operator, log } = this.context;
    const { court, escrow } = contracts;
    const { id } = found;
    const stillWanted = async () => !(await this.#isOver(id)) && (await court.demandOf(id, part)).deadline === 0n;
    const nodeIndex = part.tensor - model.inputNames.length;
    const [node, meta] = [model.nodes[nodeIndex], model.tensors[part.tensor]];
    if (!node || !meta || !(await stillWanted())) return;
    const [fee, token] = await Promise.all([court.DEMAND_FEE(), court.STAKE_TOKEN()]);
    const balance = await escrow.balanceOf(token, operator);
    if (balance < fee) {
      log.error({ case: id, fee, balance, operator }, "no fee: deposit stake tokens into the escrow for this key");
      return;
    }
    const proof = nodesTree(model.nodes).proof(nodeIndex);
    const words = [id, part, node as never, proof, metaHeader(meta) as never] as const;
    const data = court.interface.encodeFunctionData("demand", [...words]);
    await this.#move("demand", id, `demand ${id} ${partKey(part)}`, data, stillWanted);
  }

  async #proveSilence({ id }: CourtCase, part: Part): Promise<void> {
    const { court } = this.context.contracts;
    const stillWanted = async () => !(await this.#isOver(id)) && !(await court.demandOf(id, part)).answered;
    if (!(await stillWanted())) return;
    const data = court.interface.encodeFunctionData("proveSilence", [id, part]);
    await this.#move("silence", id, `silence ${id}`, data, stillWanted);
  }

  /** Sends the first accusation that convicts; false if none does. Where honest processors differ, none may. */
  async #accuse({ id }: CourtCase, candidates: Iterable<Accusation>): Promise<boolean> {
    const { court } = this.context.contracts;
    const stillWanted = async () => !(await this.#isOver(id));
    for (const { kind, claim, provenance } of candidates) {
      if (!(await stillWanted())) return true;
      const prove = kind === "fraud" ? court.proveFraud : court.proveMalformedLeaf;
      const words = [id, claim as never, provenance as never] as const;
      if (!(await convicts(() => prove.staticCall(...words)))) continue;
      const name = kind === "fraud" ? "proveFraud" : "proveMalformedLeaf";
      const data = court.interface.encodeFunctionData(name as "proveFraud", [...words]);
      await this.#move("proof", id, `prove ${id}`, data, stillWanted);
      return true;
    }
    return false;
  }

  async #move(
    move: "demand" | "silence" | "proof",
    id: string,
    purpose: string,
    data: string,
    stillWanted: () => Promise<boolean>,
  ): Promise<void> {
    const { contracts, submitter, metrics, log } = this.context;
    const outcome = await submitter.send({ purpose, to: await contracts.court.getAddress(), data, stillWanted });
    if (outcome === "mined") metrics.courtMoves.inc({ move });
    log.info({ case: id, purpose, outcome }, "prosecuted");
  }

  async #isOver(caseId: string): Promise<boolean> {
    const [ruling] = await this.context.contracts.court.rulingOf(caseId);
    return ruling !== Ruling.None;
  }

  /** Once per posted trace. */
  #giveUp(found: CourtCase, posted: Posted, why: string): void {
    this.context.log.warn({ case: found.id, job: found.facts.jobId, why }, "nothing to prove");
    this.context.journal.setNote(noteOf(found, posted), why);
  }
}

/** Another branch of the chain may have another trace. */
function noteOf({ id }: CourtCase, { blockHash }: Posted): string {
  return `prosecution of ${id}, trace in ${blockHash}`;
}

function isOverdue({ answer, replyBy }: Demanded, now: number): boolean {
  return !answer && replyBy < now;
}

function evidenceOf({ demands }: CourtCase, tensor: number, honest: TraceCommitment): Evidence | undefined {
  const committed = honest.tensors[tensor];
  if (!committed) return undefined;
  const evidence = new Evidence(tensor, committed);
  for (const { part, answer } of demands) {
    if (part.tensor !== tensor || !answer) continue;
    if (answer.children) evidence.addChildren(part, answer.children);
    if (answer.leaf !== undefined) evidence.addLeaf(part.index, answer.leaf);
  }
  return evidence;
}

async function convicts(call: () => Promise<unknown>): Promise<boolean> {
  try {
    await call();
    return true;
  } catch (error) {
    const decoded = decodeRevert(error);
    if (decoded instanceof ContractRevertError && decoded.error === "ProofCourt_NoContradiction") return false;
    throw decoded;
  }
}
