import { toHex, type Hex } from "../../tensor/bytes.js";
import type { DType } from "../../tensor/dtype.js";
import { canonicaliseNaN } from "../../tensor/nan.js";
import { fromNumbers, type Tensor } from "../../tensor/tensor.js";
import { anyLayout, type Draft, type Lowering, type NodeView, type Value } from "../draft.js";
import { toBits } from "../float32.js";
import { Refusal } from "../problems.js";
import { axisOf, sameElements } from "./views.js";

export const concat: Lowering = (node) => {
  const output = node.output();
  const operands = node.inputs().map(anyLayout);
  return [{ instruction: { operator: "Concat", axis: axisOf(node, output, 0) }, operands, output }];
};

export const pad: Lowering = (node) => {
  const x = node.input(0);
  // Before opset 11 pads and value are attributes.
  const pads = node.ints("pads") ?? node.integers(1, "its list of pads") ?? [];
  const axes = node.integers(3, "its list of axes") ?? x.dims.map((_, axis) => axis);
  const low = x.dims.map(() => 0);
  const high = x.dims.map(() => 0);
  axes.forEach((given, i) => {
    const axis = given < 0 ? given + low.length : given;
    low[axis] = pads[i] ?? 0;
    high[axis] = pads[axes.length + i] ?? 0;
  });
  const mode = node.text("mode", "constant");
  if (mode !== "constant") return repeated(node, x, mode, low, high);
  const value = node.optionalConstant(2, "its value") ?? filler(x.dtype, node.opset < 11 ? node.float("value", 0) : 0);
  const instruction = { operator: "Pad", low, value: elementBytes(value) } as const;
  return [{ instruction, operands: [anyLayout(x)], output: node.output() }];
};

/** Elements of x again outside of it: gathered along one axis after the other. */
function repeated(node: NodeView, x: Value, mode: string, low: readonly number[], high: readonly number[]): Draft[] {
  const output = node.output();
  const placeOf = PLACES[mode];
  const farthest = (dim: number) => (mode === "reflect" ? dim - 1 : mode === "wrap" ? dim : Infinity);
  const isFine = (pad: number, axis: number) => pad >= 0 && pad <= farthest(x.dims[axis] ?? 0);
  if (!placeOf) throw new Refusal(`its mode is ${mode}`, "Use mode constant, edge or reflect");
  if (![...low.entries(), ...high.entries()].every(([axis, pad]) => isFine(pad, axis))) {
    throw new Refusal("it cuts, or repeats what lies further away than x is long", "Use smaller pads");
  }
  const axes = x.dims.flatMap((_, axis) => (low[axis] || high[axis] ? [axis] : []));
  if (axes.length === 0) return [sameElements(x, output)];
  let value = x;
  return axes.map((axis, i) => {
    const [dim, length] = [x.dims[axis] ?? 0, output.dims[axis] ?? 0];
    const places = Array.from({ length }, (_, at) => placeOf(at - (low[axis] ?? 0), dim));
    const wider: Value = { dtype: x.dtype, dims: value.dims.with(axis, length) };
    const next = i === axes.length - 1 ? output : wider;
    const operands = [value, constant(fromNumbers("int64", [length], places))].map(anyLayout);
    value = next;
    return { instruction: { operator: "Gather", axis }, operands, output: next };
  });
}

/** Which of `dim` elements stands at a place that may lie outside. */
const PLACES: Readonly<Record<string, (at: number, dim: number) => number>> = {
  edge: (at, dim) => Math.min(Math.max(at, 0), dim - 1),
  reflect: (at, dim) => dim - 1 - Math.abs(dim - 1 - Math.abs(at)),
  wrap: (at, dim) => (at + dim) % dim,
};

export const gather: Lowering = (node) => {
  const x = node.input(0);
  const operands = [anyLayout(x), anyLayout(node.input(1))];
  return [{ instruction: { operator: "Gather", axis: axisOf(node, x, 0) }, operands, output: node.output() }];
};

const INTEGERS: readonly DType[] = ["uint8", "int8", "uint16", "int16", "int32", "int64", "uint32", "uint64", "bool"];
/** Integers whose conversion to float32 is the DEQUANTIZE_LINEAR of scale one. */
const DEQUANTIZABLE: readonly DType[] = ["uint8", "int8", "uint16", "int16", "int32"];

export const cast: Lowering = (node) => {
  const [x, output] = [node.input(0), node.output()];
  if (x.dtype === output.dtype) return [sameElements(x, output)];
  const operands = [anyLayout(x)];
  if (INTEGERS.includes(x.dtype) && INTEGERS.includes(output.dtype)) {
    return [{ instruction: { operator: "Cast" }, operands, output }];
  }
  if (DEQUANTIZABLE.includes(x.dtype) && output.dtype === "float32") {
    return [{ instruction: { operator: "DequantizeLinear", scale: toBits(1), zeroPoint: 0 }, operands, output }];
  }
  throw new Refusal(`it casts ${x.dtype} to ${output.dtype}`, "Cast between integers, or quantise");
};

/** Bytes of the one element of a constant, as attributes hold them. */
export function elementBytes(tensor: Tensor): Hex {
  return toHex(canonicaliseNaN(tensor).data);
}

function filler(dtype: DType, value: number): Tensor {
  if (dtype === "float16" && value === 0) return { dtype, dims: [], data: new Uint8Array(2) };
  if (value !== 0 && dtype !== "float32") throw new Refusal(`it fills ${dtype} with an attribute`, "Use float32");
  return fromNumbers(dtype, [], [dtype === "bool" ? false : value]);
}

const constant = (tensor: Tensor): Value => ({ dtype: tensor.dtype, dims: tensor.dims, constant: tensor });
