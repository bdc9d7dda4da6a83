export interface QuotaOptions {
  /** Most for one origin in one period. */
  perOrigin: number;
  periodMs: number;
}

/** So much for each origin in each period, whatever becomes of it. Unlike a share, it is never given back. */
export class Quota {
  #began = -Infinity;
  readonly #takenBy = new Map<string, number>();

  constructor(
    private readonly options: QuotaOptions,
    /** Milliseconds since some moment. */
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Takes so much and says yes, or takes nothing where it is too much. */
  take(origin: string, amount: number): boolean {
    this.#begin();
    const taken = (this.#takenBy.get(origin) ?? 0) + amount;
    if (taken > this.options.perOrigin) return false;
    this.#takenBy.set(origin, taken);
    return true;
  }

  #begin(): void {
    const now = this.now();
    if (now < this.#began + this.options.periodMs) return;
    this.#began = now;
    this.#takenBy.clear();
  }
}
