import { AssayError } from "../errors.js";
import { around, ANYTHING, type Bound } from "./bounds.js";
import { BITS, expOfNegative, toFixed } from "./fixedFunctions.js";
import { fromBits } from "./float32.js";
import type { InstructionOf } from "./instruction.js";
import { most, normalizedBy, scaled, scaledSquare, share, sumsOf, unitOf, unitOfSquare } from "./rowBounds.js";
import type { Elements, Values } from "./values.js";

// Rows that are too long for one transaction: what is added up of their blocks, and their elements by the totals, as
// `LongRows` has it on chain (docs/verifiers/FUNCTIONS.md).

/** Elements of a block; the last one of a row may have fewer. */
export const BLOCK = 1024;
export const LONGEST_ROW = BLOCK ** 2;

const BLOCK_SUMS = ["BlockSum", "BlockMagnitudes", "BlockSquares", "BlockExponentials"] as const;
const LONG_ROWS = ["LongSoftmax", "LongLayerNormalization"] as const;
type BlockSumName = (typeof BLOCK_SUMS)[number];
export type BlockSumInstruction = { [Name in BlockSumName]: InstructionOf<Name> }[BlockSumName];
export type LongRowInstruction = InstructionOf<"LongSoftmax"> | InstructionOf<"LongLayerNormalization">;

/** Operands behind x that are added up of its row. */
export const TOTALS = { LongSoftmax: 2, LongLayerNormalization: 3 } as const;

const SUBNORMAL = -149n;
const EXPONENTIALS_DISTANCE = -60n;
const CUT_BITS = 104n;
const SOFTMAX_APART = 8;
const [NORMALIZATION_APART, NORMALIZATION_APART_PER_BLOCK] = [16, 5];
const ULP_BITS = 23n;
const HALF = 1n << 95n;

type Operands = readonly (Values | undefined)[];

export function isBlockSum(instruction: { readonly operator: string }): instruction is BlockSumInstruction {
  return BLOCK_SUMS.some((name) => name === instruction.operator);
}

export function isLongRow(instruction: { readonly operator: string }): instruction is LongRowInstruction {
  return LONG_ROWS.some((name) => name === instruction.operator);
}

export const blocksOf = (length: number): number => Math.ceil(length / BLOCK);

/** Which elements of x make a block, and of which row it is. */
export function blockAt(element: number, length: number): { row: number; first: number; count: number } {
  const [blocks, row] = [blocksOf(length), Math.floor(element / blocksOf(length))];
  const from = (element % blocks) * BLOCK;
  return { row, first: row * length + from, count: Math.min(BLOCK, length - from) };
}

const numbersAt = (x: Values, { first, count }: { first: number; count: number }): number[] =>
  Array.from({ length: count }, (_, i) => Number(x.at(first + i)));

/** The largest element of each block; the last of equal ones, and NaN if there is one. */
export function largestOfBlocks({ length }: InstructionOf<"BlockMax">, x: Values): Elements {
  return (element) =>
    numbersAt(x, blockAt(element, length)).reduce((largest, value) => {
      if (Number.isNaN(largest) || Number.isNaN(value)) return NaN;
      return largest > value ? largest : value;
    });
}

/** The sums of blocks, by doubles: off by next to nothing beside the bound. */
export function sumsOfBlocks({ operator, length }: BlockSumInstruction, [x, other]: Operands): Elements {
  const term = (value: number, ofRow: number): number => {
    switch (operator) {
      case "BlockSum":
        return value;
      case "BlockMagnitudes":
        return Math.abs(value);
      case "BlockSquares":
        // The product is exact: the difference is off by nothing but its own rounding.
        return ((value * length - ofRow) / length) ** 2;
      case "BlockExponentials":
        return Math.exp(value - ofRow);
    }
  };
  return (element) => {
    const block = blockAt(element, length);
    const ofRow = Number(other?.at(block.row) ?? 0);
    const numbers = numbersAt(there(x, operator), block);
    return Math.fround(numbers.reduce((sum, value) => sum + term(value, ofRow), 0));
  };
}

/** What the sum of each block may be. */
export function blockBounds(
  { operator, length }: BlockSumInstruction,
  [x, other]: Operands,
): (element: number) => Bound {
  return (element) => {
    const block = blockAt(element, length);
    const numbers = numbersAt(there(x, operator), block);
    if (operator === "BlockSum" || operator === "BlockMagnitudes") return sumBound(numbers, operator === "BlockSum");
    const ofRow = Number(there(other, operator).at(block.row));
    return operator === "BlockSquares" ? squaresBound(numbers, length, ofRow) : exponentialsBound(numbers, ofRow);
  };
}

function sumBound(numbers: readonly number[], signed: boolean): Bound {
  if (!numbers.every(Number.isFinite)) return ANYTHING;
  const shift = unitOf(numbers);
  const { values, magnitudes } = sumsOf(numbers, shift);
  const bound = around(signed ? values : magnitudes, shift - 225n, 0n, SUBNORMAL);
  return { ...bound, radius: (bound.radius ?? 0n) + (magnitudes >> ULP_BITS) };
}

/** Of (x - sum / length)^2, out of the sums of squares and of elements: all integers. */
function squaresBound(numbers: readonly number[], length: number, sum: number): Bound {
  if (!numbers.every(Number.isFinite) || !Number.isFinite(sum)) return ANYTHING;
  const shift = unitOf([...numbers, sum]);
  const { values, squares } = sumsOf(numbers, shift);
  const [total, n, count] = [scaled(sum, shift), BigInt(length), BigInt(numbers.length)];
  const center = n * n * squares - 2n * n * total * values + count * total * total;
  const bound = around(center / (n * n), 2n * (shift - 225n), 1n, SUBNORMAL);
  return { ...bound, radius: (bound.radius ?? 0n) + (count << CUT_BITS) };
}

/** Of e^(x - max). An element above the maximum contradicts that. */
function exponentialsBound(numbers: readonly number[], max: number): Bound {
  const below = numbers.some(Number.isNaN) ? [] : numbers.map((value) => toFixed(max) - toFixed(value));
  if (!Number.isFinite(max) || below.length === 0 || below.some((each) => each < 0n)) return ANYTHING;
  const sum = below.reduce((total, each) => total + expOfNegative(each), 0n);
  return around(sum, -BITS, 1n, EXPONENTIALS_DISTANCE);
}

/** What an element of a row may be of which the totals are given. `times`: by how much more these may be off. */
export function longRowBounds(
  instruction: LongRowInstruction,
  operands: Operands,
  times = 1,
): (element: number, row: number, place: number) => Bound {
  const at = (operand: number, index: number): number =>
    Number(there(operands[operand], instruction.operator).at(index));
  const { length } = instruction;
  if (instruction.operator === "LongSoftmax") {
    const apart = BigInt(times * (blocksOf(length) + SOFTMAX_APART));
    return (element, row) => longSoftmax(at(0, element), at(1, row), at(2, row), length, apart);
  }
  const epsilon = fromBits(instruction.epsilon);
  const apart = BigInt(times * (NORMALIZATION_APART_PER_BLOCK * blocksOf(length) + NORMALIZATION_APART));
  return (element, row, place) => {
    const [x, sum, magnitudes, squares] = [at(0, element), at(1, row), at(2, row), at(3, row)];
    if (![x, sum, magnitudes, squares].every(Number.isFinite)) return ANYTHING;
    const shift = most(unitOf([sum, magnitudes, x]), most(unitOfSquare(squares), unitOfSquare(epsilon)));
    const [n, values] = [BigInt(length), scaled(sum, shift)];
    const sums = {
      shift,
      epsilon: scaledSquare(epsilon, shift),
      values,
      magnitudes: scaled(Math.abs(magnitudes), shift),
      squares: scaledSquare(squares, shift) + (values * values + n - 1n) / n,
    };
    return normalizedBy(sums, length, apart)(x, at(4, place), operands[5] ? at(5, place) : 0);
  };
}

/** e^(x - max) / sum. A sum that is far below one contradicts the exponentials. */
function longSoftmax(x: number, max: number, sum: number, length: number, apart: bigint): Bound {
  if (Number.isNaN(x) || !Number.isFinite(max) || !Number.isFinite(sum)) return ANYTHING;
  const [below, total] = [toFixed(max) - toFixed(x), toFixed(sum)];
  return below < 0n || total < HALF ? ANYTHING : share(below, total, length, apart);
}

function there(operand: Values | undefined, operator: string): Values {
  if (!operand) throw new AssayError(`${operator} needs an operand more`);
  return operand;
}
