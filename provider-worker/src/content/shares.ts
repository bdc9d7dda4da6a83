export interface ShareLimits {
  total: number;
  /** Most of it for one origin. */
  perOrigin: number;
}

const CROWDED = 0.75;

/** Something there is only so much of: what is over an origin's part is refused, so that no stranger takes all. */
export class Shares {
  #taken = 0;
  readonly #takenBy = new Map<string, number>();

  constructor(private readonly limits: ShareLimits) {}

  /** Whether little is left of it for anybody. */
  get isCrowded(): boolean {
    return this.#taken >= CROWDED * this.limits.total;
  }

  /** Takes so much and says yes, or takes nothing where it is too much. */
  take(origin: string, amount = 1): boolean {
    const own = this.#takenBy.get(origin) ?? 0;
    if (this.#taken + amount > this.limits.total || own + amount > this.limits.perOrigin) return false;
    this.#taken += amount;
    this.#takenBy.set(origin, own + amount);
    return true;
  }

  /** Gives back what was taken. */
  give(origin: string, amount = 1): void {
    const left = (this.#takenBy.get(origin) ?? 0) - amount;
    this.#taken -= amount;
    if (left > 0) this.#takenBy.set(origin, left);
    else this.#takenBy.delete(origin);
  }
}
