import { toHex, type Hex } from "../../tensor/bytes.js";
import type { DType } from "../../tensor/dtype.js";
import { canonicaliseNaN } from "../../tensor/nan.js";
import { fromNumbers, type Tensor } from "../../tensor/tensor.js";
import { anyLayout, type Lowering } from "../draft.js";
import { toBits } from "../float32.js";
import { Refusal } from "../problems.js";
import { axisOf, sameElements } from "./views.js";

export const concat: Lowering = (node) => {
  const output = node.output();
  const operands = node.inputs().map(anyLayout);
  return [{ instruction: { operator: "Concat", axis: axisOf(node, output, 0) }, operands, output }];
};

export const pad: Lowering = (node) => {
  if (node.text("mode", "constant") !== "constant") {
    throw new Refusal("it repeats elements at the edge", "Use mode constant");
  }
  const x = node.input(0);
  const pads = node.integers(1, "its list of pads") ?? [];
  const axes = node.integers(3, "its list of axes") ?? x.dims.map((_, axis) => axis);
  const low = x.dims.map(() => 0);
  axes.forEach((axis, i) => (low[axis < 0 ? axis + low.length : axis] = pads[i] ?? 0));
  const value = node.optionalConstant(2, "its value") ?? zero(x.dtype);
  const instruction = { operator: "Pad", low, value: elementBytes(value) } as const;
  return [{ instruction, operands: [anyLayout(x)], output: node.output() }];
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

function zero(dtype: DType): Tensor {
  return dtype === "float16"
    ? { dtype, dims: [], data: new Uint8Array(2) }
    : fromNumbers(dtype, [], [dtype === "bool" ? false : 0]);
}
