import type { DType } from "../../tensor/dtype.js";
import { fromNumbers, toFloat32Array, toTypedArray } from "../../tensor/tensor.js";
import { anyLayout, type Draft, type Lowering, type NodeView, type Value } from "../draft.js";
import { broadcastStrides } from "../indices.js";
import { Refusal } from "../problems.js";
import { EXACT } from "../types.js";
import { requireFloats } from "./floatDot.js";
import { comparable } from "./selection.js";
import { sameElements } from "./views.js";

type Operator = "Add" | "Sub" | "Mul" | "Div";

const lowerAs =
  (operator: Operator): Lowering =>
  (node) => {
    const [a, b] = [comparable(node.input(0)), node.input(1)];
    if (operator === "Div" && a.dtype !== "float32") requireSafeDivisor(node);
    return [arithmetic(operator, a, b, node.output())];
  };

export function arithmetic(operator: Operator, a: Value, b: Value, output: Value): Draft {
  const instruction = {
    operator,
    baseA: 0,
    stridesA: broadcastStrides(a.dims, output.dims),
    baseB: 0,
    stridesB: broadcastStrides(b.dims, output.dims),
  } as const;
  return { instruction, operands: [anyLayout(a), anyLayout(b)], output };
}

/** x / 0 fails, and the least integer / -1 ends the process of the provider. */
function requireSafeDivisor(node: NodeView): void {
  const divisors = Array.from(toTypedArray(node.constant(1, "its integer divisor")), BigInt);
  if (divisors.some((divisor) => divisor === 0n || divisor === -1n)) {
    throw new Refusal("an integer divisor is 0 or -1", "Multiply by -1 instead, or leave out the division");
  }
}

export const add = lowerAs("Add");
export const sub = lowerAs("Sub");
export const mul = lowerAs("Mul");
export const div = lowerAs("Div");

export const sqrt: Lowering = (node) => {
  const x = float(node);
  return [{ instruction: { operator: "Sqrt" }, operands: [anyLayout(x)], output: node.output() }];
};

/** x * -1, of which the bits are those of -x. */
export const neg: Lowering = (node) => {
  const x = comparable(node.input(0));
  if (x.dtype.startsWith("uint")) throw new Refusal(`its operand is ${x.dtype}`, "Use float32 or signed integers");
  return [arithmetic("Mul", x, numberOf(x.dtype, -1), node.output())];
};

/** x above zero and -x above zero, added up; the least integer stays what it is, as in two's complement. */
export const abs: Lowering = (node) => {
  const [x, output] = [comparable(node.input(0)), node.output()];
  if (x.dtype.startsWith("uint")) return [sameElements(x, output)];
  const [negative, above, below] = [x, x, x].map(({ dtype, dims }): Value => ({ dtype, dims }));
  if (!negative || !above || !below) return [];
  const relu = (of: Value, to: Value): Draft => ({
    instruction: { operator: "Relu" },
    operands: [anyLayout(of)],
    output: to,
  });
  const turned = arithmetic("Mul", x, numberOf(x.dtype, -1), negative);
  if (x.dtype === "float32")
    return [turned, relu(x, above), relu(negative, below), arithmetic("Add", above, below, output)];
  return [turned, relu(negative, below), arithmetic("Add", below, below, above), arithmetic("Add", x, above, output)];
};

/** Operands added up one after the other. */
export const sum: Lowering = (node) => total(node, node.output());

/** onnxruntime multiplies the sum by the rounded reciprocal of the count. */
export const mean: Lowering = (node) => {
  const output = node.output();
  const count = node.inputs().length;
  if (count === 1) return total(node, output);
  const all: Value = { dtype: output.dtype, dims: output.dims };
  return [...total(node, all), arithmetic("Mul", all, numberOf("float32", Math.fround(1 / count)), output)];
};

function total(node: NodeView, output: Value): Draft[] {
  const [first, ...more] = node.inputs();
  if (!first) return [];
  requireFloats(...node.inputs());
  if (more.length === 0) return [sameElements(first, output)];
  let sofar = first;
  return more.map((each, i) => {
    const next = i === more.length - 1 ? output : { dtype: output.dtype, dims: output.dims };
    const draft = arithmetic("Add", sofar, each, next);
    sofar = next;
    return draft;
  });
}

/** 1 / x, where a trial finds that onnxruntime divides: on ARM64 it takes an estimate that may be a unit off. */
export const reciprocal: Lowering = (node) => {
  return [tried(arithmetic("Div", numberOf("float32", 1), float(node), node.output()))];
};

/** Squares and cubes, where a trial finds that onnxruntime multiplies them out. */
export const pow: Lowering = (node) => {
  const [x, output] = [float(node), node.output()];
  const exponent = node.constant(1, "its exponent");
  const [power, ...more] = exponent.dtype === "float32" ? toFloat32Array(exponent) : [];
  const same = output.dims.join() === x.dims.join();
  if (!same || more.length > 0 || (power !== 2 && power !== 3)) {
    throw new Refusal("its exponent is not 2 or 3", "Multiply it out, or use Sqrt");
  }
  requireSpans(x, exponent);
  if (power === 2) return [tried(arithmetic("Mul", x, x, output))];
  const square: Value = { dtype: x.dtype, dims: x.dims };
  return [arithmetic("Mul", x, x, square), tried(arithmetic("Mul", square, x, output))];
};

/**
 * onnxruntime multiplies out where one exponent serves a span of elements, and calls powf for each element where spans
 * have one. A span lies along the last axis that both have and that is not 1 in both, or else along the first of those.
 */
function requireSpans(x: Value, exponent: Value): void {
  if (x.dims.slice(-Math.max(1, exponent.dims.length)).some((dim) => dim > 1)) return;
  throw new Refusal("onnxruntime takes the power of each single element by itself, and otherwise", "Multiply it out");
}

/** One way only, which is tried all the same. */
function tried(draft: Draft): Draft {
  return { ...draft, variants: [{ instruction: draft.instruction, numeric: EXACT }] };
}

function float(node: NodeView): Value {
  const x = node.input(0);
  if (x.dtype !== "float32") throw new Refusal(`its operand is ${x.dtype}`, "Use float32");
  return x;
}

function numberOf(dtype: DType, value: number): Value {
  const constant = fromNumbers(dtype, [], [value]);
  return { dtype, dims: constant.dims, constant };
}
