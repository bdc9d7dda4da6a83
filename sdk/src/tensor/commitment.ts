import { abiWords, bytes32, toHex, type Hex } from "./bytes.js";
import { DTYPES, dtypeFromOnnx, dtypeSize, onnxCode, type DType } from "./dtype.js";
import { TensorError } from "./errors.js";
import { keccak256, keccak256Text } from "./hash.js";
import { MerkleTree, type LeafProof } from "./merkle.js";
import { canonicaliseNaN } from "./nan.js";
import { elementCount, MAX_RANK, validateTensor, type Tensor } from "./tensor.js";

// The formats are specified in docs/COMMITMENTS.md; TensorCommitment.sol has the same on chain.

export const TENSOR_V1: Hex = keccak256Text("assay.tensor.v1");

/** How elements are laid out in leaves. A new layout gets a new number and its own chunk rule. */
export const Layout = { RowMajor: 0 } as const;
export type Layout = (typeof Layout)[keyof typeof Layout];

/** A leaf of layout 0. Never 64: such a leaf would be as long as two hashes side by side. */
export const LEAF_BYTES = 1024;

/** What a tensor root commits to; the shape of the Solidity struct `TensorHeader`. */
export interface TensorHeader {
  /** ONNX code. */
  readonly dtype: number;
  readonly rank: number;
  /** Eight entries, zero beyond the rank. */
  readonly dims: readonly number[];
  readonly layout: number;
  readonly chunkElems: number;
  readonly nLeaves: number;
  readonly merkleRoot: Hex;
}

export interface TensorCommitment {
  readonly root: Hex;
  readonly header: TensorHeader;
  readonly tree: MerkleTree;
  /** The tensor as committed, NaNs canonical. */
  readonly tensor: Tensor;
}

export function chunkElems(dtype: DType): number {
  return LEAF_BYTES / dtypeSize(dtype);
}

/** The hash of a header as it stands, well-formed or not. */
export function hashHeader(header: TensorHeader): Hex {
  return toHex(
    keccak256(
      abiWords([
        bytes32(TENSOR_V1),
        header.dtype,
        header.rank,
        ...header.dims,
        header.layout,
        header.chunkElems,
        header.nLeaves,
        bytes32(header.merkleRoot),
      ]),
    ),
  );
}

/** Whether an honest party could have committed to this header. */
export function isWellFormed(header: TensorHeader): boolean {
  const info = Object.values(DTYPES).find(({ onnx }) => onnx === header.dtype);
  if (info === undefined || header.rank > MAX_RANK || header.dims.length !== MAX_RANK) return false;
  if (header.dims.slice(header.rank).some((dim) => dim !== 0)) return false;
  if (header.layout !== Layout.RowMajor || header.chunkElems !== LEAF_BYTES / info.bytes) return false;
  if (header.nLeaves !== Math.ceil(elementCount(header.dims.slice(0, header.rank)) / header.chunkElems)) return false;
  return header.nLeaves > 0 || BigInt(header.merkleRoot) === 0n;
}

export function commitTensor(given: Tensor): TensorCommitment {
  validateTensor(given);
  const tensor = canonicaliseNaN(given);
  const tree = MerkleTree.fromChunks(tensor.data, LEAF_BYTES);
  if (tree.leafCount > 0xffff_ffff) throw new TensorError("TOO_LARGE", `${tree.leafCount} leaves exceed uint32`);
  const header: TensorHeader = {
    dtype: onnxCode(tensor.dtype),
    rank: tensor.dims.length,
    dims: Array.from({ length: MAX_RANK }, (_, axis) => tensor.dims[axis] ?? 0),
    layout: Layout.RowMajor,
    chunkElems: chunkElems(tensor.dtype),
    nLeaves: tree.leafCount,
    merkleRoot: tree.root,
  };
  return { root: hashHeader(header), header, tree, tensor };
}

export function tensorRoot(tensor: Tensor): Hex {
  return commitTensor(tensor).root;
}

export function proveLeaf({ tensor, tree }: TensorCommitment, index: number): LeafProof {
  const proof = tree.proof(index);
  const leaf = new Uint8Array(LEAF_BYTES);
  leaf.set(tensor.data.subarray(index * LEAF_BYTES, (index + 1) * LEAF_BYTES));
  return { index, leaf, proof };
}

/** The leaf that holds a row-major element, and where in it. */
export function locateElement(header: TensorHeader, element: number): { leafIndex: number; byteOffset: number } {
  const count = elementCount(header.dims.slice(0, header.rank));
  if (!Number.isInteger(element) || element < 0 || element >= count) {
    throw new TensorError("BAD_INDEX", `element ${element} of ${count}`);
  }
  return {
    leafIndex: Math.floor(element / header.chunkElems),
    byteOffset: (element % header.chunkElems) * dtypeSize(dtypeFromOnnx(header.dtype)),
  };
}

/**
 * Whether an honest party could have committed to `leaf` as leaf `index` of a well-formed header: full
 * length, zeros behind the last element, only the canonical NaN, bools of 0 and 1.
 */
export function isCanonicalLeaf(header: TensorHeader, leaf: Uint8Array, index: number): boolean {
  if (leaf.length !== LEAF_BYTES) return false;
  const dtype = dtypeFromOnnx(header.dtype);
  const left = elementCount(header.dims.slice(0, header.rank)) - index * header.chunkElems;
  const elements = Math.min(left, header.chunkElems);
  const used = elements * dtypeSize(dtype);
  if (leaf.subarray(used).some((byte) => byte !== 0)) return false;
  const part: Tensor = { dtype, dims: [elements], data: leaf.subarray(0, used) };
  if (dtype === "bool") return part.data.every((byte) => byte <= 1);
  return canonicaliseNaN(part) === part;
}
