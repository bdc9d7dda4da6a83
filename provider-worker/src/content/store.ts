import { createHash } from "node:crypto";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import path from "node:path";

import { unpackBundle } from "@assay/sdk";

import { WorkerError } from "../errors.js";

export type ContentKind = "tensors" | "files";

/**
 * What the worker keeps on disk, by content: tensor bundles by their commitment, other files by sha-256. Every read is
 * checked again, so a damaged file is as good as absent.
 */
export class ContentStore {
  constructor(private readonly directory: string) {}

  /** Keeps a bundle file under the commitment computed from it, which it returns. */
  async putTensors(bytes: Uint8Array): Promise<string> {
    const { root } = unpackBundle(bytes, { maxBytes: bytes.length });
    await this.#write("tensors", root, bytes);
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

  /** Where a file lies or would lie. */
  pathOf(kind: ContentKind, name: string): string {
    if (!/^0x[0-9a-f]{64}$/.test(name)) throw new WorkerError(`${name} is no 32-byte hash`);
    return path.join(this.directory, kind, name.slice(2));
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
