import { ZeroHash } from "ethers";

import { ABSENT_HEADER, ALL_STEPS, claimFor } from "../../../sdk/src/court/index.js";
import type { Steps } from "../../../sdk/src/court/index.js";
import type { Instruction } from "../../../sdk/src/graph/instruction.js";
import { encodeInstruction } from "../../../sdk/src/graph/instruction.js";
import type { GraphNode } from "../../../sdk/src/graph/index.js";
import { Source } from "../../../sdk/src/graph/index.js";
import type { Hex, Layout, Tensor, TensorCommitment } from "../../../sdk/src/tensor/index.js";
import { commitTensor, proveLeaf, toTypedArray } from "../../../sdk/src/tensor/index.js";
import type { Random } from "../../../sdk/test/tensor/random.js";
import type { RawClaim } from "./abi.js";
import { randomLayout } from "./values.js";

/** A node that onnxruntime has run. */
export interface Case {
  node: GraphNode;
  /** Of each operand, then the output. */
  tensors: readonly (TensorCommitment | undefined)[];
  /** Bytes that are right for an element besides those that onnxruntime has here. */
  alsoRight?: (element: number) => readonly Uint8Array[];
  /** Whether these bytes are right for an element, where more are than can be listed. */
  stands?: (element: number, bytes: Uint8Array) => boolean;
}

export type Generator = (random: Random) => Promise<Case>;

export function nodeOf(instruction: Instruction, present: readonly boolean[]): GraphNode {
  return {
    ...encodeInstruction(instruction),
    operands: present.map((isThere, tensor) => ({
      source: isThere ? Source.Trace : Source.Absent,
      tensor: isThere ? tensor : 0,
      hash: ZeroHash as Hex,
    })),
    outputMeta: ZeroHash as Hex,
    numeric: { mode: 0, fused: false, block: 0, biasFirst: false },
  };
}

/** A case whose operands, and always the output, have any layout where none is given. */
export function caseOf(
  random: Random,
  instruction: Instruction,
  operands: readonly (Tensor | undefined)[],
  output: Tensor,
  layouts: readonly (Layout | undefined)[] = [],
): Case {
  const commit = (tensor: Tensor, layout?: Layout) => commitTensor(tensor, layout ?? randomLayout(random, tensor));
  return {
    node: nodeOf(
      instruction,
      operands.map((operand) => operand !== undefined),
    ),
    tensors: [...operands.map((operand, i) => operand && commit(operand, layouts[i])), commit(output)],
  };
}

/** A claim without proofs, about these steps of a sum. */
export function claimOf({ node, tensors }: Case, element: number, steps: Steps = ALL_STEPS): RawClaim {
  const headers = tensors.map((tensor) => tensor?.header ?? ABSENT_HEADER);
  const leaves = claimFor(
    node,
    headers,
    element,
    (operand, index) => {
      const committed = tensors[operand];
      if (!committed) throw new Error(`operand ${operand} is absent`);
      return Number(toTypedArray(committed.tensor)[index]);
    },
    steps,
  );
  const openings = leaves.map(({ operand, leaf }) => {
    const committed = tensors[operand];
    if (!committed) throw new Error(`operand ${operand} is absent`);
    return { operand, leaf, data: proveLeaf(committed, leaf).leaf, proof: [] };
  });
  return { node, headers, element, openings };
}
