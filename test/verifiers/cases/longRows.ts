import { evaluate } from "../../../sdk/src/graph/index.js";
import type { Instruction } from "../../../sdk/src/graph/instruction.js";
import { contradicts } from "../../../sdk/src/graph/judge.js";
import { blocksOf } from "../../../sdk/src/graph/longRows.js";
import { ANY_ORDER } from "../../../sdk/src/graph/types.js";
import { elementCount, fromFloat32Array, Layout } from "../../../sdk/src/tensor/index.js";
import type { Tensor } from "../../../sdk/src/tensor/index.js";
import type { Random } from "../../../sdk/test/tensor/random.js";
import type { Case, Generator } from "../support/cases.js";
import { caseOf } from "../support/cases.js";
import { randomDims, withElement } from "../support/values.js";
import { floats, prepared, type FloatNode } from "./floatDot.js";

/** Just below and above what makes a block, and of several, the last of which may have one element. */
const lengthOf = (random: Random): number =>
  random.pick([1, 2 + random.below(30), 2 + random.below(300), random.pick([1023, 1024, 1025, 2048, 2049, 2500])]);

/** Of any kind, near each other, or with what is not finite. */
export function numbers(random: Random, dims: readonly number[]): Tensor {
  const choice = random.below(4);
  if (choice === 0) return floats(random, dims);
  const [mean, scale] = [random.pick([0, 0, 1, -100, 1e4]), random.pick([1e-3, 1, 30])];
  const values = Array.from({ length: elementCount(dims) }, () => mean + scale * (random.next() / 2 ** 31 - 1));
  if (choice === 1) values.splice(random.below(values.length), 1, random.pick([3e38, -Infinity, -3e38, 0, -0]));
  return fromFloat32Array(Float32Array.from(values), dims);
}

/** The tensor that one of the nodes computes for each row: of its blocks, then of these. */
export function totalOf(name: "BlockMax" | BlockSum, x: Tensor, length: number, ofRow?: Tensor): Tensor {
  const [rows, blocks] = [elementCount(x.dims) / length, blocksOf(length)];
  const shape = (dims: number[]) => ({ dtype: "float32", dims }) as const;
  const ofBlocks = evaluate({ operator: name, length }, ofRow ? [x, ofRow] : [x], shape([rows, blocks]));
  const second: Instruction =
    name === "BlockMax"
      ? { operator: name, length: blocks }
      : { operator: "ToleranceReduceSum", outer: rows, length: blocks, inner: 1 };
  return evaluate(second, [ofBlocks], shape([rows]));
}
type BlockSum = "BlockSum" | "BlockMagnitudes" | "BlockSquares" | "BlockExponentials";

/** What a node of blocks computes, as the SDK does: onnxruntime has none. */
const ofBlocks =
  (operator: "BlockMax" | BlockSum, ofRow?: "BlockMax" | "BlockSum"): Generator =>
  async (random) => {
    const length = lengthOf(random);
    const x = numbers(random, [...randomDims(random, 1 + random.below(2), 2), length]);
    const rows = elementCount(x.dims) / length;
    const operands = ofRow ? [x, totalOf(ofRow, x, length)] : [x];
    const instruction = { operator, length } as const;
    const output = evaluate(instruction, operands, { dtype: "float32", dims: [rows, blocksOf(length)] });
    const made = caseOf(random, instruction, operands, output, [Layout.RowMajor]);
    return Promise.resolve(judgedByBound(made, instruction, operands, output));
  };

function judgedByBound(
  made: Case,
  instruction: Instruction,
  operands: readonly (Tensor | undefined)[],
  output: Tensor,
): Case {
  const stands = (element: number, bytes: Uint8Array) =>
    !contradicts(instruction, operands, withElement(output, element, bytes), element, ANY_ORDER);
  const node = { ...made.node, numeric: ANY_ORDER };
  return instruction.operator === "BlockMax" ? { ...made, node } : { ...made, node, stands };
}

/** Beyond the longest row that one transaction judges, with the places of a row side by side or not. */
function softmax(random: Random): FloatNode {
  const inner = random.pick([1, 1, 2]);
  const dims = [1 + random.below(2), 4097 + random.below(1200), inner];
  return { op: "Softmax", attributes: { axis: 1 }, inputs: [numbers(random, dims)], opset: 13 };
}

function layerNormalization(random: Random): FloatNode {
  const length = 4097 + random.below(1200);
  const x = numbers(random, [1 + random.below(2), length]);
  const each = () => floats(random, [length]);
  return {
    op: "LayerNormalization",
    attributes: { epsilon: { float: random.pick([1e-5, 1e-12, 0, 1]) } },
    inputs: [x, each(), ...(random.below(3) > 0 ? [each()] : [])],
    opset: 17,
  };
}

/** The last node of a model, whose output onnxruntime computes. */
const last = ({ length }: { length: number }): number => length - 1;

export const LONG_ROWS: Readonly<Record<string, Generator>> = {
  BLOCK_MAX: ofBlocks("BlockMax"),
  BLOCK_SUM: ofBlocks("BlockSum"),
  BLOCK_MAGNITUDES: ofBlocks("BlockMagnitudes"),
  BLOCK_SQUARES: ofBlocks("BlockSquares", "BlockSum"),
  BLOCK_EXPONENTIALS: ofBlocks("BlockExponentials", "BlockMax"),
  LONG_SOFTMAX: prepared(softmax, "Tolerance", "native", last),
  LONG_LAYER_NORMALIZATION: prepared(layerNormalization, "Tolerance", "native", last),
};
