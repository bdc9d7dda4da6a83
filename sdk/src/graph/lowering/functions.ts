import { Layout } from "../../tensor/layout.js";
import { elementCount, toFloat32Array } from "../../tensor/tensor.js";
import { anyLayout, type Draft, type Lowering, type Value, type Wanted } from "../draft.js";
import { toBits } from "../float32.js";
import { Refusal } from "../problems.js";
import { LARGE_SCALE } from "../rowBounds.js";
import { firmly } from "./factors.js";
import { requireFloats } from "./floatDot.js";
import { isLong, longLayerNormalization, longSoftmax, rowsOf } from "./longRows.js";
import { judged } from "./tolerance.js";
import { axisOf } from "./views.js";

// Functions of float32, which are judged within a bound.

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
  const axis = axisOf(node, x, node.opset < 13 ? 1 : -1);
  const end = node.opset < 13 ? x.dims.length : axis + 1;
  if (isLong(x.dims.slice(axis, end))) return longSoftmax(x, axis, end, output);
  const { drafts, rows } = inRows(x, axis, end);
  const instruction = { operator: "Softmax", inner: elementCount(x.dims.slice(end)) } as const;
  return [...drafts, judged({ instruction, operands: [rows], output }, instruction)];
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
  // Of -0 the court knows nothing. Added to a variance it is what 0 is.
  const epsilon = node.float("epsilon", Math.fround(1e-5)) + 0;
  if (!(epsilon >= 0 && epsilon < Infinity))
    throw new Refusal("its epsilon is negative or no number", "Mend the model");
  if (isLong([length])) return longLayerNormalization(x, { length, epsilon: toBits(epsilon) }, scale, bias, output);
  const instruction = { operator: "LayerNormalization", epsilon: toBits(epsilon) } as const;
  const { drafts, rows } = inRows(x, axis, x.dims.length);
  const operands = [rows, anyLayout(scale), bias && anyLayout(bias)];
  return [...drafts, judged({ instruction, operands, output }, instruction)];
};

/** x with the axes from one on and before another as its rows. */
function inRows(x: Value, from: number, to: number): { drafts: Draft[]; rows: Wanted } {
  if (from === x.dims.length - 1) return { drafts: [], rows: firmly(x, Layout.Rows) };
  const { drafts, value } = rowsOf(x, from, to);
  return { drafts, rows: firmly(value, Layout.Rows) };
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
