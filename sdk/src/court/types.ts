import type { GraphNode } from "../graph/types.js";
import type { TensorHeader } from "../tensor/commitment.js";
import type { Hex } from "../tensor/bytes.js";

// The structs of contracts/types/CourtTypes.sol, field by field.

/** One leaf of a tensor that a claim is about, with its proof. */
export interface Opening {
  /** Operand of the node; the number of operands means the output. */
  readonly operand: number;
  readonly leaf: number;
  readonly data: Hex;
  readonly proof: readonly Hex[];
}

/** The claim that one output element of a node contradicts the node's operands. */
export interface Claim {
  readonly node: GraphNode;
  /** Of each operand, then of the output; `ABSENT_HEADER` for an operand that is absent. */
  readonly headers: readonly TensorHeader[];
  /** Row-major index in the output. */
  readonly element: number;
  readonly openings: readonly Opening[];
}

/** The steps of a sum that one claim reads: from `from` to before `to`, or to the end (`IPartialVerifier`). */
export interface Steps {
  readonly from: number;
  readonly to?: number;
}

/** A claim in one transaction. */
export const ALL_STEPS: Steps = { from: 0 };

/** A leaf that a verifier reads. */
export type LeafOfOperand = Pick<Opening, "operand" | "leaf">;

/** The value of an operand's row-major element, an integer. */
export type ReadInteger = (operand: number, element: number) => number;
