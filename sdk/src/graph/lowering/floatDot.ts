import { Layout } from "../../tensor/layout.js";
import { elementCount, fromFloat32Array } from "../../tensor/tensor.js";
import {
  anyLayout,
  type Draft,
  type Lowering,
  type NodeView,
  type Value,
  type Variant,
  type Wanted,
} from "../draft.js";
import { evaluate } from "../evaluate.js";
import { broadcastStrides, rowMajorStrides } from "../indices.js";
import type { Instruction } from "../instruction.js";
import { Refusal } from "../problems.js";
import type { Numeric } from "../types.js";
import { arithmetic } from "./arithmetic.js";
import { fitsInParts, MAX_PARTS, opened, TERM_GAS, tooLarge, type Shared, type Work } from "./budget.js";
import { between, constant, hasNoMinusZero } from "./compose.js";
import { convolutionOf, factors, filters, firmly } from "./factors.js";
import { view } from "./views.js";

/** The orders in which a sum may be taken; throws a `Refusal` if the court cannot judge it. `shared` by the steps of a
 * window. */
export type Orders = (work: Work, hasBias: boolean, shared: Shared, steps: number) => readonly Numeric[];

/** The kernel for one row takes so many terms at once. */
const LANES = 4;
const ZERO = constant(fromFloat32Array(Float32Array.of(0), []));

/** MatMul, Gemm and Conv, in one of these orders. */
export function floatDots(orders: Orders): Readonly<Record<"MatMul" | "Gemm" | "Conv", Lowering>> {
  return {
    MatMul: (node) => product(node, node.input(0), node.input(1), undefined, orders),
    Gemm: (node) => gemm(node, orders),
    Conv: (node) => conv(node, orders),
  };
}

function gemm(node: NodeView, orders: Orders): Draft[] {
  if (node.float("alpha", 1) !== 1 || node.float("beta", 1) !== 1) {
    throw new Refusal("its alpha or beta is not one", "Multiply the constants by it");
  }
  const [a, b] = [turned(node.input(0), node.int("transA", 0)), turned(node.input(1), node.int("transB", 0))];
  return [...a.drafts, ...b.drafts, ...product(node, a.value, b.value, node.optional(2), orders)];
}

function conv(node: NodeView, orders: Orders): Draft[] {
  const [x, w, bias, output] = [node.input(0), node.input(1), node.optional(2), node.output()];
  requireFloats(x, w, bias);
  const instruction = { operator: "Conv", convolution: convolutionOf(node, x, w, output) } as const;
  const [terms, pixels] = [elementCount(w.dims.slice(1)), elementCount(w.dims.slice(2))];
  // A leaf of x holds the channels of all groups.
  const work = { terms, openings: pixels + 3, bytes: opened(pixels + 3, 4 * (terms + pixels * (x.dims[1] ?? 0))) };
  const operands = [firmly(x, Layout.Pixels), filters(w), bias && anyLayout(bias)];
  const shared = { openings: 3, bytes: opened(3, 4 * terms) };
  return [summed(instruction, operands, output, terms, orders(work, bias !== undefined, shared, pixels))];
}

function product(node: NodeView, left: Value, right: Value, c: Value | undefined, orders: Orders): Draft[] {
  requireFloats(left, right, c);
  const output = node.output();
  const { drafts, a, b } = factors(node, left, right);
  const instruction = { operator: "MatMul", strides: c ? broadcastStrides(c.dims, output.dims) : [] } as const;
  const terms = left.dims.at(-1) ?? 0;
  const work = { terms, openings: 4, bytes: opened(4, 8 * terms) };
  return [
    ...drafts,
    summed(instruction, [a, b, c && anyLayout(c)], output, terms, orders(work, c !== undefined, work, terms)),
  ];
}

/** A node of which onnxruntime has to tell in which of these orders it adds. */
export function summed(
  instruction: Instruction,
  operands: readonly (Wanted | undefined)[],
  output: Value,
  terms: number,
  orders: readonly Numeric[],
): Draft {
  const variants = orders.map((numeric): Variant => ({ instruction, numeric, ...beginning(numeric, operands) }));
  return { instruction, operands, output, terms, variants };
}

/** Kernels without fused operations begin each block with +0: added to a bias of -0, no product makes that -0 again. */
function beginning({ fused, block, biasFirst }: Numeric, operands: Draft["operands"]): Partial<Variant> {
  const bias = operands[2]?.value;
  if (fused || !biasFirst || block <= LANES || !bias || hasNoMinusZero(bias)) return {};
  const positive = between(bias.dtype, bias.dims);
  const draft = arithmetic("Add", bias, ZERO, positive);
  if (!bias.constant) return { operands: operands.with(2, anyLayout(positive)), before: [draft] };
  const known = evaluate(draft.instruction, [bias.constant, ZERO.constant], positive);
  return { operands: operands.with(2, anyLayout(constant(known))) };
}

/** Blocks that onnxruntime's kernels have; one that holds all terms is none. */
export const ordersOfKernels: Orders = (work, hasBias) => {
  const blocks = [0, 128, 256, 512, 1024].filter((block) => block < work.terms);
  const fused = fitsInParts(work, TERM_GAS.fused, work, work.terms) ? blocks : [];
  const separate = fitsInParts(work, TERM_GAS.separate, work, work.terms) ? [4, ...blocks] : [];
  const orders = [
    ...fused.flatMap((block) => biasOrders({ mode: 0, fused: true, block, biasFirst: false }, hasBias && block > 0)),
    ...separate.flatMap((block) =>
      biasOrders({ mode: 0, fused: false, block, biasFirst: false }, hasBias && block > 0),
    ),
  ];
  if (orders.length === 0) throw tooLarge(work, MAX_PARTS);
  return orders;
};

/** Where all terms are one block, it does not matter where the bias stands. */
function biasOrders(numeric: Numeric, matters: boolean): Numeric[] {
  return matters ? [numeric, { ...numeric, biasFirst: true }] : [numeric];
}

/** A matrix or its transposition. */
function turned(value: Value, transposed: number): { value: Value; drafts: Draft[] } {
  const [rows = 1, columns = 1] = value.dims;
  if (transposed === 0 || value.dims.length !== 2) return { value, drafts: [] };
  const other: Value = { dtype: value.dtype, dims: [columns, rows] };
  const draft = view(value, other, 0, rowMajorStrides(value.dims).toReversed());
  if (!value.constant) return { value: other, drafts: [draft] };
  return { value: { ...other, constant: evaluate(draft.instruction, [value.constant], other) }, drafts: [] };
}

export function requireFloats(...values: readonly (Value | undefined)[]): void {
  for (const value of values) {
    if (value && value.dtype !== "float32") throw new Refusal(`it computes with ${value.dtype}`, "Use float32");
  }
}
