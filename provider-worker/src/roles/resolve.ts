import type { JobTerms } from "@assay/sdk";
import { arbiterAt, courtBatches, partKey, Ruling } from "@assay/sdk";

import type { Call } from "../chain/submitter.js";
import { together } from "../chain/submitter.js";
import { partOf } from "../court/courtCase.js";
import type { ChainEvent } from "../jobs/journal.js";
import { TaskPool } from "../jobs/taskPool.js";
import type { Role, RoleContext } from "./role.js";
import { findRequest, Phase, requestOf, sameAddress } from "./role.js";

/** A call that pays what the court holds, and whether it still does. */
interface Payment {
  readonly purpose: string;
  readonly data: string;
  readonly isOwed: () => Promise<boolean>;
}

/** Payments of which is asked at once whether the court still holds them: a case may have thousands. */
const LOOKS = 32;

/** Cases of which the node is asked at one look: anybody may open hundreds, and they take hours. */
const AT_ONE_LOOK = 16;

/** How the names of notes about resolved cases begin whose payments are not all made. */
const UNPAID = "unpaid ";

/**
 * Carries out rulings and has everyone paid: anyone may, so every worker that judges or audits does, and one that only
 * serves for its provider's jobs.
 */
export class Resolve implements Role {
  readonly name = "resolve";
  readonly #tasks: TaskPool;
  /** Place of the first that is looked at next. */
  #turn = 0;

  constructor(
    private readonly context: RoleContext,
    private readonly options: { everyCase: boolean },
  ) {
    this.#tasks = new TaskPool(4, context.signal, (key, error) => {
      context.log.warn({ key, err: error }, "case not resolved yet");
    });
  }

  tick(): Promise<void> {
    const { journal } = this.context;
    const open = journal.openEvents("CaseOpened").filter((each) => this.#isMine(each));
    this.#noteResolved();
    const unpaid = [...journal.notes(UNPAID).keys()];
    const looks = [
      ...open.map((event) => ({ key: event.key, act: () => this.#resolve(event) })),
      ...unpaid.map((key) => ({ key: `pay ${key}`, act: () => this.#pay(key) })),
    ];
    for (const { key, act } of this.#inTurn(looks)) this.#tasks.start(key, act);
    return Promise.resolve();
  }

  /** So many of them, others at the next look: however many cases there are, the node has to answer what is due as well. */
  #inTurn<T>(all: readonly T[]): T[] {
    const from = this.#turn % Math.max(1, all.length);
    this.#turn = from + AT_ONE_LOOK;
    return [...all.slice(from), ...all.slice(0, from)].slice(0, AT_ONE_LOOK);
  }

  /** Notes whose payments are to be looked after, so that nobody looks through all cases that ever were. */
  #noteResolved(): void {
    const { journal } = this.context;
    const reader = this.options.everyCase ? "resolve every case" : "resolve own cases";
    journal.takeNew(reader, "CaseResolved", ({ key }) => {
      const [opened] = journal.events("CaseOpened", key);
      if (opened && this.#isMine(opened)) journal.setNote(UNPAID + key, "yes", key);
    });
  }

  #isMine({ args }: ChainEvent): boolean {
    const { journal, provider } = this.context;
    return this.options.everyCase || sameAddress(findRequest(journal, String(args.jobId))?.terms.provider, provider);
  }

  async #resolve({ key: caseId, args }: ChainEvent): Promise<void> {
    const { contracts, journal, submitter, log } = this.context;
    const [ruling] = await arbiterAt(contracts, String(args.arbiter)).rulingOf(caseId);
    if (ruling === Ruling.None) {
      if (await this.#isOf("jury", args.arbiter)) await this.#count(caseId);
      return;
    }
    const { terms } = requestOf(journal, String(args.jobId));
    const stillWanted = async () => (await contracts.disputes.caseOf(caseId)).ruling === Ruling.None;
    const [fees = []] = courtBatches(await this.#feesOwed(caseId, args.arbiter));
    if (fees.length > 0 && (await this.#resolveWith(fees, caseId, terms, stillWanted))) return;
    const outcome = await submitter.send({
      purpose: `resolve ${caseId}`,
      to: await contracts.disputes.getAddress(),
      data: contracts.disputes.interface.encodeFunctionData("resolve", [caseId, terms]),
      stillWanted,
    });
    log.info({ case: caseId, outcome }, "resolved");
  }

  /**
   * Carries out a ruling and pays fees in one transaction. False if that came to nothing, as where anybody pays one of the
   * fees first: the ruling waits for none of them.
   */
  async #resolveWith(
    fees: readonly Payment[],
    caseId: string,
    terms: JobTerms,
    stillWanted: Call["stillWanted"],
  ): Promise<boolean> {
    const { contracts, submitter, log, signal } = this.context;
    const { court } = contracts;
    const calls = [court.interface.encodeFunctionData("resolve", [caseId, terms]), ...fees.map(({ data }) => data)];
    try {
      const outcome = await submitter.send({
        purpose: `resolve ${caseId}`,
        to: await court.getAddress(),
        data: court.interface.encodeFunctionData("multicall", [calls]),
        stillWanted,
      });
      log.info({ case: caseId, fees: fees.length, outcome }, "resolved with its fees");
      return outcome === "mined" || outcome === "superseded";
    } catch (error) {
      signal.throwIfAborted();
      log.warn({ case: caseId, fees: fees.length, err: error }, "not resolved with its fees: resolving it alone");
      return false;
    }
  }

  /** What can be paid in the transaction that resolves a case; `#pay` looks after the rest. */
  async #feesOwed(caseId: string, arbiter: unknown): Promise<Payment[]> {
    return (await this.#isOf("court", arbiter)) ? this.#owedByCourt(caseId) : [];
  }

  /** Counts the votes once nobody can vote any more: the drawn jurors may all be gone. */
  async #count(caseId: string): Promise<void> {
    const { contracts, submitter } = this.context;
    const stillWanted = async () => (await contracts.jury.phaseOf(caseId)) === Phase.Count;
    if (!(await stillWanted())) return;
    const data = contracts.jury.interface.encodeFunctionData("close", [caseId]);
    await submitter.send({ purpose: `close ${caseId}`, to: await contracts.jury.getAddress(), data, stillWanted });
  }

  /** Looked after until all that the arbiter holds went where it belongs. */
  async #pay(caseId: string): Promise<void> {
    const { journal } = this.context;
    const [opened] = journal.events("CaseOpened", caseId);
    // A reorganisation took the ruling back: it is noted again when there is one again.
    const isResolved = journal.events("CaseResolved", caseId).length > 0;
    if (!opened || !isResolved || (await this.#isPaid(caseId, opened.args.arbiter)))
      journal.removeNote(UNPAID + caseId);
  }

  async #isPaid(caseId: string, arbiter: unknown): Promise<boolean> {
    if (await this.#isOf("jury", arbiter)) return this.#payJurors(caseId);
    if (!(await this.#isOf("court", arbiter))) return true;
    return this.#payFromCourt(caseId);
  }

  async #payJurors(caseId: string): Promise<boolean> {
    const { contracts, submitter } = this.context;
    const stillWanted = async () => !(await contracts.jury.juryCaseOf(caseId)).paid;
    if (!(await stillWanted())) return true;
    const data = contracts.jury.interface.encodeFunctionData("payJurors", [caseId]);
    await submitter.send({ purpose: `pay ${caseId}`, to: await contracts.jury.getAddress(), data, stillWanted });
    return !(await stillWanted());
  }

  /** Fees of demands, in one transaction as a rule. */
  async #payFromCourt(caseId: string): Promise<boolean> {
    const { submitter } = this.context;
    // What an earlier run sent goes on by itself.
    if (this.#paymentsOf(caseId).some(({ purpose }) => submitter.isUnderWay(purpose))) return false;
    for (const batch of courtBatches(await this.#owedByCourt(caseId))) await this.#payTogether(caseId, batch);
    return (await this.#owedByCourt(caseId)).length === 0;
  }

  /** In halves where one transaction fails: a node may not have the gas for so many. One that fails alone is tried again later. */
  async #payTogether(caseId: string, batch: readonly Payment[]): Promise<void> {
    const { signal, log } = this.context;
    try {
      await this.#sendTogether(batch);
    } catch (error) {
      signal.throwIfAborted();
      if (batch.length === 1) throw error;
      log.warn({ case: caseId, payments: batch.length, err: error }, "payments not made together: trying halves");
      const half = Math.ceil(batch.length / 2);
      await this.#payTogether(caseId, batch.slice(0, half));
      await this.#payTogether(caseId, batch.slice(half));
    }
  }

  async #sendTogether(batch: readonly Payment[]): Promise<void> {
    const { contracts, submitter } = this.context;
    const { court } = contracts;
    await submitter.send({
      purpose: together(batch.map(({ purpose }) => purpose)),
      to: await court.getAddress(),
      data: court.interface.encodeFunctionData("multicall", [batch.map(({ data }) => data)]),
      // What somebody else paid in the meantime would make the others fail: they are looked up again.
      stillWanted: async () => !(await Promise.all(batch.map(({ isOwed }) => isOwed()))).includes(false),
    });
  }

  /** What the court still holds of a case. */
  async #owedByCourt(caseId: string): Promise<Payment[]> {
    const owed: Payment[] = [];
    const payments = this.#paymentsOf(caseId);
    for (let first = 0; first < payments.length; first += LOOKS) {
      const some = payments.slice(first, first + LOOKS);
      const isOwed = await Promise.all(some.map((each) => each.isOwed()));
      owed.push(...some.filter((_, i) => isOwed[i]));
    }
    return owed;
  }

  /** All that the court ever has to pay of a case. */
  #paymentsOf(caseId: string): Payment[] {
    const { contracts, journal } = this.context;
    const { court } = contracts;
    return journal.events("PartDemanded", caseId).map(({ args }) => {
      const part = partOf(args.part);
      return {
        purpose: `pay ${caseId} ${partKey(part)}`,
        data: court.interface.encodeFunctionData("payDemandFee", [caseId, part]),
        isOwed: async () => (await court.demandOf(caseId, part)).deadline !== 0n,
      };
    });
  }

  async #isOf(name: "jury" | "court", arbiter: unknown): Promise<boolean> {
    return sameAddress(arbiter, await this.context.contracts[name].getAddress());
  }
}
