import { id } from "ethers";

/** Lets one of many workers be first where anyone may do something: each waits for as long as its key says. */
export class Stagger {
  readonly #seen = new Map<string, number>();

  constructor(
    private readonly operator: string,
    /** Seconds over which workers are spread. */
    private readonly spread: number,
  ) {}

  /** Seconds that this worker waits. */
  delayOf(what: string): number {
    return Number(BigInt(id(`${this.operator.toLowerCase()} ${what}`)) % BigInt(this.spread));
  }

  /** Whether it has waited, counted from the first time that it was asked. Nothing of it is durable. */
  hasWaited(what: string, now: number): boolean {
    // The clock may go back: a node may have said that it was later.
    const since = Math.min(this.#seen.get(what) ?? now, now);
    this.#seen.set(what, since);
    return now >= since + this.delayOf(what);
  }

  /** Forgets what it waited for and nobody asks for any more. */
  keepOnly(wanted: ReadonlySet<string>): void {
    for (const what of this.#seen.keys()) if (!wanted.has(what)) this.#seen.delete(what);
  }
}
