import { AssayError } from "../errors.js";
import { divisible, openingBytes, type Divisible, type Placed } from "../graph/divisible.js";
import { decodeInstruction } from "../graph/instruction.js";
import { fits, isSendable, type Work } from "../graph/lowering/budget.js";
import { Source, type GraphNode } from "../graph/types.js";
import type { TensorHeader } from "../tensor/commitment.js";
import { dtypeFromOnnx } from "../tensor/dtype.js";
import { elementCount } from "../tensor/tensor.js";
import type { Layout } from "../tensor/layout.js";
import { claimFor } from "./reading.js";
import type { Steps } from "./types.js";

// Sums that one transaction cannot judge, in parts that one can (`IPartialVerifier`).

/**
 * The steps of each transaction that it takes to judge an element, in order; a single entry if one suffices, or if the
 * sum cannot be divided. `capacity` says whether a part fits a transaction: tests make it small.
 */
export function partsOfSum(
  node: GraphNode,
  headers: readonly TensorHeader[],
  element: number,
  capacity: typeof fits = (work, gas) => fits(work, gas) && isSendable(work, node.operands.length),
): readonly Steps[] {
  const sum = divisibleOf(node, headers);
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

/** The same steps in parts half as long; undefined if there is none to cut. Each part ends where it did, or within. */
export function halved(
  node: GraphNode,
  headers: readonly TensorHeader[],
  parts: readonly Steps[],
): readonly Steps[] | undefined {
  const sum = divisibleOf(node, headers);
  if (!sum) return undefined;
  const cut = parts.flatMap(({ from, to }): Steps[] => {
    const units = Math.ceil(((to ?? sum.steps) - from) / sum.unit);
    const middle = from + sum.unit * Math.ceil(units / 2);
    const end = to === undefined ? {} : { to };
    return units < 2
      ? [{ from, ...end }]
      : [
          { from, to: middle },
          { from: middle, ...end },
        ];
  });
  return cut.length > parts.length ? cut : undefined;
}

function divisibleOf(node: GraphNode, headers: readonly TensorHeader[]): Divisible | undefined {
  const operands = node.operands.map(({ source }, i) => (source === Source.Absent ? undefined : placed(headers[i])));
  return divisible(decodeInstruction(node), node.numeric, operands);
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
): Work {
  const count = (steps.to ?? sum.steps) - steps.from;
  const terms = count * sum.terms;
  const { kernel } = sum;
  const listed = kernel && { kernel, places: sum.opensAll ? elementCount(kernel) : count };
  // More terms than any transaction has room for: no need to list what they read.
  if (!fits({ terms, openings: 0, bytes: 0 }, sum.gas)) return { terms, openings: 0, bytes: 0 };
  // The index of a GATHER is read, but that is no sum.
  const leaves = claimFor(node, headers, element, () => 0, steps);
  const opened = leaves.map(({ operand }) => openingBytes(placed(headers[operand])));
  const bytes = opened.reduce((total, each) => total + each, 0);
  return { terms, openings: leaves.length, bytes, listed };
}

function placed(header: TensorHeader | undefined): Placed {
  if (!header) throw new AssayError("the claim has too few headers");
  const { dtype, dims, rank, layout } = header;
  return { dtype: dtypeFromOnnx(dtype), dims: dims.slice(0, rank), layout: layout as Layout };
}
