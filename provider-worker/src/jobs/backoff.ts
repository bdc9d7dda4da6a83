/** Seconds of the first pause and of the longest. */
const FIRST = 5;
const LONGEST = 300;

interface Failed {
  pause: number;
  next: number;
  end: number;
}

/**
 * When to try again what failed: after pauses that double, and ever shorter ones towards the end, so that who withholds
 * something until then is still asked. Nothing of it is durable: after a restart everything is tried at once.
 */
export class Backoff {
  readonly #failed = new Map<string, Failed>();

  /** Things that failed and whose time is not over. */
  get size(): number {
    return this.#failed.size;
  }

  isDue(key: string, now: number): boolean {
    return now >= (this.#failed.get(key)?.next ?? now);
  }

  /** Notes a failure; `end` is the last second in which success is worth anything. */
  failed(key: string, now: number, end = Infinity): void {
    const before = this.#failed.get(key)?.pause;
    const pause = before === undefined ? FIRST : Math.min(LONGEST, 2 * before);
    const next = now + Math.max(FIRST, Math.min(pause, Math.floor((end - now) / 2)));
    for (const [each, { end: over }] of this.#failed) if (over < now) this.#failed.delete(each);
    this.#failed.set(key, { pause, next, end });
  }

  succeeded(key: string): void {
    this.#failed.delete(key);
  }
}
