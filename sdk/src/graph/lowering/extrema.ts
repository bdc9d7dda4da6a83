import { elementCount, fromNumbers } from "../../tensor/tensor.js";
import { Layout } from "../../tensor/layout.js";
import { anyLayout, type Draft, type Lowering, type NodeView, type Value } from "../draft.js";
import { rowMajorStrides } from "../indices.js";
import { Refusal } from "../problems.js";
import { arithmetic } from "./arithmetic.js";
import { between, constant, flipped, stack } from "./compose.js";
import { comparable } from "./selection.js";
import { axisOf, sameElements, view } from "./views.js";

/** A pooling has an image, a channel and a place. */
const POOLED_AXES = 3;

/** The largest of the operands, place by place: a pooling over all of them beside each other. */
export const max: Lowering = (node) => {
  const output = node.output();
  if (node.inputs().length > 1) requireAxes(output);
  return largest(node.inputs().map(comparable), output);
};

/** The largest of all integers turned over, turned back. */
export const min: Lowering = (node) => {
  const [operands, output] = [node.inputs().map(comparable), node.output()];
  if (operands.length === 1) return largest(operands, output);
  requireIntegers(output);
  const turned = operands.map((x) => flipped(x, between(x.dtype, x.dims)));
  const found = between(output.dtype, output.dims);
  return [
    ...turned,
    ...largest(
      turned.map((each) => each.output),
      found,
    ),
    flipped(found, output),
  ];
};

function largest(operands: readonly Value[], output: Value): Draft[] {
  const [only, ...more] = operands;
  if (only && more.length === 0) return [sameElements(only, output)];
  const { drafts, value } = stack(operands, output.dims);
  return [...drafts, ...largestOfEach(value, operands.length, output)];
}

/** Of each `count` elements that lie one behind the other, the largest. */
function largestOfEach(x: Value, count: number, output: Value): Draft[] {
  const dims = [...new Array<number>(Math.max(0, POOLED_AXES - output.dims.length)).fill(1), ...output.dims];
  const row = between(output.dtype, [...dims.slice(0, -1), (dims.at(-1) ?? 1) * count]);
  const kernel = dims.slice(2).map((_, axis) => (axis === dims.length - POOLED_AXES ? count : 1));
  const instruction = {
    operator: "MaxPool",
    kernel,
    strides: kernel,
    dilations: kernel.map(() => 1),
    padsBegin: kernel.map(() => 0),
  } as const;
  const operand = [{ value: row, layout: Layout.RowMajor }];
  const joined = sameElements(x, row);
  if (dims.length === output.dims.length) return [joined, { instruction, operands: operand, output }];
  const pooled = between(output.dtype, dims);
  return [joined, { instruction, operands: operand, output: pooled }, sameElements(pooled, output)];
}

export const reduceMax: Lowering = (node) => {
  const [x, output] = [comparable(node.input(0)), node.output()];
  requireAxes(output);
  return reduced(node, x, output);
};

export const reduceMin: Lowering = (node) => {
  const [x, output] = [comparable(node.input(0)), node.output()];
  requireIntegers(output);
  const [turned, found] = [between(x.dtype, x.dims), between(output.dtype, output.dims)];
  return [flipped(x, turned), ...reduced(node, turned, found), flipped(found, output)];
};

/** What is compared goes behind all other axes. */
function reduced(node: NodeView, x: Value, output: Value): Draft[] {
  const axes = axesOf(node, x);
  const kept = x.dims.flatMap((_, axis) => (axes.includes(axis) ? [] : [axis]));
  const steps = rowMajorStrides(x.dims);
  const order = [...kept, ...axes];
  const behind = between(
    x.dtype,
    order.map((axis) => x.dims[axis] ?? 1),
  );
  const turned = view(
    x,
    behind,
    0,
    order.map((axis) => steps[axis] ?? 0),
  );
  return [turned, ...largestOfEach(behind, elementCount(axes.map((axis) => x.dims[axis] ?? 1)), output)];
}

/** All axes if none are named. */
function axesOf(node: NodeView, { dims }: Value): number[] {
  const given = node.ints("axes") ?? node.integers(1, "its list of axes") ?? [];
  if (given.length > 0) return [...new Set(given.map((axis) => (axis + dims.length) % dims.length))];
  if (node.int("noop_with_empty_axes", 0) === 1) throw new Refusal("it reduces nothing", "Leave it out");
  return dims.map((_, axis) => axis);
}

/** Which of two zeros a pooling of floats takes is left open, so it must be the last step, with the dims of the output. */
function requireAxes({ dtype, dims }: Value): void {
  if (dtype !== "float32" || dims.length >= POOLED_AXES) return;
  throw new Refusal("it has fewer than three axes", "Unsqueeze its operands, or use Relu or Clip");
}

function requireIntegers({ dtype }: Value): void {
  if (dtype !== "float32") return;
  throw new Refusal(
    "which of two zeros is the smaller differs between CPUs",
    "Use Clip, or the largest of the negatives",
  );
}

/** The place of the largest of the negatives. */
export const argMin: Lowering = (node) => {
  const x = comparable(node.input(0));
  const turned = between(x.dtype, x.dims);
  const instruction = {
    operator: "ArgMax",
    axis: axisOf(node, x, 0),
    last: node.int("select_last_index", 0) === 1,
  } as const;
  return [negated(x, turned), { instruction, operands: [anyLayout(turned)], output: node.output() }];
};

function negated(x: Value, output: Value): Draft {
  if (x.dtype !== "float32") return flipped(x, output);
  return arithmetic("Mul", x, constant(fromNumbers("float32", [], [-1])), output);
}
