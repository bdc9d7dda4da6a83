import { AssayError } from "../errors.js";
import { elementCount } from "../tensor/tensor.js";
import { convTerms, matMulTerms, poolTerms, rowTerms } from "./floatTerms.js";
import { exactSum, FLOAT_PRECISION, OVERFLOW, product, UNIT } from "./exactSum.js";
import { toIndex } from "./indices.js";
import type { Instruction, OperatorName } from "./instruction.js";
import { strided, type Elements, type Shape, type Values } from "./values.js";

// Sums of float32 in any order: what rounding can have done to them (docs/verifiers/TOLERANCE.md).

type ToleranceName = Extract<OperatorName, `Tolerance${string}`>;
export type ToleranceInstruction = Extract<Instruction, { readonly operator: ToleranceName }>;

/** Most roundings that a product of a batch normalisation takes part in. */
const NORMALIZATION_ROUNDINGS = 13;

/** What an output element is computed from, and how often it can have been rounded. */
export interface BoundedSum {
  readonly a: readonly number[];
  readonly b: readonly number[];
  /** Factors that only meet zeros outside of x: whether they take part is up to the runtime. */
  readonly optional?: readonly number[];
  readonly roundings: number;
  readonly underflows: number;
  readonly divisor: number;
}

export function isTolerance(instruction: Instruction): instruction is ToleranceInstruction {
  return instruction.operator.startsWith("Tolerance");
}

/** The terms of each output element. */
export function boundedSums(
  instruction: ToleranceInstruction,
  operands: readonly (Values | undefined)[],
  output: Shape,
): (element: number) => BoundedSum {
  const operand = (index: number): Values => {
    const found = operands[index];
    if (!found) throw new AssayError(`${instruction.operator} needs operand ${index}`);
    return found;
  };
  const [x, last] = [operand(0), operands[2]];
  switch (instruction.operator) {
    case "ToleranceMatMul": {
      const terms = matMulTerms(x, operand(1));
      return (element) => {
        const { a, b } = terms(element);
        return withBias(a, b, last && Number(last.at(strided(0, instruction.strides, toIndex(element, output.dims)))));
      };
    }
    case "ToleranceConv": {
      const terms = convTerms(instruction.convolution, x, operand(1), output);
      return (element) => {
        const { a, b, filter } = terms(element);
        const inside = a.filter((value) => value !== undefined);
        const weights = b.filter((_, k) => a[k] !== undefined);
        const optional = b.filter((_, k) => a[k] === undefined);
        return { ...withBias(inside, weights, last && Number(last.at(filter))), optional };
      };
    }
    case "ToleranceAveragePool": {
      const terms = poolTerms(instruction, x, output);
      return (element) => mean(terms(element).a, instruction.divisor);
    }
    case "ToleranceReduceSum": {
      const terms = rowTerms(instruction, x);
      // Nothing is multiplied: there are only additions, and a sum that is subnormal is exact.
      return (element) => ({ ...mean(terms(element).a, 1), roundings: instruction.length - 1, underflows: 0 });
    }
    case "ToleranceReduceMean": {
      const terms = rowTerms(instruction, x);
      return (element) => mean(terms(element).a, instruction.length);
    }
    case "ToleranceBatchNormalization":
      return normalized(x, operand(1), operand(2), operand(3));
  }
}

function withBias(a: readonly number[], b: readonly number[], bias: number | undefined): BoundedSum {
  const count = a.length + (bias === undefined ? 0 : 1);
  const terms = bias === undefined ? { a, b } : { a: [...a, bias], b: [...b, 1] };
  return { ...terms, roundings: count, underflows: count, divisor: 1 };
}

/** Two roundings besides those of the sum: it, or each term, may be multiplied by the rounded reciprocal. */
function mean(a: readonly number[], given: number): BoundedSum {
  const divisor = given || a.length;
  return { a, b: a.map(() => 1), roundings: a.length + 1, underflows: a.length * divisor, divisor };
}

/** (x - mean) * scale + offset. */
function normalized(x: Values, scale: Values, mean_: Values, offset: Values): (element: number) => BoundedSum {
  const inner = elementCount(x.dims.slice(2));
  return (element) => {
    const channel = Math.floor(element / inner) % (x.dims[1] ?? 1);
    const factor = Number(scale.at(channel));
    return {
      a: [Number(x.at(element)), -Number(mean_.at(channel)), Number(offset.at(channel))],
      b: [factor, factor, 1],
      roundings: NORMALIZATION_ROUNDINGS,
      underflows: 3,
      divisor: 1,
    };
  };
}

/** Of each output element, what next to no rounding gives. */
export function nearestSums(
  instruction: ToleranceInstruction,
  operands: readonly (Values | undefined)[],
  output: Shape,
): Elements {
  const sums = boundedSums(instruction, operands, output);
  return (element) => {
    const { a, b, divisor } = sums(element);
    // Products are exact in a double.
    return Math.fround(a.reduce((total, value, i) => total + value * (b[i] ?? 0), 0) / divisor);
  };
}

/** Whether some order of summation, with multiply-add fused or not, may give `y`. False is proof that none does. */
export function isWithin(y: number, sum: BoundedSum): boolean {
  const exact = exactSum(sum);
  if (!Number.isFinite(y)) return mayBe(y, sum, exact);
  if (exact.special !== 0) return false;
  const difference = product(y, sum.divisor) - exact.sum;
  const distance = difference < 0n ? -difference : difference;
  return distance * (FLOAT_PRECISION - BigInt(sum.roundings)) <= bound(sum, exact);
}

type Exact = ReturnType<typeof exactSum>;

/** r M + e 2^-126. */
function bound({ roundings, underflows }: BoundedSum, { magnitudes }: Exact): bigint {
  return BigInt(roundings) * magnitudes + (BigInt(underflows) * UNIT) / 2n ** 126n;
}

/** Whether an infinity or NaN is right. */
function mayBe(y: number, sum: BoundedSum, exact: Exact): boolean {
  const { special } = exact;
  if (Number.isNaN(y) && sum.optional?.some((weight) => !Number.isFinite(weight))) return true;
  if (special === 0) return mayOverflow(sum, exact);
  if (Number.isNaN(special)) return Number.isNaN(y);
  return special === y || (Number.isNaN(y) && mayOverflow(sum, exact));
}

/** Whether some partial sum of the finite products can be rounded to infinity. */
function mayOverflow({ roundings, underflows }: BoundedSum, { magnitudes }: Exact): boolean {
  const most = magnitudes * FLOAT_PRECISION + (BigInt(underflows) * UNIT) / 2n ** 126n;
  return most >= (FLOAT_PRECISION - BigInt(roundings)) * OVERFLOW;
}
