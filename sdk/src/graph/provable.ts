import { dtypeSize } from "../tensor/dtype.js";
import { chunking, Layout, LEAF_BYTES, locate } from "../tensor/layout.js";
import { elementCount } from "../tensor/tensor.js";
import { divisible, openingBytes, type Placed } from "./divisible.js";
import type { Instruction, Window } from "./instruction.js";
import { BLOCK } from "./longRows.js";
import {
  fits,
  isSendable,
  largestPart,
  MAX_PARTS,
  TERM_GAS,
  tooLarge,
  tooLong,
  type Listed,
  type Shared,
} from "./lowering/budget.js";
import { Refusal } from "./problems.js";
import type { Numeric } from "./types.js";

/** Leaves of the largest tensor that can be asked for level by level before a case ends: `ProofCourt.DEPTH` levels. */
const MOST_LEAVES = 256 ** 3;

/** What an element reads of the first operand, at most, and what a term of it costs. */
interface Read {
  readonly leaves: number;
  readonly terms: number;
  readonly gas: number;
  readonly listed?: Listed;
}

/**
 * Throws a `Refusal` if an element of a node is more than transactions can hold, wherever in the output it is: a wrong
 * one that nobody can prove would stand. Lowerings refuse what they know to be too much before tensors have layouts.
 */
export function requireProvable(
  instruction: Instruction,
  numeric: Numeric,
  operands: readonly (Placed | undefined)[],
  output: Placed,
): void {
  requireShown(output);
  const [first, ...others] = instruction.operator === "Concat" ? largestFirst(operands).slice(0, 1) : operands;
  if (!first) return;
  const once = [...others.filter(isThere), output];
  const { leaves, terms, gas, listed } = readOf(instruction, first);
  const shared: Shared = {
    openings: once.length,
    bytes: once.map(openingBytes).reduce((a, b) => a + b, 0),
  };
  const sum = divisible(instruction, numeric, operands);
  const work = {
    terms: sum ? sum.steps * sum.terms : terms,
    openings: shared.openings + leaves,
    bytes: shared.bytes + leaves * openingBytes(first),
    listed,
  };
  const part = sum ? largestPart(work, sum.opensAll ? work : shared, Math.ceil(sum.steps / sum.unit)) : work;
  if (!fits(part, sum?.gas ?? gas)) throw tooLarge(work, sum ? MAX_PARTS : 1);
  if (!isSendable(part, operands.length)) throw tooLong(work, operands.length, sum ? MAX_PARTS : 1);
}

function requireShown({ layout, dims, dtype }: Placed): void {
  const { nLeaves } = chunking(layout, dims, dtypeSize(dtype)) ?? { nLeaves: 1 };
  if (nLeaves <= MOST_LEAVES) return;
  const reason = `its output has ${nLeaves} leaves, more than the ${MOST_LEAVES} that there is time to ask for`;
  throw new Refusal(reason, "Split it into parts");
}

function readOf(instruction: Instruction, x: Placed): Read {
  switch (instruction.operator) {
    case "MaxPool":
      return readOfWindow(instruction, x, TERM_GAS.compared);
    case "AveragePool":
      return readOfWindow(instruction, x, TERM_GAS.read);
    case "ToleranceAveragePool":
      return readOfWindow(instruction, x, TERM_GAS.exactRead);
    case "ConvInteger":
    case "QLinearConv":
    case "Conv":
    case "ToleranceConv":
      return readOfWindow(instruction.convolution, x, 0);
    case "ArgMax": {
      const [length = 0, ...inner] = x.dims.slice(instruction.axis);
      return readOfRow({ length, inner: elementCount(inner) }, x, TERM_GAS.compared);
    }
    case "ReduceSum":
    case "ReduceMean":
      return readOfRow(instruction, x, TERM_GAS.read);
    case "ToleranceReduceSum":
    case "ToleranceReduceMean":
      return readOfRow(instruction, x, TERM_GAS.exactRead);
    case "Softmax":
    case "LayerNormalization":
      return { leaves: 1, terms: x.dims.at(-1) ?? 0, gas: TERM_GAS.function };
    case "BlockMax":
    case "BlockSum":
    case "BlockMagnitudes":
    case "BlockSquares":
    case "BlockExponentials": {
      const terms = Math.min(BLOCK, instruction.length);
      return { leaves: leavesOfSpan(terms, terms, x), terms, gas: TERM_GAS.function };
    }
    default:
      return { leaves: 1, terms: 0, gas: 0 };
  }
}

/** A place of a window that follows another in the same leaf is read out of the same opening. */
function readOfWindow({ kernel }: Window, x: Placed, gas: number): Read {
  const spatial = x.dims.slice(2);
  const inside = kernel.map((length, axis) => Math.min(length, spatial[axis] ?? 1));
  const terms = elementCount(inside);
  const listed = { kernel, places: elementCount(kernel) };
  if (x.layout === Layout.RowMajor) {
    return { leaves: leavesOfSpan(terms, elementCount(spatial), x), terms, gas, listed };
  }
  return { leaves: x.layout === Layout.Rows ? elementCount(inside.slice(0, -1)) : terms, terms, gas, listed };
}

function readOfRow({ length, inner }: { length: number; inner: number }, x: Placed, gas: number): Read {
  if (x.layout === Layout.RowMajor) {
    return { leaves: leavesOfSpan(length, (length - 1) * inner + 1, x), terms: length, gas };
  }
  // In other layouts every row lies alike.
  let [leaves, last] = [0, -1];
  for (let i = 0; i < length; i++) {
    const { leaf } = locate(x.layout, x.dims, dtypeSize(x.dtype), i * inner);
    if (leaf !== last) leaves++;
    last = leaf;
  }
  return { leaves, terms: length, gas };
}

/** Row-major leaves that `terms` elements lie in, which need not begin with a leaf. */
function leavesOfSpan(terms: number, span: number, { dtype }: Placed): number {
  return Math.min(terms, Math.ceil((span * dtypeSize(dtype)) / LEAF_BYTES) + 1);
}

function largestFirst(operands: readonly (Placed | undefined)[]): Placed[] {
  return operands.filter(isThere).toSorted((a, b) => openingBytes(b) - openingBytes(a));
}

function isThere(operand: Placed | undefined): operand is Placed {
  return operand !== undefined;
}
