import { dtypeSize } from "../../tensor/dtype.js";
import { fromNumbers } from "../../tensor/tensor.js";
import { anyLayout, type Lowering, type Value } from "../draft.js";
import { Refusal } from "../problems.js";
import { arithmetic } from "./arithmetic.js";
import { between, castTo, constant, select, stack, type Steps } from "./compose.js";
import { comparable } from "./selection.js";
import { requireFloats } from "./floatDot.js";

const ONE = constant(fromNumbers("uint8", [], [1]));
const ZERO = constant(fromNumbers("float32", [], [0]));

/** Of truth values as bytes: one that is not zero is true. */
const lowerLogic =
  (operator: "Mul" | "Add" | "Sub"): Lowering =>
  (node) => {
    const [a, b, output] = [node.input(0), node.input(1), node.output()];
    const bytes = [a, b].map((each) => castTo(each, between("uint8", each.dims)));
    const [left, right] = bytes.map((each) => each.output);
    const result = between("uint8", output.dims);
    if (!left || !right) return [];
    return [...bytes, arithmetic(operator, left, right, result), castTo(result, output)];
  };

export const and = lowerLogic("Mul");
export const or = lowerLogic("Add");
export const xor = lowerLogic("Sub");

export const not: Lowering = (node) => {
  const [x, output] = [node.input(0), node.output()];
  const [byte, turned] = [between("uint8", x.dims), between("uint8", x.dims)];
  return [castTo(x, byte), arithmetic("Sub", ONE, byte, turned), castTo(turned, output)];
};

/** 1 where b is larger than a, or at least as large: the place of the largest of both. No NaN is. */
function isLarger(a: Value, b: Value, orEqual: boolean, dims: readonly number[]): Steps {
  const both = stack([comparable(a), comparable(b)], dims);
  const value = between("int64", dims);
  const instruction = { operator: "ArgMax", axis: dims.length, last: orEqual } as const;
  return { drafts: [...both.drafts, { instruction, operands: [anyLayout(both.value)], output: value }], value };
}

const lowerComparison =
  (order: "ascending" | "descending", orEqual: boolean): Lowering =>
  (node) => {
    const [a, b, output] = [node.input(0), node.input(1), node.output()];
    const [low, high] = order === "ascending" ? [a, b] : [b, a];
    const { drafts, value } = isLarger(low, high, orEqual, output.dims);
    return [...drafts, castTo(value, output)];
  };

export const less = lowerComparison("ascending", false);
export const lessOrEqual = lowerComparison("ascending", true);
export const greater = lowerComparison("descending", false);
export const greaterOrEqual = lowerComparison("descending", true);

/** Each is at least as large as the other. */
export const equal: Lowering = (node) => {
  const output = node.output();
  const operands = [node.input(0), node.input(1)].map(asNumbers);
  const [a, b] = operands.map(({ value }) => value);
  if (!a || !b) return [];
  const [up, down] = [isLarger(a, b, true, output.dims), isLarger(b, a, true, output.dims)];
  const both = between("int64", output.dims);
  const drafts = [...operands, up, down].flatMap((each) => each.drafts);
  return [...drafts, arithmetic("Mul", up.value, down.value, both), castTo(both, output)];
};

function asNumbers(x: Value): Steps {
  if (x.dtype !== "bool") return { drafts: [], value: x };
  const value = between("uint8", x.dims);
  return { drafts: [castTo(x, value)], value };
}

/** In onnxruntime a -0 out of one of both becomes 0, and one out of the other stays. */
export const where: Lowering = (node) => {
  const [condition, x, y, output] = [node.input(0), node.input(1), node.input(2), node.output()];
  if (["float16", "float64"].includes(output.dtype)) throw new Refusal(`its result is ${output.dtype}`, "Use float32");
  const choice = between("int64", condition.dims);
  const chosen = castTo(condition, choice);
  if (output.dtype !== "float32") return [chosen, ...select(choice, x, y, output)];
  const signless = (of: Value): Steps => {
    const value = between(of.dtype, of.dims);
    return { drafts: [arithmetic("Add", of, ZERO, value)], value };
  };
  if (isServedByOne(condition, x, y)) {
    const { drafts, value } = signless(y);
    return [chosen, ...drafts, ...select(choice, x, value, output)];
  }
  const { drafts, value } = signless(x);
  return [chosen, ...drafts, ...select(choice, value, y, output)];
};

/**
 * onnxruntime takes x or 0 and y or 0, both broadcast with the condition, and then the first of both unless it is zero.
 * Where a span of many elements of the first meets one of the second, it takes the second unless that is zero. Spans lie
 * along the last axis that is not 1 in both, among those that both have, or else along the first of those.
 */
function isServedByOne(condition: Value, x: Value, y: Value): boolean {
  const ranks = [x, y].map(({ dims }) => Math.max(dims.length, condition.dims.length));
  const lengthOf = (of: Value, fromEnd: number) =>
    Math.max(condition.dims.at(-fromEnd) ?? 1, of.dims.at(-fromEnd) ?? 1);
  for (let fromEnd = 1; fromEnd <= Math.max(1, Math.min(...ranks)); fromEnd++) {
    const [first, second] = [lengthOf(x, fromEnd), lengthOf(y, fromEnd)];
    if (first > 1 || second > 1) return first > 1 && second === 1;
  }
  return false;
}

/** x * slope where x is below zero. */
export const pRelu: Lowering = (node) => {
  const [x, slope, output] = [node.input(0), node.input(1), node.output()];
  requireFloats(x, slope);
  const isNegative = isLarger(x, ZERO, false, output.dims);
  const sloped = between(x.dtype, output.dims);
  return [...isNegative.drafts, arithmetic("Mul", x, slope, sloped), ...select(isNegative.value, sloped, x, output)];
};

/** x on and on one side of a diagonal, zero on the other. */
export const trilu: Lowering = (node) => {
  const [x, output] = [node.input(0), node.output()];
  const k = node.integers(1, "its diagonal")?.[0] ?? 0;
  const isUpper = node.int("upper", 1) === 1;
  const [rows = 1, columns = 1] = x.dims.slice(-2);
  const kept = Array.from({ length: rows * columns }, (_, i) => {
    const above = (i % columns) - Math.floor(i / columns) - k;
    return isUpper ? above >= 0 : above <= 0;
  });
  const choice = constant(fromNumbers("int64", [rows, columns], kept.map(Number)));
  const zero = constant({ dtype: x.dtype, dims: [], data: new Uint8Array(dtypeSize(x.dtype)) });
  return select(choice, x, zero, output);
};
