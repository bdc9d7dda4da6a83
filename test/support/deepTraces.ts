import { randomBytes } from "node:crypto";

import type { Graph, GraphNode, Hex, Part, TensorHeader } from "@assay/sdk";
import {
  bundleRoot,
  encodeNode,
  EXACT,
  fromHex,
  hashGraph,
  hashHeader,
  keccak256,
  keccak256Text,
  Layout,
  leafHash,
  MerkleTree,
  Operator,
  toHex,
} from "@assay/sdk";
import { ZeroHash } from "ethers";

const FANOUT = 256;
const UINT8 = 2;

/** What a provider shows of a tensor that nobody has: the court sees hashes only, so that any number of leaves will do. */
export interface Answer {
  readonly part: Part;
  readonly leaf?: Hex;
  readonly children?: readonly Hex[];
  readonly proof: readonly Hex[];
}

/** A model and a trace of it that are nothing but hashes, as long as the test wants them. */
export interface DeepTrace {
  readonly graph: Graph;
  readonly commitment: Hex;
  readonly node: GraphNode;
  /** Of tensor 1, without its Merkle root. */
  readonly meta: TensorHeader;
  readonly nodes: MerkleTree;
  readonly roots: readonly Hex[];
  readonly inputRoot: Hex;
  readonly outputRoot: Hex;
  readonly answer: Answer;
}

/** How long everything is. */
export interface Lengths {
  readonly nodes: number;
  readonly leaves?: number;
  readonly leafBytes?: number;
  /** Ask for the hashes under the last node of level 1, and not for the first leaf. */
  readonly children?: boolean;
  readonly inputs?: number;
  readonly outputs?: number;
}

/** Bytes of which none is zero: those cost most. */
const noise = (length: number): Uint8Array => randomBytes(length).map((byte) => byte || 1);
const hash = (): Hex => toHex(noise(32));

/** A trace of which one part of tensor `inputs`, the first that a node writes, can be shown. */
export function deepTrace(lengths: Lengths): DeepTrace {
  const { nodes: count, leaves = 1, leafBytes = 32, inputs = 1, outputs = 1 } = lengths;
  const meta: TensorHeader = {
    dtype: UINT8,
    rank: 8,
    dims: new Array<number>(8).fill(2 ** 32 - 1),
    layout: Layout.Rows,
    chunkElems: leafBytes,
    nLeaves: leaves,
    merkleRoot: ZeroHash as Hex,
  };
  const shown = lengths.children ? childrenOf(inputs, leaves) : leafOf(inputs, leaves, leafBytes);
  const roots = Array.from({ length: inputs + count }, (_, i) => (i === inputs ? shown.root : hash()));
  const node = {
    operator: Operator.Relu,
    attributes: "0x",
    operands: [],
    outputMeta: hashHeader(meta),
    numeric: EXACT,
  };
  const nodes = MerkleTree.fromHashes(new Array<Hex>(count).fill(toHex(leafHash(encodeNode(node as GraphNode)))));
  const port = (tensor: number) => ({ name: `tensor ${tensor}`, tensor, meta });
  const ports = { inputs: upTo(inputs, (i) => port(i)), outputs: upTo(outputs, (i) => port(inputs + count - 1 - i)) };
  const toPorts = (of: typeof ports.inputs) =>
    of.map(({ name, tensor }) => ({ nameHash: keccak256Text(name), tensor, meta }));
  const bundle = (of: typeof ports.inputs) =>
    bundleRoot(
      of.map(({ name, tensor }) => ({ name, root: hashHeader({ ...meta, merkleRoot: roots[tensor] ?? hash() }) })),
    );
  const graph: Graph = {
    fileHash: hash(),
    profile: hash(),
    nodesRoot: nodes.root,
    nodeCount: count,
    inputs: toPorts(ports.inputs),
    outputs: toPorts(ports.outputs),
  };
  return {
    graph,
    commitment: hashGraph(graph),
    node: node as GraphNode,
    meta,
    nodes,
    roots,
    inputRoot: bundle(ports.inputs),
    outputRoot: bundle(ports.outputs),
    answer: shown.answer,
  };
}

const upTo = <T>(length: number, make: (i: number) => T): T[] => Array.from({ length }, (_, i) => make(i));

function leafOf(tensor: number, leaves: number, leafBytes: number): { root: Hex; answer: Answer } {
  const leaf = noise(leafBytes);
  const { root, proof } = climb(toHex(leafHash(leaf)), 0, leaves);
  return { root, answer: { part: { tensor, level: 0, index: 0 }, leaf: toHex(leaf), proof } };
}

/** Of the last node of level 1, which may have fewer children than the others. */
function childrenOf(tensor: number, leaves: number): { root: Hex; answer: Answer } {
  const width = Math.ceil(leaves / FANOUT);
  const children = upTo(leaves - (width - 1) * FANOUT, hash);
  const { root, proof } = climb(MerkleTree.fromHashes(children).root, width - 1, width);
  return { root, answer: { part: { tensor, level: 1, index: width - 1 }, children, proof } };
}

/** From a node to a root above made-up neighbours. */
function climb(from: Hex, at: number, nodes: number): { root: Hex; proof: Hex[] } {
  let [root, index, width] = [from, at, nodes];
  const proof: Hex[] = [];
  for (; width > 1; width = Math.ceil(width / 2), index = Math.floor(index / 2)) {
    if (index % 2 === 0 && index + 1 === width) continue;
    const neighbour = hash();
    proof.push(neighbour);
    const pair = index % 2 === 0 ? [root, neighbour] : [neighbour, root];
    root = toHex(keccak256(fromHex(`0x01${pair.map((each) => each.slice(2)).join("")}`)));
  }
  return { root, proof };
}
