import { unlessAborted } from "./deadline.js";
import { WorkerError } from "./errors.js";

interface Work<T> {
  result: Promise<T>;
  end: AbortController;
  waiting: number;
}

/** Work that several may wait for, by key. Who gives up waiting ends it for nobody else; the last to go does. */
export class Shared<T> {
  /** What is under way. */
  readonly #open = new Map<string, Work<T>>();

  /** What `act` gives, or one for the same key that is under way. Ends with the signal's reason once that aborts. */
  async get(key: string, signal: AbortSignal, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const work = this.#open.get(key) ?? this.#begin(key, act);
    work.waiting++;
    try {
      return await unlessAborted(signal, work.result);
    } finally {
      work.waiting--;
      if (work.waiting === 0 && this.#forget(key, work)) {
        work.end.abort(new WorkerError("nobody waits for it any more", true));
      }
    }
  }

  #begin(key: string, act: (signal: AbortSignal) => Promise<T>): Work<T> {
    const end = new AbortController();
    const work = { result: act(end.signal), end, waiting: 0 };
    const forget = () => this.#forget(key, work);
    work.result.then(forget, forget);
    this.#open.set(key, work);
    return work;
  }

  /** Whether it was still under way. */
  #forget(key: string, work: Work<T>): boolean {
    return this.#open.get(key) === work && this.#open.delete(key);
  }
}
