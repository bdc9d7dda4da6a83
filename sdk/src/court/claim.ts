import { ZeroHash } from "ethers";

import { AssayError } from "../errors.js";
import type { GraphNode } from "../graph/types.js";
import { toHex, type Hex } from "../tensor/bytes.js";
import { proveLeaf, type TensorCommitment, type TensorHeader } from "../tensor/commitment.js";
import { MAX_RANK, toTypedArray } from "../tensor/tensor.js";
import { claimFor } from "./reading.js";
import { ALL_STEPS, type Claim, type LeafOfOperand, type Opening, type Steps } from "./types.js";

/** Stands for the header of an absent operand. */
export const ABSENT_HEADER: TensorHeader = {
  dtype: 0,
  rank: 0,
  dims: new Array<number>(MAX_RANK).fill(0),
  layout: 0,
  chunkElems: 0,
  nLeaves: 0,
  merkleRoot: ZeroHash as Hex,
};

/**
 * A claim about an output element. `tensors`: of each operand, undefined if it is absent, then the output. `steps`: those
 * that it takes of a sum.
 */
export function buildClaim(
  node: GraphNode,
  tensors: readonly (TensorCommitment | undefined)[],
  element: number,
  steps: Steps = ALL_STEPS,
): Claim {
  const headers = headersOf(tensors);
  const plan = claimFor(node, headers, element, (operand, index) => integerAt(tensors[operand], index), steps);
  return { node, headers, element, openings: plan.map((leaf) => openLeaf(tensors, leaf)) };
}

export function headersOf(tensors: readonly (TensorCommitment | undefined)[]): TensorHeader[] {
  return tensors.map((tensor) => tensor?.header ?? ABSENT_HEADER);
}

function openLeaf(tensors: readonly (TensorCommitment | undefined)[], { operand, leaf }: LeafOfOperand): Opening {
  const tensor = tensors[operand];
  if (!tensor) throw new AssayError(`operand ${operand} is absent`);
  const opened = proveLeaf(tensor, leaf);
  return { operand, leaf, data: toHex(opened.leaf), proof: opened.proof };
}

function integerAt(committed: TensorCommitment | undefined, element: number): number {
  const value = committed && toTypedArray(committed.tensor)[element];
  if (value === undefined) throw new AssayError(`there is no element ${element}`);
  return Number(value);
}
