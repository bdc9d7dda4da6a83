import { abiWords, bytes32, toHex, type Hex } from "./bytes.js";
import { commitTensor, type TensorCommitment } from "./commitment.js";
import { TensorError } from "./errors.js";
import { keccak256, keccak256Text } from "./hash.js";
import type { Tensor } from "./tensor.js";

/** Tensors in one bundle: each costs its reader more than the bytes it may have. */
export const MAX_BUNDLE_TENSORS = 256;

export const BUNDLE_V1: Hex = keccak256Text("assay.bundle.v1");

export interface NamedRoot {
  readonly name: string;
  readonly root: string;
}

export interface BundleCommitment {
  readonly root: Hex;
  readonly names: readonly string[];
  /** In the order of the names. */
  readonly tensors: readonly TensorCommitment[];
}

/** One commitment to all inputs, or all outputs, of a job; the order is that of the model's signature. */
export function bundleRoot(entries: readonly NamedRoot[]): Hex {
  const seen = new Set(entries.map(({ name }) => name));
  if (seen.size !== entries.length) throw new TensorError("BAD_NAME", "a tensor name occurs twice");
  const count = entries.length;
  const names = entries.map(({ name }) => bytes32(keccak256Text(name)));
  const roots = entries.map(({ root }) => bytes32(root));
  const namesAt = 3 * 32;
  const rootsAt = namesAt + 32 * (1 + count);
  return toHex(keccak256(abiWords([bytes32(BUNDLE_V1), namesAt, rootsAt, count, ...names, count, ...roots])));
}

/** `signature` lists the names in the model's order; `tensors` must hold exactly these. */
export function commitBundle(tensors: ReadonlyMap<string, Tensor>, signature: readonly string[]): BundleCommitment {
  if (signature.length > MAX_BUNDLE_TENSORS) {
    throw new TensorError("TOO_LARGE", `${signature.length} tensors exceed the ${MAX_BUNDLE_TENSORS} of a bundle`);
  }
  const known = new Set(signature);
  const extra = [...tensors.keys()].filter((name) => !known.has(name));
  if (extra.length > 0) throw new TensorError("BAD_NAME", `not in the signature: ${extra.join(", ")}`);
  const commitments = signature.map((name) => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new TensorError("BAD_NAME", `tensor ${JSON.stringify(name)} is missing`);
    return commitTensor(tensor);
  });
  const entries = signature.map((name, i) => ({ name, root: (commitments[i] as TensorCommitment).root }));
  return { root: bundleRoot(entries), names: [...signature], tensors: commitments };
}
