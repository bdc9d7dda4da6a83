import { Layout } from "../../tensor/layout.js";
import { elementCount, fromFloat32Array, toFloat32Array } from "../../tensor/tensor.js";
import {
  anyLayout,
  type Draft,
  type Lowering,
  type NodeView,
  type Value,
  type Variant,
  type Wanted,
} from "../draft.js";
import { SumOrder, type Instruction, type Window } from "../instruction.js";
import { Refusal } from "../problems.js";
import { EXACT, type Numeric } from "../types.js";
import { fits, fitsInParts, MAX_PARTS, opened, TERM_GAS, tooLarge, type Capacity, type Work } from "./budget.js";
import { firmly } from "./factors.js";
import { requireFloats, summed } from "./floatDot.js";
import { reachesBeyond, requireInside, windowOf } from "./window.js";

const FUSED: Numeric = { ...EXACT, fused: true };
/** A product with ones, by the kernel for one row. */
const FOURS: Numeric = { ...EXACT, block: 4 };
/** Leaves that may be opened whatever their layout is. */
const FEW_LEAVES = 16;
const ROW_MAJOR_LEAF = 256;

/** In one transaction. */
export const inOne: Capacity = { transactions: 1, holds: (work) => fits(work, TERM_GAS.read) };
/** A row in sequence, which may be divided. */
export const inParts: Capacity = {
  transactions: MAX_PARTS,
  holds: (work) => fitsInParts(work, TERM_GAS.read, { openings: 1, bytes: 0 }, work.terms),
};

export const averagePool =
  (capacity: Capacity): Lowering =>
  (node) => {
    const [x, output] = [node.input(0), node.output()];
    const window = windowOf(node, x.dims, output.dims, node.ints("kernel_shape") ?? []);
    requireInside(window, x.dims, output.dims);
    const divisor = node.int("count_include_pad", 0) === 1 ? withPads(node, window, x, output) : 0;
    return [pooled(x, output, window, divisor, [SumOrder.Sequence, SumOrder.Columns, SumOrder.Lanes], capacity)];
  };

/** What a window is divided by if pads count; zero: by its places inside of x. What ceil_mode adds never counts. */
function withPads(node: NodeView, window: Window, x: Value, output: Value): number {
  const pads = node.ints("pads") ?? [];
  if (node.text("auto_pad", "NOTSET") !== "NOTSET" || !reachesBeyond(window, pads, x, output)) {
    return elementCount(window.kernel);
  }
  if (pads.every((pad) => pad === 0)) return 0;
  throw new Refusal(
    "with ceil_mode and pads that count, its windows are divided by different numbers",
    "Leave out ceil_mode or count_include_pad",
  );
}

export const globalAveragePool =
  (capacity: Capacity): Lowering =>
  (node) => {
    const [x, output] = [node.input(0), node.output()];
    const kernel = x.dims.slice(2);
    const [ones, zeros] = [kernel.map(() => 1), kernel.map(() => 0)];
    const window = { kernel, strides: ones, dilations: ones, padsBegin: zeros };
    return [pooled(x, output, window, 0, [SumOrder.Lanes, SumOrder.Sequence], capacity)];
  };

const lowerReduce =
  (operator: "ReduceSum" | "ReduceMean") =>
  (capacity: Capacity): Lowering =>
  (node) => {
    const [x, output] = [node.input(0), node.output()];
    requireFloats(x);
    const [from, to] = reducedAxes(node, x);
    const shape = {
      outer: elementCount(x.dims.slice(0, from)),
      length: elementCount(x.dims.slice(from, to)),
      inner: elementCount(x.dims.slice(to)),
    };
    const variant = (order: SumOrder, numeric: Numeric): Variant => ({
      instruction: { operator, ...shape, order },
      numeric,
    });
    const variants = [
      variant(SumOrder.Sequence, EXACT),
      variant(SumOrder.Sequence, FUSED),
      variant(SumOrder.Sequence, FOURS),
      ...(shape.inner === 1 && inOne.holds(workOf(shape.length, shape.length))
        ? [variant(SumOrder.Packets, EXACT)]
        : []),
    ];
    return [among(variants, shape.length, readTogether(x, shape, from, to, capacity), output)];
  };

export const reduceSum = lowerReduce("ReduceSum");
export const reduceMean = lowerReduce("ReduceMean");

/** x * scale + offset for each channel, both computed as onnxruntime does before it begins. */
export const batchNormalization: Lowering = (node) => {
  const { x, scale, mean, offset: beta } = normalization(node);
  const offset = scale.map((each, i) => (beta[i] ?? 0) - Math.fround((mean[i] ?? 0) * each));
  const constants = [scale, offset].map((values) => constantOf(fromFloat32Array(values)));
  const operands = [x, ...constants].map(anyLayout);
  return [summed({ operator: "BatchNormalization" }, operands, node.output(), 1, [EXACT, FUSED])];
};

/** (x - mean) * scale + offset for each channel. */
export function normalization(node: NodeView): {
  x: Value;
  gamma: Float32Array;
  scale: Float32Array;
  mean: Float32Array;
  offset: Float32Array;
} {
  if (node.int("training_mode", 0) !== 0 || node.outputs().length > 1) {
    throw new Refusal("it is in training mode", "Export the model for inference");
  }
  if (node.int("spatial", 1) !== 1) {
    throw new Refusal("it has statistics for each place", "Convert the model to opset 9 or later");
  }
  const x = node.input(0);
  requireFloats(x);
  const constant = (index: number, what: string) => toFloat32Array(node.constant(index, `its ${what}`));
  const [gamma, offset] = [constant(1, "scale"), constant(2, "bias")];
  const [mean, variance] = [constant(3, "mean"), constant(4, "variance")];
  const epsilon = Math.fround(node.float("epsilon", Math.fround(1e-5)));
  const scale = Float32Array.from(variance, (each, i) => {
    const inverse = Math.fround(1 / Math.fround(Math.sqrt(Math.fround(each + epsilon))));
    return inverse * (gamma[i] ?? 0);
  });
  return { x, gamma, scale, mean, offset };
}

function pooled(
  x: Value,
  output: Value,
  window: Window,
  divisor: number,
  orders: readonly SumOrder[],
  capacity: Capacity,
): Draft {
  requireFloats(x);
  const operand = inFewLeaves(x, elementCount(window.kernel), elementCount(x.dims.slice(2)), capacity);
  const variants = orders.map((order): Variant => {
    const instruction: Instruction = { operator: "AveragePool", ...window, divisor, order };
    return { instruction, numeric: EXACT };
  });
  return among(variants, elementCount(window.kernel), operand, output);
}

function among(variants: readonly Variant[], terms: number, operand: Wanted, output: Value): Draft {
  const [first] = variants;
  if (!first) throw new Refusal("no order of its sum is known", "Use another operator");
  return { instruction: first.instruction, operands: [operand], output, terms, variants };
}

/** What is added up along an axis should lie in few leaves. */
function readTogether(
  x: Value,
  { length, inner }: { length: number; inner: number },
  from: number,
  to: number,
  capacity: Capacity,
): Wanted {
  if (inner === 1 || length <= FEW_LEAVES) return inFewLeaves(x, length, length, capacity);
  const work = { terms: length, openings: 2, bytes: opened(2, 4 * length) };
  if (!capacity.holds(work)) throw tooLarge(work, capacity.transactions);
  if (to - from === 1 && to === x.dims.length - 1) return firmly(x, Layout.Columns);
  if (from === 1 && to === 2) return firmly(x, Layout.Pixels);
  throw new Refusal(`the ${length} elements that it adds up lie far apart`, "Transpose before it");
}

/** `terms` elements out of `span` that lie one behind the other, none of them read twice. */
function inFewLeaves(x: Value, terms: number, span: number, capacity: Capacity): Wanted {
  if (terms <= FEW_LEAVES) return anyLayout(x);
  const work = workOf(terms, span);
  if (!capacity.holds(work)) throw tooLarge(work, capacity.transactions);
  return { value: x, layout: Layout.RowMajor, firmly: true };
}

function workOf(terms: number, span: number): Work {
  const leaves = Math.min(terms, Math.ceil(span / ROW_MAJOR_LEAF) + 1);
  return { terms, openings: leaves + 1, bytes: opened(leaves + 1, 4 * ROW_MAJOR_LEAF * leaves) };
}

/** Neighbouring axes, all if none are named; axes of length one may lie between them. */
function reducedAxes(node: NodeView, { dims }: Value): [from: number, to: number] {
  const given = node.ints("axes") ?? node.integers(1, "its list of axes") ?? [];
  if (given.length === 0 && node.int("noop_with_empty_axes", 0) === 1) {
    throw new Refusal("it adds up nothing", "Leave it out");
  }
  const axes =
    given.length === 0 ? dims.map((_, axis) => axis) : given.map((axis) => (axis + dims.length) % dims.length);
  const [from, to] = [Math.min(...axes), Math.max(...axes) + 1];
  const between = dims.slice(from, to).filter((dim, i) => dim !== 1 && !axes.includes(from + i));
  if (between.length > 0) throw new Refusal("the axes it adds up are no neighbours", "Transpose before it");
  return [from, to];
}

export function constantOf(constant: NonNullable<Value["constant"]>): Value {
  return { dtype: constant.dtype, dims: constant.dims, constant };
}
