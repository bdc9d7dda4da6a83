import type { Convolution, Instruction } from "../graph/instruction.js";
import { decodeInstruction, SumOrder } from "../graph/instruction.js";
import { fits, TERM_GAS } from "../graph/lowering/budget.js";
import type { GraphNode } from "../graph/types.js";
import { elementCount } from "../tensor/tensor.js";
import { dtypeFromOnnx, dtypeSize } from "../tensor/dtype.js";
import { chunking, isReversed } from "../tensor/layout.js";
import type { TensorHeader } from "../tensor/commitment.js";
import { claimFor } from "./reading.js";
import type { Steps } from "./types.js";

// Sums that one transaction cannot judge, in parts that one can (`IPartialVerifier`).

/** A sum that its verifier takes in steps. */
interface Divisible {
  readonly steps: number;
  /** Terms of a step, and what one costs at worst. */
  readonly terms: number;
  readonly gas: number;
  /** Steps that only make a part together. */
  readonly unit: number;
}

/**
 * The steps of each transaction that it takes to judge an element, in order; a single entry if one suffices, or if the
 * sum cannot be divided. `capacity` says whether a part fits a transaction: tests make it small.
 */
export function partsOfSum(
  node: GraphNode,
  headers: readonly TensorHeader[],
  element: number,
  capacity: typeof fits = fits,
): readonly Steps[] {
  const sum = divisible(node, headers);
  if (!sum) return [{ from: 0 }];
  const isSmall = (steps: Steps) => capacity(workOf(node, headers, element, sum, steps), sum.gas);
  const parts: Steps[] = [];
  let from = 0;
  while (!isSmall({ from })) {
    const to = furthest(from, sum, isSmall);
    if (to === undefined) return [{ from: 0 }];
    parts.push({ from, to });
    from = to;
  }
  return [...parts, { from }];
}

/** The end of the largest part from `from` on that is small enough; undefined if none is. */
function furthest(from: number, { steps, unit }: Divisible, isSmall: (steps: Steps) => boolean): number | undefined {
  let [least, most] = [0, Math.ceil((steps - from) / unit)];
  while (least < most) {
    const middle = Math.ceil((least + most) / 2);
    if (isSmall({ from, to: Math.min(steps, from + middle * unit) })) least = middle;
    else most = middle - 1;
  }
  return least === 0 ? undefined : Math.min(steps, from + least * unit);
}

function workOf(
  node: GraphNode,
  headers: readonly TensorHeader[],
  element: number,
  sum: Divisible,
  steps: Steps,
): Parameters<typeof fits>[0] {
  const terms = ((steps.to ?? sum.steps) - steps.from) * sum.terms;
  // More terms than any transaction has room for: no need to list what they read.
  if (!fits({ terms, openings: 0, bytes: 0 }, sum.gas)) return { terms, openings: 0, bytes: 0 };
  // The index of a GATHER is read, but that is no sum.
  const leaves = claimFor(node, headers, element, () => 0, steps);
  const bytes = leaves.reduce((total, { operand }) => total + leafBytes(headers[operand]), 0);
  return { terms, openings: leaves.length, bytes };
}

function leafBytes(header: TensorHeader | undefined): number {
  if (!header) return 0;
  const dims = header.dims.slice(0, header.rank);
  return chunking(header.layout, dims, dtypeSize(dtypeFromOnnx(header.dtype)))?.leafBytes ?? 0;
}

function divisible(node: GraphNode, headers: readonly TensorHeader[]): Divisible | undefined {
  const instruction = decodeInstruction(node);
  const dims = (operand: number) => headers[operand]?.dims.slice(0, headers[operand].rank) ?? [];
  const length = dims(0).at(-1) ?? 0;
  const float = node.numeric.fused ? TERM_GAS.fused : TERM_GAS.separate;
  switch (instruction.operator) {
    case "MatMulInteger":
    case "QLinearMatMul":
      // Reversed words cannot be cut.
      return { steps: length, terms: 1, gas: TERM_GAS.integer, unit: isReversed(headers[1]?.layout ?? 0) ? 32 : 1 };
    case "ToleranceMatMul":
      return { steps: length, terms: 1, gas: TERM_GAS.exact, unit: 1 };
    case "MatMul":
      return { steps: length, terms: 1, gas: float, unit: 1 };
    case "ConvInteger":
    case "QLinearConv":
      return places(instruction.convolution, dims(1), TERM_GAS.integer);
    case "ToleranceConv":
      return places(instruction.convolution, dims(1), TERM_GAS.exact);
    case "Conv":
      return { steps: dims(1)[1] ?? 0, terms: elementCount(instruction.convolution.kernel), gas: float, unit: 1 };
    default:
      return divisibleRow(instruction);
  }
}

function divisibleRow(instruction: Instruction): Divisible | undefined {
  switch (instruction.operator) {
    case "ToleranceAveragePool":
      return { steps: elementCount(instruction.kernel), terms: 1, gas: TERM_GAS.exactRead, unit: 1 };
    case "ToleranceReduceSum":
    case "ToleranceReduceMean":
      return { steps: instruction.length, terms: 1, gas: TERM_GAS.exactRead, unit: 1 };
    case "ReduceSum":
    case "ReduceMean":
      if (instruction.order !== SumOrder.Sequence) return undefined;
      return { steps: instruction.length, terms: 1, gas: TERM_GAS.read, unit: 1 };
    default:
      return undefined;
  }
}

const places = ({ kernel }: Convolution, [, channels = 0]: readonly number[], gas: number): Divisible => ({
  steps: elementCount(kernel),
  terms: channels,
  gas,
  unit: 1,
});
