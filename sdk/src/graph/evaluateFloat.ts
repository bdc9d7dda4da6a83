import { elementCount } from "../tensor/tensor.js";
import { fma } from "./float32.js";
import { dot, inColumns, sum } from "./floatSums.js";
import { convTerms, matMulTerms, poolTerms, rowTerms } from "./floatTerms.js";
import { toIndex } from "./indices.js";
import { SumOrder, type Convolution, type InstructionOf } from "./instruction.js";
import type { Numeric } from "./types.js";
import { strided, type Elements, type Shape, type Values } from "./values.js";

// Sums of float32 in a given order, one output element at a time.

/** `c` is added to each element, broadcast by strides. */
export function matMulFloat(
  { strides }: InstructionOf<"MatMul">,
  numeric: Numeric,
  a: Values,
  b: Values,
  c: Values | undefined,
  output: Shape,
): Elements {
  const terms = matMulTerms(a, b);
  return (element) =>
    dot(terms(element), numeric, c && Number(c.at(strided(0, strides, toIndex(element, output.dims)))));
}

/** Places outside of x are zeros, and take part. */
export function convolveFloat(
  convolution: Convolution,
  numeric: Numeric,
  x: Values,
  w: Values,
  bias: Values | undefined,
  output: Shape,
): Elements {
  const terms = convTerms(convolution, x, w, output);
  return (element) => {
    const { a, b, filter } = terms(element);
    return dot({ a: a.map((value) => value ?? 0), b }, numeric, bias && Number(bias.at(filter)));
  };
}

export function averagePool(
  { divisor, order, ...window }: InstructionOf<"AveragePool">,
  numeric: Numeric,
  x: Values,
  output: Shape,
): Elements {
  const terms = poolTerms(window, x, output);
  return (element) => {
    const { a, columns, first } = terms(element);
    const total =
      order === SumOrder.Columns
        ? inColumns(a, columns, window.kernel.at(-1) ?? 1)
        : sum(a, order, numeric, { block: 0, total: -0 }, first);
    return Math.fround(total / (divisor || a.length));
  };
}

/** Fused: from zero. A sum in blocks is computed as a product with ones. */
export function reduce(
  instruction: InstructionOf<"ReduceSum"> | InstructionOf<"ReduceMean">,
  numeric: Numeric,
  x: Values,
): Elements {
  const start = numeric.fused ? { block: 0, total: -0 } : { block: -0, total: numeric.block === 0 ? -0 : 0 };
  const terms = rowTerms(instruction, x);
  return (element) => {
    const { a, first } = terms(element);
    const total = sum(a, instruction.order, numeric, start, first);
    return instruction.operator === "ReduceSum" ? total : Math.fround(total / instruction.length);
  };
}

export function batchNormalization({ fused }: Numeric, x: Values, scale: Values, offset: Values): Elements {
  const inner = elementCount(x.dims.slice(2));
  return (element) => {
    const channel = Math.floor(element / inner) % (x.dims[1] ?? 1);
    const [value, factor, added] = [x.at(element), scale.at(channel), offset.at(channel)].map(Number);
    if (value === undefined || factor === undefined || added === undefined) return NaN;
    return fused ? fma(value, factor, added) : Math.fround(Math.fround(value * factor) + added);
  };
}
