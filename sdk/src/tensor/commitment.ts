import { abiWords, bytes32, toHex, type Hex } from "./bytes.js";
import { DTYPES, dtypeFromOnnx, dtypeSize, onnxCode } from "./dtype.js";
import { TensorError } from "./errors.js";
import { keccak256, keccak256Text } from "./hash.js";
import { arrange, chunking, isReversed, Layout, locate } from "./layout.js";
import { MerkleTree, type LeafProof } from "./merkle.js";
import { canonicaliseNaN } from "./nan.js";
import { elementCount, MAX_RANK, validateTensor, type Tensor } from "./tensor.js";

// The formats are specified in docs/COMMITMENTS.md; TensorCommitment.sol has the same on chain.

export const TENSOR_V1: Hex = keccak256Text("assay.tensor.v1");

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
  /** The leaves end to end; the padding of a last row-major leaf may be left out. */
  readonly leaves: Uint8Array;
  readonly leafBytes: number;
  /** The tensor as committed, NaNs canonical. */
  readonly tensor: Tensor;
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
  const cut = chunking(header.layout, header.dims.slice(0, header.rank), info.bytes);
  if (header.chunkElems !== cut?.chunkElems || header.nLeaves !== cut.nLeaves) return false;
  return header.nLeaves > 0 || BigInt(header.merkleRoot) === 0n;
}

export function commitTensor(given: Tensor, layout: Layout = Layout.RowMajor): TensorCommitment {
  validateTensor(given);
  const tensor = canonicaliseNaN(given);
  const size = dtypeSize(tensor.dtype);
  const cut = chunking(layout, tensor.dims, size);
  if (!cut) throw new TensorError("BAD_LAYOUT", `layout ${layout} does not suit dims [${tensor.dims.join(", ")}]`);
  const leaves = layout === Layout.RowMajor ? tensor.data : arrange(layout, tensor.dims, size, tensor.data);
  const tree = MerkleTree.fromChunks(leaves, cut.leafBytes);
  if (tree.leafCount > 0xffff_ffff) throw new TensorError("TOO_LARGE", `${tree.leafCount} leaves exceed uint32`);
  const header: TensorHeader = {
    dtype: onnxCode(tensor.dtype),
    rank: tensor.dims.length,
    dims: Array.from({ length: MAX_RANK }, (_, axis) => tensor.dims[axis] ?? 0),
    layout,
    chunkElems: cut.chunkElems,
    nLeaves: tree.leafCount,
    merkleRoot: tree.root,
  };
  return { root: hashHeader(header), header, tree, leaves, leafBytes: cut.leafBytes, tensor };
}

export function tensorRoot(tensor: Tensor): Hex {
  return commitTensor(tensor).root;
}

export function proveLeaf({ leaves, leafBytes, tree }: TensorCommitment, index: number): LeafProof {
  const proof = tree.proof(index);
  const leaf = new Uint8Array(leafBytes);
  leaf.set(leaves.subarray(index * leafBytes, (index + 1) * leafBytes));
  return { index, leaf, proof };
}

/** The leaf that holds a row-major element, and the byte in it where the element begins. */
export function locateElement(header: TensorHeader, element: number): { leafIndex: number; byteOffset: number } {
  const dims = header.dims.slice(0, header.rank);
  const count = elementCount(dims);
  if (!Number.isInteger(element) || element < 0 || element >= count) {
    throw new TensorError("BAD_INDEX", `element ${element} of ${count}`);
  }
  const size = dtypeSize(dtypeFromOnnx(header.dtype));
  const { leaf, place } = locate(header.layout, dims, size, element);
  return { leafIndex: leaf, byteOffset: place * size };
}

/**
 * Whether an honest party could have committed to `leaf` as leaf `index` of a well-formed header: full
 * length, zeros behind the last element, only the canonical NaN, bools of 0 and 1. Always in reversed layouts: they are
 * for constants, which the model's commitment fixes byte by byte.
 */
export function isCanonicalLeaf(header: TensorHeader, leaf: Uint8Array, index: number): boolean {
  const dtype = dtypeFromOnnx(header.dtype);
  const dims = header.dims.slice(0, header.rank);
  if (leaf.length !== chunking(header.layout, dims, dtypeSize(dtype))?.leafBytes) return false;
  if (isReversed(header.layout)) return true;
  const left = elementCount(dims) - index * header.chunkElems;
  const elements = Math.min(left, header.chunkElems);
  const used = elements * dtypeSize(dtype);
  if (leaf.subarray(used).some((byte) => byte !== 0)) return false;
  const part: Tensor = { dtype, dims: [elements], data: leaf.subarray(0, used) };
  if (dtype === "bool") return part.data.every((byte) => byte <= 1);
  return canonicaliseNaN(part) === part;
}
