/** What goes first where not everything can go at once. */
export interface Urgency {
  /** The lower goes first; 0 if left out. */
  readonly rank?: number;
  /** Of one rank: groups take turns, however much each of them has. */
  readonly group?: string;
  /** Of one group: the last second in which it counts, the nearest first; one without goes last. */
  readonly due?: number;
  /** Whether it keeps its rank however soon it is due. */
  readonly keepsRank?: boolean;
}

interface Waiting<T> {
  readonly item: T;
  readonly urgency: Urgency;
}

/** Groups whose last turn is remembered. */
const REMEMBERED = 1000;

/**
 * Seconds before its deadline from which on nothing that is due later goes before it. By default the answer to an audit has
 * as long and its opening half of that, and a trace six times as long, which keeps its rank until then.
 */
const SOON = 600;

/**
 * A waiting line, the most urgent first; where nothing tells two apart, in the order they came. One that is told the clock
 * lets what is due soon go by its deadline, whatever its rank and group.
 */
export class Line<T> {
  readonly #waiting = new Map<string, Waiting<T>>();
  /** When each group had its last turn, the one of longest ago first. */
  readonly #turns = new Map<string, number>();
  #turn = 0;
  #now: number | undefined;

  get size(): number {
    return this.#waiting.size;
  }

  has(key: string): boolean {
    return this.#waiting.has(key);
  }

  /** Tells the clock by which deadlines are given, in seconds. */
  tick(now: number): void {
    this.#now = now;
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
    const first = this.#first();
    return first && this.#takeOut(first);
  }

  /** Takes out who is first of those that are due soon. */
  nextDueSoon(): T | undefined {
    const first = this.#first();
    return first && this.#isDueSoon(first[1].urgency) ? this.#takeOut(first) : undefined;
  }

  #first(): [string, Waiting<T>] | undefined {
    let first: [string, Waiting<T>] | undefined;
    for (const each of this.#waiting) if (!first || this.#isBefore(each[1], first[1])) first = each;
    return first;
  }

  #takeOut([key, { item, urgency }]: [string, Waiting<T>]): T {
    this.#waiting.delete(key);
    this.#noteTurn(groupOf(urgency));
    return item;
  }

  #isBefore({ urgency: a }: Waiting<T>, { urgency: b }: Waiting<T>): boolean {
    const [soonA, soonB] = [this.#isDueSoon(a), this.#isDueSoon(b)];
    if (soonA !== soonB) return soonA;
    if (soonA && a.due !== b.due) return isDueBefore(a, b);
    const byRank = (a.rank ?? 0) - (b.rank ?? 0);
    if (byRank !== 0) return byRank < 0;
    const byTurn = this.#lastTurnOf(a) - this.#lastTurnOf(b);
    if (byTurn !== 0) return byTurn < 0;
    return isDueBefore(a, b);
  }

  /** What is late already has nothing left to be in time for. */
  #isDueSoon({ due, keepsRank }: Urgency): boolean {
    if (keepsRank || this.#now === undefined || due === undefined) return false;
    return due >= this.#now && due <= this.#now + SOON;
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

function isDueBefore(a: Urgency, b: Urgency): boolean {
  return (a.due ?? Infinity) < (b.due ?? Infinity);
}

function groupOf({ group = "" }: Urgency): string {
  return group;
}
