import { Layout } from "../../tensor/layout.js";
import { elementCount, toFloat32Array } from "../../tensor/tensor.js";
import { anyLayout, type Draft, type Lowering, type Value } from "../draft.js";
import { toBits } from "../float32.js";
import { rowMajorStrides } from "../indices.js";
import { Refusal } from "../problems.js";
import { LARGE_SCALE } from "../rowBounds.js";
import { ANY_ORDER } from "../types.js";
import { fits, tooLarge } from "./budget.js";
import { firmly } from "./factors.js";
import { requireFloats } from "./floatDot.js";
import { judged } from "./tolerance.js";
import { axisOf, sameElements, view } from "./views.js";

// Functions of float32, which are judged within a bound.

/** Gas for each element of a row, at its worst. */
export const ROW_GAS = 1000;

const elementwise =
  (operator: "Exp" | "Sigmoid" | "Tanh" | "Erf" | "Log"): Lowering =>
  (node) => {
    const x = node.input(0);
    requireFloats(x);
    const instruction = { operator } as const;
    return [judged({ instruction, operands: [anyLayout(x)], output: node.output() }, instruction)];
  };

const gelu: Lowering = (node) => {
  const x = node.input(0);
  requireFloats(x);
  const instruction = { operator: "Gelu", tanh: node.text("approximate", "none") === "tanh" } as const;
  return [judged({ instruction, operands: [anyLayout(x)], output: node.output() }, instruction)];
};

/** Along one axis; before opset 13 along all from the axis on. */
const softmax: Lowering = (node) => {
  const [x, output] = [node.input(0), node.output()];
  requireFloats(x);
  const instruction = { operator: "Softmax" } as const;
  if (node.opset < 13) {
    return inRows(x, output, axisOf(node, x, 1), (rows, result) => ({ instruction, operands: [rows], output: result }));
  }
  const axis = axisOf(node, x, -1);
  if (axis === x.dims.length - 1) {
    return [judged({ instruction, operands: [rowsOf(x)], output }, instruction)];
  }
  // The axis changes places with the last one, and back.
  const [there, back] = [exchanged(x, axis), exchanged(x, axis)];
  const operand = view(x, there, 0, exchange(rowMajorStrides(x.dims), axis));
  return [
    operand,
    { instruction, operands: [rowsOf(there)], output: back, numeric: ANY_ORDER },
    view(back, output, 0, exchange(rowMajorStrides(back.dims), axis)),
  ];
};

const layerNormalization: Lowering = (node) => {
  const [x, scale, bias, output] = [node.input(0), node.input(1), node.optional(2), node.output()];
  requireFloats(x, scale, bias);
  if (node.outputs().length > 1) throw new Refusal("its mean or deviation is read", "Use its first output only");
  const axis = axisOf(node, x, -1);
  const length = elementCount(x.dims.slice(axis));
  for (const each of [scale, bias]) {
    if (each && elementCount(each.dims) !== length) {
      throw new Refusal("its scale or bias is broadcast", "Give one number for each place of a row");
    }
    if (each?.constant && !toFloat32Array(each.constant).every((value) => Math.abs(value) < LARGE_SCALE)) {
      throw new Refusal("its scale or bias is 2^50 or more", "Mend the model");
    }
  }
  const epsilon = node.float("epsilon", Math.fround(1e-5));
  if (!(epsilon >= 0 && epsilon < Infinity))
    throw new Refusal("its epsilon is negative or no number", "Mend the model");
  const instruction = { operator: "LayerNormalization", epsilon: toBits(epsilon) } as const;
  return inRows(x, output, axis, (rows, result) => ({
    instruction,
    operands: [rows, anyLayout(scale), bias && anyLayout(bias)],
    output: result,
  }));
};

/** A node over all axes from one on, as rows of their elements. */
function inRows(
  x: Value,
  output: Value,
  axis: number,
  draft: (rows: ReturnType<typeof rowsOf>, output: Value) => Draft,
): Draft[] {
  if (axis === x.dims.length - 1) {
    const made = draft(rowsOf(x), output);
    return [judged(made, made.instruction)];
  }
  const dims = [elementCount(x.dims.slice(0, axis)), elementCount(x.dims.slice(axis))];
  const [rows, result]: [Value, Value] = [
    { dtype: x.dtype, dims },
    { dtype: x.dtype, dims },
  ];
  return [sameElements(x, rows), { ...draft(rowsOf(rows), result), numeric: ANY_ORDER }, sameElements(result, output)];
}

/** One leaf for each row, if one transaction can judge it. */
function rowsOf(x: Value) {
  const length = x.dims.at(-1) ?? 1;
  const work = { terms: length, openings: 4, bytes: 4 * length + 2048 };
  if (!fits(work, ROW_GAS)) throw tooLarge(work);
  return firmly(x, Layout.Rows);
}

function exchanged({ dtype, dims }: Value, axis: number): Value {
  return { dtype, dims: exchange(dims, axis) };
}

/** The axis in place of the last one. */
function exchange(list: readonly number[], axis: number): number[] {
  const last = list.length - 1;
  return list.with(axis, list[last] ?? 1).with(last, list[axis] ?? 1);
}

export const FUNCTIONS: Readonly<Record<string, Lowering>> = {
  Exp: elementwise("Exp"),
  Log: elementwise("Log"),
  Sigmoid: elementwise("Sigmoid"),
  Tanh: elementwise("Tanh"),
  Erf: elementwise("Erf"),
  Gelu: gelu,
  Softmax: softmax,
  LayerNormalization: layerNormalization,
};
