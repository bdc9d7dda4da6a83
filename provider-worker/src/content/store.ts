import { createHash } from "node:crypto";
import { mkdir, open, readdir, rm, stat, utimes } from "node:fs/promises";
import path from "node:path";
import type { Readable } from "node:stream";

import type { BundleFile } from "@assay/sdk";
import { TensorError } from "@assay/sdk";

import { WorkerError } from "../errors.js";
import type { Checker, HashedFile } from "./checker.js";
import { Upload } from "./upload.js";

/** Share of the limit that old things are let go down to. */
const AFTER_CLEANING = 0.9;

const KINDS = ["tensors", "files"] as const;
const NAME = /^0x[0-9a-f]{64}$/;
/** How the name of a file ends while it is written. */
const PARTIAL = ".partial";

export type ContentKind = (typeof KINDS)[number];

interface Entry {
  name: string;
  bytes: number;
  modified: number;
}

/** Nothing more fits: everything kept is needed. */
export class StoreFullError extends WorkerError {
  override name = "StoreFullError";

  constructor(kind: ContentKind, limit: number) {
    const what =
      kind === "tensors" ? "that jobs and cases need: raise limits.storeBytes" : "of models: raise limits.fileBytes";
    super(`the content store holds ${limit} bytes ${what} or buy a larger disk`, true);
  }
}

export interface ShelfOptions {
  /** Most bytes kept. */
  maxBytes: number;
  /** Names of what must stay: of bundles those that own jobs and cases need, of files those of models in use. */
  needed: () => ReadonlySet<string>;
}

/** Anyone may upload inputs, and anyone's models are fetched: neither must fill the disk. */
export type ContentStoreOptions = Record<ContentKind, ShelfOptions>;

/**
 * What the worker keeps on disk, by content: tensor bundles by their commitment, other files by sha-256. What is taken in
 * is checked, and again what the worker itself reads, so a damaged file is as good as absent. When one kind outgrows its
 * limit, the oldest that nobody needs go first.
 */
export class ContentStore {
  /** One thing is written at a time, so that the count of bytes is right. */
  #tail: Promise<unknown> = Promise.resolve();
  /** Undefined until the folder was read. */
  readonly #bytes: Partial<Record<ContentKind, number>> = {};

  constructor(
    private readonly directory: string,
    private readonly options: ContentStoreOptions,
    /** Does what takes long in a thread of its own. */
    readonly checker: Checker,
  ) {}

  /** Removes what a process that was killed left half written. To be called before anything is kept. */
  async sweep(): Promise<void> {
    for (const kind of KINDS) {
      const names = await readdir(path.join(this.directory, kind)).catch(() => []);
      for (const name of names.filter((each) => each.endsWith(PARTIAL))) {
        await rm(path.join(this.directory, kind, name), { force: true });
      }
    }
  }

  /** Takes in what somebody sends, on disk from its first byte on. */
  async receive(): Promise<Upload> {
    return this.#begin(path.join(this.directory, "tensors", "upload"));
  }

  /** Keeps an upload if it is a bundle that commits to `name`. Returns what it commits to; throws `TensorError` if it is none. */
  async keepUpload(upload: Upload, name: string): Promise<string> {
    const root = await this.checker.rootAt(upload.path);
    if (root === undefined) throw new WorkerError("the upload cannot be read again", true);
    if (root === name) await this.#keep("tensors", name, upload.bytes, (target) => upload.keep(target));
    return root;
  }

  /** Keeps what was packed or unpacked just now: its commitment is not computed again. */
  putBundle({ root, bytes }: Pick<BundleFile, "root" | "bytes">): Promise<void> {
    return this.#put("tensors", root, bytes);
  }

  /** A bundle, unpacked once; undefined if it is not here or not what its name says. */
  async getBundle(name: string): Promise<BundleFile | undefined> {
    const bundle = await unlessRefused(this.checker.bundleAt(this.pathOf("tensors", name)));
    return bundle?.root === name ? bundle : undefined;
  }

  /** Keeps a file that was hashed just now. */
  putFile({ sha256, bytes }: HashedFile): Promise<void> {
    return this.#put("files", sha256, bytes);
  }

  /** Makes something the newest of its kind, the last to go. */
  async touch(kind: ContentKind, name: string): Promise<void> {
    const now = new Date();
    await utimes(this.pathOf(kind, name), now, now).catch(() => undefined);
  }

  /** A file, undefined if it is not here or not what its name says. */
  async getFile(name: string): Promise<Uint8Array | undefined> {
    const file = await this.checker.fileAt(this.pathOf("files", name));
    return file?.sha256 === name ? file.bytes : undefined;
  }

  /** Whether something is here, and what its name says. */
  async has(kind: ContentKind, name: string): Promise<boolean> {
    const file = this.pathOf(kind, name);
    return name === (await unlessRefused(kind === "files" ? this.checker.sha256At(file) : this.checker.rootAt(file)));
  }

  /**
   * A file to be sent on, which takes little memory however large it is; undefined if it is not here. Not checked against
   * its name: whoever asked for it by hash or commitment does that.
   */
  async open(kind: ContentKind, name: string): Promise<{ size: number; stream: Readable } | undefined> {
    let file;
    try {
      file = await open(this.pathOf(kind, name), "r");
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

  /** Bytes of a file, undefined if it is not here. Not checked against its name: for whoever does not read it. */
  async sizeOf(kind: ContentKind, name: string): Promise<number | undefined> {
    const found = await stat(this.pathOf(kind, name)).catch(() => undefined);
    return found?.size;
  }

  /** Where a file lies or would lie. */
  pathOf(kind: ContentKind, name: string): string {
    if (!NAME.test(name)) throw new WorkerError(`${name} is no 32-byte hash`);
    return path.join(this.directory, kind, name.slice(2));
  }

  #put(kind: ContentKind, name: string, bytes: Uint8Array): Promise<void> {
    return this.#keep(kind, name, bytes.length, async (target) => {
      const upload = await this.#begin(target);
      try {
        await upload.write(bytes);
        await upload.keep(target);
      } finally {
        await upload.end();
      }
    });
  }

  async #begin(target: string): Promise<Upload> {
    await mkdir(path.dirname(target), { recursive: true });
    return Upload.begin(`${target}.${process.pid}.${performance.now()}${PARTIAL}`);
  }

  #keep(kind: ContentKind, name: string, size: number, write: (target: string) => Promise<void>): Promise<void> {
    const kept = this.#tail.then(async () => {
      if (await this.has(kind, name)) return;
      const total = await this.#makeRoom(kind, size);
      await write(this.pathOf(kind, name));
      this.#bytes[kind] = total + size;
    });
    this.#tail = kept.catch(() => undefined);
    return kept;
  }

  /**
   * Lets the oldest go until there is room, and a little more, so that the folder is not read each time. Returns the
   * bytes that are left.
   */
  async #makeRoom(kind: ContentKind, size: number): Promise<number> {
    const { maxBytes, needed } = this.options[kind];
    const known = this.#bytes[kind] ?? sum(await this.#list(kind));
    if (known + size <= maxBytes) return known;
    const entries = await this.#list(kind);
    let total = sum(entries);
    const keep = needed();
    for (const { name, bytes } of entries.sort((a, b) => a.modified - b.modified)) {
      if (total + size <= maxBytes * AFTER_CLEANING) break;
      if (keep.has(name)) continue;
      await rm(this.pathOf(kind, name), { force: true });
      total -= bytes;
    }
    this.#bytes[kind] = total;
    if (total + size > maxBytes) throw new StoreFullError(kind, maxBytes);
    return total;
  }

  async #list(kind: ContentKind): Promise<Entry[]> {
    const names = await readdir(path.join(this.directory, kind)).catch(() => []);
    const entries = await Promise.all(
      names.map(async (file) => {
        const name = `0x${file}`;
        const found = NAME.test(name) ? await stat(this.pathOf(kind, name)).catch(() => undefined) : undefined;
        return found && { name, bytes: found.size, modified: found.mtimeMs };
      }),
    );
    return entries.filter((entry) => entry !== undefined);
  }
}

function sum(entries: readonly Entry[]): number {
  return entries.reduce((total, { bytes }) => total + bytes, 0);
}

/** sha-256 as 0x hex. */
export function sha256(bytes: Uint8Array): string {
  return `0x${createHash("sha256").update(bytes).digest("hex")}`;
}

/** What is no bundle is as good as absent. */
async function unlessRefused<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof TensorError) return undefined;
    throw error;
  }
}
