/** What goes first where not everything can go at once. */
export interface Urgency {
  /** The lower goes first; 0 if left out. */
  readonly rank?: number;
  /** Of one rank: groups take turns, however much each of them has. */
  readonly group?: string;
  /** Of one group: the last second in which it counts, the nearest first; one without goes last. */
  readonly due?: number;
}

interface Waiting<T> {
  readonly item: T;
  readonly urgency: Urgency;
}

/** Groups whose last turn is remembered. */
const REMEMBERED = 1000;

/** A waiting line, the most urgent first; where nothing tells two apart, in the order they came. */
export class Line<T> {
  readonly #waiting = new Map<string, Waiting<T>>();
  /** When each group had its last turn, the one of longest ago first. */
  readonly #turns = new Map<string, number>();
  #turn = 0;

  get size(): number {
    return this.#waiting.size;
  }

  has(key: string): boolean {
    return this.#waiting.has(key);
  }

  /** What comes for a key that waits takes its place in the line. */
  put(key: string, item: T, urgency: Urgency = {}): void {
    this.#waiting.set(key, { item, urgency });
  }

  delete(key: string): void {
    this.#waiting.delete(key);
  }

  /** Takes out who is first; undefined if nobody waits. */
  next(): T | undefined {
    let first: [string, Waiting<T>] | undefined;
    for (const each of this.#waiting) if (!first || this.#isBefore(each[1], first[1])) first = each;
    if (!first) return undefined;
    const [key, { item, urgency }] = first;
    this.#waiting.delete(key);
    this.#noteTurn(groupOf(urgency));
    return item;
  }

  #isBefore({ urgency: a }: Waiting<T>, { urgency: b }: Waiting<T>): boolean {
    const byRank = (a.rank ?? 0) - (b.rank ?? 0);
    if (byRank !== 0) return byRank < 0;
    const byTurn = this.#lastTurnOf(a) - this.#lastTurnOf(b);
    if (byTurn !== 0) return byTurn < 0;
    return (a.due ?? Infinity) < (b.due ?? Infinity);
  }

  #lastTurnOf(urgency: Urgency): number {
    return this.#turns.get(groupOf(urgency)) ?? 0;
  }

  #noteTurn(group: string): void {
    this.#turns.delete(group);
    this.#turns.set(group, ++this.#turn);
    const [oldest] = this.#turns.keys();
    if (this.#turns.size > REMEMBERED && oldest !== undefined) this.#turns.delete(oldest);
  }
}

function groupOf({ group = "" }: Urgency): string {
  return group;
}
