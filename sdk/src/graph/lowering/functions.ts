import { Layout } from "../../tensor/layout.js";
import { elementCount, toFloat32Array } from "../../tensor/tensor.js";
import { anyLayout, type Draft, type Lowering, type Value, type Wanted } from "../draft.js";
import { toBits } from "../float32.js";
import { Refusal } from "../problems.js";
import { LARGE_SCALE } from "../rowBounds.js";
import { fits, opened, TERM_GAS, tooLarge } from "./budget.js";
import { firmly } from "./factors.js";
import { requireFloats } from "./floatDot.js";
import { judged } from "./tolerance.js";
import { axisOf, view } from "./views.js";

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
  const epsilon = node.float("epsilon", Math.fround(1e-5));
  if (!(epsilon >= 0 && epsilon < Infinity))
    throw new Refusal("its epsilon is negative or no number", "Mend the model");
  const instruction = { operator: "LayerNormalization", epsilon: toBits(epsilon) } as const;
  const { drafts, rows } = inRows(x, axis, x.dims.length);
  const operands = [rows, anyLayout(scale), bias && anyLayout(bias)];
  return [...drafts, judged({ instruction, operands, output }, instruction)];
};

/** x with the axes from one on and before another as its rows. */
function inRows(x: Value, from: number, to: number): { drafts: Draft[]; rows: Wanted } {
  if (from === x.dims.length - 1) return { drafts: [], rows: rowsOf(x) };
  const [outer, length, inner] = [x.dims.slice(0, from), x.dims.slice(from, to), x.dims.slice(to)].map(elementCount);
  const [rows = 1, places = 1, apart = 1] = [outer, length, inner];
  const value: Value = { dtype: x.dtype, dims: [rows, apart, places] };
  return { drafts: [view(x, value, 0, [places * apart, 1, apart])], rows: rowsOf(value) };
}

/** One leaf for each row, if one transaction can judge it. */
function rowsOf(x: Value): Wanted {
  const length = x.dims.at(-1) ?? 1;
  const work = { terms: length, openings: 4, bytes: opened(4, 4 * length + 2048) };
  if (!fits(work, TERM_GAS.function)) throw tooLarge(work, 1);
  return firmly(x, Layout.Rows);
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
