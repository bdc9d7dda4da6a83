import { ContractRevertError, decodeRevert } from "@assay/sdk";

import type { AuditDesk } from "../audits/office.js";
import { TaskPool } from "../jobs/taskPool.js";
import type { Role, RoleContext } from "./role.js";
import { sameAddress } from "./role.js";

export interface BuyTicketsOptions {
  /** Tickets to hold of each model; none are bought if zero. */
  tickets: number;
  models: readonly bigint[];
}

/**
 * Buys what is missing to the tickets that it is to hold, once in a run: what was lost or given back since is not
 * bought again, or a machine that computes wrongly would lose its stake ticket by ticket.
 */
export class BuyTickets implements Role {
  readonly name = "buyTickets";
  readonly #tasks: TaskPool;
  readonly #done = new Set<bigint>();
  /** Why the office sold none of a model at the last look. */
  readonly #refusals = new Map<bigint, string>();

  constructor(
    private readonly context: RoleContext,
    private readonly desk: AuditDesk,
    private readonly options: BuyTicketsOptions,
  ) {
    this.#tasks = new TaskPool(4, context.signal, (key, error) => {
      context.log.warn({ key, err: error }, "audit tickets not bought yet");
    });
  }

  tick(): Promise<void> {
    this.#noteLost();
    for (const modelId of this.options.tickets > 0 ? this.options.models : []) {
      if (!this.#done.has(modelId)) this.#tasks.start(`tickets ${modelId}`, () => this.#buy(modelId));
    }
    return Promise.resolve();
  }

  async #buy(modelId: bigint): Promise<void> {
    const { contracts, provider, submitter, log } = this.context;
    const { audits } = contracts;
    const missing = async () => this.options.tickets - Number((await audits.membershipOf(modelId, provider)).tickets);
    const wanted = await missing();
    if (wanted <= 0) {
      this.#done.add(modelId);
      return;
    }
    if (!(await this.#maySell(modelId, wanted))) return;
    const outcome = await submitter.send({
      purpose: `tickets ${modelId}`,
      to: await audits.getAddress(),
      data: audits.interface.encodeFunctionData("enrol", [modelId, provider, wanted]),
      stillWanted: async () => (await missing()) === wanted,
    });
    if (outcome === "mined") this.desk.bought(modelId);
    log.info({ model: String(modelId), tickets: wanted, outcome }, "audit tickets");
  }

  /** Whether the office would sell them now. Why not is told once for each reason, and asked again at every look. */
  async #maySell(modelId: bigint, tickets: number): Promise<boolean> {
    const { contracts, provider, operator, log } = this.context;
    try {
      await contracts.audits.enrol.staticCall(modelId, provider, tickets, { from: operator });
      return true;
    } catch (error) {
      const refusal = decodeRevert(error);
      if (!(refusal instanceof ContractRevertError)) throw refusal;
      if (this.#refusals.get(modelId) !== refusal.error) {
        log.warn({ model: String(modelId), err: refusal }, "cannot buy audit tickets yet");
      }
      this.#refusals.set(modelId, refusal.error);
      return false;
    }
  }

  #noteLost(): void {
    const { journal, provider, log } = this.context;
    journal.takeNew("tickets", "TicketLost", ({ key, args }) => {
      if (!sameAddress(args.auditor, provider)) return;
      log.error({ job: key, model: args.modelId, amount: args.amount }, "audit ticket lost");
    });
  }
}
