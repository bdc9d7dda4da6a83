import type { Hex } from "./bytes.js";
import { commitBundle, MAX_BUNDLE_TENSORS } from "./bundle.js";
import { TensorError } from "./errors.js";
import type { SafetensorsLimits } from "./safetensors.js";
import { parseSafetensors, serialiseSafetensors } from "./safetensors.js";
import type { Tensor } from "./tensor.js";

/** The metadata entry that holds the names in signature order, as a JSON array. */
const SIGNATURE = "assay.signature";

/** Named tensors in signature order, the commitment to them, and the file they travel in. */
export interface BundleFile {
  names: string[];
  tensors: Map<string, Tensor>;
  root: Hex;
  bytes: Uint8Array;
}

/** Packs a job's inputs or outputs into one safetensors file that says in what order they were committed. */
export function packBundle(tensors: ReadonlyMap<string, Tensor>, names: readonly string[]): BundleFile {
  const ordered = inOrder(tensors, names);
  const { root } = commitBundle(ordered, names);
  return { names: [...names], tensors: ordered, root, bytes: serialise(ordered, names) };
}

/** The file alone: `unpackBundle` computes its commitment, maybe in another thread. */
export function serialiseBundle(tensors: ReadonlyMap<string, Tensor>, names: readonly string[]): Uint8Array {
  return serialise(inOrder(tensors, names), names);
}

/** Reads such a file and computes its commitment anew; nothing in the file is believed. */
export function unpackBundle(bytes: Uint8Array, limits?: Omit<SafetensorsLimits, "maxTensors">): BundleFile {
  const { tensors, metadata } = parseSafetensors(bytes, { ...limits, maxTensors: MAX_BUNDLE_TENSORS });
  const names = parseNames(metadata.get(SIGNATURE));
  if (names.length !== tensors.size) {
    throw new TensorError("BAD_FILE", `the signature names ${names.length} tensors, the file holds ${tensors.size}`);
  }
  return { names, tensors: new Map(tensors), root: commitBundle(tensors, names).root, bytes };
}

function inOrder(tensors: ReadonlyMap<string, Tensor>, names: readonly string[]): Map<string, Tensor> {
  return new Map(
    names.map((name) => {
      const tensor = tensors.get(name);
      if (!tensor) throw new TensorError("BAD_NAME", `no tensor is named ${JSON.stringify(name)}`);
      return [name, tensor] as const;
    }),
  );
}

function serialise(ordered: ReadonlyMap<string, Tensor>, names: readonly string[]): Uint8Array {
  return serialiseSafetensors(ordered, new Map([[SIGNATURE, JSON.stringify(names)]]));
}

function parseNames(text: string | undefined): string[] {
  try {
    const names: unknown = JSON.parse(text ?? "");
    if (Array.isArray(names) && names.every((name) => typeof name === "string")) return names;
  } catch {
    // Said below.
  }
  throw new TensorError("BAD_FILE", `the metadata entry ${SIGNATURE} is no JSON array of names`);
}
