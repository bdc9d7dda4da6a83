import type { WriteStream } from "node:tty";

/** Lines that say what goes on; on a terminal a counter stays on its line. */
export class Progress {
  readonly #started = performance.now();
  #counting = false;

  constructor(private readonly stream: Pick<WriteStream, "write" | "isTTY">) {}

  /** Begins a step. */
  step(text: string): void {
    this.#endLine();
    this.stream.write(`${this.#clock()} ${text}\n`);
  }

  /** Moves the counter of the current step. */
  count(text: string, done: number, total: number): void {
    const line = `${this.#clock()} ${text}: ${done} of ${total}`;
    if (this.stream.isTTY) {
      this.stream.write(`\r${line}`);
      this.#counting = true;
    } else if (done === total || done % 50 === 0) {
      this.stream.write(`${line}\n`);
    }
  }

  #endLine(): void {
    if (this.#counting) this.stream.write("\n");
    this.#counting = false;
  }

  #clock(): string {
    return `[${((performance.now() - this.#started) / 1000).toFixed(1).padStart(5)} s]`;
  }
}
