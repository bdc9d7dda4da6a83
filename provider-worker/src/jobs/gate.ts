import type { Urgency } from "./line.js";
import { Line } from "./line.js";

/** Lets so many acts happen at once; the others wait, the most urgent first. */
export class Gate {
  readonly #line = new Line<() => void>();
  #open: number;
  #count = 0;

  constructor(limit: number) {
    this.#open = limit;
  }

  async pass<T>(act: () => Promise<T>, urgency?: Urgency): Promise<T> {
    await new Promise<void>((begin) => {
      this.#line.put(String(++this.#count), begin, urgency);
      this.#next();
    });
    try {
      return await act();
    } finally {
      this.#open++;
      this.#next();
    }
  }

  #next(): void {
    while (this.#open > 0) {
      const begin = this.#line.next();
      if (!begin) return;
      this.#open--;
      begin();
    }
  }
}
