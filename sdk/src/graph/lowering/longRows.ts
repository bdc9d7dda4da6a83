import { Layout } from "../../tensor/layout.js";
import { elementCount } from "../../tensor/tensor.js";
import { anyLayout, type Draft, type Value } from "../draft.js";
import type { Instruction } from "../instruction.js";
import { blocksOf, LONGEST_ROW, type BlockSumInstruction } from "../longRows.js";
import { Refusal } from "../problems.js";
import { ANY_ORDER } from "../types.js";
import { firmly } from "./factors.js";
import { judged } from "./tolerance.js";
import { view } from "./views.js";

// Rows that one transaction would need several million gas for: nodes in between hold what is added up of each row.

/** A proof about one element of a row takes 4.3 million gas here, and as much more as the row is longer. */
export const LONGEST_WHOLE_ROW = 4096;

/** A tensor that only the graph has, and the nodes that compute it. */
interface Made {
  readonly drafts: readonly Draft[];
  readonly value: Value;
}

/** Whether rows along these axes are judged by their totals. */
export function isLong(axes: readonly number[]): boolean {
  const length = elementCount(axes);
  if (length > LONGEST_ROW) {
    const reason = `its rows have ${length} elements, more than the ${LONGEST_ROW} whose totals are judged`;
    throw new Refusal(reason, "Split it into parts that are put together");
  }
  return length > LONGEST_WHOLE_ROW;
}

/** e^(x - max) / sum, after the maximum and the sum of the exponentials of each row. */
export function longSoftmax(x: Value, from: number, to: number, output: Value): Draft[] {
  const [length, inner] = [x.dims.slice(from, to), x.dims.slice(to)].map(elementCount) as [number, number];
  const rows = inner === 1 ? { drafts: [], value: x } : rowsOf(x, from, to);
  const max = maximum(rows.value, length);
  const sum = total({ operator: "BlockExponentials", length }, rows.value, max.value);
  const instruction = { operator: "LongSoftmax", length, inner } as const;
  const operands = [x, max.value, sum.value].map(anyLayout);
  return [
    ...[rows, max, sum].flatMap(({ drafts }) => drafts),
    judged({ instruction, operands, output, terms: length }, instruction),
  ];
}

/** After the sums of the elements of each row, of their magnitudes and of their squared deviations from the mean. */
export function longLayerNormalization(
  x: Value,
  { length, epsilon }: { length: number; epsilon: number },
  scale: Value,
  bias: Value | undefined,
  output: Value,
): Draft[] {
  const sum = total({ operator: "BlockSum", length }, x);
  const magnitudes = total({ operator: "BlockMagnitudes", length }, x);
  const squares = total({ operator: "BlockSquares", length }, x, sum.value);
  const instruction = { operator: "LongLayerNormalization", length, epsilon } as const;
  const read = [x, sum.value, magnitudes.value, squares.value, scale].map(anyLayout);
  const operands = [...read, bias && anyLayout(bias)];
  return [
    ...[sum, magnitudes, squares].flatMap(({ drafts }) => drafts),
    judged({ instruction, operands, output, terms: length }, instruction),
  ];
}

/** x with the axes from one on and before another as its last. */
export function rowsOf(x: Value, from: number, to: number): { drafts: Draft[]; value: Value } {
  const [outer, length, inner] = [x.dims.slice(0, from), x.dims.slice(from, to), x.dims.slice(to)].map(elementCount);
  const [rows = 1, places = 1, apart = 1] = [outer, length, inner];
  const value: Value = { dtype: x.dtype, dims: [rows, apart, places] };
  return { drafts: [view(x, value, 0, [places * apart, 1, apart])], value };
}

/** The largest element of each row: of blocks of it, then of these. */
function maximum(x: Value, length: number): Made {
  const [blocks, rows] = [blocksOf(length), elementCount(x.dims) / length];
  const [ofBlocks, value] = [made(rows, blocks), made(rows)];
  return {
    value,
    drafts: [
      ofBlocksOf({ operator: "BlockMax", length }, x, undefined, ofBlocks),
      ofBlocksOf({ operator: "BlockMax", length: blocks }, ofBlocks, undefined, value),
    ],
  };
}

/** Sums of the blocks of each row, and their sum. */
function total(instruction: BlockSumInstruction, x: Value, ofRow?: Value): Made {
  const blocks = blocksOf(instruction.length);
  const outer = elementCount(x.dims) / instruction.length;
  const [ofBlocks, value] = [made(outer, blocks), made(outer)];
  const sum = { operator: "ToleranceReduceSum", outer, length: blocks, inner: 1 } as const;
  return {
    value,
    drafts: [
      ofBlocksOf(instruction, x, ofRow, ofBlocks),
      { instruction: sum, operands: [anyLayout(ofBlocks)], output: value, numeric: ANY_ORDER },
    ],
  };
}

const made = (...dims: number[]): Value => ({ dtype: "float32", dims });

function ofBlocksOf(instruction: Instruction, x: Value, ofRow: Value | undefined, output: Value): Draft {
  const operands = [firmly(x, Layout.RowMajor), ...(ofRow ? [anyLayout(ofRow)] : [])];
  return { instruction, operands, output, numeric: ANY_ORDER };
}
