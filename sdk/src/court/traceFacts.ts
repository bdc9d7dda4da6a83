import type { Graph } from "../graph/types.js";
import type { Hex } from "../tensor/bytes.js";
import { MerkleTree } from "../tensor/merkle.js";

/** What the court keeps the hash of once a trace is posted (`IProofCourt.TraceFacts`). */
export interface TraceFacts {
  readonly root: Hex;
  readonly nodesRoot: Hex;
  readonly inputCount: number;
  readonly nodeCount: number;
}

/** Of the model's graph and the Merkle roots that were posted. */
export function traceFactsOf(
  { nodesRoot, nodeCount, inputs }: Pick<Graph, "nodesRoot" | "nodeCount" | "inputs">,
  roots: readonly string[],
): TraceFacts {
  return { root: MerkleTree.fromHashes(roots).root, nodesRoot, inputCount: inputs.length, nodeCount };
}
