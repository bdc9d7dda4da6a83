import { elementCount, fromFloat32Array } from "../../tensor/tensor.js";
import { anyLayout, type Draft, type Lowering, type Value } from "../draft.js";
import type { Instruction } from "../instruction.js";
import { Refusal } from "../problems.js";
import { ANY_ORDER } from "../types.js";
import { fitsInParts, MAX_PARTS, TERM_GAS, tooLarge, type Capacity } from "./budget.js";
import { stack } from "./compose.js";
import { floatDots, requireFloats, type Orders } from "./floatDot.js";
import { averagePool, constantOf, globalAveragePool, normalization, reduceMean, reduceSum } from "./floatSums.js";
import { pRelu, where } from "./logic.js";

// Sums of float32 that are judged within the bound that holds for any order.

/** Any finite x less a mean below this is finite. */
const LARGEST_MEAN = 2 ** 103;
const LEAST_NORMAL = 2 ** -126;

const anyOrder: Orders = (work, _hasBias, shared, steps) => {
  if (!fitsInParts(work, TERM_GAS.exact, shared, steps)) throw tooLarge(work, MAX_PARTS);
  return [ANY_ORDER];
};

/** The node whose order does not matter. */
export function withoutOrder(instruction: Instruction): Instruction {
  switch (instruction.operator) {
    case "MatMul":
      return { ...instruction, operator: "ToleranceMatMul" };
    case "Conv":
      return { ...instruction, operator: "ToleranceConv" };
    case "AveragePool": {
      const { kernel, strides, dilations, padsBegin, divisor } = instruction;
      return { operator: "ToleranceAveragePool", kernel, strides, dilations, padsBegin, divisor };
    }
    case "ReduceSum":
    case "ReduceMean": {
      const { operator, outer, length, inner } = instruction;
      return { operator: `Tolerance${operator}`, outer, length, inner };
    }
    default:
      return instruction;
  }
}

/** One way only, which is tried all the same: what onnxruntime computes must be this sum or function. */
export function judged(draft: Omit<Draft, "variants">, instruction: Instruction): Draft {
  return { ...draft, instruction, variants: [{ instruction, numeric: ANY_ORDER }] };
}

const inAnyOrder =
  (lowering: Lowering): Lowering =>
  (node) =>
    lowering(node).map((draft) => (draft.variants ? judged(draft, withoutOrder(draft.instruction)) : draft));

/** (x - mean) * scale + offset: a runtime that begins with x - mean would not be within a bound of x * scale + offset. */
const batchNormalization: Lowering = (node) => {
  const { x, gamma, scale, mean, offset } = normalization(node);
  // A gamma whose scale is lost below the range still counts where a runtime multiplies x - mean by it.
  const isFine = (each: number, i: number) =>
    gamma[i] === 0 ? each === 0 : Number.isFinite(each) && Math.abs(each) >= LEAST_NORMAL;
  if (!scale.every(isFine) || !offset.every(Number.isFinite) || !mean.every((each) => Math.abs(each) < LARGEST_MEAN)) {
    throw new Refusal("its statistics are beyond the range of float32", "Mend the model");
  }
  const constants = [scale, mean, offset].map((values) => constantOf(fromFloat32Array(values)));
  const instruction = { operator: "ToleranceBatchNormalization" } as const;
  return [judged({ instruction, operands: [x, ...constants].map(anyLayout), output: node.output() }, instruction)];
};

/** Other hardware may take the other zero: an element is the sum of the one that was chosen. */
const ofEitherZero =
  (lowering: Lowering): Lowering =>
  (node) => {
    const [drafts, output] = [lowering(node), node.output()];
    const last = drafts.at(-1);
    if (!last || output.dtype !== "float32") return drafts;
    const chosen: Value = { dtype: output.dtype, dims: output.dims };
    const instruction = {
      operator: "ToleranceReduceSum",
      outer: elementCount(output.dims),
      length: 1,
      inner: 1,
    } as const;
    return [
      ...drafts.slice(0, -1),
      { ...last, output: chosen },
      judged({ instruction, operands: [anyLayout(chosen)], output }, instruction),
    ];
  };

/** Operands beside each other, added up in any order. */
const overOperands =
  (operator: "ToleranceReduceSum" | "ToleranceReduceMean"): Lowering =>
  (node) => {
    const output = node.output();
    requireFloats(...node.inputs());
    const { drafts, value } = stack(node.inputs(), output.dims);
    const outer = elementCount(output.dims);
    const instruction = { operator, outer, length: node.inputs().length, inner: 1 } as const;
    return [...drafts, judged({ instruction, operands: [anyLayout(value)], output }, instruction)];
  };

const dots = floatDots(anyOrder);
/** Wherever the elements lie, each part opens its own and the result's leaf. */
const inParts: Capacity = {
  transactions: MAX_PARTS,
  holds: (work) => fitsInParts(work, TERM_GAS.exactRead, { openings: 1, bytes: 0 }, work.terms),
};

export const TOLERANCE_LOWERINGS: Readonly<Record<string, Lowering>> = {
  MatMul: inAnyOrder(dots.MatMul),
  Gemm: inAnyOrder(dots.Gemm),
  Conv: inAnyOrder(dots.Conv),
  AveragePool: inAnyOrder(averagePool(inParts)),
  GlobalAveragePool: inAnyOrder(globalAveragePool(inParts)),
  ReduceSum: inAnyOrder(reduceSum(inParts)),
  ReduceMean: inAnyOrder(reduceMean(inParts)),
  BatchNormalization: batchNormalization,
  Sum: overOperands("ToleranceReduceSum"),
  Mean: overOperands("ToleranceReduceMean"),
  Where: ofEitherZero(where),
  PRelu: ofEitherZero(pRelu),
};
