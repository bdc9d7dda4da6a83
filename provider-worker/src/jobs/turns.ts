export interface TurnLimits {
  /** Most acts under way at once. */
  limit: number;
  /** Most of them for one group. */
  limitOfGroup: number;
}

interface Waiting {
  group: string;
  begin: () => void;
}

/** Lets so many acts happen at once, and so many for one group; the others wait in the order they came. */
export class Turns {
  #count = 0;
  readonly #countOf = new Map<string, number>();
  #waiting: Waiting[] = [];

  constructor(private readonly limits: TurnLimits) {}

  async take<T>(group: string, act: () => Promise<T>): Promise<T> {
    await new Promise<void>((begin) => {
      this.#waiting.push({ group, begin });
      this.#next();
    });
    try {
      return await act();
    } finally {
      this.#change(group, -1);
      this.#next();
    }
  }

  #next(): void {
    this.#waiting = this.#waiting.filter(({ group, begin }) => {
      const { limit, limitOfGroup } = this.limits;
      if (this.#count >= limit || (this.#countOf.get(group) ?? 0) >= limitOfGroup) return true;
      this.#change(group, 1);
      begin();
      return false;
    });
  }

  #change(group: string, by: 1 | -1): void {
    const count = (this.#countOf.get(group) ?? 0) + by;
    this.#count += by;
    if (count === 0) this.#countOf.delete(group);
    else this.#countOf.set(group, count);
  }
}
