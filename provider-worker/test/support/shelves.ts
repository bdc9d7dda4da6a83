import type { HashedFile } from "../../src/content/checker.js";
import { Checker } from "../../src/content/checker.js";
import type { ContentStoreOptions } from "../../src/content/store.js";
import { ContentStore, sha256 } from "../../src/content/store.js";

/** A content store that never runs out of room in a test. */
const shelf = { maxBytes: 1_000_000, needed: () => new Set<string>() };
export const ROOMY: ContentStoreOptions = { tensors: shelf, files: shelf };

/** One for all tests of a file: a thread takes a while to start. It ends with the process. */
export const CHECKER = new Checker();

export function newStore(folder: string, options: ContentStoreOptions = ROOMY): ContentStore {
  return new ContentStore(folder, options, CHECKER);
}

export function hashedFile(bytes: Uint8Array): HashedFile {
  return { sha256: sha256(bytes), bytes };
}
