import { AssayError } from "../errors.js";
import { dtypeSize } from "../tensor/dtype.js";
import { elementCount, fromTypedArray, toTypedArray, type Tensor } from "../tensor/tensor.js";
import { averagePool, batchNormalization, convolveFloat, matMulFloat, reduce } from "./evaluateFloat.js";
import { convolve, matMul, qlinearConv, qlinearMatMul, saturate } from "./evaluateInteger.js";
import { argMax, clip, concat, gather, larger, leakyRelu, maxPool, pad, zeroOf } from "./evaluateSelection.js";
import { fromBits, roundHalfEven } from "./float32.js";
import { nearestFunctions } from "./functions.js";
import { toIndex } from "./indices.js";
import type { Broadcast, Instruction } from "./instruction.js";
import { largestOfBlocks, sumsOfBlocks } from "./longRows.js";
import { nearestSums } from "./tolerance.js";
import { EXACT, type Numeric } from "./types.js";
import {
  store,
  strided,
  valuesOf,
  valuesOfAll,
  type Elements,
  type Scalar,
  type Shape,
  type Values,
} from "./values.js";

// The operators of docs/COURT.md one output element at a time, without any regard for speed: what a verifier on chain
// computes, and what shows which element of a trace is wrong.

/** The whole output of a node. */
export function evaluate(
  instruction: Instruction,
  operands: readonly (Tensor | Values | undefined)[],
  { dtype, dims }: Shape,
  numeric: Numeric = EXACT,
): Tensor {
  const elements = elementsOf(instruction, operands, { dtype, dims }, numeric);
  const count = elementCount(dims);
  const out = toTypedArray({ dtype, dims, data: new Uint8Array(count * dtypeSize(dtype)) });
  for (let element = 0; element < count; element++) store(out, element, elements(element));
  return fromTypedArray(dtype, dims, out as never);
}

/** One element of a node's output, cut to its type; of sums in any order and of functions the nearest. */
export function elementOf(
  instruction: Instruction,
  operands: readonly (Tensor | Values | undefined)[],
  output: Shape,
  element: number,
  numeric: Numeric = EXACT,
): Scalar {
  const out = toTypedArray({ dtype: output.dtype, dims: [], data: new Uint8Array(dtypeSize(output.dtype)) });
  store(out, 0, elementsOf(instruction, operands, output, numeric)(element));
  return valuesOf(fromTypedArray(output.dtype, [], out as never)).at(0);
}

/** The elements of a node's output, each computed when it is asked for. Integers may still have to be cut to width. */
export function elementsOf(
  instruction: Instruction,
  operands: readonly (Tensor | Values | undefined)[],
  output: Shape,
  numeric: Numeric = EXACT,
): Elements {
  const values = valuesOfAll(operands);
  const operand = (index: number): Values => {
    const found = values[index];
    if (!found) throw new AssayError(`${instruction.operator} needs operand ${index}`);
    return found;
  };
  const x = operand(0);
  switch (instruction.operator) {
    case "View":
      return (element) => x.at(strided(instruction.base, instruction.strides, toIndex(element, output.dims)));
    case "Concat":
      return concat(instruction.axis, values as Values[], output);
    case "Pad":
      return pad(instruction, x, output);
    case "Gather":
      return gather(instruction.axis, x, operand(1), output);
    case "Cast":
      return (element) => (output.dtype === "bool" ? Number(BigInt(x.at(element)) !== 0n) : x.at(element));
    case "Relu":
      return (element) => larger(x.at(element), zeroOf(x.dtype));
    case "Clip":
      return clip(instruction, x);
    case "LeakyRelu":
      return leakyRelu(fromBits(instruction.alpha), x);
    case "MaxPool":
      return maxPool(instruction, x, output);
    case "ArgMax":
      return argMax(instruction, x);
    case "Add":
    case "Sub":
    case "Mul":
    case "Div":
      return arithmetic(instruction, x, operand(1), output);
    case "Sqrt":
      return (element) => Math.fround(Math.sqrt(Number(x.at(element))));
    case "QuantizeLinear":
      return (element) => {
        const scaled = Math.fround(Number(x.at(element)) / fromBits(instruction.scale));
        return saturate(roundHalfEven(scaled) + instruction.zeroPoint, output.dtype);
      };
    case "DequantizeLinear":
      return (element) =>
        Math.fround(Math.fround(Number(x.at(element)) - instruction.zeroPoint) * fromBits(instruction.scale));
    case "MatMulInteger":
      return matMul(x, operand(1), instruction.zeroA, instruction.zeroB);
    case "QLinearMatMul":
      return qlinearMatMul(instruction, x, operand(1), operand(2), output);
    case "ConvInteger":
      return convolve(instruction.convolution, x, operand(1), instruction.zeroX, instruction.zeroW, output);
    case "QLinearConv":
      return qlinearConv(instruction, x, operand(1), operand(2), values[3], output);
    case "MatMul":
      return matMulFloat(instruction, numeric, x, operand(1), values[2], output);
    case "Conv":
      return convolveFloat(instruction.convolution, numeric, x, operand(1), values[2], output);
    case "AveragePool":
      return averagePool(instruction, numeric, x, output);
    case "ReduceSum":
    case "ReduceMean":
      return reduce(instruction, numeric, x);
    case "BatchNormalization":
      return batchNormalization(numeric, x, operand(1), operand(2));
    case "ToleranceMatMul":
    case "ToleranceConv":
    case "ToleranceAveragePool":
    case "ToleranceReduceSum":
    case "ToleranceReduceMean":
    case "ToleranceBatchNormalization":
      return nearestSums(instruction, values, output);
    case "Exp":
    case "Sigmoid":
    case "Tanh":
    case "Erf":
    case "Gelu":
    case "Softmax":
    case "LayerNormalization":
    case "Log":
    case "LongSoftmax":
    case "LongLayerNormalization":
      return nearestFunctions(instruction, values);
    case "BlockMax":
      return largestOfBlocks(instruction, x);
    case "BlockSum":
    case "BlockMagnitudes":
    case "BlockSquares":
    case "BlockExponentials":
      return sumsOfBlocks(instruction, values);
  }
}

function arithmetic(
  { operator, baseA, stridesA, baseB, stridesB }: { operator: "Add" | "Sub" | "Mul" | "Div" } & Broadcast,
  x: Values,
  y: Values,
  output: Shape,
): Elements {
  const apply = output.dtype === "float32" ? FLOAT[operator] : INTEGER[operator];
  return (element) => {
    const index = toIndex(element, output.dims);
    return apply(x.at(strided(baseA, stridesA, index)), y.at(strided(baseB, stridesB, index)));
  };
}

type Apply = (a: Scalar, b: Scalar) => Scalar;
const FLOAT: Readonly<Record<"Add" | "Sub" | "Mul" | "Div", Apply>> = {
  Add: (a, b) => Math.fround(Number(a) + Number(b)),
  Sub: (a, b) => Math.fround(Number(a) - Number(b)),
  Mul: (a, b) => Math.fround(Number(a) * Number(b)),
  Div: (a, b) => Math.fround(Number(a) / Number(b)),
};
const INTEGER: typeof FLOAT = {
  Add: (a, b) => BigInt(a) + BigInt(b),
  Sub: (a, b) => BigInt(a) - BigInt(b),
  Mul: (a, b) => BigInt(a) * BigInt(b),
  Div: (a, b) => BigInt(a) / BigInt(b),
};
