interface Entry<T> {
  readonly value: T;
  readonly bytes: number;
}

/** Values kept in memory, those used last, up to so many bytes together; the last one whatever its size. */
export class Kept<T> {
  /** The least recently used first. */
  readonly #entries = new Map<string, Entry<T>>();

  constructor(private readonly mostBytes: number) {}

  get(key: string): T | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.value;
  }

  set(key: string, value: T, bytes: number): void {
    this.#entries.delete(key);
    this.#entries.set(key, { value, bytes });
    let all = [...this.#entries.values()].reduce((sum, each) => sum + each.bytes, 0);
    for (const [oldest, entry] of this.#entries) {
      if (all <= this.mostBytes || oldest === key) return;
      this.#entries.delete(oldest);
      all -= entry.bytes;
    }
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  keys(): string[] {
    return [...this.#entries.keys()];
  }
}
