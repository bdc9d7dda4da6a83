import { dtypeSize } from "../tensor/dtype.js";
import { chunking, isReversed } from "../tensor/layout.js";
import { elementCount } from "../tensor/tensor.js";
import type { TensorMeta } from "./encode.js";
import type { Convolution, Instruction } from "./instruction.js";
import { SumOrder } from "./instruction.js";
import { opened, TERM_GAS } from "./lowering/budget.js";
import type { Numeric } from "./types.js";

/** Where the elements of an operand or of an output lie. */
export type Placed = Pick<TensorMeta, "dtype" | "dims" | "layout">;

/** A sum that its verifier takes in steps. */
export interface Divisible {
  readonly steps: number;
  /** Terms of a step, and what one costs at worst. */
  readonly terms: number;
  readonly gas: number;
  /** Steps that only make a part together. */
  readonly unit: number;
  /** Each part opens whatever the whole opens. */
  readonly opensAll: boolean;
  /** Of a sum over a window, its kernel: each step is one of its places, or a channel of all of them. */
  readonly kernel?: readonly number[];
}

/** The steps of a node's sums; undefined if one transaction judges them or none (`IPartialVerifier`). */
export function divisible(
  instruction: Instruction,
  numeric: Numeric,
  operands: readonly (Placed | undefined)[],
): Divisible | undefined {
  const [x, w] = operands;
  const length = x?.dims.at(-1) ?? 0;
  const float = gasOfTerm(numeric);
  switch (instruction.operator) {
    case "MatMulInteger":
    case "QLinearMatMul":
      // Reversed words cannot be cut.
      return products(length, TERM_GAS.integer, isReversed(w?.layout ?? 0) ? 32 : 1);
    case "ToleranceMatMul":
      return products(length, TERM_GAS.exact);
    case "MatMul":
      return products(length, float);
    case "ConvInteger":
    case "QLinearConv":
      return places(instruction.convolution, w, TERM_GAS.integer);
    case "ToleranceConv":
      return places(instruction.convolution, w, Math.max(TERM_GAS.exact, TERM_GAS.exactPlace / (w?.dims[1] ?? 1)));
    case "Conv": {
      const { kernel } = instruction.convolution;
      return { steps: w?.dims[1] ?? 0, terms: elementCount(kernel), gas: float, unit: 1, opensAll: true, kernel };
    }
    case "ToleranceAveragePool":
      return { ...numbers(elementCount(instruction.kernel), TERM_GAS.exactRead), kernel: instruction.kernel };
    case "ToleranceReduceSum":
    case "ToleranceReduceMean":
      return numbers(instruction.length, TERM_GAS.exactRead);
    case "ReduceSum":
    case "ReduceMean":
      if (instruction.order !== SumOrder.Sequence) return undefined;
      return numbers(instruction.length, TERM_GAS.read);
    default:
      return undefined;
  }
}

/** Of a product of float32. One that is a block of its own is added twice. */
function gasOfTerm({ fused, block }: Numeric): number {
  if (fused) return TERM_GAS.fused;
  return block === 1 ? TERM_GAS.alone : TERM_GAS.separate;
}

/** The bytes of an opening of one of its leaves. */
export function openingBytes({ layout, dims, dtype }: Placed): number {
  const { leafBytes, nLeaves } = chunking(layout, dims, dtypeSize(dtype)) ?? { leafBytes: 0, nLeaves: 1 };
  return opened(1, leafBytes, Math.ceil(Math.log2(nLeaves)));
}

const products = (steps: number, gas: number, unit = 1): Divisible => ({ steps, terms: 1, gas, unit, opensAll: true });

const numbers = (steps: number, gas: number): Divisible => ({ steps, terms: 1, gas, unit: 1, opensAll: false });

const places = ({ kernel }: Convolution, w: Placed | undefined, gas: number): Divisible => ({
  steps: elementCount(kernel),
  terms: w?.dims[1] ?? 0,
  gas,
  unit: 1,
  opensAll: false,
  kernel,
});
