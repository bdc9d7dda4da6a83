import { Backoff } from "../jobs/backoff.js";
import type { ContentStore } from "./store.js";

const STORE = "content store";

/** Has the content store looked through once in a run, beside all other work; where that fails, again after a pause. */
export class Sweep {
  readonly #backoff = new Backoff();
  #running: Promise<void> | undefined;
  #isDone = false;

  constructor(
    private readonly store: Pick<ContentStore, "sweep">,
    private readonly signal: AbortSignal,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** `now` is the chain's clock, seconds since 1970. */
  tick(now: number): void {
    this.#backoff.tick(now);
    if (this.#isDone || this.#running || !this.#backoff.isDue(STORE)) return;
    this.#running = this.#run().finally(() => (this.#running = undefined));
  }

  /** The end of the sweep that is under way, if one is. */
  async ended(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      await this.#backoff.attempt(STORE, () => this.store.sweep(this.signal));
      this.#isDone = true;
    } catch (error) {
      this.onError(error);
    }
  }
}
