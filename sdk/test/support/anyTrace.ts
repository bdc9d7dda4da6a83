import assert from "node:assert/strict";

import type { DType, Tensor } from "../../src/tensor/index.js";
import { elementCount, fromNumbers } from "../../src/tensor/index.js";
import { evaluate } from "../../src/graph/evaluate.js";
import { fromBits, toBits } from "../../src/graph/float32.js";
import { isFunction } from "../../src/graph/functions.js";
import type { Instruction } from "../../src/graph/instruction.js";
import { judgeOf } from "../../src/graph/judge.js";
import type { RangedModel } from "../../src/graph/ranges.js";
import { isTolerance } from "../../src/graph/tolerance.js";
import { operandsOf } from "../../src/graph/trace.js";
import { ANY_ORDER, EXACT, Operator, Source, type GraphNode } from "../../src/graph/types.js";
import { valuesOf, type Shape } from "../../src/graph/values.js";
import type { Hex } from "../../src/tensor/bytes.js";
import type { Random } from "../tensor/random.js";

/** A graph of one input, built node by node. */
export class Network {
  readonly #nodes: GraphNode[] = [];
  readonly #instructions: Instruction[] = [];
  readonly #constants = new Map<Hex, Tensor>();
  readonly #shapes: Shape[];

  constructor(input: Shape) {
    this.#shapes = [input];
  }

  /** Operands are places in the trace, or constants. Returns the place of the output. */
  add(
    instruction: Instruction,
    operands: readonly (number | Tensor | undefined)[],
    dims: readonly number[],
    dtype: DType = "float32",
  ): number {
    this.#nodes.push({
      operator: Operator[instruction.operator],
      attributes: "0x",
      operands: operands.map((each) => this.#operand(each)),
      outputMeta: "0x",
      numeric: isTolerance(instruction) || isFunction(instruction) ? ANY_ORDER : EXACT,
    });
    this.#instructions.push(instruction);
    return this.#shapes.push({ dtype, dims }) - 1;
  }

  #operand(operand: number | Tensor | undefined): GraphNode["operands"][number] {
    if (operand === undefined) return { source: Source.Absent, tensor: 0, hash: "0x" };
    if (typeof operand === "number") return { source: Source.Trace, tensor: operand, hash: "0x" };
    const hash: Hex = `0x${this.#constants.size}`;
    this.#constants.set(hash, operand);
    return { source: Source.Constant, tensor: 0, hash };
  }

  /** The last tensor is the output. */
  model(): RangedModel {
    const last = this.#nodes.length;
    return {
      inputNames: ["x"],
      outputNames: ["y"],
      outputs: [last],
      nodes: this.#nodes,
      instructions: this.#instructions,
      constants: this.#constants,
    };
  }

  /** A trace in which nothing contradicts what it is computed from, as far from others as the court lets it be. */
  run(x: Tensor, random: Random): Tensor[] {
    const trace = [x];
    for (const [node, instruction] of this.#instructions.entries()) {
      const operands = operandsOf(this.model(), trace, node);
      const shape = this.#shapes[trace.length] as Shape;
      trace.push(anyOutput(random, instruction, operands, shape, this.#nodes[node]?.numeric));
    }
    return trace;
  }
}

/** One of the outputs of which no element contradicts the operands. */
function anyOutput(
  random: Random,
  instruction: Instruction,
  operands: readonly (Tensor | undefined)[],
  { dtype, dims }: Shape,
  numeric: GraphNode["numeric"] | undefined,
): Tensor {
  const nearest = valuesOf(evaluate(instruction, operands, { dtype, dims }, numeric));
  const elements = Array.from({ length: elementCount(dims) }, (_, element) => element);
  const standing = elements.map((): number[] => []);
  for (const change of CHANGES[dtype] ?? []) {
    const values = elements.map((element) => change(Number(nearest.at(element))));
    const contradicts = judgeOf(instruction, operands, fromNumbers(dtype, dims, values), numeric);
    for (const element of elements) if (!contradicts(element)) standing[element]?.push(values[element] ?? NaN);
  }
  for (const element of elements) assert.ok(standing[element]?.length, `${instruction.operator} has no honest result`);
  return fromNumbers(
    dtype,
    dims,
    standing.map((values) => random.pick(values)),
  );
}

type Change = (value: number) => number;

const STEPS = [1, 2, 4, 8, 16, 64, 256, 1024];
const same: Change = (value) => value;

/** What an element is tried with besides what is nearest. */
const CHANGES: Partial<Record<DType, readonly Change[]>> = {
  float32: [
    same,
    ...STEPS.flatMap((steps): Change[] => [(value) => step(value, steps), (value) => step(value, -steps)]),
    ...[NaN, Infinity, -Infinity, 0, 1, 3e38, -3e38].map(
      (other): Change =>
        () =>
          other,
    ),
  ],
  uint8: [same, () => 0, () => 255],
  int64: [same, () => 0, () => 1, () => 2],
};

/** `steps` numbers further up. */
export function step(value: number, steps: number): number {
  if (!Number.isFinite(value)) return value;
  const rank = (value < 0 ? -toBits(-value) : toBits(value)) + steps;
  const [size, sign] = rank < 0 ? [-rank, -1] : [rank, 1];
  return sign * fromBits(Math.min(size, toBits(Infinity)));
}
