import { fromHex, type Hex } from "../tensor/bytes.js";
import { locateElement, type TensorCommitment } from "../tensor/commitment.js";
import { dtypeSize } from "../tensor/dtype.js";
import { MerkleTree } from "../tensor/merkle.js";
import { elementCount, type Tensor } from "../tensor/tensor.js";
import type { Accusation } from "./accusation.js";
import type { DifferingLeaf } from "./evidence.js";
import { childrenOf, FANOUT, partKey, topLevel, type Part } from "./part.js";

/** What a provider showed of its trace, in hex; undefined for what it did not. */
export interface Shown {
  readonly children: (part: Part) => readonly string[] | undefined;
  readonly leaf: (part: Part) => string | undefined;
}

/** A part that was demanded, and what the provider showed of it. */
export interface DemandedPart {
  readonly part: Part;
  readonly answer: { readonly children?: readonly string[]; readonly leaf?: string } | undefined;
}

/** What was shown in answer to the demands of a case. */
export function shownIn(demands: readonly DemandedPart[]): Shown {
  const answers = new Map(demands.map(({ part, answer }) => [partKey(part), answer]));
  return {
    children: (part) => answers.get(partKey(part))?.children,
    leaf: (part) => answers.get(partKey(part))?.leaf,
  };
}

/** What leads on to a conviction. */
export type Step =
  | { readonly kind: "accuse"; readonly accusation: Accusation }
  /** These parts have to be seen first. */
  | { readonly kind: "demand"; readonly parts: readonly Part[] }
  | { readonly kind: "nothing" };

/** Leaves that were shown and differ, and the parts that have to be seen to know all that do. */
export function differences(expected: TensorCommitment, tensor: number, shown: Shown) {
  const leaves: DifferingLeaf[] = [];
  const missing: Part[] = [];
  const visit = (level: number, index: number, proof: readonly Hex[]) => {
    const part = { tensor, level, index };
    if (level === 0) {
      const leaf = shown.leaf(part);
      if (leaf === undefined) missing.push(part);
      else leaves.push({ index, leaf: fromHex(leaf), proof });
      return;
    }
    const children = shown.children(part)?.map((hash) => hash.toLowerCase() as Hex);
    if (!children) {
      missing.push(part);
      return;
    }
    const own = childrenOf(expected, part);
    const tree = MerkleTree.fromHashes(children);
    for (const [i, hash] of children.entries()) {
      if (hash !== own[i]) visit(level - 1, FANOUT * index + i, [...tree.proof(i), ...proof]);
    }
  };
  visit(topLevel(expected.header.nLeaves), 0, []);
  return { leaves, missing };
}

/** A tensor with these leaves in the place of its own. */
export function patch({ header, tensor }: TensorCommitment, leaves: readonly DifferingLeaf[]): Tensor {
  const shown = new Map(leaves.map(({ index, leaf }) => [index, leaf]));
  const size = dtypeSize(tensor.dtype);
  const data = new Uint8Array(tensor.data);
  for (let element = 0; element < elementCount(tensor.dims); element++) {
    const { leafIndex, byteOffset } = locateElement(header, element);
    const leaf = shown.get(leafIndex);
    if (leaf) data.set(leaf.subarray(byteOffset, byteOffset + size), element * size);
  }
  return { ...tensor, data };
}

/** Whether a tensor is the one that was posted. */
export function isPosted({ header }: TensorCommitment, root: string | undefined): boolean {
  return header.merkleRoot === root?.toLowerCase();
}
