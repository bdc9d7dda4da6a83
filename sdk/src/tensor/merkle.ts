import { bytes32, equalBytes, toHex, type Hex } from "./bytes.js";
import { TensorError } from "./errors.js";
import { keccak256 } from "./hash.js";

const HASH = 32;
const LEAF_PREFIX = 0x00;
const NODE_PREFIX = 0x01;

/** Opens one leaf: all a contract needs besides the header. */
export interface LeafProof {
  readonly index: number;
  readonly leaf: Uint8Array;
  readonly proof: readonly Hex[];
}

export function leafHash(chunk: Uint8Array): Uint8Array {
  const preimage = new Uint8Array(1 + chunk.length);
  preimage[0] = LEAF_PREFIX;
  preimage.set(chunk, 1);
  return keccak256(preimage);
}

function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  const preimage = new Uint8Array(1 + 2 * HASH);
  preimage[0] = NODE_PREFIX;
  preimage.set(left, 1);
  preimage.set(right, 1 + HASH);
  return keccak256(preimage);
}

/**
 * The tree of RFC 6962: a node without a sibling moves up unchanged. There are no filler nodes a
 * cheater could fill with something, and (index, leaf count) fixes the length of a proof.
 */
export class MerkleTree {
  readonly leafCount: number;
  readonly #levels: readonly Uint8Array[];

  private constructor(levels: readonly Uint8Array[]) {
    this.leafCount = (levels[0]?.length ?? 0) / HASH;
    this.#levels = levels;
  }

  static #over(leafHashes: Uint8Array): MerkleTree {
    const levels = [leafHashes];
    for (let level = leafHashes; level.length > HASH; levels.push(level)) level = parents(level);
    return new MerkleTree(levels);
  }

  /** A tree out of another thread, from its `levels`. They are believed. */
  static fromLevels(levels: readonly Uint8Array[]): MerkleTree {
    return new MerkleTree(levels);
  }

  /** 32-byte hashes packed end to end, from the leaves to the root: what a copy is made from. */
  get levels(): readonly Uint8Array[] {
    return this.#levels;
  }

  /** Over `data` cut into chunks, the last one filled up with zeros. */
  static fromChunks(data: Uint8Array, chunkBytes: number): MerkleTree {
    const count = Math.ceil(data.length / chunkBytes);
    const hashes = new Uint8Array(HASH * count);
    const preimage = new Uint8Array(1 + chunkBytes);
    for (let i = 0; i < count; i++) {
      const chunk = data.subarray(i * chunkBytes, (i + 1) * chunkBytes);
      preimage.set(chunk, 1);
      preimage.fill(0, 1 + chunk.length);
      hashes.set(keccak256(preimage), HASH * i);
    }
    return MerkleTree.#over(hashes);
  }

  static fromLeaves(leaves: readonly Uint8Array[]): MerkleTree {
    const hashes = new Uint8Array(HASH * leaves.length);
    leaves.forEach((leaf, i) => hashes.set(leafHash(leaf), HASH * i));
    return MerkleTree.#over(hashes);
  }

  /** Over leaves that are hashes already, such as the Merkle roots of a trace. */
  static fromHashes(leaves: readonly string[]): MerkleTree {
    const hashes = new Uint8Array(HASH * leaves.length);
    leaves.forEach((leaf, i) => hashes.set(bytes32(leaf), HASH * i));
    return MerkleTree.#over(hashes);
  }

  /** Zero for a tree without leaves. */
  get root(): Hex {
    const top = this.#levels.at(-1) as Uint8Array;
    return toHex(top.length === 0 ? new Uint8Array(HASH) : top);
  }

  /** Nodes `height` steps above the leaves; the root alone from its own height on. */
  nodes(height: number): Hex[] {
    const level = this.#levels[Math.min(height, this.#levels.length - 1)] as Uint8Array;
    return Array.from({ length: level.length / HASH }, (_, i) => toHex(level.subarray(HASH * i, HASH * (i + 1))));
  }

  /** Siblings from a leaf, or from a node `height` steps above the leaves, to the root. */
  proof(index: number, height = 0): Hex[] {
    const width = Math.ceil(this.leafCount / 2 ** height);
    if (!Number.isInteger(index) || index < 0 || index >= width) {
      throw new TensorError("BAD_INDEX", `${height === 0 ? "leaf" : `node at height ${height}`} ${index} of ${width}`);
    }
    const siblings: Hex[] = [];
    let at = index;
    for (const level of this.#levels.slice(height, -1)) {
      const beside = at % 2 === 0 ? at + 1 : at - 1;
      const sibling = level.subarray(HASH * beside, HASH * (beside + 1));
      if (sibling.length > 0) siblings.push(toHex(sibling));
      at = Math.floor(at / 2);
    }
    return siblings;
  }
}

function parents(level: Uint8Array): Uint8Array {
  const count = level.length / HASH;
  const out = new Uint8Array(HASH * Math.ceil(count / 2));
  const preimage = new Uint8Array(1 + 2 * HASH);
  preimage[0] = NODE_PREFIX;
  for (let i = 0; i + 1 < count; i += 2) {
    preimage.set(level.subarray(HASH * i, HASH * (i + 2)), 1);
    out.set(keccak256(preimage), (HASH * i) / 2);
  }
  if (count % 2 === 1) out.set(level.subarray(HASH * (count - 1)), out.length - HASH);
  return out;
}

/** False for a wrong root, an index out of range and a proof of the wrong length alike. */
export function verifyLeaf(
  merkleRoot: string,
  leaf: Uint8Array,
  index: number,
  leafCount: number,
  proof: readonly string[],
): boolean {
  if (!Number.isInteger(index) || !Number.isSafeInteger(leafCount) || index < 0 || index >= leafCount) return false;
  let node = leafHash(leaf);
  let used = 0;
  for (let at = index, width = leafCount; width > 1; at = Math.floor(at / 2), width = Math.ceil(width / 2)) {
    const isRight = at % 2 === 1;
    if (!isRight && at + 1 === width) continue;
    const step = proof[used++];
    if (step === undefined) return false;
    const sibling = bytes32(step);
    node = isRight ? nodeHash(sibling, node) : nodeHash(node, sibling);
  }
  return used === proof.length && equalBytes(node, bytes32(merkleRoot));
}
