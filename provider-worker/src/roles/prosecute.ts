import type { Accusation, Part } from "@assay/sdk";
import {
  GasLimitError,
  inPartsThatFit,
  metaHeader,
  nextStep,
  nodesTree,
  partKey,
  proofCalls,
  Ruling,
  shownIn,
} from "@assay/sdk";

import type { Outcome } from "../chain/submitter.js";
import type { CourtCase, Demanded } from "../court/courtCase.js";
import { openCourtCases } from "../court/courtCase.js";
import type { CourtRun, CourtRuns } from "../court/courtRuns.js";
import { Backoff } from "../jobs/backoff.js";
import type { Place } from "../jobs/taskPool.js";
import { TaskPool } from "../jobs/taskPool.js";
import type { Role, RoleContext } from "./role.js";
import { runsOf, sameAddress } from "./role.js";

type Posted = NonNullable<CourtCase["posted"]>;

/**
 * Convicts before the proof court. It looks at every open case of another provider, whoever opened it: one honest party
 * has to be enough also where the challenger is the provider's friend.
 */
export class Prosecute implements Role {
  readonly name = "prosecute";
  readonly #tasks: TaskPool;
  readonly #runs: CourtRuns;
  readonly #backoff = new Backoff();
  /** What a case waits for, so that nothing is computed before it is shown or overdue. */
  readonly #awaited = new Map<string, readonly string[]>();

  constructor(private readonly context: RoleContext) {
    this.#tasks = new TaskPool(4, context.signal, (key, error) => {
      context.log.warn({ case: key, err: error }, "case not prosecuted yet");
    });
    this.#runs = runsOf(context);
  }

  tick(now: number): Promise<void> {
    this.#backoff.tick(now);
    const { journal, provider } = this.context;
    const others = openCourtCases(journal).filter(({ facts }) => !sameAddress(facts.provider, provider));
    this.#runs.keepOnly(others.map(({ facts }) => facts.jobId));
    for (const found of others) {
      // Without a trace in time the ruling follows by itself: `resolve` carries it out.
      if (!found.posted || journal.note(noteOf(found, found.posted)) !== undefined) continue;
      if (this.#waits(found, now) || !this.#backoff.isDue(found.id)) continue;
      const { posted } = found;
      this.#tasks.start(found.id, (place) => this.#prosecute(found, posted, now, place));
    }
    return Promise.resolve();
  }

  #waits({ id, demands }: CourtCase, now: number): boolean {
    const open = new Set(demands.filter(({ answer }) => !answer).map(({ part }) => partKey(part)));
    const awaited = this.#awaited.get(id) ?? [];
    const quiet = awaited.length > 0 && awaited.every((part) => open.has(part));
    return quiet && !demands.some((each) => isOverdue(each, now));
  }

  async #prosecute(found: CourtCase, posted: Posted, now: number, place: Place): Promise<void> {
    const run = await this.#ownRun(found, posted, place);
    if (!run) return;
    if (isRight(run, found, posted)) return this.#giveUp(found, posted, "the result is right");
    const overdue = found.demands.find((each) => isOverdue(each, now));
    if (overdue) return this.#proveSilence(found, overdue.part);
    const step = nextStep(run.model, run.trace, posted.roots, shownIn(found.demands));
    if (step.kind === "demand") {
      this.#awaited.set(found.id, step.parts.map(partKey));
      await Promise.all(step.parts.map((part) => this.#demand(found, run, part)));
      return;
    }
    if (step.kind === "accuse" && (await this.#accuse(found, step.accusation))) return;
    this.#giveUp(found, posted, "nothing that was shown contradicts what it was computed from");
  }

  /** This machine's run of the job; undefined if it can never be made. */
  async #ownRun(found: CourtCase, posted: Posted, place: Place): Promise<CourtRun | undefined> {
    try {
      return await this.#runs.get(found.facts.jobId, place);
    } catch (error) {
      if (this.context.signal.aborted || this.#backoff.retries(found.id, error)) throw error;
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
    const [fee, token] = await Promise.all([court.demandFeeOf(part, metaHeader(meta) as never), court.STAKE_TOKEN()]);
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

  /** False if the court sees no contradiction: this machine and the verifier do not compute the same. */
  async #accuse({ id }: CourtCase, accusation: Accusation): Promise<boolean> {
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
        (tried) => this.#prove(id, tried, stillWanted),
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
  async #prove(id: string, accusation: Accusation, stillWanted: () => Promise<boolean>): Promise<boolean> {
    const { contracts, operator } = this.context;
    const calls = await proofCalls(contracts.court, id, operator, accusation);
    if (!calls) return false;
    // A long sum takes several calls. What stops here goes on from what the chain has by then.
    for (const { name, data } of calls) {
      const [move, purpose] =
        name === "accumulate" ? (["sum", `sum ${id}`] as const) : (["proof", `prove ${id}`] as const);
      if ((await this.#move(move, id, purpose, data, stillWanted)) !== "mined") return true;
    }
    return true;
  }

  async #move(
    move: "demand" | "silence" | "sum" | "proof",
    id: string,
    purpose: string,
    data: string,
    stillWanted: () => Promise<boolean>,
  ): Promise<Outcome> {
    const { contracts, submitter, metrics, log } = this.context;
    const outcome = await submitter.send({ purpose, to: await contracts.court.getAddress(), data, stillWanted });
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

/**
 * Where honest traces are alike to the byte, another one than this machine's is wrong somewhere even if it ends in the
 * right result: its provider has not computed what it is bound to.
 */
function isRight({ model, trace }: CourtRun, { facts }: CourtCase, { roots }: Posted): boolean {
  if (trace.outputRoot !== facts.outputCommitment) return false;
  const own = trace.tensors.map(({ header }) => header.merkleRoot);
  return model.profile.kind === "Tolerance" || own.join() === roots.join();
}

function isOverdue({ answer, replyBy }: Demanded, now: number): boolean {
  return !answer && replyBy < now;
}
