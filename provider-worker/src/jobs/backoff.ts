import { isHopeless, mayPass, pauseAfter } from "../errors.js";

/** Seconds of the first pause and of the longest. */
const FIRST = 5;
const LONGEST = 300;

/** Seconds after which what nobody tried again is forgotten: it ended otherwise. */
const KEPT = 3600;

/** Seconds of the longest pause of who has to show something in time. */
export const URGENT = 30;

/** Seconds by which the newest blocks of two nodes may differ. */
const DRIFT = 60;

interface Failed {
  pause: number;
  at: number;
  next: number;
  end: number;
}

/**
 * When to try again what failed: after pauses that double, and ever shorter ones towards the end, so that who withholds
 * something until then is still asked. Nothing of it is durable: after a restart everything is tried at once.
 */
export class Backoff {
  readonly #failed = new Map<string, Failed>();
  #now = 0;

  constructor(private readonly longest = LONGEST) {}

  /** Tells the chain's clock, seconds since 1970. */
  tick(now: number): void {
    this.#now = now;
  }

  /** Things that failed and whose time is not over. */
  get size(): number {
    return this.#failed.size;
  }

  /** Also where the clock goes back: a node that said once that it is later keeps nothing waiting until then. */
  isDue(key: string): boolean {
    const failed = this.#failed.get(key);
    return !failed || this.#now >= failed.next || this.#now + DRIFT < failed.at;
  }

  /** Acts, and notes whether that failed. */
  async attempt<T>(key: string, act: () => Promise<T>, end?: number): Promise<T> {
    try {
      const result = await act();
      this.succeeded(key);
      return result;
    } catch (error) {
      this.failed(key, end, pauseAfter(error));
      throw error;
    }
  }

  /** Notes a failure; `end` is the last second in which success is worth anything, `least` the shortest pause before it. */
  failed(key: string, end = Infinity, least = 0): void {
    const now = this.#now;
    const before = this.#failed.get(key)?.pause;
    const pause = before === undefined ? FIRST : Math.min(this.longest, 2 * before);
    const next = now + Math.max(FIRST, Math.min(Math.max(pause, least), Math.floor((end - now) / 2)));
    for (const [each, { end: over, next: due }] of this.#failed)
      if (over < now || due + KEPT < now) this.#failed.delete(each);
    this.#failed.set(key, { pause, at: now, next, end });
  }

  /**
   * Notes the failure of a check on others, and whether it is made again. However many processes are killed, they must not
   * end it, or whoever cheats kills that many: only what can never change does.
   */
  retries(key: string, error: unknown, end?: number): boolean {
    const goesOn = mayPass(error) || !isHopeless(error);
    if (goesOn) this.failed(key, end, pauseAfter(error));
    else this.succeeded(key);
    return goesOn;
  }

  succeeded(key: string): void {
    this.#failed.delete(key);
  }
}
