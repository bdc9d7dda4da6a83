import type { Every } from "../../src/content/pace.js";

/** An interval whose periods end when the test says so. */
export class Periods {
  readonly #acts = new Set<() => void>();

  readonly every: Every = (_milliseconds, act) => {
    const own = () => {
      act();
    };
    this.#acts.add(own);
    return () => this.#acts.delete(own);
  };

  /** How many wait for the end of a period. */
  get watched(): number {
    return this.#acts.size;
  }

  end(): void {
    for (const act of [...this.#acts]) act();
  }
}
