import type { DType } from "../../tensor/dtype.js";
import type { Hex } from "../../tensor/bytes.js";
import { Layout } from "../../tensor/layout.js";
import { fromNumbers, toFloat32Array, type Tensor } from "../../tensor/tensor.js";
import { anyLayout, type Lowering, type NodeView, type Value } from "../draft.js";
import { toBits } from "../float32.js";
import { Refusal } from "../problems.js";
import { elementBytes } from "./indexMaps.js";
import { axisOf } from "./views.js";
import { requireInside, windowOf } from "./window.js";

const COMPARABLE: readonly DType[] = [
  "float32",
  "uint8",
  "int8",
  "uint16",
  "int16",
  "int32",
  "int64",
  "uint32",
  "uint64",
];

/** A type whose elements the court can compare. */
export function comparable(value: Value): Value {
  if (COMPARABLE.includes(value.dtype)) return value;
  throw new Refusal(`it compares elements of type ${value.dtype}`, "Use float32 or integers");
}

export const relu: Lowering = (node) => [
  { instruction: { operator: "Relu" }, operands: [anyLayout(comparable(node.input(0)))], output: node.output() },
];

export const leakyRelu: Lowering = (node) => {
  const x = node.input(0);
  if (x.dtype !== "float32") throw new Refusal(`its operand is ${x.dtype}`, "Use float32");
  const alpha = toBits(node.float("alpha", 0.01));
  return [{ instruction: { operator: "LeakyRelu", alpha }, operands: [anyLayout(x)], output: node.output() }];
};

const LARGEST_FLOAT = 3.4028234663852886e38;

export const clip: Lowering = (node) => {
  const x = comparable(node.input(0));
  // Before opset 11 bounds are attributes.
  const attribute = (name: string, otherwise: number) => (node.opset < 11 ? node.float(name, otherwise) : otherwise);
  const instruction = {
    operator: "Clip",
    min: bound(node, 1, "min", attribute("min", -LARGEST_FLOAT), x.dtype),
    max: bound(node, 2, "max", attribute("max", LARGEST_FLOAT), x.dtype),
  } as const;
  return [{ instruction, operands: [anyLayout(x)], output: node.output() }];
};

/** Where a bound of a float32 Clip is missing, onnxruntime takes the largest finite number: infinities are cut. */
function bound(node: NodeView, index: number, what: string, otherwise: number, dtype: DType): Hex {
  const given = node.optionalConstant(index, what);
  if (!given && dtype !== "float32") return "0x";
  const value: Tensor = given ?? fromNumbers("float32", [], [otherwise]);
  if (value.dtype === "float32" && Number.isNaN(toFloat32Array(value)[0])) {
    throw new Refusal(`${what} is no number`, "Give a number");
  }
  return elementBytes(value);
}

export const maxPool: Lowering = (node) => {
  if (node.outputs().length > 1) throw new Refusal("its indices are read", "Use its first output only");
  const [x, output] = [comparable(node.input(0)), node.output()];
  const window = windowOf(node, x.dims, output.dims, node.ints("kernel_shape") ?? []);
  requireInside(window, x.dims, output.dims);
  const operands = [{ value: x, layout: Layout.Pixels }];
  return [{ instruction: { operator: "MaxPool", ...window }, operands, output }];
};

export const globalMaxPool: Lowering = (node) => {
  const [x, output] = [comparable(node.input(0)), node.output()];
  const kernel = x.dims.slice(2);
  const [ones, zeros] = [kernel.map(() => 1), kernel.map(() => 0)];
  const window = { kernel, strides: ones, dilations: ones, padsBegin: zeros };
  const operands = [{ value: x, layout: Layout.Pixels }];
  return [{ instruction: { operator: "MaxPool", ...window }, operands, output }];
};

export const argMax: Lowering = (node) => {
  const x = comparable(node.input(0));
  const instruction = {
    operator: "ArgMax",
    axis: axisOf(node, x, 0),
    last: node.int("select_last_index", 0) === 1,
  } as const;
  return [{ instruction, operands: [anyLayout(x)], output: node.output() }];
};
