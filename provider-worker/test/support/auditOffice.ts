import type { BytesLike } from "ethers";
import { id, ZeroHash } from "ethers";

/** A seed and its times. */
export interface FakeRound {
  seed: string;
  seedRequest: bigint;
  askedAt: bigint;
  recordedAt: bigint;
  rateBps: bigint;
}

const NO_ROUND: FakeRound = { seed: ZeroHash, seedRequest: 0n, askedAt: 0n, recordedAt: 0n, rateBps: 0n };

/** What the audit office answers a worker, as the test says. Periods are short: an audit takes 30 seconds. */
export class FakeOffice {
  /** By number; there is no round zero. */
  readonly rounds: FakeRound[] = [NO_ROUND];
  member = { tickets: 1n, busy: 0n, since: 1n };
  /** That of the rounds asked for from here on. */
  rate = 10_000n;
  fund = 100n;
  offers = 1n;
  /** Where audits stand, by the job's id. */
  readonly phase = new Map<bigint, bigint>();
  /** Why no tickets are sold; undefined if they are. */
  refused: Error | undefined;

  asked(askedAt: number): void {
    this.rounds.push({
      seed: ZeroHash,
      seedRequest: BigInt(this.rounds.length),
      askedAt: BigInt(askedAt),
      recordedAt: 0n,
      rateBps: this.rate,
    });
  }

  /** A round whose seed is known. */
  drawn(askedAt: number, recordedAt: number, seed: BytesLike = id("seed")): void {
    this.asked(askedAt);
    Object.assign(this.rounds.at(-1) ?? {}, { seed, recordedAt: BigInt(recordedAt) });
  }

  /** Its functions, as roles call them. */
  get functions() {
    const answer = <T>(value: T) => Promise.resolve(value);
    return {
      ROUND_PERIOD: () => answer(50n),
      COMMIT_PERIOD: () => answer(40n),
      ANSWER_PERIOD: () => answer(10n),
      REVEAL_PERIOD: () => answer(10n),
      CHALLENGE_PERIOD: () => answer(10n),
      AUDIT_PAY: () => answer(5n),
      lastRound: () => answer(BigInt(this.rounds.length - 1)),
      roundOf: (round: bigint) => answer({ ...(this.rounds[Number(round)] ?? NO_ROUND) }),
      membershipOf: () => answer({ ...this.member }),
      fundOf: () => answer(this.fund),
      phaseOf: (job: string) => answer(this.phase.get(BigInt(job)) ?? 0n),
      enrol: { staticCall: () => (this.refused ? Promise.reject(this.refused) : answer(undefined)) },
    };
  }
}
