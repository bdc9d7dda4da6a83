/** Does something again and again, until the function that is returned is called. */
export type Every = (milliseconds: number, act: () => void) => () => void;

export const everyInterval: Every = (milliseconds, act) => {
  const timer = setInterval(act, milliseconds).unref();
  return () => {
    clearInterval(timer);
  };
};

export const PERIOD_MS = 10_000;
/** Bytes a transfer must have moved by the end of each period, on average since it began: 50 kB/s. */
export const BYTES_PER_PERIOD = 500_000;

/** How long a transfer of so many bytes may take, in milliseconds. */
export function longestFor(bytes: number): number {
  return Math.ceil(bytes / BYTES_PER_PERIOD) * PERIOD_MS;
}

/**
 * Watches over one transfer: a peer that never reads, or writes a byte now and then, would hold its place for ever. What
 * waits in the system's buffers counts as moved, so nobody who takes 50 kB/s is ended.
 */
export class Pace {
  #bytes = 0;
  #periods = 0;
  /** To be called when the transfer is over. */
  readonly stop: () => void;

  constructor(every: Every, onTooSlow: () => void) {
    this.stop = every(PERIOD_MS, () => {
      if (this.#bytes >= ++this.#periods * BYTES_PER_PERIOD) return;
      this.stop();
      onTooSlow();
    });
  }

  moved(bytes: number): void {
    this.#bytes += bytes;
  }
}
