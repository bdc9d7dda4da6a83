import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { Instruction } from "../../src/graph/index.js";
import { contradicts, evaluate } from "../../src/graph/index.js";
import { fromBits, roundHalfEven, toBits } from "../../src/graph/float32.js";
import { fromNumbers, toTypedArray, type DType, type Tensor } from "../../src/tensor/index.js";

const floats = (...values: number[]): Tensor => fromNumbers("float32", [values.length], values);
const numbers = (tensor: Tensor): (number | bigint)[] => Array.from(toTypedArray(tensor) as ArrayLike<number | bigint>);

describe("Evaluating a node", () => {
  // Worked out by hand from docs/COURT.md; against onnxruntime the worker's tests compare it.
  for (const [what, instruction, operands, dtype, dims, expected] of [
    [
      "VIEW walks backwards with a negative stride",
      { operator: "View", base: 5, strides: [-3, -1] },
      [fromNumbers("uint8", [2, 3], [0, 1, 2, 3, 4, 5])],
      "uint8",
      [2, 3],
      [5, 4, 3, 2, 1, 0],
    ],
    [
      "PAD moves and fills",
      { operator: "Pad", low: [1], value: "0x09" },
      [fromNumbers("uint8", [2], [1, 2])],
      "uint8",
      [4],
      [9, 1, 2, 9],
    ],
    [
      "GATHER counts negative indices from the end",
      { operator: "Gather", axis: 0 },
      [fromNumbers("int32", [3], [7, 8, 9]), fromNumbers("int64", [2], [-1, 0])],
      "int32",
      [2],
      [9, 7],
    ],
    [
      "CAST cuts integers to width",
      { operator: "Cast" },
      [fromNumbers("int64", [3], [-1, 300, 2n ** 40n])],
      "uint8",
      [3],
      [255, 44, 0],
    ],
    [
      "CAST makes true of all but zero",
      { operator: "Cast" },
      [fromNumbers("int64", [3], [0, 2n ** 40n, -2])],
      "bool",
      [3],
      [0, 1, 1],
    ],
    [
      "DIV of integers goes towards zero",
      { operator: "Div", baseA: 0, stridesA: [1], baseB: 0, stridesB: [0] },
      [fromNumbers("int32", [3], [-7, 7, 8]), fromNumbers("int32", [1], [2])],
      "int32",
      [3],
      [-3, 3, 4],
    ],
    [
      "MUL of integers wraps",
      { operator: "Mul", baseA: 0, stridesA: [1], baseB: 0, stridesB: [1] },
      [fromNumbers("int32", [1], [2 ** 31 - 1]), fromNumbers("int32", [1], [2 ** 31 - 1])],
      "int32",
      [1],
      [1],
    ],
    [
      "QUANTIZE_LINEAR rounds halves to even and saturates",
      { operator: "QuantizeLinear", scale: toBits(2), zeroPoint: 10 },
      [floats(1, 3, 5, -1, 1e9, -Infinity)],
      "uint8",
      [6],
      [10, 12, 12, 10, 255, 0],
    ],
    [
      "ARG_MAX takes the last of ties where it should",
      { operator: "ArgMax", axis: 0, last: true },
      [floats(1, 5, 5, 2)],
      "int64",
      [],
      [2n],
    ],
    [
      "MATMUL_INTEGER wraps to int32",
      { operator: "MatMulInteger", zeroA: 0, zeroB: 0 },
      [
        fromNumbers("uint8", [1, 40_000], new Array<number>(40_000).fill(255)),
        fromNumbers("uint8", [40_000, 1], new Array<number>(40_000).fill(255)),
      ],
      "int32",
      [1, 1],
      [40_000 * 255 * 255 - 2 ** 32],
    ],
  ] as const satisfies readonly (readonly [
    string,
    Instruction,
    readonly Tensor[],
    DType,
    readonly number[],
    readonly (number | bigint)[],
  ])[]) {
    it(what, () => {
      assert.deepEqual(numbers(evaluate(instruction, operands, { dtype, dims })), expected);
    });
  }

  it("refuses an index outside of what is gathered from", () => {
    const operands = [fromNumbers("int32", [3], [7, 8, 9]), fromNumbers("int64", [1], [3])];
    assert.throws(() => evaluate({ operator: "Gather", axis: 0 }, operands, { dtype: "int32", dims: [1] }), /outside/);
  });
});

describe("An element of a trace", () => {
  const relu: Instruction = { operator: "Relu" };
  const pool: Instruction = { operator: "MaxPool", kernel: [2], strides: [2], dilations: [1], padsBegin: [0] };
  const quantize: Instruction = { operator: "QuantizeLinear", scale: toBits(1), zeroPoint: 0 };

  it("contradicts its operands if it differs in one bit", () => {
    assert.equal(contradicts(relu, [floats(1)], floats(1), 0), false);
    assert.equal(contradicts(relu, [floats(1)], floats(fromBits(0x3f800001)), 0), true);
    assert.equal(contradicts(relu, [floats(NaN)], floats(NaN), 0), false);
    assert.equal(contradicts(relu, [floats(NaN)], floats(0), 0), true);
  });

  it("may have a zero of either sign where CPUs differ, and only there", () => {
    const leaky: Instruction = { operator: "LeakyRelu", alpha: toBits(0.5) };
    assert.equal(contradicts(relu, [floats(-0)], floats(0), 0), false);
    assert.equal(contradicts(leaky, [floats(-0)], floats(0), 0), true);
  });

  it("is not judged where the operand is no number and CPUs differ", () => {
    const x = { ...floats(NaN, 1), dims: [1, 1, 2] };
    const y = { ...floats(7), dims: [1, 1, 1] };
    assert.equal(contradicts(pool, [x], y, 0), false);
    assert.equal(contradicts(quantize, [floats(NaN)], fromNumbers("uint8", [1], [7]), 0), false);
    assert.equal(contradicts(quantize, [floats(1)], fromNumbers("uint8", [1], [7]), 0), true);
  });

  it("of an ArgMax may be the place of any NaN, or of any largest number beside one", () => {
    const instruction: Instruction = { operator: "ArgMax", axis: 0, last: false };
    const claim = (x: Tensor, index: number) => contradicts(instruction, [x], fromNumbers("int64", [1], [index]), 0);
    const found = [0, 1, 2, 3, 4].map((index) => claim(floats(1, NaN, 3, 2, 3), index));
    assert.deepEqual(found, [true, false, false, true, false]);
    assert.equal(claim(floats(1, NaN, 3, 2, 3), 5), true);
    assert.equal(claim(floats(1, 3, 3), 2), true);
  });

  it("of a pooling over nothing but -infinity may be the least finite number", () => {
    const x = { ...floats(-Infinity, -Infinity), dims: [1, 1, 2] };
    const claim = (value: number) => contradicts(pool, [x], { ...floats(value), dims: [1, 1, 1] }, 0);
    assert.equal(claim(-Infinity), false);
    assert.equal(claim(fromBits(0xff7fffff)), false);
    assert.equal(claim(fromBits(0xff7ffffe)), true);
  });
});

describe("Rounding", () => {
  it("takes halves to the even neighbour", () => {
    const values = [0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 2.4999, -2.5001, 8388609];
    assert.deepEqual(
      values.map(roundHalfEven).map((value) => value + 0),
      [0, 2, 2, 0, -2, -2, 2, -3, 8388609],
    );
  });
});
