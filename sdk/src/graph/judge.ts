import { dtypeSize } from "../tensor/dtype.js";
import { elementCount, toTypedArray, type Tensor } from "../tensor/tensor.js";
import { elementsOf } from "./evaluate.js";
import { isFunction, standsAsFunction } from "./functions.js";
import type { Instruction, InstructionOf } from "./instruction.js";
import { otherZeroStands } from "./otherZero.js";
import { boundedSums, isTolerance, isWithin } from "./tolerance.js";
import { EXACT, type Numeric } from "./types.js";
import { store, valuesOf, valuesOfAll, type Values } from "./values.js";

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
  return judgeOfBits(instruction, operands, output, numeric);
}

function judgeOfBits(
  instruction: Instruction,
  operands: readonly (Tensor | Values | undefined)[],
  output: Tensor,
  numeric: Numeric,
): (element: number) => boolean {
  const { operator } = instruction;
  const computed = toTypedArray({ dtype: output.dtype, dims: [], data: new Uint8Array(dtypeSize(output.dtype)) });
  const [elements, values] = [elementsOf(instruction, operands, output, numeric), valuesOf(output)];
  const x = operands[0] && valuesOf(operands[0]);
  return (element) => {
    const raw = elements(element);
    if (UNJUDGED_NAN.includes(operator) && Number.isNaN(raw)) return false;
    if (operator === "ArgMax" && isLargest(instruction, operands, output, element)) return false;
    store(computed, 0, raw);
    const [expected, claimed] = [computed[0], values.at(element)];
    if (Object.is(expected, claimed)) return false;
    if (x && expected === claimed && otherZeroStands(instruction, x, output, element, claimed)) return false;
    return !(operator === "MaxPool" && expected === -Infinity && claimed === LEAST_FLOAT);
  };
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
