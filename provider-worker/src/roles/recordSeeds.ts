import { ZeroHash } from "ethers";

import { auditableJobs } from "../audits/auditable.js";
import type { AuditDesk, AuditRound } from "../audits/office.js";
import { roundOf } from "../audits/office.js";
import { Stagger } from "../audits/stagger.js";
import { TaskPool } from "../jobs/taskPool.js";
import type { Role, RoleContext } from "./role.js";

/** Seconds over which the auditors of a market spread what only one of them has to send. */
const SPREAD = 20;

/** Asks for and records the seeds that jobs wait for which it could audit. Anyone may, and whoever is first does. */
export class RecordSeeds implements Role {
  readonly name = "recordSeeds";
  readonly #tasks: TaskPool;
  readonly #stagger: Stagger;

  constructor(
    private readonly context: RoleContext,
    private readonly desk: AuditDesk,
  ) {
    this.#tasks = new TaskPool(1, context.signal, (_key, error) => {
      context.log.warn({ err: error }, "audit rounds not looked after yet");
    });
    this.#stagger = new Stagger(context.operator, SPREAD);
  }

  tick(now: number): Promise<void> {
    this.desk.look(now);
    this.#tasks.start("rounds", () => this.#look(now));
    return Promise.resolve();
  }

  async #look(now: number): Promise<void> {
    const jobs = await auditableJobs(this.context, this.desk, now);
    if (jobs.length === 0) return;
    const { last, list } = await this.desk.rounds(Math.min(...jobs.map(({ submittedAt }) => submittedAt)));
    const waiting = new Set(jobs.map(({ submittedAt }) => roundOf(list, submittedAt)));
    const asked = list.filter((round) => waiting.has(round) && round.seed === ZeroHash);
    this.#stagger.keepOnly(new Set(asked.map(nameOf)));
    for (const round of asked) await this.#record(round, now);
    const unasked = jobs.filter(({ submittedAt }) => submittedAt >= last.askedAt);
    if (unasked.length > 0) await this.#ask(last, Math.min(...unasked.map(({ submittedAt }) => submittedAt)), now);
  }

  /** Opens the round after `last` once it may be opened, for a job submitted at `since`. */
  async #ask(last: AuditRound, since: number, now: number): Promise<void> {
    const { audits } = this.context.contracts;
    const { roundPeriod } = await this.desk.rules();
    const next = `seed ${last.round + 1n}`;
    if (now < Math.max(last.askedAt + roundPeriod, since + 1) + this.#stagger.delayOf(next)) return;
    const stillWanted = async () => (await audits.lastRound()) === last.round;
    await this.#send(`ask ${next}`, audits.interface.encodeFunctionData("askSeed"), stillWanted);
  }

  /** Writes a seed down as soon as it is known, or has another asked for. */
  async #record(round: AuditRound, now: number): Promise<void> {
    const { audits, randomness } = this.context.contracts;
    const stillWanted = async () => {
      const { seed, seedRequest } = await audits.roundOf(round.round);
      if (seed !== ZeroHash) return false;
      const found = await randomness.seedOf(seedRequest);
      return found.expired || found.seed !== ZeroHash;
    };
    if (!(await stillWanted()) || !this.#stagger.hasWaited(nameOf(round), now)) return;
    await this.#send(nameOf(round), audits.interface.encodeFunctionData("recordSeed", [round.round]), stillWanted);
  }

  async #send(purpose: string, data: string, stillWanted: () => Promise<boolean>): Promise<void> {
    const { contracts, submitter, log } = this.context;
    const outcome = await submitter.send({ purpose, to: await contracts.audits.getAddress(), data, stillWanted });
    if (outcome !== "superseded") log.info({ purpose, outcome }, "audit round");
  }
}

const nameOf = ({ round }: AuditRound): string => `record seed ${round}`;
