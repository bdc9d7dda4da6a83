import type { ContentStoreOptions } from "../../src/content/store.js";

/** A content store that never runs out of room in a test. */
const shelf = { maxBytes: 1_000_000, needed: () => new Set<string>() };
export const ROOMY: ContentStoreOptions = { tensors: shelf, files: shelf };
