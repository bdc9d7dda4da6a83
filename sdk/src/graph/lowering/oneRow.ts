import { Layout, MAX_LEAF_BYTES } from "../../tensor/layout.js";
import { fromFloat32Array, fromNumbers } from "../../tensor/tensor.js";
import { anyLayout, type Draft, type Value, type Variant } from "../draft.js";
import { evaluate } from "../evaluate.js";
import { rowMajorStrides } from "../indices.js";
import { EXACT, type Numeric } from "../types.js";
import { arithmetic } from "./arithmetic.js";
import { fitsInParts, opened, TERM_GAS } from "./budget.js";
import { between, constant } from "./compose.js";
import { firmly } from "./factors.js";
import { elementBytes } from "./indexMaps.js";
import { sameElements, view } from "./views.js";

// The kernel for one row of onnxruntime-web (docs/verifiers/FLOAT.md). Columns in whole fours add one product after the
// other; each of the columns that are left adds four products at a time. A node says one order: so one node has all
// columns as if they were whole fours, another those that are left, and what is right of both is put together.

const LANES = 4;
const FLOAT_BYTES = 4;
/** From the bias, or from -0, which leaves the first product what it is. */
const IN_FOURS: Numeric = { ...EXACT, block: LANES, biasFirst: true };
/** At most so many terms are filled in: three beside the first one, and beside each of three that two blocks leave. */
const MOST_FILLED = 21;
export const MINUS_ZERO = constant(fromFloat32Array(Float32Array.of(-0), []));
const ZERO = constant(fromFloat32Array(Float32Array.of(0), []));

/** A sum whose terms are those of one row. */
export interface OneRow {
  readonly terms: number;
  /** They lie one behind the other in the output. */
  readonly columns: number;
  /** Sums of so many columns as a matrix product has them, and which of the axes is theirs. */
  readonly dims: (columns: number) => readonly number[];
  readonly axis: number;
  /** All sums in the order of whole fours. */
  readonly inSequence: Pick<Draft, "instruction" | "operands"> & { readonly numeric: Numeric };
  /** The same terms in blocks, of which each is cut into fours by itself; 0 is one block. */
  readonly blocks: readonly number[];
  /** What the last columns multiply: of each term the one at its place, beyond the last a -0 and a zero. */
  readonly factors: (nodes: Nodes, columns: number, places: readonly number[]) => readonly [a: Value, b: Value];
  /** What the last columns begin with, if it is a bias. */
  readonly firstBias?: ((nodes: Nodes, columns: number) => Value) | undefined;
  /** Added in the end, for each channel of the output. */
  readonly lastBias?: Value | undefined;
  /** What the last columns are divided by; `inSequence` has it done. */
  readonly divisor?: number | undefined;
}

/** Nodes one after the other. What only moves constants is done at once. */
export class Nodes {
  readonly drafts: Draft[] = [];

  add(draft: Draft): Value {
    const constants = draft.operands.flatMap((wanted) => wanted?.value.constant ?? []);
    if (draft.terms === undefined && constants.length === draft.operands.length) {
      return constant(evaluate(draft.instruction, constants, draft.output));
    }
    this.drafts.push(draft);
    return draft.output;
  }

  /** Elements of x at these places of an axis; the place beyond the last is filled. */
  taken(x: Value, axis: number, places: readonly number[], filling: "-0" | "0"): Value {
    const length = x.dims[axis] ?? 0;
    const filler = filling === "0" ? ZERO : MINUS_ZERO;
    const value = elementBytes(filler.constant ?? fromNumbers("float32", [], [0]));
    const wider = this.add({
      instruction: { operator: "Pad", low: x.dims.map(() => 0), value },
      operands: [anyLayout(x)],
      output: between("float32", x.dims.with(axis, length + 1)),
    });
    const indices = constant(fromNumbers("int64", [places.length], places));
    return this.add({
      instruction: { operator: "Gather", axis },
      operands: [wider, indices].map(anyLayout),
      output: between("float32", x.dims.with(axis, places.length)),
    });
  }
}

/** Whether transactions can hold what an element of the last columns reads. */
export function isJudgeable({ terms, firstBias }: OneRow): boolean {
  const most = terms + MOST_FILLED;
  const work = { terms: most, openings: 4, bytes: opened(4, 2 * FLOAT_BYTES * most) };
  return (
    FLOAT_BYTES * most <= MAX_LEAF_BYTES &&
    fitsInParts(work, firstBias ? TERM_GAS.alone : TERM_GAS.separate, work, most)
  );
}

/** How many columns are no whole four; none where there are too few terms for it to matter. */
export function columnsLeft({ terms, columns, firstBias }: Pick<OneRow, "terms" | "columns" | "firstBias">): number {
  const matters = terms >= (firstBias ? LANES : LANES + 1);
  return matters ? columns % LANES : 0;
}

/** The ways to compute the output of a draft. */
export function variantsOf(row: OneRow, { output }: Draft): Variant[] {
  const left = columnsLeft(row);
  return row.blocks.slice(0, left === 0 ? 1 : undefined).map((block): Variant => {
    const nodes = new Nodes();
    const sums = left === 0 ? allColumns(row, output) : bothParts(nodes, row, block, left, output);
    const { instruction, operands, numeric = EXACT } = finished(nodes, sums, row, output);
    return { instruction, operands, numeric, before: nodes.drafts };
  });
}

function allColumns({ inSequence, terms }: OneRow, { dims }: Value): Draft {
  return { ...inSequence, terms, output: between("float32", dims) };
}

function bothParts(nodes: Nodes, row: OneRow, block: number, left: number, output: Value): Draft {
  const last = lastColumns(nodes, row, block, left);
  const whole = row.columns - left;
  if (whole === 0) return last;
  const all = nodes.add(allColumns(row, output));
  const strides = rowMajorStrides(row.dims(row.columns));
  const first = nodes.add(view(all, between("float32", row.dims(whole)), 0, strides));
  return {
    instruction: { operator: "Concat", axis: row.axis },
    operands: [first, nodes.add(last)].map(anyLayout),
    output: between("float32", row.dims(row.columns)),
  };
}

function lastColumns(nodes: Nodes, row: OneRow, block: number, left: number): Draft {
  const places = inFours(row.terms, block, row.firstBias !== undefined);
  const [a, b] = row.factors(nodes, left, places);
  const start = row.firstBias?.(nodes, left);
  const output = between("float32", row.dims(left));
  const strides = start ? rowMajorStrides(output.dims) : output.dims.map(() => 0);
  const sums: Draft = {
    instruction: { operator: "MatMul", strides },
    operands: [firmly(a, Layout.Rows), firmly(b, Layout.Columns), anyLayout(start ?? MINUS_ZERO)],
    output,
    terms: places.length,
    numeric: IN_FOURS,
  };
  if (row.divisor === undefined) return sums;
  const divisor = constant(fromFloat32Array(Float32Array.of(row.divisor), []));
  return arithmetic("Div", nodes.add(sums), divisor, between("float32", output.dims));
}

/** What is computed from the sums in the end, as the output. */
function finished(nodes: Nodes, sums: Draft, { lastBias }: OneRow, output: Value): Draft {
  if (lastBias) {
    const perChannel = output.dims.map((_, axis) => (axis === 1 ? 1 : 0));
    const instruction = {
      operator: "Add",
      baseA: 0,
      stridesA: rowMajorStrides(output.dims),
      baseB: 0,
      stridesB: perChannel,
    } as const;
    return { instruction, operands: [nodes.add(sums), lastBias].map(anyLayout), output };
  }
  if (sums.output.dims.join() === output.dims.join()) return { ...sums, output };
  return sameElements(nodes.add(sums), output);
}

/**
 * The terms in whole fours. One that is added alone has three beside it that change nothing: the first, unless there is
 * a bias before it, and what a block has left.
 */
function inFours(terms: number, block: number, isBiased: boolean): number[] {
  const places: number[] = [];
  const alone = (term: number) => places.push(term, terms, terms, terms);
  for (let term = 0; term < terms;) {
    const end = Math.min(terms, term + (block || terms));
    if (term === 0 && !isBiased) alone(term++);
    for (; term + LANES <= end; term += LANES) places.push(term, term + 1, term + 2, term + 3);
    for (; term < end; term++) alone(term);
  }
  return places;
}
