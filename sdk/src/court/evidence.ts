import { AssayError } from "../errors.js";
import type { TraceCommitment } from "../graph/trace.js";
import type { TensorCommitment } from "../tensor/commitment.js";
import { proveLeaf } from "../tensor/commitment.js";
import type { Hex } from "../tensor/bytes.js";
import { fromHex } from "../tensor/bytes.js";
import { MerkleTree } from "../tensor/merkle.js";
import { childrenOf, FANOUT, topLevel, type Part } from "./part.js";

/** The first tensor of a posted trace that is not what an honest run gives; undefined if all are. */
export function firstDivergent(honest: TraceCommitment, roots: readonly string[]): number | undefined {
  const at = honest.tensors.findIndex(({ header }, i) => header.merkleRoot !== roots[i]?.toLowerCase());
  return at === -1 ? undefined : at;
}

/** A leaf of a provider's tensor that differs from the honest one. */
export interface DifferingLeaf {
  readonly index: number;
  readonly leaf: Uint8Array;
  readonly proof: readonly Hex[];
}

/**
 * What a provider showed of one tensor, beside the honest tensor: leads from the root to the first leaf that differs,
 * one demand after the other.
 */
export class Evidence {
  readonly #children = new Map<string, readonly Hex[]>();
  readonly #leaves = new Map<number, Uint8Array>();

  constructor(
    readonly tensor: number,
    private readonly honest: TensorCommitment,
  ) {}

  addChildren({ level, index }: Pick<Part, "level" | "index">, children: readonly string[]): void {
    this.#children.set(
      `${level} ${index}`,
      children.map((hash) => hash.toLowerCase() as Hex),
    );
  }

  addLeaf(index: number, leaf: string): void {
    this.#leaves.set(index, fromHex(leaf));
  }

  /** The next part to ask for, or the leaf that differs once it is known. */
  next(): { readonly ask: Part } | { readonly found: DifferingLeaf } {
    let index = 0;
    const proofs: (readonly Hex[])[] = [];
    for (let level = topLevel(this.honest.header.nLeaves); level > 0; level--) {
      const children = this.#children.get(`${level} ${index}`);
      if (!children) return { ask: { tensor: this.tensor, level, index } };
      const honest = childrenOf(this.honest, { level, index });
      const differs = children.findIndex((hash, i) => hash !== honest[i]);
      if (differs === -1) throw new AssayError(`tensor ${this.tensor} is honest under node ${index} of level ${level}`);
      proofs.unshift(MerkleTree.fromHashes(children).proof(differs));
      index = FANOUT * index + differs;
    }
    const leaf = this.#leaves.get(index);
    if (!leaf) return { ask: { tensor: this.tensor, level: 0, index } };
    return { found: { index, leaf, proof: proofs.flat() } };
  }

  /** The honest leaf in the same place. */
  honestLeaf(index: number): Uint8Array {
    return proveLeaf(this.honest, index).leaf;
  }
}
