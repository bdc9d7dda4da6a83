import type { DType } from "../../tensor/dtype.js";
import { toFloat32Array, toTypedArray } from "../../tensor/tensor.js";
import { anyLayout, type Lowering, type NodeView } from "../draft.js";
import { toBits } from "../float32.js";
import { Refusal } from "../problems.js";

const QUANTIZED: readonly DType[] = ["uint8", "int8", "uint16", "int16"];

export const quantizeLinear: Lowering = (node) => {
  const [x, output] = [node.input(0), node.output()];
  if (x.dtype !== "float32") throw new Refusal(`its operand is ${x.dtype}`, "Quantise float32");
  if (!QUANTIZED.includes(output.dtype)) throw new Refusal(`its result is ${output.dtype}`, "Use 8 or 16 bits");
  const instruction = { operator: "QuantizeLinear", ...quantizationOf(node) } as const;
  return [{ instruction, operands: [anyLayout(x)], output }];
};

export const dequantizeLinear: Lowering = (node) => {
  const [x, output] = [node.input(0), node.output()];
  if (output.dtype !== "float32") throw new Refusal(`its result is ${output.dtype}`, "Use float32 scales");
  const supported = QUANTIZED.includes(x.dtype) || x.dtype === "int32";
  if (!supported) throw new Refusal(`its operand is ${x.dtype}`, "Use 8, 16 or 32 bits");
  const quantization = quantizationOf(node);
  if (x.dtype === "int32" && quantization.zeroPoint !== 0) {
    throw new Refusal("int32 has a zero point", "Use zero, as ONNX requires");
  }
  return [{ instruction: { operator: "DequantizeLinear", ...quantization }, operands: [anyLayout(x)], output }];
};

function quantizationOf(node: NodeView): { scale: number; zeroPoint: number } {
  if (node.int("block_size", 0) !== 0) throw new Refusal("it is quantised in blocks", "Use one scale for the tensor");
  const scales = scalesOf(node, 1);
  if (scales.length !== 1) {
    throw new Refusal(
      "it has a scale for each channel",
      "Use one scale for the tensor, or QLinearConv or QLinearMatMul",
    );
  }
  return { scale: toBits(scales[0] ?? 0), zeroPoint: zeroPoint(node, 2) };
}

/** Positive finite float32 scales. */
export function scalesOf(node: NodeView, index: number): number[] {
  const scale = node.constant(index, `the scale (input ${index})`);
  if (scale.dtype !== "float32") throw new Refusal(`a scale is ${scale.dtype}`, "Use float32");
  const scales = [...toFloat32Array(scale)];
  if (!scales.every((each) => each > 0 && each < Infinity)) {
    throw new Refusal("a scale is not a positive number", "Quantise the model again");
  }
  return scales;
}

/** The zero point that all channels share; zero if there is none. */
export function zeroPoint(node: NodeView, index: number): number {
  const what = `the zero point (input ${index})`;
  const given = node.optionalConstant(index, what);
  if (!given) return 0;
  const points = Array.from(toTypedArray(given), Number);
  if (points.some((point) => point !== points[0])) {
    throw new Refusal(`${what} differs between channels`, "Quantise weights symmetrically");
  }
  return points[0] ?? 0;
}
