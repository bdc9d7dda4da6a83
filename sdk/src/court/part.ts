import type { TensorCommitment } from "../tensor/commitment.js";
import { proveLeaf } from "../tensor/commitment.js";
import type { Hex } from "../tensor/bytes.js";

/**
 * Where a part of a tensor lies in its tree (`IProofCourt.Part`). Level 0: a leaf's bytes. Level k: the up to 256 hashes
 * of level k - 1 under node `index`, which spans 256^k leaves.
 */
export interface Part {
  readonly tensor: number;
  readonly level: number;
  readonly index: number;
}

/** A part out of an event, whose numbers may be of any kind. */
export function toPart({ tensor, level, index }: Record<keyof Part, unknown>): Part {
  return { tensor: Number(tensor), level: Number(level), index: Number(index) };
}

/** Names a part of one case. */
export function partKey({ tensor, level, index }: Part): string {
  return `${tensor} ${level} ${index}`;
}

/** Hashes shown at once: eight levels of a binary tree. */
export const FANOUT = 256;
const HEIGHT = 8;

/** The level whose one node spans all leaves; zero for a tensor of one leaf. */
export function topLevel(leafCount: number): number {
  let level = 0;
  for (let width = leafCount; width > 1; width = Math.ceil(width / FANOUT)) level++;
  return level;
}

/** What a part of level 1 or higher consists of. */
export function childrenOf({ tree }: TensorCommitment, { level, index }: Pick<Part, "level" | "index">): Hex[] {
  return tree.nodes(HEIGHT * (level - 1)).slice(FANOUT * index, FANOUT * (index + 1));
}

/** An answer to a demand: hashes or a leaf, with the proof that they belong where the demand says. */
export type Answer =
  | { readonly kind: "children"; readonly children: readonly Hex[]; readonly proof: readonly Hex[] }
  | { readonly kind: "leaf"; readonly leaf: Uint8Array; readonly proof: readonly Hex[] };

/** Answers a demand from one's own tensor. */
export function answerDemand(committed: TensorCommitment, part: Part): Answer {
  if (part.level === 0) return { kind: "leaf", ...proveLeaf(committed, part.index) };
  const proof = committed.tree.proof(part.index, HEIGHT * part.level);
  return { kind: "children", children: childrenOf(committed, part), proof };
}
