import type { HashedFile } from "../../src/content/checker.js";
import { Checker } from "../../src/content/checker.js";
import type { Needed, ShelfOptions } from "../../src/content/shelf.js";
import type { ContentStoreOptions } from "../../src/content/store.js";
import { ContentStore, sha256 } from "../../src/content/store.js";

export const NOTHING: Needed = { own: new Set(), others: new Set() };
/** Never runs out of room in a test. */
export const ROOMY_SHELF: ShelfOptions = { maxBytes: 100_000_000, needed: () => NOTHING };
export const ROOMY: ContentStoreOptions = { tensors: ROOMY_SHELF, files: ROOMY_SHELF };

/** One for all tests of a file: a thread takes a while to start. It ends with the process. */
export const CHECKER = new Checker();

export function newStore(folder: string, options: ContentStoreOptions = ROOMY): ContentStore {
  return new ContentStore(folder, options, CHECKER);
}

export function hashedFile(bytes: Uint8Array): HashedFile {
  return { sha256: sha256(bytes), bytes };
}
