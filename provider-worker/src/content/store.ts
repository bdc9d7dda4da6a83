import { createHash } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import path from "node:path";

import { unpackBundle } from "@assay/sdk";

import { WorkerError } from "../errors.js";

/** Share of the limit that old bundles are let go down to. */
const AFTER_CLEANING = 0.9;

export type ContentKind = "tensors" | "files";

/** Nothing more fits: every bundle kept belongs to an open job. */
export class StoreFullError extends WorkerError {
  override name = "StoreFullError";

  constructor(limit: number) {
    super(`the content store holds ${limit} bytes of open jobs: raise limits.storeBytes or buy a larger disk`, true);
  }
}

export interface ContentStoreOptions {
  /** Most bytes of tensor bundles kept. Anyone may upload inputs, so they must not fill the disk. */
  maxTensorBytes: number;
  /** Commitments of bundles that must stay: those of jobs that are not settled yet. */
  needed: () => ReadonlySet<string>;
}

/**
 * What the worker keeps on disk, by content: tensor bundles by their commitment, other files by sha-256. Every read is
 * checked again, so a damaged file is as good as absent. When the bundles outgrow their limit, the oldest that no open
 * job needs go first.
 */
export class ContentStore {
  /** Bundles are written one at a time, so that the count of their bytes is right. */
  #tail: Promise<unknown> = Promise.resolve();
  /** Undefined until the folder was read. */
  #tensorBytes: number | undefined;

  constructor(
    private readonly directory: string,
    private readonly options: ContentStoreOptions,
  ) {}

  /** Keeps a bundle file under the commitment computed from it, which it returns. */
  async putTensors(bytes: Uint8Array): Promise<string> {
    const { root } = unpackBundle(bytes, { maxBytes: bytes.length });
    const written = this.#tail.then(async () => {
      if (await this.get("tensors", root)) return;
      await this.#makeRoom(bytes.length);
      await this.#write("tensors", root, bytes);
      this.#tensorBytes = (this.#tensorBytes ?? 0) + bytes.length;
    });
    this.#tail = written.catch(() => undefined);
    await written;
    return root;
  }

  /** Keeps a file under its sha-256, which it returns. */
  async putFile(bytes: Uint8Array): Promise<string> {
    const hash = sha256(bytes);
    await this.#write("files", hash, bytes);
    return hash;
  }

  /** The bytes, or undefined if they are not here or not what their name says. */
  async get(kind: ContentKind, name: string): Promise<Uint8Array | undefined> {
    const bytes = await readFile(this.pathOf(kind, name)).catch(() => undefined);
    return bytes && isContent(kind, name, bytes) ? bytes : undefined;
  }

  /** Bytes of a file, undefined if it is not here. Not checked against its name: for whoever does not read it. */
  async sizeOf(kind: ContentKind, name: string): Promise<number | undefined> {
    const found = await stat(this.pathOf(kind, name)).catch(() => undefined);
    return found?.size;
  }

  /** Where a file lies or would lie. */
  pathOf(kind: ContentKind, name: string): string {
    if (!/^0x[0-9a-f]{64}$/.test(name)) throw new WorkerError(`${name} is no 32-byte hash`);
    return path.join(this.directory, kind, name.slice(2));
  }

  /** Lets old bundles go until there is room, and a little more, so that the folder is not read for every bundle. */
  async #makeRoom(size: number): Promise<void> {
    const { maxTensorBytes, needed } = this.options;
    this.#tensorBytes ??= sum(await this.#bundles());
    if (this.#tensorBytes + size <= maxTensorBytes) return;
    const bundles = await this.#bundles();
    this.#tensorBytes = sum(bundles);
    const keep = needed();
    for (const { name, bytes } of bundles.sort((a, b) => a.modified - b.modified)) {
      if (this.#tensorBytes + size <= maxTensorBytes * AFTER_CLEANING) break;
      if (keep.has(`0x${name}`)) continue;
      await rm(path.join(this.directory, "tensors", name), { force: true });
      this.#tensorBytes -= bytes;
    }
    if (this.#tensorBytes + size > maxTensorBytes) throw new StoreFullError(maxTensorBytes);
  }

  async #bundles(): Promise<{ name: string; bytes: number; modified: number }[]> {
    const folder = path.join(this.directory, "tensors");
    const names = await readdir(folder).catch(() => []);
    return Promise.all(
      names.map(async (name) => {
        const { size, mtimeMs } = await stat(path.join(folder, name));
        return { name, bytes: size, modified: mtimeMs };
      }),
    );
  }

  async #write(kind: ContentKind, name: string, bytes: Uint8Array): Promise<void> {
    const target = this.pathOf(kind, name);
    await mkdir(path.dirname(target), { recursive: true });
    const partial = `${target}.${process.pid}.${performance.now()}.partial`;
    try {
      const file = await open(partial, "wx");
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(partial, target);
    } catch (error) {
      await rm(partial, { force: true });
      throw error;
    }
  }
}

function sum(bundles: readonly { bytes: number }[]): number {
  return bundles.reduce((total, { bytes }) => total + bytes, 0);
}

/** sha-256 as 0x hex. */
export function sha256(bytes: Uint8Array): string {
  return `0x${createHash("sha256").update(bytes).digest("hex")}`;
}

function isContent(kind: ContentKind, name: string, bytes: Uint8Array): boolean {
  if (kind === "files") return sha256(bytes) === name;
  try {
    return unpackBundle(bytes, { maxBytes: bytes.length }).root === name;
  } catch {
    return false;
  }
}
