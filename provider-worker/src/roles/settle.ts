import type { JobTerms } from "@assay/sdk";
import { jobIdText, JobStatus } from "@assay/sdk";

import { TaskPool } from "../jobs/taskPool.js";
import type { Role, RoleContext } from "./role.js";
import { dueSettlements, findRequest, isOurs, orderIn } from "./role.js";
import { sweep } from "./sweep.js";

const BATCH = 20;

/** What jobs whose earnings are collected together have in common. */
interface Pot {
  id: string;
  provider: string;
  modelId: string;
  token: string;
  protocolFeeBps: string;
}

/** How the names of notes about pots begin. */
const POT = "pot ";

/** Brings the provider's money home: finalises due jobs, expires late ones and collects earnings, by itself. */
export class Settle implements Role {
  readonly name = "settle";
  readonly #tasks: TaskPool;

  constructor(
    private readonly context: RoleContext,
    /** Seconds between two collections of one pot. */
    private readonly collectEvery: number,
  ) {
    this.#tasks = new TaskPool(4, context.signal, (key, error) => {
      context.log.warn({ key, err: error }, "not settled yet");
    });
  }

  tick(now: number): Promise<void> {
    if (dueSettlements(this.context, now, 1).length > 0) this.#tasks.start("finalise", () => this.#finalise(now));
    for (const terms of this.#late(now)) {
      this.#tasks.start(`expire ${jobIdText(terms.id)}`, () => this.#expire(terms));
    }
    for (const pot of this.#pots()) {
      const collected = Number(this.context.journal.note(`collected ${pot.id}`) ?? 0);
      // A node may have said then that it was later than it was.
      if (Math.abs(now - collected) >= this.collectEvery) {
        this.#tasks.start(pot.id, () => this.#collect(pot, now));
      }
    }
    return Promise.resolve();
  }

  async #finalise(now: number): Promise<void> {
    const { contracts, submitter, log } = this.context;
    const due = dueSettlements(this.context, now, BATCH);
    const outcome = await submitter.send({
      purpose: "finalise",
      to: await contracts.market.getAddress(),
      data: contracts.market.interface.encodeFunctionData("finaliseDue", [due]),
      stillWanted: async () => (await contracts.market.finaliseDue.staticCall(due)) > 0n,
    });
    log.info({ jobs: due.length, outcome }, "finalised");
  }

  /** Refunds the client, which frees the stake that the job locks. */
  async #expire(terms: JobTerms): Promise<void> {
    const { contracts, submitter, log } = this.context;
    const job = jobIdText(terms.id);
    const stillWanted = async () => (await contracts.market.statusOf(terms.id)) === JobStatus.Expired;
    if (!(await stillWanted())) return;
    const data = contracts.market.interface.encodeFunctionData("expire", [terms]);
    const to = await contracts.market.getAddress();
    const outcome = await submitter.send({ purpose: `expire ${job}`, to, data, stillWanted });
    log.info({ job, outcome }, "expired");
  }

  async #collect({ id, ...key }: Pot, now: number): Promise<void> {
    const { contracts, journal, submitter, log } = this.context;
    const stillWanted = async () => {
      const { amount, stake } = await contracts.market.earnedOf(key);
      return amount > 0n || stake > 0n;
    };
    if (await stillWanted()) {
      const data = contracts.market.interface.encodeFunctionData("collect", [key]);
      const to = await contracts.market.getAddress();
      const outcome = await submitter.send({ purpose: `collect ${id}`, to, data, stillWanted });
      log.info({ pot: id, outcome }, "collected");
      await sweep(this.context, key.token, await contracts.providers.payoutOf(key.provider));
    }
    journal.setNote(`collected ${id}`, String(now));
  }

  /** Its jobs that were not delivered in time and lock stake; any other is the client's to expire. */
  #late(now: number): JobTerms[] {
    const { journal, provider } = this.context;
    return journal.overdue(provider, now).map((event) => orderIn(event).terms);
  }

  /** Every pot that the provider's paid jobs went to, by what makes it one. */
  #pots(): Pot[] {
    const { journal } = this.context;
    journal.takeNew("settle", "JobPaid", (event) => {
      const terms = isOurs(this.context, event) ? findRequest(journal, event.key)?.terms : undefined;
      if (!terms) return;
      const id = [terms.modelId, terms.token, terms.protocolFeeBps].join(" ");
      if (journal.note(POT + id) === undefined) journal.setNote(POT + id, terms.provider);
    });
    return [...journal.notes(POT)].map(([id, provider]) => {
      const [modelId = "", token = "", protocolFeeBps = ""] = id.split(" ");
      return { id, provider, modelId, token, protocolFeeBps };
    });
  }
}
