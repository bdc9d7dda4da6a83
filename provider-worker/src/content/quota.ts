export interface QuotaOptions {
  /** Most for one origin at once, and so much again in each period. */
  perOrigin: number;
  periodMs: number;
  /** Most origins that are remembered. */
  mostOrigins?: number;
}

/** Whoever has more of them is held up by no quota. */
const MOST_ORIGINS = 10_000;

/**
 * So much for each origin, whatever becomes of it. Unlike a share it is never given back, but comes again bit by bit, so
 * that no moment lets more through than another.
 */
export class Quota {
  /** When an origin has all of its part again, who took something last at the end. */
  readonly #wholeAt = new Map<string, number>();

  constructor(
    private readonly options: QuotaOptions,
    /** Milliseconds since some moment. */
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Takes so much and says yes, or takes nothing where it is too much. */
  take(origin: string, amount: number): boolean {
    const { perOrigin, periodMs, mostOrigins = MOST_ORIGINS } = this.options;
    const now = this.now();
    const wholeAt = Math.max(now, this.#wholeAt.get(origin) ?? now) + (amount / perOrigin) * periodMs;
    if (wholeAt > now + periodMs) return false;
    this.#wholeAt.delete(origin);
    this.#wholeAt.set(origin, wholeAt);
    const [oldest] = this.#wholeAt.keys();
    if (this.#wholeAt.size > mostOrigins && oldest !== undefined) this.#wholeAt.delete(oldest);
    return true;
  }
}
