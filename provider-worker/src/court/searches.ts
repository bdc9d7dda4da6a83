import type { Judge, TraceSearch } from "./judge.js";
import type { CourtRun } from "./courtRuns.js";

interface Kept {
  readonly search: TraceSearch;
  users: number;
}

/** Searches in posted traces, which may be large: of those that nobody uses only the last few are kept. */
export class Searches {
  readonly #kept = new Map<string, Kept>();

  constructor(
    private readonly judge: Judge,
    private readonly most = 2,
  ) {}

  /** Asks the search in one posted trace; one that is not there begins anew. */
  async use<T>(
    key: string,
    { run, roots }: { run: CourtRun; roots: readonly string[] },
    act: (search: TraceSearch) => Promise<T>,
  ): Promise<T> {
    const kept = this.#kept.get(key) ?? { search: this.judge.search(run, roots), users: 0 };
    // The newest is at the end.
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    kept.users++;
    try {
      return await act(kept.search);
    } finally {
      kept.users--;
      const idle = [...this.#kept.keys()].filter((each) => this.#kept.get(each)?.users === 0);
      for (const oldest of idle.slice(0, -this.most)) this.#stop(oldest);
    }
  }

  /** Ends all other searches that nobody uses. */
  keepOnly(keys: readonly string[]): void {
    for (const [key, { users }] of this.#kept) if (users === 0 && !keys.includes(key)) this.#stop(key);
  }

  #stop(key: string): void {
    this.#kept.get(key)?.search.stop();
    this.#kept.delete(key);
  }
}
