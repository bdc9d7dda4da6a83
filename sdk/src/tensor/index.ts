export * from "./bundle.js";
export * from "./bundleFile.js";
export { bytes32, fromHex, toHex, type Hex } from "./bytes.js";
export * from "./commitment.js";
export * from "./content.js";
export * from "./dtype.js";
export * from "./errors.js";
export * from "./hash.js";
export { arrange, chunking, Layout, LEAF_BYTES, locate, type Chunking } from "./layout.js";
export { leafHash, MerkleTree, verifyLeaf, type LeafProof } from "./merkle.js";
export { canonicaliseNaN } from "./nan.js";
export * from "./safetensors.js";
export {
  elementCount,
  fromFloat32Array,
  fromNumbers,
  fromTypedArray,
  makeTensor,
  MAX_RANK,
  toFloat32Array,
  toTypedArray,
  validateDims,
  validateTensor,
  type AnyTypedArray,
  type Tensor,
  type TypedArrays,
} from "./tensor.js";
