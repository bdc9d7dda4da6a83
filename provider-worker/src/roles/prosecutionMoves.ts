import {
  GasLimitError,
  inPartsThatFit,
  metaHeader,
  nodesTree,
  partKey,
  proofCalls,
  Ruling,
  traceFactsOf,
} from "@assay/sdk";
import type { Accusation, CourtModel, MerkleTree, Part, TraceFacts } from "@assay/sdk";

import type { Call, Outcome } from "../chain/submitter.js";
import { Rank } from "../chain/submitter.js";
import type { CourtCase, Demanded } from "../court/courtCase.js";
import type { CourtRun } from "../court/courtRuns.js";
import { WorkerError } from "../errors.js";
import type { RoleContext } from "./role.js";

/** A call of the court, and the last second in which it counts. */
type Move = Pick<Call, "purpose" | "data" | "stillWanted"> & { readonly due: number };

/** What demands about one trace have in common. */
interface Proven {
  readonly model: CourtModel;
  readonly nodes: MerkleTree;
  readonly facts: TraceFacts;
}

/**
 * What is sent against a provider in a case before the proof court: demands, proofs of silence and accusations. Whatever
 * is not made throws, so that it is made again after a pause.
 */
export class ProsecutionMoves {
  /** Fees of demands on their way. */
  #reserved = 0n;

  constructor(private readonly context: RoleContext) {}

  async demandAll({ id, posted }: CourtCase, { model }: CourtRun, parts: readonly Part[], due: number): Promise<void> {
    if (!posted) return;
    // Once for all of them: a search may ask for hundreds.
    const proven = { model, nodes: nodesTree(model.nodes), facts: traceFactsOf(model.graph, posted.roots) };
    const paid = await Promise.all(parts.map((part) => this.#demand(id, proven, part, due)));
    if (paid.includes(false)) throw new WorkerError("not every demand was sent: the escrow has too little", true);
  }

  /** False if there is no fee for it. */
  async #demand(id: string, { model, nodes, facts }: Proven, part: Part, due: number): Promise<boolean> {
    const { court } = this.context.contracts;
    const nodeIndex = part.tensor - model.inputNames.length;
    const [node, meta] = [model.nodes[nodeIndex], model.tensors[part.tensor]];
    if (!node || !meta) return true;
    const header = metaHeader(meta) as never;
    const stillWanted = async () => !(await this.#isOver(id)) && (await court.demandOf(id, part)).deadline === 0n;
    if (!(await stillWanted())) return true;
    const fee = await court.demandFeeOf(part, header);
    if (!(await this.#reserve(id, fee))) return false;
    const words = [id, facts, part, node as never, nodes.proof(nodeIndex), header] as const;
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
  async proveSilence({ id }: CourtCase, { part, replyBy }: Demanded): Promise<void> {
    const { court } = this.context.contracts;
    const stillWanted = async () => !(await this.#isOver(id)) && !(await court.demandOf(id, part)).answered;
    if (!(await stillWanted())) return;
    const data = court.interface.encodeFunctionData("proveSilence", [id, part]);
    const due = replyBy + Number(await court.CLAIM_PERIOD());
    await this.#move("silence", id, { purpose: `silence ${id}`, data, due, stillWanted });
  }

  /** False if the court sees no contradiction: this machine and the verifier do not compute the same. */
  async accuse({ id }: CourtCase, accusation: Accusation, due: number): Promise<boolean> {
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
      // Another node may allow more gas.
      if (error instanceof GasLimitError) journal.removeNote(cutsOf(id));
      throw error;
    }
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
    if (outcome === "refused" || outcome === "reverted") throw new WorkerError(`${purpose} was ${outcome}`, true);
    return outcome;
  }

  async #isOver(caseId: string): Promise<boolean> {
    const [ruling] = await this.context.contracts.court.rulingOf(caseId);
    return ruling !== Ruling.None;
  }
}

/** How often the sums of a case were cut in halves. */
function cutsOf(id: string): string {
  return `cuts of sums in ${id}`;
}
