import { AbiCoder, ParamType, ZeroHash } from "ethers";

import { fromHex, toHex, type Hex } from "../tensor/bytes.js";
import { hashHeader, type TensorHeader } from "../tensor/commitment.js";
import { dtypeSize, onnxCode, type DType } from "../tensor/dtype.js";
import { TensorError } from "../tensor/errors.js";
import { keccak256, keccak256Text } from "../tensor/hash.js";
import { chunking, type Layout } from "../tensor/layout.js";
import { MerkleTree } from "../tensor/merkle.js";
import { MAX_RANK } from "../tensor/tensor.js";
import type { Graph, GraphNode } from "./types.js";

export const GRAPH_V1: Hex = keccak256Text("assay.graph.v1");

const HEADER = `tuple(uint8 dtype, uint8 rank, uint32[8] dims, uint8 layout, uint32 chunkElems, uint32 nLeaves, bytes32 merkleRoot)`;
const OPERAND = "tuple(uint8 source, uint32 tensor, bytes32 hash)";
const NUMERIC = "tuple(uint8 mode, bool fused, uint16 block, bool biasFirst)";
const PORT = `tuple(bytes32 nameHash, uint32 tensor, ${HEADER} meta)`;

/** `Node` and `Graph` of contracts/types/GraphTypes.sol. */
export const NODE_TYPE = ParamType.from(
  `tuple(uint16 operator, bytes attributes, ${OPERAND}[] operands, bytes32 outputMeta, ${NUMERIC} numeric)`,
);
export const GRAPH_TYPE = ParamType.from(
  `tuple(bytes32 fileHash, bytes32 profile, bytes32 nodesRoot, uint32 nodeCount, ${PORT}[] inputs, ${PORT}[] outputs)`,
);

const abi = AbiCoder.defaultAbiCoder();

/** `abi.encode` of a node. */
export function encodeNode(node: GraphNode): Uint8Array {
  return fromHex(abi.encode([NODE_TYPE], [node]));
}

/** Tree over the nodes in topological order. */
export function nodesTree(nodes: readonly GraphNode[]): MerkleTree {
  return MerkleTree.fromLeaves(nodes.map(encodeNode));
}

export function nodesRoot(nodes: readonly GraphNode[]): Hex {
  return nodesTree(nodes).root;
}

/** The graph commitment of a model. */
export function hashGraph(graph: Graph): Hex {
  return toHex(keccak256(fromHex(abi.encode(["bytes32", GRAPH_TYPE], [GRAPH_V1, graph]))));
}

/** A tensor as a graph knows it before any run. */
export interface TensorMeta {
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly layout: Layout;
}

/** Its header with a Merkle root of zero. Throws if the layout does not suit the tensor. */
export function metaHeader({ dtype, dims, layout }: TensorMeta): TensorHeader {
  const cut = chunking(layout, dims, dtypeSize(dtype));
  if (!cut) throw new TensorError("BAD_LAYOUT", `layout ${layout} does not suit dims [${dims.join(", ")}]`);
  return {
    dtype: onnxCode(dtype),
    rank: dims.length,
    dims: Array.from({ length: MAX_RANK }, (_, axis) => dims[axis] ?? 0),
    layout,
    chunkElems: cut.chunkElems,
    nLeaves: cut.nLeaves,
    merkleRoot: ZeroHash as Hex,
  };
}

export function metaHash(meta: TensorMeta): Hex {
  return hashHeader(metaHeader(meta));
}
