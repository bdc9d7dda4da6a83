import { Ruling } from "@assay/sdk";

import { TaskPool } from "../jobs/taskPool.js";
import type { Role, RoleContext } from "./role.js";
import { Phase, requestOf } from "./role.js";

/** Carries out rulings and pays jurors: anyone may, so every worker that judges or audits does. */
export class Resolve implements Role {
  readonly name = "resolve";
  readonly #tasks: TaskPool;

  constructor(private readonly context: RoleContext) {
    this.#tasks = new TaskPool(4, context.signal, (key, error) => {
      context.log.warn({ key, err: error }, "case not resolved yet");
    });
  }

  tick(): Promise<void> {
    const { journal } = this.context;
    for (const event of journal.openEvents("CaseOpened", ["CaseResolved"])) {
      this.#tasks.start(event.key, () => this.#resolve(event.key, event.args));
    }
    for (const event of journal.events("CaseResolved")) {
      if (journal.note(`paid ${event.key}`) === undefined) {
        this.#tasks.start(`pay ${event.key}`, () => this.#pay(event.key));
      }
    }
    return Promise.resolve();
  }

  async #resolve(caseId: string, args: Readonly<Record<string, unknown>>): Promise<void> {
    const { contracts, journal, submitter, log } = this.context;
    const [ruling] = await contracts.jury.rulingOf(caseId);
    if (ruling === Ruling.None) return this.#count(caseId);
    const { terms } = requestOf(journal, String(args.jobId));
    const data = contracts.disputes.interface.encodeFunctionData("resolve", [caseId, terms]);
    const outcome = await submitter.send({
      purpose: `resolve ${caseId}`,
      to: await contracts.disputes.getAddress(),
      data,
      stillWanted: async () => (await contracts.disputes.caseOf(caseId)).ruling === Ruling.None,
    });
    log.info({ case: caseId, outcome }, "resolved");
  }

  /** Counts the votes once nobody can vote any more: the drawn jurors may all be gone. */
  async #count(caseId: string): Promise<void> {
    const { contracts, submitter } = this.context;
    const stillWanted = async () => (await contracts.jury.phaseOf(caseId)) === Phase.Count;
    if (!(await stillWanted())) return;
    const data = contracts.jury.interface.encodeFunctionData("close", [caseId]);
    await submitter.send({ purpose: `close ${caseId}`, to: await contracts.jury.getAddress(), data, stillWanted });
  }

  async #pay(caseId: string): Promise<void> {
    const { contracts, journal, submitter } = this.context;
    const stillWanted = async () => !(await contracts.jury.juryCaseOf(caseId)).paid;
    if (await stillWanted()) {
      const data = contracts.jury.interface.encodeFunctionData("payJurors", [caseId]);
      const to = await contracts.jury.getAddress();
      await submitter.send({ purpose: `pay ${caseId}`, to, data, stillWanted });
      if (await stillWanted()) return;
    }
    journal.setNote(`paid ${caseId}`, "yes");
  }
}
