import { inTime } from "./eventually.js";

/** A delay that ends when the test says so: nothing depends on a clock. */
export class Ticker {
  #waiting: (() => void)[] = [];
  #watchers: { count: number; resolve: () => void }[] = [];

  /** What is given as `delay`. Ends on `tick`, or by throwing when the signal aborts. */
  readonly delay = (_milliseconds: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      const abort = () => {
        reject(signal.reason as Error);
      };
      signal.addEventListener("abort", abort, { once: true });
      this.#waiting.push(() => {
        signal.removeEventListener("abort", abort);
        resolve();
      });
      for (const watcher of this.#watchers) if (this.#waiting.length >= watcher.count) watcher.resolve();
    });

  /** Resolves once so many wait. */
  async until(count: number): Promise<void> {
    if (this.#waiting.length >= count) return;
    await inTime(`${count} wait`, new Promise<void>((resolve) => this.#watchers.push({ count, resolve })));
    this.#watchers = [];
  }

  /** Lets all who wait go on. */
  tick(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const go of waiting) go();
  }

  /** So many rounds of the waiters, one by default: each looks, then waits again. */
  async rounds(count: number, waiters = 1): Promise<void> {
    for (let i = 0; i < count; i++) {
      await this.until(waiters);
      this.tick();
    }
    await this.until(waiters);
  }
}
