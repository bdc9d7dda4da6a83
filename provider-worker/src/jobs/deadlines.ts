import { unlessAborted } from "../deadline.js";
import { WorkerError } from "../errors.js";

/** A deadline on chain passed: what was under way is of no use any more. */
export class LateError extends WorkerError {
  override name = "LateError";

  constructor(last: number) {
    super(`its last second was ${new Date(last * 1000).toISOString()}`);
  }
}

/** Ends what is under way once the chain's clock has passed its last second, or the worker stops. */
export class Deadlines {
  #now = 0;
  readonly #open = new Map<AbortController, number>();

  constructor(
    /** Aborts when the worker is to stop. */
    private readonly stop: AbortSignal,
  ) {}

  /** Tells the chain's clock, seconds since 1970. */
  tick(now: number): void {
    this.#now = now;
    for (const [deadline, last] of this.#open) if (last < now) deadline.abort(new LateError(last));
  }

  /** Acts with a signal that aborts after `last`. Whether the act heeds it or not, this ends then. */
  async until<T>(last: number, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (last < this.#now) throw new LateError(last);
    const deadline = new AbortController();
    this.#open.set(deadline, last);
    try {
      const signal = AbortSignal.any([this.stop, deadline.signal]);
      return await unlessAborted(signal, act(signal));
    } finally {
      this.#open.delete(deadline);
    }
  }
}
