import type { Urgency } from "./line.js";
import { Line } from "./line.js";
import { Turns } from "./turns.js";

/** Where a task runs. */
export interface Place {
  /**
   * Leaves the place to other tasks while `act` waits for a machine of `group`, and takes one again afterwards. However
   * slow somebody's machine is, only its own tasks wait for it.
   */
  leaveFor<T>(group: string, act: () => Promise<T>): Promise<T>;
}

/** Of a task that nobody waits for: it keeps its place. */
export const STAYS: Place = { leaveFor: (_group, act) => act() };

export type Task = (place: Place) => Promise<void>;

/** Whether a task has its place at the moment, and whether it is over. */
interface Seat {
  readonly urgency: Urgency | undefined;
  taken: boolean;
  ended: boolean;
}

/** Tasks of one pool that may have left their places at once, and of them for one group. */
const AWAY = { limit: 8, limitOfGroup: 2 } as const;

/**
 * Runs one task a key at a time, at most `limit` together. The others wait for their turn, the most urgent first and else in
 * the order they came, so a key that is started again and again keeps no other one out.
 */
export class TaskPool {
  readonly #running = new Set<string>();
  readonly #waiting = new Line<() => void>();
  readonly #away = new Turns(AWAY);
  #taken = 0;

  constructor(
    private readonly limit: number,
    /** Once aborted, nothing more begins. */
    private readonly signal: AbortSignal,
    private readonly onError: (key: string, error: unknown) => void,
  ) {}

  /** Starts a task, now or when its turn comes. A newer one for a key that waits takes its place in the line. */
  start(key: string, task: Task, urgency?: Urgency): void {
    if (this.#running.has(key)) return;
    const begin = () => {
      this.#run(key, task, urgency);
    };
    this.#waiting.put(key, begin, urgency);
    this.#fill();
  }

  /** Whether a task of this key waits or is under way. */
  has(key: string): boolean {
    return this.#running.has(key) || this.#waiting.has(key);
  }

  /** Tasks that began and did not end yet. */
  get size(): number {
    return this.#running.size;
  }

  #run(key: string, task: Task, urgency: Urgency | undefined): void {
    const seat: Seat = { urgency, taken: true, ended: false };
    this.#running.add(key);
    task({ leaveFor: (group, act) => this.#leaveFor(key, seat, group, act) })
      .catch((error: unknown) => {
        this.onError(key, error);
      })
      .finally(() => {
        seat.ended = true;
        this.#running.delete(key);
        if (seat.taken) this.#leave();
        else this.#waiting.delete(key);
      });
  }

  async #leaveFor<T>(key: string, seat: Seat, group: string, act: () => Promise<T>): Promise<T> {
    // A task that gave up waiting may still go on for a moment, without a place to leave.
    if (seat.taken && !seat.ended) {
      seat.taken = false;
      this.#leave();
    }
    try {
      return await this.#away.take(group, act);
    } finally {
      // A task that gave up waiting needs none.
      if (!seat.ended) await this.#return(key, seat);
    }
  }

  #return(key: string, seat: Seat): Promise<void> {
    return new Promise<void>((resolve) => {
      const begin = () => {
        seat.taken = true;
        resolve();
      };
      this.#waiting.put(key, begin, seat.urgency);
      this.#fill();
    });
  }

  #leave(): void {
    this.#taken--;
    this.#fill();
  }

  #fill(): void {
    while (this.#taken < this.limit && !this.signal.aborted) {
      const begin = this.#waiting.next();
      if (!begin) return;
      this.#taken++;
      begin();
    }
  }
}
