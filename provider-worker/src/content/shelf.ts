import { mkdirSync } from "node:fs";
import { open, opendir, rm, stat } from "node:fs/promises";
import path from "node:path";
import type { Readable } from "node:stream";
import { setImmediate as others } from "node:timers/promises";

import { WorkerError } from "../errors.js";
import { ShelfIndex } from "./shelfIndex.js";

/** What a file takes on disk: whole blocks, and its part of the inodes, of which file systems make one for so many bytes. */
const BLOCK_BYTES = 4_096;
export const LEAST_BYTES = 16_384;
/** Share of the limit that is made free at once, in whole entries. */
const SPARE = 0.01;
/** Share of the limit that is kept for what is needed for others' sake. */
const OTHERS_SHARE = 0.5;
/** For so long no room is looked for on behalf of uploads, once there was nothing more to let go: it takes seconds. */
export const REST_MS = 60_000;
/** Entries that are looked at in one go. */
const BATCH = 64;
/** Names of a folder that are read in one go. */
const NAMES = 1_024;
const NAME = /^0x[0-9a-f]{64}$/;
const PARTIAL = ".partial";

/** Names of what must stay. */
export interface Needed {
  /** For the provider's own jobs and stakes: none of it ever goes. */
  readonly own: ReadonlySet<string>;
  /** For the sake of others: stays as far as it takes no more than half of the shelf, the first before the others. */
  readonly others: ReadonlySet<string>;
}

export interface ShelfOptions {
  /** Most bytes kept, as they are counted here. */
  maxBytes: number;
  needed: () => Needed | Promise<Needed>;
  /** Milliseconds since some moment; others only in tests. */
  now?: () => number;
}

/** How something comes to lie on a shelf. */
export interface Arrival {
  readonly name: string;
  readonly size: number;
  /** Brought by somebody who may be anybody. */
  readonly isUpload: boolean;
  /** Whether it lies there already, and is what its name says. */
  isHere: () => Promise<boolean>;
  write: (target: string) => Promise<void>;
}

/** Something does not fit: all that is kept is needed, or it is larger than all that may be kept. */
export class StoreFullError extends WorkerError {
  override name = "StoreFullError";

  constructor(bytes: number, limit: number, setting: string) {
    const isFull = bytes <= limit;
    const why = isFull ? `holds ${limit} bytes that are needed` : `has no room for ${bytes} bytes, only for ${limit}`;
    super(`the content store ${why}: raise ${setting} or buy a larger disk`, isFull);
  }
}

/** Bytes that a file counts for. */
export function costOf(size: number): number {
  return Math.max(LEAST_BYTES, Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES);
}

/**
 * A folder of files named by their hash that takes no more than so much of the disk, in bytes and in files. What it needs
 * room for pushes the oldest out that nobody needs. Its index says what is there, so that nothing reads the whole folder
 * but `sweep`, bit by bit.
 */
export class Shelf {
  readonly #index: ShelfIndex;
  /** What is in use, and how often. */
  readonly #held = new Map<string, number>();
  readonly #now: () => number;
  /** Until then uploads get what room there is. */
  #restsUntil = -Infinity;
  /** One thing is written or let go at a time, so that the count is right. */
  #tail: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly folder: string,
    private readonly options: ShelfOptions,
    /** The setting with the limit. */
    private readonly setting: string,
  ) {
    mkdirSync(folder, { recursive: true });
    this.#index = new ShelfIndex(`${folder}.sqlite`);
    this.#now = options.now ?? (() => performance.now());
  }

  /** Where a file lies or would lie. */
  pathOf(name: string): string {
    if (!NAME.test(name)) throw new WorkerError(`${name} is no 32-byte hash`);
    return path.join(this.folder, name.slice(2));
  }

  /** Keeps something, as the newest also where it lies here already. */
  keep({ name, size, isUpload, isHere, write }: Arrival): Promise<void> {
    return this.#inTurn(async () => {
      if (await isHere()) {
        this.#index.touch(name);
        return;
      }
      // What is not what its name says takes no room from what replaces it.
      if (this.#index.bytesOf(name) !== undefined) await this.#letGo(name);
      const bytes = costOf(size);
      await this.#makeRoom(bytes, isUpload);
      // Known before it is there: what is not known is counted by nobody.
      this.#index.set(name, bytes);
      try {
        await write(this.pathOf(name));
      } catch (error) {
        await this.#letGo(name);
        throw error;
      }
    });
  }

  touch(name: string): void {
    this.#index.touch(name);
  }

  /** Keeps these from being let go while something is done with them. */
  async hold<T>(names: readonly string[], act: () => Promise<T>): Promise<T> {
    for (const name of names) this.#held.set(name, (this.#held.get(name) ?? 0) + 1);
    try {
      return await act();
    } finally {
      for (const name of names) {
        const left = (this.#held.get(name) ?? 1) - 1;
        if (left > 0) this.#held.set(name, left);
        else this.#held.delete(name);
      }
    }
  }

  /** A file to be sent on, which takes little memory however large it is; undefined if it is not here. */
  async open(name: string): Promise<{ size: number; stream: Readable } | undefined> {
    let file;
    try {
      file = await open(this.pathOf(name), "r");
    } catch (error) {
      // Nothing else must pass for absence: who is told so gives up for good.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
    try {
      const { size } = await file.stat();
      return { size, stream: file.createReadStream() };
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /**
   * Reads the whole folder, bit by bit, while everything else goes on: takes into the index what is not in it, all of it
   * where the index is gone, and removes what earlier versions left half written.
   */
  async sweep(signal: AbortSignal): Promise<void> {
    const found: string[] = [];
    for await (const { name: file } of await opendir(this.folder, { bufferSize: NAMES })) {
      if (signal.aborted) return;
      if (file.endsWith(PARTIAL)) await rm(path.join(this.folder, file), { force: true });
      const name = `0x${file}`;
      if (!NAME.test(name) || this.#index.bytesOf(name) !== undefined) continue;
      found.push(name);
      if (found.length === BATCH) await this.#add(found.splice(0));
    }
    if (!signal.aborted) await this.#add(found);
  }

  close(): void {
    this.#index.close();
  }

  async #add(names: readonly string[]): Promise<void> {
    const entries = await Promise.all(
      names.map(async (name) => {
        const found = await stat(this.pathOf(name)).catch(() => undefined);
        return found && { name, bytes: costOf(found.size), used: found.mtimeMs };
      }),
    );
    this.#index.addFound(entries.filter((entry) => entry !== undefined));
    await this.#inTurn(() => this.#makeRoom(0)).catch((error: unknown) => {
      if (!(error instanceof StoreFullError)) throw error;
    });
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#tail.then(act);
    this.#tail = done.catch(() => undefined);
    return done;
  }

  /** Lets the oldest go until there is room, and a little more, so that what is needed is not asked each time. */
  async #makeRoom(bytes: number, isUpload = false): Promise<void> {
    const { maxBytes, needed } = this.options;
    const fits = () => this.#index.bytes + bytes <= maxBytes;
    if (fits()) return;
    const rests = isUpload && this.#now() < this.#restsUntil;
    if (rests || bytes > maxBytes) throw new StoreFullError(bytes, maxBytes, this.setting);
    const stays = this.#staying(await needed());
    const spare = LEAST_BYTES * Math.floor((SPARE * maxBytes) / LEAST_BYTES);
    const goal = Math.max(0, maxBytes - bytes - spare);
    let batch = this.#index.oldest(BATCH);
    while (batch.length > 0 && this.#index.bytes > goal) {
      for (const { name } of batch) {
        if (this.#index.bytes <= goal) break;
        if (!stays.has(name) && !this.#held.has(name)) await this.#letGo(name);
      }
      await others();
      batch = this.#index.oldest(BATCH, batch.at(-1));
    }
    this.#restsUntil = this.#index.bytes > goal ? this.#now() + REST_MS : -Infinity;
    if (!fits()) throw new StoreFullError(bytes, maxBytes, this.setting);
  }

  #staying({ own, others: theirs }: Needed): Set<string> {
    const stays = new Set(own);
    let left = this.options.maxBytes * OTHERS_SHARE;
    for (const name of theirs) {
      const bytes = stays.has(name) ? 0 : (this.#index.bytesOf(name) ?? 0);
      if (bytes > left) continue;
      left -= bytes;
      stays.add(name);
    }
    return stays;
  }

  async #letGo(name: string): Promise<void> {
    await rm(this.pathOf(name), { force: true });
    this.#index.remove(name);
  }
}
