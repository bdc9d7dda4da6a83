import { AssayError } from "../errors.js";
import type { Hex } from "../tensor/bytes.js";
import { contentHash } from "../tensor/content.js";
import type { CourtModel, PreparedModel, PrepareOptions } from "./prepare.js";
import { prepareModel, readModel } from "./prepare.js";
import type { Profile } from "./profile.js";
import type { GraphRuntime } from "./runtime.js";
import type { Graph, GraphNode } from "./types.js";

export const MANIFEST_FORMAT = "assay.manifest.v1";

/** What is published beside a model, so that others see how it is judged. Nothing in it has to be believed. */
export interface Manifest {
  readonly format: typeof MANIFEST_FORMAT;
  readonly options: Required<PrepareOptions>;
  readonly changes: readonly string[];
  /** sha-256 of the file before and after preparing, and of the golden vectors. */
  readonly files: { readonly original: Hex; readonly prepared: Hex; readonly golden: Hex | null };
  readonly profile: Profile;
  readonly commitment: Hex;
  readonly graph: Graph;
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly nodes: readonly GraphNode[];
}

export function makeManifest({ model, originalHash, options, changes }: PreparedModel, golden?: Uint8Array): Manifest {
  return {
    format: MANIFEST_FORMAT,
    options: {
      dims: Object.fromEntries(Object.entries(options.dims ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))),
      stripSoftmax: options.stripSoftmax ?? false,
      argMaxOfLogits: options.argMaxOfLogits ?? false,
      tolerance: model.profile.kind === "Tolerance",
      runtime: options.runtime ?? "native",
    },
    changes,
    files: {
      original: originalHash,
      prepared: contentHash(model.file),
      golden: golden ? contentHash(golden) : null,
    },
    ...recomputed(model),
  };
}

/** What follows from the registered file and the runtime alone. */
function recomputed({ profile, commitment, graph, inputNames, outputNames, nodes }: CourtModel) {
  return { profile, commitment, graph, inputNames, outputNames, nodes };
}

/** The same manifest always gives the same bytes. */
export function writeManifest(manifest: Manifest): string {
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

/** Reads a manifest's form only; `verifyManifest` says whether it is true. */
export function readManifest(text: string): Manifest {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new AssayError("the manifest is no JSON", { cause: error });
  }
  if (typeof parsed !== "object" || parsed === null || (parsed as Manifest).format !== MANIFEST_FORMAT) {
    throw new AssayError(`the manifest is not of the format ${MANIFEST_FORMAT}`);
  }
  return parsed as Manifest;
}

/** Other files that a manifest names by their hash. */
export interface ManifestFiles {
  readonly original?: Uint8Array;
  readonly golden?: Uint8Array;
}

/**
 * Computes everything anew from the registered file and compares; what a worker does before it serves or judges a
 * model. With the original file, preparing is repeated too. Returns the graph; throws where the manifest differs.
 */
export async function verifyManifest(
  file: Uint8Array,
  manifest: Manifest,
  runtime: GraphRuntime,
  { original, golden }: ManifestFiles = {},
): Promise<CourtModel> {
  requireEqual("files.prepared", manifest.files.prepared, contentHash(file));
  if (golden) requireEqual("files.golden", manifest.files.golden, contentHash(golden));
  if (original) {
    requireEqual("files.original", manifest.files.original, contentHash(original));
    const again = makeManifest(await prepareModel(original, manifest.options, runtime), golden);
    requireEqual("", { ...manifest, files: { ...manifest.files, golden: again.files.golden } }, again);
    return readModel(file, runtime, sumsOf(manifest));
  }
  const model = await readModel(file, runtime, sumsOf(manifest));
  const { options, changes, files } = manifest;
  requireEqual("", manifest, { format: MANIFEST_FORMAT, options, changes, files, ...recomputed(model) });
  return model;
}

const sumsOf = ({ profile }: Manifest) => (profile.kind === "Tolerance" ? "Tolerance" : "Canonical");

function requireEqual(path: string, claimed: unknown, found: unknown): void {
  const place = difference(path, claimed, found);
  if (place !== undefined) throw new AssayError(`the manifest is wrong about ${place}`);
}

/** The first place where two JSON values differ. */
function difference(path: string, claimed: unknown, found: unknown): string | undefined {
  if (claimed === found) return undefined;
  if (typeof claimed !== "object" || typeof found !== "object" || claimed === null || found === null) return path;
  const [left, right] = [claimed as Record<string, unknown>, found as Record<string, unknown>];
  for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
    const inner = difference(path === "" ? key : `${path}.${key}`, left[key], right[key]);
    if (inner !== undefined) return inner;
  }
  return Array.isArray(claimed) === Array.isArray(found) ? undefined : path;
}
