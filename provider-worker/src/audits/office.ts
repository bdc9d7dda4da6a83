import type { AssayContracts } from "@assay/sdk";
import { ModelProfile } from "@assay/sdk";

/** Profiles of which honest traces are alike to the byte. */
const AUDITED: readonly bigint[] = [ModelProfile.Exact, ModelProfile.Canonical];
/** Seconds that what was read may be used: what changed meanwhile is refused on chain, not done wrong. */
const FRESH = 60;
/** The same for models without tickets: there may be many, and anybody can make more. */
const ABSENT = 600;
/** Most rounds looked at: each but the last few is over. */
const ROUNDS = 32n;

/** What was fixed when the office was deployed, in seconds and stake tokens. */
export interface Rules {
  readonly roundPeriod: number;
  readonly commitPeriod: number;
  /** From a commitment to the end of the time to challenge. */
  readonly longest: number;
  readonly auditPay: bigint;
}

/** A seed and the jobs it is for. */
export interface AuditRound {
  readonly round: bigint;
  /** Zero while it is not known. */
  readonly seed: string;
  readonly seedRequest: bigint;
  readonly askedAt: number;
  readonly recordedAt: number;
  /** Share of its jobs that it draws, in basis points. */
  readonly rateBps: bigint;
}

/** What an auditor has to do with a model. */
export interface Membership {
  readonly tickets: number;
  /** Tickets count for rounds asked for after this. */
  readonly since: number;
  /** Whether the office would let it audit the model at all. */
  readonly admitted: boolean;
  /** What there is to pay audits that nobody booked. */
  readonly fund: bigint;
}

const NO_MEMBER: Membership = { tickets: 0, since: 0, admitted: false, fund: 0n };

/** The last round first. */
interface Rounds {
  readonly last: AuditRound;
  readonly list: readonly AuditRound[];
}

/** What the audit office says to one auditor. Most of it is kept for a minute: it is asked about every open job. */
export class AuditDesk {
  #rules: Promise<Rules> | undefined;
  #readAt = -Infinity;
  readonly #recorded = new Map<bigint, AuditRound>();
  readonly #memberships = new Map<bigint, Promise<Membership>>();
  /** Models without tickets, by when they were read. */
  readonly #absent = new Map<bigint, number>();

  constructor(
    private readonly contracts: Pick<AssayContracts, "audits" | "models" | "providers">,
    private readonly auditor: string,
  ) {}

  /** Begins a look at the chain: what is older than a minute is read anew. */
  look(now: number): void {
    if (now >= this.#readAt && now < this.#readAt + FRESH) return;
    this.forget();
    this.#readAt = now;
    // A node may have said once that it was later than it was.
    for (const [modelId, readAt] of this.#absent) if (Math.abs(now - readAt) >= ABSENT) this.#absent.delete(modelId);
  }

  /** Reads all of it anew: something was refused, so it may be wrong. */
  forget(): void {
    this.#recorded.clear();
    this.#memberships.clear();
  }

  /** Tickets of a model were bought. */
  bought(modelId: bigint): void {
    this.#absent.delete(modelId);
    this.#memberships.delete(modelId);
  }

  rules(): Promise<Rules> {
    this.#rules ??= this.#readRules().catch((error: unknown) => {
      this.#rules = undefined;
      throw error;
    });
    return this.#rules;
  }

  async membership(modelId: bigint): Promise<Membership> {
    if (this.#absent.has(modelId)) return NO_MEMBER;
    const known = this.#memberships.get(modelId);
    if (known) return known;
    const read = this.#readMembership(modelId).catch((error: unknown) => {
      this.#memberships.delete(modelId);
      throw error;
    });
    this.#memberships.set(modelId, read);
    return read;
  }

  /** The last round, and those before it back to the one in which `since` was. */
  async rounds(since: number): Promise<Rounds> {
    const number = await this.contracts.audits.lastRound();
    const last = await this.#round(number);
    const list = [last];
    let oldest = last;
    while (oldest.askedAt > since && oldest.round > 0n && number - oldest.round < ROUNDS) {
      oldest = await this.#round(oldest.round - 1n);
      list.push(oldest);
    }
    return { last, list };
  }

  async #round(round: bigint): Promise<AuditRound> {
    const known = this.#recorded.get(round);
    if (known) return known;
    const { seed, seedRequest, askedAt, recordedAt, rateBps } = await this.contracts.audits.roundOf(round);
    const read = { round, seed, seedRequest, askedAt: Number(askedAt), recordedAt: Number(recordedAt), rateBps };
    if (read.recordedAt > 0) this.#recorded.set(round, read);
    return read;
  }

  async #readRules(): Promise<Rules> {
    const { audits } = this.contracts;
    const [roundPeriod, commitPeriod, answer, reveal, challenge, auditPay] = await Promise.all([
      audits.ROUND_PERIOD(),
      audits.COMMIT_PERIOD(),
      audits.ANSWER_PERIOD(),
      audits.REVEAL_PERIOD(),
      audits.CHALLENGE_PERIOD(),
      audits.AUDIT_PAY(),
    ]);
    const longest = Number(answer + reveal + challenge);
    return { roundPeriod: Number(roundPeriod), commitPeriod: Number(commitPeriod), longest, auditPay };
  }

  async #readMembership(modelId: bigint): Promise<Membership> {
    const { audits, models, providers } = this.contracts;
    const { tickets, since } = await audits.membershipOf(modelId, this.auditor);
    if (tickets === 0n) {
      this.#absent.set(modelId, this.#readAt);
      return NO_MEMBER;
    }
    const [{ profile }, offers, fund] = await Promise.all([
      models.factsOf(modelId),
      providers.offerCountOf(this.auditor, modelId),
      audits.fundOf(modelId),
    ]);
    const admitted = AUDITED.includes(profile) && offers > 0n;
    return { tickets: Number(tickets), since: Number(since), admitted, fund };
  }
}

/** The round that is for a job submitted at this time; undefined while nobody has asked for its seed. */
export function roundOf(list: readonly AuditRound[], submittedAt: number): AuditRound | undefined {
  return list.find(({ askedAt }, i) => submittedAt < askedAt && submittedAt >= (list[i + 1]?.askedAt ?? Infinity));
}
