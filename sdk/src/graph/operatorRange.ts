import { elementCount, type Tensor } from "../tensor/tensor.js";
import { ANYTHING, type Bound } from "./bounds.js";
import { elementsOf } from "./evaluate.js";
import { fromBits } from "./float32.js";
import { functionBounds, isFunction, ofLongRows, placeInLongRows, type FunctionInstruction } from "./functions.js";
import type { Instruction, InstructionOf } from "./instruction.js";
import { isLongRow, TOTALS, type LongRowInstruction } from "./longRows.js";
import {
  endOf,
  exactly,
  hull,
  isKnown,
  isPoint,
  learn,
  magnitudesOf,
  pointsOf,
  unknown,
  type Range,
  type Ranged,
  type Side,
} from "./range.js";
import { boundedSums, isTolerance, type BoundedSum, type ToleranceInstruction } from "./tolerance.js";
import { valuesOf, type Elements, type Shape, type Values } from "./values.js";

// Where the output of a node lies for all whose operands lie within their ranges (docs/verifiers/TOLERANCE.md).

type Operands = readonly (Ranged | undefined)[];

const UNIT_ROUNDOFF = 2 ** -24;
const UNDERFLOW = 2 ** -150;
/** From here on a number is rounded to infinity. */
const OVERFLOW = 2 ** 128 - 2 ** 103;
/** More than the doubles here can be off. */
const SLACK = 1 + 2 ** -20;

/** `own` is this machine's output. */
export function rangeOf(instruction: Instruction, operands: Operands, own: Tensor): Range {
  if (isTolerance(instruction)) return sums(instruction, operands, own);
  if (isFunction(instruction)) return functions(instruction, operands, own);
  // What is neither is the same for everybody who has the same operands.
  if (operands.every((each) => !each || isPoint(each.range))) return exactly(own);
  if (instruction.operator === "ArgMax") return largest(instruction, operands[0], own);
  const corners = cornersOf(instruction, operands, own);
  return corners ? hull(own, corners) : unknown(own);
}

/** Results among which are the least and the greatest; undefined for an operator whose range is not known. */
function cornersOf(instruction: Instruction, operands: Operands, own: Shape): Elements[] | undefined {
  const at = (...sides: Side[]): Elements => {
    const values = operands.map((each, i) => each && endOf(each, sides[i] ?? sides[0] ?? "low"));
    return elementsOf(instruction, values, own);
  };
  const monotone = () => [at("low"), at("high")];
  switch (instruction.operator) {
    case "View":
    case "Concat":
    case "Pad":
    case "Relu":
    case "Clip":
    case "MaxPool":
    case "BlockMax":
    case "Sqrt":
    case "QuantizeLinear":
    case "DequantizeLinear":
      return monotone();
    case "LeakyRelu":
      return fromBits(instruction.alpha) < 0 ? undefined : monotone();
    case "Gather":
      return operands[1] && isPoint(operands[1].range) ? monotone() : undefined;
    case "Add":
    case "Sub":
    case "Mul":
    case "Div":
      if (own.dtype !== "float32" || (instruction.operator === "Div" && spansZero(operands[1]?.range)))
        return undefined;
      return [at("low", "low"), at("low", "high"), at("high", "low"), at("high", "high")];
    default:
      return undefined;
  }
}

const spansZero = (range: Range | undefined): boolean =>
  range?.low.some((least, i) => least <= 0 && (range.high[i] ?? 0) >= 0) ?? false;

/** From the first to the last index that may be that of the largest. */
function largest({ axis }: InstructionOf<"ArgMax">, x: Ranged | undefined, own: Tensor): Range {
  const result = unknown(own);
  if (!x) return result;
  const { low, high } = x.range;
  const length = x.tensor.dims[axis] ?? 0;
  const inner = elementCount(x.tensor.dims.slice(axis + 1));
  for (let element = 0; element < result.low.length; element++) {
    const first = Math.floor(element / inner) * length * inner + (element % inner);
    const row = Array.from({ length }, (_, i) => first + i * inner);
    if (!row.every((at) => isKnown(x.range, at))) continue;
    const champion = Math.max(...row.map((at) => low[at] ?? NaN));
    const able = row.flatMap((at, i) => ((high[at] ?? NaN) >= champion ? [i] : []));
    learn(result, element, Math.min(...able), Math.max(...able));
  }
  return result;
}

/** Implementations differ by a bound where all have the same operands; of others nothing is known. */
function functions(instruction: FunctionInstruction, operands: Operands, own: Tensor): Range {
  const bounds = isLongRow(instruction)
    ? longRows(instruction, operands)
    : functionBounds(
        instruction,
        operands.map((each) => each && pointsOf(each)),
      );
  const range = unknown(own);
  for (let element = 0; element < range.low.length; element++) {
    const [least, most] = endsOf(bounds(element));
    // An infinity stands too if an end is rounded to it.
    if (Math.max(-least, most) < OVERFLOW) learn(range, element, least, most);
  }
  return range;
}

/**
 * The totals of others are as far from the exact ones as one's own may be, on the other side: twice as far from one's
 * own, and once more for what theirs grant. Where an element of a row differs nothing is known.
 */
function longRows(instruction: LongRowInstruction, operands: Operands): (element: number) => Bound {
  const bounds = ofLongRows(
    instruction,
    operands.map(
      (each, i) => each && (i === 0 || i > TOTALS[instruction.operator] ? pointsOf(each) : valuesOf(each.tensor)),
    ),
    4,
  );
  const x = operands[0];
  const areSame = x ? rowsThatAre(instruction, pointsOf(x)) : () => false;
  return (element) => (areSame(placeInLongRows(instruction, element).row) ? bounds(element) : ANYTHING);
}

/** Whether a row is the same for everybody. */
function rowsThatAre(instruction: LongRowInstruction, x: Values): (row: number) => boolean {
  const others = new Set<number>();
  for (let element = 0; element < elementCount(x.dims); element++) {
    if (Number.isNaN(x.at(element))) others.add(placeInLongRows(instruction, element).row);
  }
  return (row) => !others.has(row);
}

/** Numbers are compared as integers, by which up to two units are lost. */
function endsOf({ center, radius, exponent }: Bound): [least: number, most: number] {
  if (radius === undefined) return [-Infinity, Infinity];
  const end = (value: bigint): number => Number(value) * 2 ** Number(exponent);
  return [end(center - radius - 2n), end(center + radius + 2n)];
}

/**
 * Whoever is honest has operands within their ranges, and a sum within the bound of the sum of those. With |x| + dx in
 * the place of each |x| the sum of magnitudes grows from M to M', and the exact sum moves by no more than M' - M. Where
 * the sum of some honest party may overflow nothing is known: others may have an infinity, or NaN.
 */
function sums(instruction: ToleranceInstruction, operands: Operands, own: Tensor): Range {
  const magnitudes = (widened: boolean) =>
    boundedSums(
      instruction,
      operands.map((each) => each && magnitudesOf(each, widened)),
      own,
    );
  const [narrow, wide] = [magnitudes(false), magnitudes(true)];
  const { at } = valuesOf(own);
  const range = unknown(own);
  for (let element = 0; element < range.low.length; element++) {
    const [sum, value] = [narrow(element), Number(at(element))];
    const [least, most] = [total(sum), total(wide(element))];
    if (!isFiniteForAll(sum, most)) continue;
    const share = sum.roundings * UNIT_ROUNDOFF;
    const apart = most - least + (share / (1 - share)) * (least + most) + 2 * sum.underflows * UNDERFLOW;
    const radius = (SLACK * apart) / sum.divisor;
    learn(range, element, value - radius, value + radius);
  }
  return range;
}

const total = ({ a, b }: BoundedSum): number => a.reduce((sum, value, k) => sum + Math.abs(value * (b[k] ?? 0)), 0);

/** Whether no order overflows with magnitudes of `most` in all. False, too, where `most` is NaN: something is not known. */
function isFiniteForAll({ roundings, underflows, optional = [] }: BoundedSum, most: number): boolean {
  const isBelow = SLACK * (most + underflows * UNDERFLOW) < (1 - roundings * UNIT_ROUNDOFF) * OVERFLOW;
  // A runtime may multiply weights beside x by zero: NaN where one of them is no finite number.
  return isBelow && optional.every(Number.isFinite);
}
