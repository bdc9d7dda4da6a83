import { fromNumbers } from "../../tensor/tensor.js";
import { Layout } from "../../tensor/layout.js";
import { anyLayout, type Draft, type Lowering, type Value } from "../draft.js";
import { Refusal } from "../problems.js";
import { arithmetic } from "./arithmetic.js";
import { between, constant, flipped, stack } from "./compose.js";
import { comparable } from "./selection.js";
import { axisOf, sameElements } from "./views.js";

/** A pooling has an image, a channel and a place. */
const POOLED_AXES = 3;

/** The largest of the operands, place by place: a pooling over all of them beside each other. */
export const max: Lowering = (node) => {
  const output = node.output();
  if (output.dtype === "float32" && node.inputs().length > 1 && output.dims.length < POOLED_AXES) {
    throw new Refusal("it has fewer than three axes", "Unsqueeze its operands, or use Relu or Clip");
  }
  return largest(node.inputs().map(comparable), output);
};

/** The largest of all integers turned over, turned back. */
export const min: Lowering = (node) => {
  const [operands, output] = [node.inputs().map(comparable), node.output()];
  if (operands.length === 1) return largest(operands, output);
  if (output.dtype === "float32") {
    throw new Refusal("which of two zeros is the smaller differs between CPUs", "Use Clip, or Max of the negatives");
  }
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
  const count = operands.length;
  const { drafts, value } = stack(operands, output.dims);
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
  const joined = [...drafts, sameElements(value, row)];
  if (dims.length === output.dims.length) return [...joined, { instruction, operands: operand, output }];
  const pooled = between(output.dtype, dims);
  return [...joined, { instruction, operands: operand, output: pooled }, sameElements(pooled, output)];
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
