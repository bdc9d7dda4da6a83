import { AssayError } from "../errors.js";
import { around, ANYTHING, holds, INFINITY, nearest, type Bound } from "./bounds.js";
import { BITS, erf, exp, log, magnitude, ONE, sigmoid, tanh, toFixed } from "./fixedFunctions.js";
import { fromBits } from "./float32.js";
import type { Instruction, InstructionOf } from "./instruction.js";
import {
  blockBounds,
  isBlockSum,
  isLongRow,
  longRowBounds,
  type BlockSumInstruction,
  type LongRowInstruction,
} from "./longRows.js";
import { normalized, softmax } from "./rowBounds.js";
import type { Elements, Values } from "./values.js";

// Functions of float32, within what their implementations differ by: family 0x08 (docs/verifiers/FUNCTIONS.md).

const ROWS = ["Softmax", "LayerNormalization"] as const;
const ELEMENTWISE = ["Exp", "Sigmoid", "Tanh", "Erf", "Gelu", "Log"] as const;
type FunctionName = (typeof ROWS)[number] | (typeof ELEMENTWISE)[number];
export type FunctionInstruction =
  { [Name in FunctionName]: InstructionOf<Name> }[FunctionName] | BlockSumInstruction | LongRowInstruction;

const [EXP_ULPS, LOG_ULPS, SIGMOID_ULPS, TANH_ULPS, ERF_ULPS] = [4n, 4n, 8n, 8n, 17n];
const EXP_DISTANCE = -126n;
const DISTANCE = -20n;
const GELU_BITS = 19n;
const LARGEST_EXP = 128n << BITS;
const LEAST_EXP = -150n << BITS;
const LARGEST_GELU = 16n << BITS;
const OVERFLOW = 1n << 223n;
const ROOT_HALF = 0xb504f333f9de6484597d89b3n;
const ROOT_TWO_BY_PI = 0xcc42299ea1b284687e59e280n;
const CUBIC = 0xb727136a400fba8826aa8ebn;

const KEPT_ROWS = 64;

export function isFunction(instruction: Instruction): instruction is FunctionInstruction {
  if (isBlockSum(instruction) || isLongRow(instruction)) return true;
  return [...ROWS, ...ELEMENTWISE].some((name) => name === instruction.operator);
}

/** What each output element may be. */
export function functionBounds(
  instruction: FunctionInstruction,
  operands: readonly (Values | undefined)[],
): (element: number) => Bound {
  const [x, scale, bias] = operands;
  if (!x) throw new AssayError(`${instruction.operator} needs an operand`);
  if (isBlockSum(instruction)) return blockBounds(instruction, operands);
  if (isLongRow(instruction)) return ofLongRows(instruction, operands, 1);
  switch (instruction.operator) {
    case "Softmax": {
      const rows = eachRow(x, softmax);
      return (element) => {
        const { row, place } = placeInRows(element, lengthOf(x), instruction.inner);
        return rows(row)(place);
      };
    }
    case "LayerNormalization": {
      const rows = eachRow(x, (row) => normalized(row, fromBits(instruction.epsilon)));
      return (element) => {
        const { row, place } = placeInRows(element, lengthOf(x), 1);
        return rows(row)(place, Number(scale?.at(place) ?? NaN), Number(bias?.at(place) ?? 0));
      };
    }
    default:
      return (element) => elementwise(instruction, Number(x.at(element)));
  }
}

/** Elements of long rows. `times`: by how much more their totals may be off than the court lets them. */
export function ofLongRows(
  instruction: LongRowInstruction,
  operands: readonly (Values | undefined)[],
  times: number,
): (element: number) => Bound {
  const bounds = longRowBounds(instruction, operands, times);
  return (element) => {
    const { row, place } = placeInLongRows(instruction, element);
    return bounds(element, row, place);
  };
}

export const placeInLongRows = (instruction: LongRowInstruction, element: number): { row: number; place: number } =>
  placeInRows(element, instruction.length, instruction.operator === "LongSoftmax" ? instruction.inner : 1);

/** Whether some runtime may have each element. False is proof that none does. */
export function standsAsFunction(
  instruction: FunctionInstruction,
  operands: readonly (Values | undefined)[],
): (element: number, y: number) => boolean {
  const bounds = functionBounds(instruction, operands);
  return (element, y) => holds(bounds(element), y);
}

/** What next to no rounding gives; NaN where every result stands. */
export function nearestFunctions(
  instruction: FunctionInstruction,
  operands: readonly (Values | undefined)[],
): Elements {
  const bounds = functionBounds(instruction, operands);
  return (element) => nearest(bounds(element));
}

function elementwise(instruction: FunctionInstruction, x: number): Bound {
  if (Number.isNaN(x)) return ANYTHING;
  const value = toFixed(x);
  switch (instruction.operator) {
    case "Exp":
      return expBound(value);
    case "Log":
      return x > 0 && Number.isFinite(x) ? around(log(x), -BITS, LOG_ULPS, DISTANCE) : ANYTHING;
    case "Sigmoid":
      return around(sigmoid(value), -BITS, SIGMOID_ULPS, DISTANCE);
    case "Tanh":
      return around(tanh(value), -BITS, TANH_ULPS, DISTANCE);
    case "Erf":
      return around(erf(value), -BITS, ERF_ULPS, DISTANCE);
    case "Gelu":
      return geluBound(value, instruction.tanh);
    default:
      throw new AssayError(`${instruction.operator} is no function of single elements`);
  }
}

function expBound(x: bigint): Bound {
  if (x > LARGEST_EXP) return INFINITY;
  if (x < LEAST_EXP) return around(0n, EXP_DISTANCE - BITS, 0n, EXP_DISTANCE);
  const { mantissa, exponent } = exp(x);
  return around(mantissa, exponent - BITS, EXP_ULPS, EXP_DISTANCE);
}

/** x / 2 (1 + erf(x / sqrt 2)), or x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))). */
function geluBound(x: bigint, byTanh: boolean): Bound {
  if (magnitude(x) >= OVERFLOW) return ANYTHING;
  const radius = (magnitude(x) >> GELU_BITS) + 4n;
  const exponent = -BITS;
  if (magnitude(x) >= LARGEST_GELU) return { center: x > 0n ? x : 0n, radius, exponent };
  const part = byTanh
    ? tanh((ROOT_TWO_BY_PI * (x + ((((x * x) >> BITS) * ((x * CUBIC) >> BITS)) >> BITS))) >> BITS)
    : erf((x * ROOT_HALF) >> BITS);
  return { center: (x * (ONE + part)) >> (BITS + 1n), radius, exponent };
}

const lengthOf = ({ dims }: Values): number => dims.at(-1) ?? 1;

/** Which row an element of the output comes from; places of a row are `inner` elements apart. */
export function placeInRows(element: number, length: number, inner: number): { row: number; place: number } {
  const outer = Math.floor(element / inner);
  return { row: Math.floor(outer / length) * inner + (element % inner), place: outer % length };
}

/** Of each row; those of the last ones are kept, as elements that follow one another may come from other rows. */
function eachRow<T>(x: Values, of: (row: readonly number[]) => T): (row: number) => T {
  const length = lengthOf(x);
  const made = new Map<number, T>();
  return (row) => {
    const known = made.get(row);
    if (known !== undefined) return known;
    if (made.size >= KEPT_ROWS) made.clear();
    const fresh = of(Array.from({ length }, (_, i) => Number(x.at(row * length + i))));
    made.set(row, fresh);
    return fresh;
  };
}
