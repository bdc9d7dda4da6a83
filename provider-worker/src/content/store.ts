import { createHash, randomUUID } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { stat } from "node:fs/promises";
import path from "node:path";
import type { Readable } from "node:stream";

import type { BundleFile } from "@assay/sdk";
import { TensorError } from "@assay/sdk";

import { WorkerError } from "../errors.js";
import type { Checker, HashedFile } from "./checker.js";
import type { Arrival, ShelfOptions } from "./shelf.js";
import { Shelf } from "./shelf.js";
import { Upload } from "./upload.js";

export type ContentKind = "tensors" | "files";

/** Anyone may upload inputs, and anyone's models are fetched: neither must fill the disk. */
export type ContentStoreOptions = Record<ContentKind, ShelfOptions>;

/**
 * What the worker keeps on disk, by content: tensor bundles by their commitment, other files by sha-256, each on a shelf of
 * its own. What is taken in is checked, and again what the worker itself reads, so a damaged file is as good as absent.
 */
export class ContentStore {
  readonly #shelves: Record<ContentKind, Shelf>;
  /** Where things are until they are checked. */
  readonly #incoming: string;
  /** Files that were found to be what their names say, as they were then. */
  readonly #verified = new Map<string, string>();

  /** What a process that was killed left half written goes. */
  constructor(
    directory: string,
    options: ContentStoreOptions,
    /** Does what takes long in a thread of its own. */
    readonly checker: Checker,
  ) {
    this.#shelves = {
      tensors: new Shelf(path.join(directory, "tensors"), options.tensors, "limits.storeBytes"),
      files: new Shelf(path.join(directory, "files"), options.files, "limits.fileBytes"),
    };
    this.#incoming = path.join(directory, "incoming");
    rmSync(this.#incoming, { recursive: true, force: true });
    mkdirSync(this.#incoming);
  }

  /** Looks through all that is here, which takes a while and keeps nothing waiting. */
  async sweep(signal: AbortSignal): Promise<void> {
    for (const shelf of Object.values(this.#shelves)) await shelf.sweep(signal);
  }

  close(): void {
    for (const shelf of Object.values(this.#shelves)) shelf.close();
  }

  /** Takes in what somebody sends, on disk from its first byte on. */
  receive(): Promise<Upload> {
    return Upload.begin(path.join(this.#incoming, randomUUID()));
  }

  /** Keeps an upload if it is a bundle that commits to `name`. Returns what it commits to; throws `TensorError` if it is none. */
  async keepUpload(upload: Upload, name: string): Promise<string> {
    const root = await this.checker.rootAt(upload.path);
    if (root === undefined) throw new WorkerError("the upload cannot be read again", true);
    if (root === name) {
      const write = (target: string) => upload.keep(target);
      await this.#keep("tensors", { name, size: upload.bytes, isUpload: true, write });
    }
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
  async putFile({ sha256, bytes }: HashedFile): Promise<void> {
    await this.#put("files", sha256, bytes);
    const state = await this.#stateOf(sha256);
    if (state !== undefined) this.#verified.set(sha256, state);
  }

  /** A file, undefined if it is not here or not what its name says. */
  async getFile(name: string): Promise<Uint8Array | undefined> {
    const state = await this.#stateOf(name);
    const file = await this.checker.fileAt(this.pathOf("files", name));
    if (file?.sha256 !== name) return undefined;
    await this.#noteVerified(name, state);
    return file.bytes;
  }

  /** Makes something the newest of its kind, the last to go. */
  touch(kind: ContentKind, name: string): void {
    this.#shelves[kind].touch(name);
  }

  /** Keeps things here while something is done with them. */
  hold<T>(kind: ContentKind, names: readonly string[], act: () => Promise<T>): Promise<T> {
    return this.#shelves[kind].hold(names, act);
  }

  /** Whether something is here, and what its name says. A file that nobody changed meanwhile is not read again. */
  async has(kind: ContentKind, name: string): Promise<boolean> {
    if (kind === "tensors") return name === (await unlessRefused(this.checker.rootAt(this.pathOf(kind, name))));
    const state = await this.#stateOf(name);
    if (state === undefined) return false;
    if (state === this.#verified.get(name)) return true;
    if ((await this.checker.sha256At(this.pathOf(kind, name))) !== name) return false;
    await this.#noteVerified(name, state);
    return true;
  }

  /** A file to be sent on. Not checked against its name: whoever asked for it by hash or commitment does that. */
  open(kind: ContentKind, name: string): Promise<{ size: number; stream: Readable } | undefined> {
    return this.#shelves[kind].open(name);
  }

  /** Bytes of a file, undefined if it is not here. Not checked against its name: for whoever does not read it. */
  async sizeOf(kind: ContentKind, name: string): Promise<number | undefined> {
    const found = await stat(this.pathOf(kind, name)).catch(() => undefined);
    return found?.size;
  }

  /** Where a file lies or would lie. */
  pathOf(kind: ContentKind, name: string): string {
    return this.#shelves[kind].pathOf(name);
  }

  #put(kind: ContentKind, name: string, bytes: Uint8Array): Promise<void> {
    const write = async (target: string) => {
      const upload = await this.receive();
      try {
        await upload.write(bytes);
        await upload.keep(target);
      } finally {
        await upload.end();
      }
    };
    return this.#keep(kind, { name, size: bytes.length, isUpload: false, write });
  }

  #keep(kind: ContentKind, arrival: Omit<Arrival, "isHere">): Promise<void> {
    return this.#shelves[kind].keep({ ...arrival, isHere: () => this.has(kind, arrival.name) });
  }

  /** What is different once somebody wrote into a file, or put another one there; undefined if none is here. */
  async #stateOf(file: string): Promise<string | undefined> {
    const found = await stat(this.pathOf("files", file), { bigint: true }).catch(() => undefined);
    return found && [found.ino, found.size, found.mtimeNs, found.ctimeNs].join();
  }

  /** Nobody must have changed it while it was read. */
  async #noteVerified(file: string, state: string | undefined): Promise<void> {
    if (state !== undefined && state === (await this.#stateOf(file))) this.#verified.set(file, state);
  }
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
