import { dtypeSize, type DType } from "../tensor/dtype.js";
import { elementCount, toTypedArray, type Tensor } from "../tensor/tensor.js";
import { elementsOf } from "./evaluate.js";
import { isFunction, standsAsFunction } from "./functions.js";
import type { Instruction, InstructionOf } from "./instruction.js";
import { otherZeroStands } from "./otherZero.js";
import { boundedSums, isTolerance, isWithin } from "./tolerance.js";
import { EXACT, type Numeric } from "./types.js";
import { store, valuesOf, valuesOfAll, type Scalar, type Values } from "./values.js";

/** Results that differ between CPUs where an operand is no number. */
const UNJUDGED_NAN: readonly string[] = ["QuantizeLinear", "MaxPool"];
const LEAST_FLOAT = -3.4028234663852886e38;

/** Whether an element of `output` is one that no honest provider gets from these operands. */
export function contradicts(
  instruction: Instruction,
  operands: readonly (Tensor | Values | undefined)[],
  output: Tensor,
  element: number,
  numeric: Numeric = EXACT,
): boolean {
  return judgeOf(instruction, operands, output, numeric)(element);
}

/** `contradicts` for many elements of one output. */
export function judgeOf(
  instruction: Instruction,
  operands: readonly (Tensor | Values | undefined)[],
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
  const elements = elementsOf(instruction, operands, output, numeric);
  return (element) => {
    if (instruction.operator === "ArgMax" && isLargest(instruction, operands, output, element)) return false;
    return bitsContradict(instruction, elements(element), claimed.at(element), output.dtype);
  };
}

/** Whether an element is not what was computed, cut to its type. */
function bitsContradict({ operator }: Instruction, raw: Scalar, claimed: Scalar, dtype: DType): boolean {
  if (UNJUDGED_NAN.includes(operator) && Number.isNaN(raw)) return false;
  const computed = toTypedArray({ dtype, dims: [], data: new Uint8Array(dtypeSize(dtype)) });
  store(computed, 0, raw);
  const [expected] = computed;
  if (Object.is(expected, claimed)) return false;
  const [x] = operands;
  if (x && expected === claimed && otherZeroStands(instruction, valuesOf(x), output, element, claimed)) return false;
  return !(operator === "MaxPool" && expected === -Infinity && claimed === LEAST_FLOAT);
}

/** Of a row with a NaN, the index of any NaN and of any largest number is right. */
function isLargest(
  { axis }: InstructionOf<"ArgMax">,
  [operand]: readonly (Tensor | Values | undefined)[],
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
