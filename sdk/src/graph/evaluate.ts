import { AssayError } from "../errors.js";
import { fromHex, type Hex } from "../tensor/bytes.js";
import { dtypeSize, type DType } from "../tensor/dtype.js";
import { elementCount, fromTypedArray, toTypedArray, type AnyTypedArray, type Tensor } from "../tensor/tensor.js";
import { averagePool, batchNormalization, convolveFloat, matMulFloat, reduce } from "./evaluateFloat.js";
import { fromBits, roundHalfEven } from "./float32.js";
import { isFunction, nearestFunctions, standsAsFunction } from "./functions.js";
import { rowMajorStrides, toIndex } from "./indices.js";
import type { Broadcast, Convolution, Instruction, InstructionOf, Window } from "./instruction.js";
import { boundedSums, isTolerance, isWithin, nearestSums } from "./tolerance.js";
import { EXACT, type Numeric } from "./types.js";
import { strided, valuesOf, windowPlaces, type Elements, type Scalar, type Shape, type Values } from "./values.js";

// The operators of docs/COURT.md one output element at a time, without any regard for speed: what a verifier on chain
// computes, and what shows which element of a trace is wrong.

const INTEGER_LIMITS: Partial<Record<DType, readonly [number, number]>> = {
  uint8: [0, 255],
  int8: [-128, 127],
  uint16: [0, 65_535],
  int16: [-32_768, 32_767],
};

/** The whole output of a node. */
export function evaluate(
  instruction: Instruction,
  operands: readonly (Tensor | undefined)[],
  { dtype, dims }: Shape,
  numeric: Numeric = EXACT,
): Tensor {
  const elements = elementsOf(instruction, operands, { dtype, dims }, numeric);
  const count = elementCount(dims);
  const out = toTypedArray({ dtype, dims, data: new Uint8Array(count * dtypeSize(dtype)) });
  for (let element = 0; element < count; element++) store(out, element, elements(element));
  return fromTypedArray(dtype, dims, out as never);
}

/** Results that differ between CPUs where an operand is no number. */
const UNJUDGED_NAN: readonly string[] = ["QuantizeLinear", "MaxPool"];
/** Results of which the sign of a zero differs between CPUs. */
const UNSIGNED_ZERO: readonly string[] = ["Relu", "Clip", "MaxPool"];
const LEAST_FLOAT = -3.4028234663852886e38;

/** Whether an element of `output` is one that no honest provider gets from these operands. */
export function contradicts(
  instruction: Instruction,
  operands: readonly (Tensor | undefined)[],
  output: Tensor,
  element: number,
  numeric: Numeric = EXACT,
): boolean {
  return judgeOf(instruction, operands, output, numeric)(element);
}

/** `contradicts` for many elements of one output. */
export function judgeOf(
  instruction: Instruction,
  operands: readonly (Tensor | undefined)[],
  output: Tensor,
  numeric: Numeric = EXACT,
): (element: number) => boolean {
  const claimed = valuesOf(output);
  if (isTolerance(instruction)) {
    const sums = boundedSums(instruction, valuesOfAll(operands), output);
    return (element) => !isWithin(Number(claimed.at(element)), sums(element));
  }
  if (isFunction(instruction)) {
    const stands = standsAsFunction(instruction, valuesOfAll(operands));
    return (element) => !stands(element, Number(claimed.at(element)));
  }
  return (element) => contradictsBits(instruction, operands, output, element, numeric);
}

function contradictsBits(
  instruction: Instruction,
  operands: readonly (Tensor | undefined)[],
  output: Tensor,
  element: number,
  numeric: Numeric,
): boolean {
  const { operator } = instruction;
  const computed = toTypedArray({ dtype: output.dtype, dims: [], data: new Uint8Array(dtypeSize(output.dtype)) });
  const raw = elementsOf(instruction, operands, output, numeric)(element);
  if (UNJUDGED_NAN.includes(operator) && Number.isNaN(raw)) return false;
  if (operator === "ArgMax" && isLargest(instruction, operands, output, element)) return false;
  store(computed, 0, raw);
  const [expected, claimed] = [computed[0], valuesOf(output).at(element)];
  if (Object.is(expected, claimed)) return false;
  if (UNSIGNED_ZERO.includes(operator) && expected === claimed) return false;
  return !(operator === "MaxPool" && expected === -Infinity && claimed === LEAST_FLOAT);
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

/** Of a row with a NaN, the index of any NaN and of any largest number is right. */
function isLargest(
  { axis }: InstructionOf<"ArgMax">,
  [operand]: readonly (Tensor | undefined)[],
  output: Tensor,
  element: number,
): boolean {
  if (operand?.dtype !== "float32") return false;
  const x = valuesOf(operand);
  const length = x.dims[axis] ?? 0;
  const inner = elementCount(x.dims.slice(axis + 1));
  const first = Math.floor(element / inner) * length * inner + (element % inner);
  const row = Array.from({ length }, (_, i) => Number(x.at(first + i * inner)));
  const chosen = row[Number(valuesOf(output).at(element))];
  if (chosen === undefined || !row.some(Number.isNaN)) return false;
  return row.every((value) => !(value > chosen));
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
      return nearestFunctions(instruction, values);
  }
}

function valuesOfAll(operands: readonly (Tensor | Values | undefined)[]): (Values | undefined)[] {
  return operands.map((operand) => operand && valuesOf(operand));
}

function concat(axis: number, parts: readonly Values[], output: Shape): Elements {
  return (element) => {
    const index = toIndex(element, output.dims);
    for (const part of parts) {
      const length = part.dims[axis] ?? 0;
      const along = index[axis] ?? 0;
      if (along < length) return part.at(strided(0, rowMajorStrides(part.dims), index));
      index[axis] = along - length;
    }
    throw new AssayError("the parts of a Concat are shorter than its output");
  };
}

function pad({ low, value }: InstructionOf<"Pad">, x: Values, output: Shape): Elements {
  const outside = scalarOf(value, x.dtype);
  return (element) => {
    const index = toIndex(element, output.dims).map((at, axis) => at - (low[axis] ?? 0));
    const inside = index.every((at, axis) => at >= 0 && at < (x.dims[axis] ?? 0));
    return inside ? x.at(strided(0, rowMajorStrides(x.dims), index)) : outside;
  };
}

function gather(axis: number, x: Values, indices: Values, output: Shape): Elements {
  const length = x.dims[axis] ?? 0;
  return (element) => {
    const index = toIndex(element, output.dims);
    const behind = axis + indices.dims.length;
    const position = strided(0, rowMajorStrides(indices.dims), index.slice(axis, behind));
    const chosen = Number(indices.at(position));
    if (chosen < -length || chosen >= length) throw new AssayError(`index ${chosen} is outside of ${length} entries`);
    const place = [...index.slice(0, axis), chosen < 0 ? chosen + length : chosen, ...index.slice(behind)];
    return x.at(strided(0, rowMajorStrides(x.dims), place));
  };
}

function clip({ min, max }: InstructionOf<"Clip">, x: Values): Elements {
  const low = min === "0x" ? undefined : scalarOf(min, x.dtype);
  const high = max === "0x" ? undefined : scalarOf(max, x.dtype);
  return (element) => {
    const raised = low === undefined ? x.at(element) : larger(x.at(element), low);
    return high !== undefined && high < raised ? high : raised;
  };
}

function leakyRelu(alpha: number, x: Values): Elements {
  return (element) => {
    const value = Number(x.at(element));
    return value >= 0 ? value : Math.fround(alpha * value);
  };
}

function maxPool(window: Window, x: Values, output: Shape): Elements {
  const strides = rowMajorStrides(x.dims);
  return (element) => {
    const [image = 0, channel = 0, ...place] = toIndex(element, output.dims);
    let best: Scalar | undefined;
    for (const { at } of windowPlaces(window, place, x.dims.slice(2))) {
      const value = x.at(strided(0, strides, [image, channel, ...at]));
      if (Number.isNaN(value)) return NaN;
      best = best === undefined ? value : larger(best, value);
    }
    if (best === undefined) throw new AssayError("a window of a MaxPool lies outside of its operand");
    return best;
  };
}

function argMax({ axis, last }: InstructionOf<"ArgMax">, x: Values): Elements {
  const length = x.dims[axis] ?? 0;
  const inner = elementCount(x.dims.slice(axis + 1));
  return (element) => {
    const first = Math.floor(element / inner) * length * inner + (element % inner);
    let best = 0;
    for (let i = 1; i < length; i++) {
      const [value, champion] = [x.at(first + i * inner), x.at(first + best * inner)];
      if (value > champion || (last && value === champion)) best = i;
    }
    return BigInt(best);
  };
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

/** Sums as int32; exact in a double, because a leaf holds at most 65,536 factors of nine bits. */
function matMul(a: Values, b: Values, zeroA: number, zeroB: number): Elements {
  const length = a.dims.at(-1) ?? 0;
  const rows = a.dims.at(-2) ?? 0;
  const columns = b.dims.at(-1) ?? 0;
  return (element) => {
    const row = Math.floor(element / columns);
    const matrix = b.dims.length === 2 ? 0 : Math.floor(row / rows);
    let sum = 0;
    for (let k = 0; k < length; k++) {
      const left = Number(a.at(row * length + k)) - zeroA;
      sum += left * (Number(b.at((matrix * length + k) * columns + (element % columns))) - zeroB);
    }
    return sum | 0;
  };
}

function qlinearMatMul(
  { zeroA, zeroB, zeroY }: InstructionOf<"QLinearMatMul">,
  a: Values,
  b: Values,
  multiplier: Values,
  output: Shape,
): Elements {
  const sums = matMul(a, b, zeroA, zeroB);
  const columns = b.dims.at(-1) ?? 0;
  return (element) => requantize(Number(sums(element)), perChannel(multiplier, element % columns), zeroY, output.dtype);
}

function convolve(
  convolution: Convolution,
  x: Values,
  w: Values,
  zeroX: number,
  zeroW: number,
  output: Shape,
): Elements {
  const [filters = 0, channels = 0] = w.dims;
  const perGroup = filters / convolution.group;
  const [stridesX, stridesW] = [rowMajorStrides(x.dims), rowMajorStrides(w.dims)];
  return (element) => {
    const [image = 0, filter = 0, ...place] = toIndex(element, output.dims);
    const firstChannel = Math.floor(filter / perGroup) * channels;
    let sum = 0;
    for (const { at, tap } of windowPlaces(convolution, place, x.dims.slice(2))) {
      for (let channel = 0; channel < channels; channel++) {
        const value = Number(x.at(strided(0, stridesX, [image, firstChannel + channel, ...at]))) - zeroX;
        sum += value * (Number(w.at(strided(0, stridesW, [filter, channel, ...tap]))) - zeroW);
      }
    }
    return sum | 0;
  };
}

function qlinearConv(
  { convolution, zeroX, zeroW, zeroY }: InstructionOf<"QLinearConv">,
  x: Values,
  w: Values,
  multiplier: Values,
  bias: Values | undefined,
  output: Shape,
): Elements {
  const sums = convolve(convolution, x, w, zeroX, zeroW, output);
  return (element) => {
    const filter = toIndex(element, output.dims)[1] ?? 0;
    const sum = (Number(sums(element)) + Number(bias?.at(filter) ?? 0)) | 0;
    return requantize(sum, perChannel(multiplier, filter), zeroY, output.dtype);
  };
}

function requantize(sum: number, multiplier: number, zero: number, dtype: DType): number {
  return saturate(roundHalfEven(Math.fround(Math.fround(sum) * multiplier)) + zero, dtype);
}

function perChannel(multiplier: Values, channel: number): number {
  return Number(multiplier.at(multiplier.dims[0] === 1 ? 0 : channel));
}

/** `b` where `a` is below it. */
function larger(a: Scalar, b: Scalar): Scalar {
  return a < b ? b : a;
}

function zeroOf(dtype: DType): Scalar {
  return dtype === "int64" || dtype === "uint64" ? 0n : 0;
}

function saturate(value: number, dtype: DType): number {
  const [low, high] = INTEGER_LIMITS[dtype] ?? [-Infinity, Infinity];
  return Math.min(Math.max(value, low), high);
}

function scalarOf(bytes: Hex, dtype: DType): Scalar {
  return valuesOf({ dtype, dims: [], data: fromHex(bytes) }).at(0);
}

/** Cuts integers to width, two's complement. */
function store(array: AnyTypedArray, element: number, value: Scalar): void {
  if (array instanceof BigInt64Array || array instanceof BigUint64Array) array[element] = BigInt(value);
  else array[element] = typeof value === "bigint" ? Number(BigInt.asIntN(32, value)) : value;
}
