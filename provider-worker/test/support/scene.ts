import { IPartialVerifier__factory } from "../../../sdk/src/typechain/index.js";
import type { Addresses, AssayContracts, Claim, JobTerms, Part, Tensor } from "@assay/sdk";
import {
  connect,
  CONTRACT_NAMES,
  CourtStage,
  jobIdOf,
  jobIdText,
  JobStatus,
  ModelProfile,
  partKey,
  Ruling,
} from "@assay/sdk";
import { toBeHex, VoidSigner, ZeroAddress, ZeroHash, zeroPadValue } from "ethers";
import pino from "pino";

import type { CourtRun, Tracer } from "../../src/court/courtRuns.js";
import type { Call, Outcome, Submitter } from "../../src/chain/submitter.js";
import type { TracedModels } from "../../src/court/traceFile.js";
import type { Executor } from "../../src/jobs/executor.js";
import type { ChainEvent } from "../../src/jobs/journal.js";
import { Journal } from "../../src/jobs/journal.js";
import type { Urgency } from "../../src/jobs/line.js";
import type { Place } from "../../src/jobs/taskPool.js";
import { Metrics } from "../../src/metrics.js";
import type { RoleContext } from "../../src/roles/role.js";
import { judgeHere } from "./judgeHere.js";
import { FakeOffice } from "./auditOffice.js";

export const address = (n: number): string => zeroPadValue(toBeHex(n), 20);
export const hash = (n: number): string => zeroPadValue(toBeHex(n), 32);
export const PROVIDER = address(0xa11ce);
export const OPERATOR = address(0x0b);
export const STRANGER = address(0xb0b);
export const TOKEN = address(0x70);
export const STAKE_TOKEN = address(0x57);
/** The chain's clock in most tests. */
export const NOW = 1000;

export const DEPLOYMENT = Object.fromEntries(CONTRACT_NAMES.map((name, i) => [name, address(0xc0 + i)])) as Addresses;
/** Encodes and decodes; calls nothing. */
const REAL = connect(DEPLOYMENT, new VoidSigner(ZeroAddress));

/** A call the worker sent, decoded. */
export interface SentCall {
  purpose: string;
  name: string;
  args: readonly unknown[];
  urgency: Urgency | undefined;
}

export interface Seat {
  commitment: string;
  vote: bigint;
}

/** What a role works with: a journal of its own, and chain, executor and submitter as the test says they are. */
export class Scene {
  readonly journal = new Journal(":memory:");
  readonly metrics = new Metrics();
  /** Aborted when the worker is told to stop. */
  stop = new AbortController();
  readonly sent: SentCall[] = [];
  /** How many transactions that took: several calls may go in one. */
  transactions = 0;
  readonly warnings: string[] = [];
  /** Jobs executed, in order. */
  readonly executed: string[] = [];
  /** Inputs that are kept here at the moment. */
  readonly held: string[] = [];
  /** What each execution was given to know when to end. */
  readonly signals: AbortSignal[] = [];

  /** The chain. */
  readonly status = new Map<string, JobStatus>();
  readonly phase = new Map<string, bigint>();
  readonly seats = new Map<string, Seat>();
  readonly rulings = new Map<string, bigint>();
  readonly balances = new Map<string, bigint>();
  pool: string[] = [];
  /** What the jury has of this provider in every pool. */
  membership = { locks: 0n, openSeats: 0n, leaving: false };
  /** Why nobody can enrol; undefined if one can. */
  enrolRefused: Error | undefined;
  commitEnd = NOW + 600;
  seed = { seed: ZeroHash, expired: false };
  bond = 100n;
  earned = 0n;
  /** Stake in the pots; as much as is earned unless a test says otherwise. */
  earnedStake: bigint | undefined;
  sweepAllowed = false;
  juryPaid = false;
  /** Offers of the provider for whatever model. */
  offers = 1n;
  /** Models made ready, and what comes of it. */
  readonly prepared: string[] = [];
  prepare: () => Promise<void> = () => Promise.resolve();
  /** Demands before the proof court, by case and part: `3 5 0 1`. */
  readonly demands = new Map<string, { deadline: bigint; answered: boolean }>();
  readonly office = new FakeOffice();
  /** Time of the newest block that was read: all of them are, unless a test says otherwise. */
  readUntil = Infinity;
  /** Cases whose trace the proof court has. */
  readonly tracedCases = new Set<string>();
  /** By which each case before the proof court ends. */
  clock = { movedAt: BigInt(NOW - 100), windowEnd: BigInt(NOW + 100), pending: 0n };
  /** What the proof court says to an accusation: throws if it does not convict. */
  accused: (claim: Claim) => void = () => undefined;
  /** Hash of what the court has of a long sum. */
  sum = ZeroHash;
  /** A run of a job on this machine, and how often one was made. */
  trace: (job: string) => Promise<CourtRun> = () => Promise.reject(new Error("no run"));
  traced = 0;
  /** How urgent the last run of each job was, by its number. */
  readonly urgencies = new Map<string, Urgency | undefined>();
  /** Models of which a sample was traced, what comes of it, and how long a trace takes this machine. */
  readonly measured: string[] = [];
  measure: () => Promise<void> = () => Promise.resolve();
  traceSeconds = 1;
  /** What was written down of each for `doctor` and `status`. */
  readonly noted = new Map<string, TracedModels[string]>();
  /** Gas of posting one. */
  traceGas = 160_000;
  /** How results of the jobs' model are judged. */
  profile: bigint = ModelProfile.Exact;
  /** The tensors of a delivered output, as its provider's store gives them: throws if it does not. */
  delivered: () => Promise<Map<string, Tensor>> = () => Promise.reject(new Error("no output"));
  /** How often that store was asked. */
  asked = 0;
  caseRuling: bigint = Ruling.None;
  finalisable = 1n;

  /** What executing a job gives: an output, or an error to throw. */
  execute: (job: string, place: Place) => string | Promise<string> = (job) => hash(0xf00d + Number(job));
  /** What happens on chain while a call waits to be sent. */
  meanwhile: () => void = () => undefined;
  /** How a call ends that is still wanted; of several in one transaction the last counts. */
  outcome: (call: SentCall) => Outcome | Promise<Outcome> = () => "mined";

  /** What is sent and has not ended, also for a role that begins anew. */
  readonly #underWay = new Set<string>();
  #block = 0;
  readonly #logs: ChainEvent[] = [];
  /** The tests number jobs; terms and events have their real ids, and a number means the job requested last. */
  readonly #numbers = new Map<bigint, string>();
  readonly #ids = new Map<string, string>();

  get context(): RoleContext {
    return {
      contracts: this.#contracts(),
      journal: this.journal,
      submitter: {
        send: (call: Call) => this.#send(call),
        isUnderWay: (purpose: string) => this.#underWay.has(purpose),
      } as unknown as Submitter,
      executor: {
        execute: (terms: JobTerms, _uri: string, place: Place, signal: AbortSignal) => {
          this.signals.push(signal);
          return this.#execute(terms, place);
        },
        hold: (terms: JobTerms, act: () => Promise<unknown>) => this.#hold(terms, act),
        output: async () => {
          this.asked++;
          return { tensors: await this.delivered() };
        },
        prepare: (modelId: bigint) => {
          this.prepared.push(String(modelId));
          return this.prepare();
        },
      } as unknown as Executor,
      tracer: {
        hold: (terms: JobTerms, act: () => Promise<unknown>) => this.#hold(terms, act),
        fetch: () => Promise.resolve(),
        measure: (modelId: bigint) => {
          this.measured.push(String(modelId));
          return this.measure();
        },
        costs: { secondsOf: () => this.traceSeconds, gasOf: () => this.traceGas },
        trace: (terms: JobTerms, _uri: string, urgency?: Urgency) => this.#trace(terms, urgency),
      } as unknown as Tracer,
      judge: judgeHere,
      traceFile: {
        note: (modelId: bigint, model: TracedModels[string]) => {
          this.noted.set(String(modelId), model);
        },
      },
      keptRunBytes: 1_000_000,
      readUntil: () => this.readUntil,
      provider: PROVIDER,
      operator: OPERATOR,
      metrics: this.metrics,
      signal: this.stop.signal,
      log: pino({ level: "warn" }, { write: (line: string) => this.warnings.push(line) }),
    };
  }

  /** Calls of one function of a contract. */
  calls(name: string): SentCall[] {
    return this.sent.filter((call) => call.name === name);
  }

  terms(job: number, more: Partial<JobTerms> = {}): JobTerms {
    const terms = {
      nonce: BigInt(job),
      client: address(0xc11e),
      provider: PROVIDER,
      operator: OPERATOR,
      modelId: 1n,
      inputCommitment: hash(job),
      token: TOKEN,
      price: 10n,
      stake: 5n,
      executionDeadline: BigInt(NOW + 500),
      challengeWindow: 100n,
      protocolFeeBps: 250n,
      ...more,
    };
    const id = jobIdOf(terms);
    this.#numbers.set(id, String(job));
    return { id, ...terms };
  }

  /** The id of the job that a test gave this number. */
  id(job: number | string): string {
    return this.#ids.get(String(job)) ?? String(job);
  }

  /** Where the audit of a job stands. */
  audit(job: number, phase: bigint): void {
    this.office.phase.set(BigInt(this.id(job)), phase);
  }

  /** A log of the chain, read by the worker in a block of its own. */
  happened(name: string, number: number, values: Record<string, unknown> = {}): void {
    const block = ++this.#block;
    const args = "jobId" in values ? { ...values, jobId: this.id(String(values.jobId)) } : values;
    const key = /^(Job|Result|Audit|TraceAnswered|TicketLost)/.test(name) ? this.id(number) : String(number);
    const event = { block, blockHash: hash(block), logIndex: 0, name, key, args };
    this.journal.advance([event], { block, hash: hash(block) }, 0);
    this.#logs.push(event);
  }

  /** Undoes the newest logs, as after a deep reorganisation; what it gives brings the same ones back. */
  takenBack(logs: number): () => void {
    const gone = this.#logs.slice(-logs);
    for (const { block } of gone.toReversed()) this.journal.rollBack(block);
    return () => {
      for (const event of gone) this.journal.advance([event], { block: event.block, hash: event.blockHash }, 0);
    };
  }

  /** Undoes the newest logs, as after a reorganisation. */
  reorganise(logs: number): void {
    for (let i = 0; i < logs; i++) this.journal.rollBack(this.#block - i);
    // Other blocks have other hashes.
    this.#block += 1000;
  }

  requested(job: number, more: Partial<JobTerms> = {}, inputUri = ""): JobTerms {
    const terms = this.terms(job, more);
    this.#ids.set(String(job), jobIdText(terms.id));
    const plain = Object.fromEntries(Object.entries(terms).map(([name, value]) => [name, String(value)]));
    this.happened("JobRequested", job, { jobId: String(job), provider: terms.provider, terms: plain, inputUri });
    this.status.set(String(job), JobStatus.Requested);
    return terms;
  }

  submitted(job: number, output: string, more: { provider?: string; until?: number } = {}): void {
    const { provider = PROVIDER, until = NOW + 100 } = more;
    const args = { jobId: String(job), provider, outputCommitment: output, challengeableUntil: String(until) };
    this.happened("ResultSubmitted", job, args);
    this.status.set(String(job), JobStatus.Submitted);
  }

  async #hold({ inputCommitment }: JobTerms, act: () => Promise<unknown>): Promise<unknown> {
    this.held.push(inputCommitment);
    try {
      return await act();
    } finally {
      this.held.splice(this.held.indexOf(inputCommitment), 1);
    }
  }

  async #execute({ nonce }: JobTerms, place: Place): Promise<{ root: string }> {
    this.executed.push(String(nonce));
    return { root: await this.execute(String(nonce), place) };
  }

  /** A case about a delivered job before the proof court. */
  courtCase(
    id: number,
    job: number,
    output: string,
    provider = PROVIDER,
    challenger = STRANGER,
    replyBy = NOW + 3600,
  ): void {
    const facts = { jobId: this.id(job), modelId: "1", provider, client: address(0xc11e), challenger };
    const commitments = { inputCommitment: hash(job), outputCommitment: output, challengeableUntil: String(NOW + 100) };
    this.happened("CourtCaseOpened", id, { facts: { ...facts, ...commitments }, replyBy: String(replyBy) });
  }

  /** Somebody asks for a part in that case. */
  demanded(id: number, part: Part, replyBy = NOW + 50, demander = STRANGER): void {
    this.happened("PartDemanded", id, { part, demander, replyBy: String(replyBy) });
    this.demands.set(`${id} ${partKey(part)}`, { deadline: BigInt(replyBy), answered: false });
  }

  #trace({ nonce }: JobTerms, urgency: Urgency | undefined): Promise<CourtRun> {
    this.traced++;
    this.urgencies.set(String(nonce), urgency);
    return this.trace(String(nonce));
  }

  async #send(call: Call): Promise<Outcome> {
    const purposes = call.purpose.split(" + ");
    for (const each of purposes) this.#underWay.add(each);
    try {
      return await this.#sendNow(call);
    } finally {
      for (const each of purposes) this.#underWay.delete(each);
    }
  }

  async #sendNow({ purpose, to, data, stillWanted, urgency }: Call): Promise<Outcome> {
    this.meanwhile();
    if (!(await stillWanted())) return "superseded";
    const contract = Object.entries(DEPLOYMENT).find(([, deployed]) => deployed === to)?.[0] as keyof AssayContracts;
    const calls = callsIn(contract, data).map((call) => ({ purpose, ...call, urgency }));
    this.sent.push(...calls);
    this.transactions++;
    let outcome: Outcome = "mined";
    for (const call of calls) outcome = await this.outcome(call);
    return outcome;
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- a node's answer, or its refusal, is a promise
  async #accuse(claim: Claim): Promise<void> {
    this.accused(claim);
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- a node's answer, or its refusal, is a promise
  async #enrol(from: string): Promise<void> {
    if (from !== OPERATOR) throw new Error(`${from} may not enrol this provider`);
    if (this.enrolRefused) throw this.enrolRefused;
  }

  /** What any arbiter answers to `rulingOf`. */
  #ruling(data: string): string {
    const [id] = REAL.jury.interface.decodeFunctionData("rulingOf", data) as unknown as [bigint];
    const ruling = this.rulings.get(String(id)) ?? Ruling.None;
    return REAL.jury.interface.encodeFunctionResult("rulingOf", [ruling, ZeroAddress]);
  }

  /** A verifier that adds up nothing but how far it is, and sees a contradiction in the end. */
  #verify(data: string): string {
    const verifier = IPartialVerifier__factory.createInterface();
    const called = verifier.parseTransaction({ data });
    const result = called?.name === "accumulate" ? toBeHex(called.args[2] as bigint, 32) : true;
    return verifier.encodeFunctionResult(called?.name ?? "", [result]);
  }

  /** Only what roles call; anything else fails loudly as undefined. */
  #contracts(): AssayContracts {
    const { market, escrow, disputes, jury, court, audits } = REAL;
    const basics = (
      contract: typeof market | typeof escrow | typeof disputes | typeof jury | typeof court | typeof audits,
    ) => ({
      interface: contract.interface,
      getAddress: () => contract.getAddress(),
    });
    const answer = <T>(value: T) => Promise.resolve(value);
    return {
      market: {
        ...basics(market),
        statusOf: (job: bigint) => answer(this.status.get(this.#numbers.get(job) ?? "") ?? JobStatus.None),
        earnedOf: () => answer({ amount: this.earned, stake: this.earnedStake ?? this.earned }),
        finaliseDue: { staticCall: () => answer(this.finalisable) },
      },
      models: { factsOf: () => answer({ profile: this.profile }) },
      providers: {
        payoutOf: () => answer(PROVIDER),
        offerCountOf: () => answer(this.office.offers < this.offers ? this.office.offers : this.offers),
      },
      escrow: {
        ...basics(escrow),
        balanceOf: (token: string, account: string) => answer(this.balances.get(`${token} ${account}`) ?? 0n),
        sweepAllowed: () => answer(this.sweepAllowed),
      },
      staking: { STAKE_TOKEN: () => answer(STAKE_TOKEN) },
      disputes: {
        ...basics(disputes),
        CHALLENGE_BOND: () => answer(this.bond),
        caseOf: () => answer({ ruling: this.caseRuling }),
        runner: { provider: null, call: (request: { data: string }) => answer(this.#ruling(request.data)) },
      },
      jury: {
        ...basics(jury),
        poolOf: () => answer(this.pool),
        membershipOf: () => answer(this.membership),
        enrol: { staticCall: (_model: bigint, _juror: string, { from }: { from: string }) => this.#enrol(from) },
        phaseOf: (id: string) => answer(this.phase.get(id) ?? 0n),
        DRAW_PERIOD: () => answer(200n),
        juryCaseOf: () => {
          const [openedAt, commitEnd, revealEnd] = [NOW, this.commitEnd, this.commitEnd + 300].map(BigInt);
          return answer({ seedRequest: 1n, openedAt, commitEnd, revealEnd, paid: this.juryPaid });
        },
        seatOf: (id: string) => answer(this.seats.get(id) ?? { commitment: ZeroHash, vote: 0n }),
        commitmentOf: (_case: string, _juror: string, output: string) => answer(output === ZeroHash ? hash(1) : output),
      },
      court: {
        ...basics(court),
        REPLY_PERIOD: () => answer(3600n),
        CLAIM_PERIOD: () => answer(1800n),
        demandFeeOf: () => answer(10n),
        STAKE_TOKEN: () => answer(STAKE_TOKEN),
        rulingOf: (id: string) => answer([this.rulings.get(id) ?? Ruling.None, ZeroAddress]),
        courtCaseOf: (id: string) =>
          answer({ stage: this.tracedCases.has(id) ? CourtStage.Traced : CourtStage.Opened, ...this.clock }),
        verifierOf: () => answer(address(0x7e57)),
        sumOf: () => answer(this.sum),
        runner: { provider: null, call: (request: { data: string }) => answer(this.#verify(request.data)) },
        proveFraud: { staticCall: (_id: string, claim: Claim) => this.#accuse(claim) },
        proveMalformedLeaf: { staticCall: (_id: string, claim: Claim) => this.#accuse(claim) },
        demandOf: (id: string, part: Part) =>
          answer(this.demands.get(`${id} ${partKey(part)}`) ?? { deadline: 0n, answered: false }),
      },
      audits: {
        ...basics(audits),
        ...this.office.functions,
      },
      randomness: { seedOf: () => answer(this.seed) },
    } as unknown as AssayContracts;
  }
}

/** A call, or those that a `multicall` makes. */
function callsIn(contract: keyof AssayContracts, data: string): Omit<SentCall, "purpose" | "urgency">[] {
  const parsed = REAL[contract].interface.parseTransaction({ data });
  if (!parsed) throw new Error(`no function of ${contract} is called with ${data}`);
  if (parsed.name === "multicall") return [...(parsed.args[0] as string[])].flatMap((each) => callsIn(contract, each));
  return [{ name: parsed.name, args: parsed.args.toArray(true) as unknown[] }];
}

/** Lets every promise that waits for no one else settle. */
export async function calm(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** A promise to settle by hand. */
export function gate<T>(): { promise: Promise<T>; open: (value: T) => void; fail: (error: Error) => void } {
  let open: (value: T) => void = () => undefined;
  let fail: (error: Error) => void = () => undefined;
  const promise = new Promise<T>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  return { promise, open, fail };
}
