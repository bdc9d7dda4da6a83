import { availableParallelism, totalmem } from "node:os";

import type { CourtModel, LoadedModel } from "@assay/sdk";
import { loadForTraces } from "@assay/sdk";

import type { StartRuntime } from "./runtime.js";

/** More than this many runs at once gain little, whatever the machine. */
export const MOST_AT_ONCE = 8;

/** How many runs for the court a machine makes at once: one a core, as far as half of its memory holds their limits. */
export function tracesAtOnce(
  memoryMb: number,
  machine: { cores: number; memory: number } = { cores: availableParallelism(), memory: memoryHere() },
): number {
  const fit = Math.floor(machine.memory / 2 / (memoryMb * 2 ** 20));
  return Math.max(1, Math.min(machine.cores, fit, MOST_AT_ONCE));
}

/** How many of them save time, whatever the settings say. */
export function sideBySide(atOnce: number, cores = availableParallelism()): number {
  return Math.min(atOnce, cores, MOST_AT_ONCE);
}

/** What the system has, or what it gives this process if that is less. */
function memoryHere(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

interface Session {
  readonly key: string;
  readonly loaded: LoadedModel;
}

/**
 * Models loaded to be run tensor by tensor, in processes that stay: to start one takes a hundred times as long as to run a
 * small model. Those that nobody uses, used last, stay as far as there are no more than `most` with those in use.
 */
export class TraceSessions {
  /** Nobody uses these at the moment; the least recently used first. */
  #idle: Session[] = [];
  /** Loaded or being loaded for somebody: no more than runs are made at once. */
  #inUse = 0;

  constructor(
    private readonly startRuntime: StartRuntime,
    private readonly most: number,
    private readonly signal: AbortSignal,
  ) {
    // Their processes end with the signal; what is still loaded in this one has to be let go.
    signal.addEventListener("abort", () => {
      this.#keep(0);
    });
  }

  /** Acts on a loaded model that nobody else uses meanwhile. One that fails is not used again. */
  async use<T>(model: CourtModel, act: (loaded: LoadedModel) => Promise<T>): Promise<T> {
    this.signal.throwIfAborted();
    const idle = this.#takeIdle(model.commitment);
    this.#inUse++;
    try {
      const session = idle ?? (await this.#open(model));
      const result = await this.#act(session, act);
      this.#idle.push(session);
      return result;
    } finally {
      this.#inUse--;
      this.#makeRoom();
    }
  }

  async #act<T>({ loaded }: Session, act: (loaded: LoadedModel) => Promise<T>): Promise<T> {
    try {
      return await act(loaded);
    } catch (error) {
      loaded.stop();
      throw error;
    }
  }

  /** One whose process somebody killed meanwhile would fail, and the next after it. */
  #takeIdle(key: string): Session | undefined {
    this.#idle = this.#idle.filter(({ loaded }) => !loaded.hasEnded?.());
    const found = this.#idle.find((session) => session.key === key);
    this.#idle = this.#idle.filter((session) => session !== found);
    return found;
  }

  async #open(model: CourtModel): Promise<Session> {
    // Room for it before it comes: each may take a whole limit of memory.
    this.#makeRoom();
    return { key: model.commitment, loaded: await loadForTraces(model, this.startRuntime(this.signal)) };
  }

  #makeRoom(): void {
    this.#keep(this.signal.aborted ? 0 : Math.max(0, this.most - this.#inUse));
  }

  #keep(most: number): void {
    const over = this.#idle.splice(0, Math.max(0, this.#idle.length - most));
    for (const { loaded } of over) loaded.stop();
  }
}
