import { fma } from "./float32.js";
import { SumOrder } from "./instruction.js";
import type { Numeric } from "./types.js";

// The orders in which onnxruntime adds float32 (docs/verifiers/FLOAT.md), as `FloatSums` has them on chain.

const LANES = 4;
const add = (a: number, b: number): number => Math.fround(a + b);

/** Factors of a sum, in its order. */
export interface Terms {
  readonly a: readonly number[];
  /** Without them, the numbers of `a` are added up. */
  readonly b?: readonly number[];
}

/** A sum of products and what is added to it. Kernels without fused operations begin the whole with zero. */
export function dot(terms: Terms, numeric: Numeric, bias: number | undefined): number {
  const start = numeric.fused ? { block: 0, total: -0 } : { block: -0, total: 0 };
  const isFirst = bias !== undefined && numeric.biasFirst;
  const sum = inBlocks(terms, numeric, isFirst ? { ...start, total: bias } : start);
  return bias === undefined || isFirst ? sum : add(sum, bias);
}

/** A plain sum, whose first term is the `first` element of the operand. */
export function sum(
  a: readonly number[],
  order: SumOrder,
  numeric: Numeric,
  start: { block: number; total: number },
  first: number,
): number {
  if (order === SumOrder.Lanes) return inLanes(a);
  if (order === SumOrder.Packets) return inPackets(a, first);
  return inBlocks({ a }, numeric, start);
}

/** Each column of a window on its own, from its first term or zero, then the columns; `columns` of the terms. */
export function inColumns(a: readonly number[], columns: readonly number[], width: number): number {
  const sums = Array.from({ length: width }, (_, column) => (columns.includes(column) ? -0 : 0));
  a.forEach((term, i) => {
    const column = columns[i] ?? 0;
    sums[column] = add(sums[column] ?? 0, term);
  });
  return sums.reduce(add, -0);
}

/** Adding to -0 changes nothing: a sum that begins with it begins with its first term. */
function inBlocks({ a, b }: Terms, { fused, block }: Numeric, start: { block: number; total: number }): number {
  let { total } = start;
  for (let from = 0; from < a.length;) {
    const end = endOfBlock(from, a.length, block);
    let partial = start.block;
    for (; from < end; from++) {
      const [x, y] = [a[from] ?? 0, b ? (b[from] ?? 0) : 1];
      partial = fused ? fma(x, y, partial) : add(partial, Math.fround(x * y));
    }
    total = add(total, partial);
  }
  return total;
}

/** Three that remain of blocks of four are a pair and a single one: so the kernel for one row has it. */
function endOfBlock(from: number, length: number, block: number): number {
  const rest = length - from;
  if (block === 0) return length;
  if (block === LANES && rest === LANES - 1) return from + 2;
  return Math.min(from + block, length);
}

function inLanes(a: readonly number[]): number {
  const lanes = [0, 0, 0, 0];
  const whole = a.length - (a.length % LANES);
  for (let i = 0; i < whole; i++) lanes[i % LANES] = add(lanes[i % LANES] ?? 0, a[i] ?? 0);
  return a.slice(whole).reduce(add, folded(lanes));
}

function inPackets(a: readonly number[], offset: number): number {
  const first = (LANES - (offset % LANES)) % LANES;
  const packets = Math.floor((a.length - first) / LANES);
  if (packets < 1) return a.reduce(add, -0);
  const pairs = Math.floor(packets / 2);
  const lane = (from: number) => Array.from({ length: pairs }, (_, i) => a[from + 2 * LANES * i] ?? 0).reduce(add, -0);
  const lanes = Array.from({ length: LANES }, (_, i) => {
    const both = add(lane(first + i), lane(first + LANES + i));
    return packets % 2 === 1 ? add(both, a[first + (packets - 1) * LANES + i] ?? 0) : both;
  });
  return [...a.slice(0, first), ...a.slice(first + packets * LANES)].reduce(add, folded(lanes));
}

function folded([a = 0, b = 0, c = 0, d = 0]: readonly number[]): number {
  return add(add(a, c), add(b, d));
}
