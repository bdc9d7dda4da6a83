import { randomBytes } from "node:crypto";

import { ContractRevertError, decodeRevert } from "@assay/sdk";
import { hexlify, ZeroHash } from "ethers";

import type { Outcome } from "../chain/submitter.js";
import { Rank } from "../chain/submitter.js";
import { isHopeless } from "../errors.js";
import { Backoff } from "../jobs/backoff.js";
import { Deadlines } from "../jobs/deadlines.js";
import type { ChainEvent } from "../jobs/journal.js";
import type { Place } from "../jobs/taskPool.js";
import { TaskPool } from "../jobs/taskPool.js";
import type { Role, RoleContext } from "./role.js";
import { Phase, requestOf, sameAddress } from "./role.js";

/** Seconds before the end of the commit period in which a juror that has not executed the job abstains. */
const LAST_CALL = 60;

/** Sits on juries: enrols, draws, re-executes, commits, reveals and counts. */
export class Juror implements Role {
  readonly name = "juror";
  /** Jobs of the cases it sits in. */
  readonly #tasks: TaskPool;
  /** Votes that are ready are sent at once: the submitter knows what goes first. */
  readonly #votes: TaskPool;
  /** And counts, apart from the votes: how many cases wait to be drawn is up to strangers. */
  readonly #draws: TaskPool;
  readonly #backoff = new Backoff();
  readonly #deadlines: Deadlines;
  /** Apart from the duties: a model that is slow to load keeps no vote waiting. */
  readonly #enrolments: TaskPool;
  /** Whether this machine can run a model, once that was tried. */
  readonly #canRun = new Map<bigint, boolean>();
  /** Models in whose pool it was seen, and whether it was there at the last look. */
  readonly #isIn = new Map<bigint, boolean>();
  /** Why the pool of a model did not take it at the last look. */
  readonly #refusals = new Map<bigint, string>();

  constructor(
    private readonly context: RoleContext,
    private readonly models: readonly bigint[],
  ) {
    const onError = (key: string, error: unknown) => {
      context.log.warn({ key, err: error }, "jury duty not done yet");
    };
    this.#tasks = new TaskPool(4, context.signal, onError);
    this.#votes = new TaskPool(Infinity, context.signal, onError);
    this.#draws = new TaskPool(4, context.signal, onError);
    this.#enrolments = new TaskPool(2, context.signal, onError);
    this.#deadlines = new Deadlines(context.signal);
  }

  tick(now: number): Promise<void> {
    this.#deadlines.tick(now);
    this.#backoff.tick(now);
    const { journal } = this.context;
    for (const modelId of this.models) {
      const key = `enrol ${modelId}`;
      if (!this.#backoff.isDue(key)) continue;
      this.#enrolments.start(key, (place) => this.#backoff.attempt(key, () => this.#enrol(modelId, place)));
    }
    for (const event of journal.openEvents("JuryCaseOpened", ["JurorsDrawn"])) {
      this.#draws.start(`draw ${event.key}`, () => this.#draw(event));
    }
    for (const event of journal.openEvents("JurorsDrawn")) {
      const jurors = event.args.jurors as string[];
      const isSeated = jurors.some((juror) => sameAddress(juror, this.context.provider));
      if (isSeated && !this.#votes.has(event.key)) {
        this.#tasks.start(`case ${event.key}`, (place) => this.#judge(event, now, place));
      }
    }
    return Promise.resolve();
  }

  /**
   * Enrols once, and again after others with more stake displaced it. Who left or was put out for silence in this run
   * stays out: each return is another deposit to lose.
   */
  async #enrol(modelId: bigint, place: Place): Promise<void> {
    const { contracts, provider, log } = this.context;
    if (!(await this.#prepare(modelId, place))) return;
    const wasIn = this.#isIn.get(modelId);
    if (await this.#isMember(modelId)) {
      this.#isIn.set(modelId, true);
      this.#refusals.delete(modelId);
      return;
    }
    const { locks, leaving } = await contracts.jury.membershipOf(modelId, provider);
    const displaced = locks > 0n && !leaving;
    if (wasIn) {
      this.#isIn.set(modelId, false);
      const returns = displaced ? "as soon as there is room for its stake" : "after a restart";
      log.warn({ model: String(modelId) }, `out of the jury pool: enrols again ${returns}`);
    }
    if (wasIn !== undefined && !displaced) return;
    if (!(await this.#mayEnrol(modelId))) return;
    const data = contracts.jury.interface.encodeFunctionData("enrol", [modelId, provider]);
    await this.#send(`enrol ${modelId}`, data, async () => !(await this.#isMember(modelId)));
  }

  async #isMember(modelId: bigint): Promise<boolean> {
    const { contracts, provider } = this.context;
    return (await contracts.jury.poolOf(modelId)).some((member) => sameAddress(member, provider));
  }

  /** Whether the pool would take it now. Why not is told once for each reason, and asked again at every look. */
  async #mayEnrol(modelId: bigint): Promise<boolean> {
    const { contracts, provider, operator, log } = this.context;
    try {
      await contracts.jury.enrol.staticCall(modelId, provider, { from: operator });
      return true;
    } catch (error) {
      const refusal = decodeRevert(error);
      if (!(refusal instanceof ContractRevertError)) throw refusal;
      if (this.#refusals.get(modelId) !== refusal.error) {
        log.warn({ model: String(modelId), err: refusal }, "cannot enrol yet");
      }
      this.#refusals.set(modelId, refusal.error);
      return false;
    }
  }

  /** Makes a model ready before its pool is joined: a juror that cannot run it is drawn for nothing. */
  async #prepare(modelId: bigint, place: Place): Promise<boolean> {
    const { executor, signal, log } = this.context;
    const known = this.#canRun.get(modelId);
    if (known !== undefined) return known;
    let canRun = true;
    try {
      await executor.prepare(modelId, place, signal);
    } catch (error) {
      if (signal.aborted || !isHopeless(error)) throw error;
      log.error({ model: String(modelId), err: error }, "model cannot be judged: not enrolling, leave its pool");
      canRun = false;
    }
    this.#canRun.set(modelId, canRun);
    return canRun;
  }

  /** Whoever is first draws; the others' transactions are refused before they are sent. */
  async #draw(event: ChainEvent): Promise<void> {
    const { contracts } = this.context;
    const phase = await contracts.jury.phaseOf(event.key);
    if (phase === Phase.Count) await this.#close(event.key);
    if (phase !== Phase.Draw) return;
    const seedNow = async () => {
      const { seedRequest } = await contracts.jury.juryCaseOf(event.key);
      return contracts.randomness.seedOf(seedRequest);
    };
    const { seed, expired } = await seedNow();
    if (!expired && seed === ZeroHash) return;
    const { pool, weights } = event.args as { pool: string[]; weights: string[] };
    const draw = contracts.jury.interface.encodeFunctionData("draw", [event.key, pool, weights]);
    const again = contracts.jury.interface.encodeFunctionData("requestSeedAgain", [event.key]);
    const isDrawable = async () => (await contracts.jury.phaseOf(event.key)) === Phase.Draw;
    const isExpired = async () => (await isDrawable()) && (await seedNow()).expired;
    const due = await this.#drawEnd(event.key);
    if (expired) await this.#send(`seed ${event.key}`, again, isExpired, due);
    else await this.#send(`draw ${event.key}`, draw, isDrawable, due);
  }

  async #drawEnd(caseId: string): Promise<number> {
    const { jury } = this.context.contracts;
    const [{ openedAt }, period] = await Promise.all([jury.juryCaseOf(caseId), jury.DRAW_PERIOD()]);
    return Number(openedAt + period);
  }

  async #judge(event: ChainEvent, now: number, place: Place): Promise<void> {
    const { contracts, provider } = this.context;
    const caseId = event.key;
    const phase = await contracts.jury.phaseOf(caseId);
    const seatNow = () => contracts.jury.seatOf(caseId, provider);
    const seat = await seatNow();
    const isIn = async (expected: bigint) => (await contracts.jury.phaseOf(caseId)) === expected;
    const { commitEnd, revealEnd } = await contracts.jury.juryCaseOf(caseId);
    if (phase === Phase.Commit && seat.commitment === ZeroHash) {
      const due = Number(commitEnd);
      const lastCall = due - LAST_CALL;
      if (now < lastCall && !this.#backoff.isDue(caseId)) return;
      const { output, salt } = await this.#vote(event, lastCall, place);
      const commitment = await contracts.jury.commitmentOf(caseId, provider, output, salt);
      const data = contracts.jury.interface.encodeFunctionData("commitVote", [caseId, provider, commitment]);
      const stillWanted = async () => (await isIn(Phase.Commit)) && (await seatNow()).commitment === ZeroHash;
      this.#votes.start(caseId, () => this.#sendVote("commit", caseId, data, stillWanted, due));
    } else if (phase === Phase.Reveal && seat.commitment !== ZeroHash && seat.vote === 0n) {
      const { output, salt } = await this.#vote(event, now, place);
      const data = contracts.jury.interface.encodeFunctionData("revealVote", [caseId, provider, output, salt]);
      const stillWanted = async () => (await isIn(Phase.Reveal)) && (await seatNow()).vote === 0n;
      this.#votes.start(caseId, () => this.#sendVote("reveal", caseId, data, stillWanted, Number(revealEnd)));
    } else if (phase === Phase.Count) {
      this.#draws.start(`close ${caseId}`, () => this.#close(caseId));
    }
  }

  /**
   * What this juror found, with its salt, in the journal before it is committed to. Zero, which abstains, if the job
   * cannot be done, or not before the `lastCall`.
   */
  async #vote(event: ChainEvent, lastCall: number, place: Place): Promise<{ output: string; salt: string }> {
    const { journal, executor, signal, log } = this.context;
    const job = String(event.args.jobId);
    const seat = `case ${event.key}, round ${String(event.args.round)}, job ${job}`;
    const known = journal.voteOf(seat);
    if (known) return known;
    let output: string = ZeroHash;
    try {
      const execute = async (stop: AbortSignal) => {
        const { terms, inputUri } = requestOf(journal, job);
        return executor.execute(terms, inputUri, place, stop);
      };
      output = (await this.#deadlines.until(lastCall - 1, execute)).root;
    } catch (error) {
      if (signal.aborted || this.#backoff.retries(event.key, error, lastCall)) throw error;
      log.warn({ case: event.key, err: error }, "cannot execute the job: abstaining");
    }
    return journal.bindVote(seat, { output, salt: hexlify(randomBytes(32)) });
  }

  async #sendVote(
    step: "commit" | "reveal",
    caseId: string,
    data: string,
    stillWanted: () => Promise<boolean>,
    due: number,
  ): Promise<void> {
    const outcome = await this.#send(`${step} ${caseId}`, data, stillWanted, due);
    if (outcome === "mined") this.context.metrics.votes.inc({ step });
  }

  async #close(caseId: string): Promise<void> {
    const { jury } = this.context.contracts;
    const isDue = async () => (await jury.phaseOf(caseId)) === Phase.Count;
    await this.#send(`close ${caseId}`, jury.interface.encodeFunctionData("close", [caseId]), isDue);
  }

  async #send(purpose: string, data: string, stillWanted: () => Promise<boolean>, due = Infinity): Promise<Outcome> {
    const { contracts, submitter, log } = this.context;
    const to = await contracts.jury.getAddress();
    const outcome = await submitter.send({ purpose, to, data, urgency: { rank: Rank.InTime, due }, stillWanted });
    log.info({ purpose, outcome }, "jury duty");
    return outcome;
  }
}
