import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AbiCoder } from "ethers";

import type { Instruction } from "../../src/graph/index.js";
import { decodeInstruction, encodeInstruction, Operator } from "../../src/graph/index.js";

const window = { kernel: [3, 2], strides: [1, 2], dilations: [2, 1], padsBegin: [0, 1] };
const convolution = { ...window, group: 4 };
const broadcast = { baseA: 0, stridesA: [3, 0], baseB: 7, stridesB: [-1, 1] };
const quantization = { scale: 0x3f800000, zeroPoint: -128 };

/** The types of the table in docs/COURT.md, and what they hold. */
const ROWS: readonly [Instruction, string[], unknown[]][] = [
  [{ operator: "View", base: -5, strides: [12, -4, 0] }, ["int64", "int64[]"], [-5, [12, -4, 0]]],
  [{ operator: "Concat", axis: 2 }, ["uint8"], [2]],
  [{ operator: "Pad", low: [1, -2], value: "0x0000803f" }, ["int64[]", "bytes"], [[1, -2], "0x0000803f"]],
  [{ operator: "Gather", axis: 1 }, ["uint8"], [1]],
  [{ operator: "Cast" }, [], []],
  [{ operator: "Relu" }, [], []],
  [{ operator: "Clip", min: "0x00", max: "0x" }, ["bytes", "bytes"], ["0x00", "0x"]],
  [{ operator: "LeakyRelu", alpha: 0xbf000000 }, ["uint32"], [0xbf000000]],
  [
    { operator: "MaxPool", ...window },
    ["uint32[]", "uint32[]", "uint32[]", "uint32[]"],
    [window.kernel, window.strides, window.dilations, window.padsBegin],
  ],
  [{ operator: "ArgMax", axis: 3, last: true }, ["uint8", "bool"], [3, true]],
  ...(["Add", "Sub", "Mul", "Div"] as const).map((operator): [Instruction, string[], unknown[]] => [
    { operator, ...broadcast },
    ["int64", "int64[]", "int64", "int64[]"],
    [0, [3, 0], 7, [-1, 1]],
  ]),
  [{ operator: "Sqrt" }, [], []],
  [{ operator: "QuantizeLinear", ...quantization }, ["uint32", "int32"], [0x3f800000, -128]],
  [{ operator: "DequantizeLinear", ...quantization }, ["uint32", "int32"], [0x3f800000, -128]],
  [{ operator: "MatMulInteger", zeroA: 255, zeroB: -1 }, ["int32", "int32"], [255, -1]],
  [{ operator: "QLinearMatMul", zeroA: 1, zeroB: 2, zeroY: 3 }, ["int32", "int32", "int32"], [1, 2, 3]],
  [
    { operator: "ConvInteger", convolution, zeroX: 1, zeroW: -2 },
    ["tuple(uint32[],uint32[],uint32[],uint32[],uint32)", "int32", "int32"],
    [[...Object.values(window), 4], 1, -2],
  ],
  [
    { operator: "QLinearConv", convolution, zeroX: 1, zeroW: -2, zeroY: 3 },
    ["tuple(uint32[],uint32[],uint32[],uint32[],uint32)", "int32", "int32", "int32"],
    [[...Object.values(window), 4], 1, -2, 3],
  ],
  [{ operator: "MatMul", strides: [0, 1] }, ["int64[]"], [[0, 1]]],
  [
    { operator: "Conv", convolution },
    ["tuple(uint32[],uint32[],uint32[],uint32[],uint32)"],
    [[...Object.values(window), 4]],
  ],
  [
    { operator: "AveragePool", ...window, divisor: 9, order: 1 },
    ["uint32[]", "uint32[]", "uint32[]", "uint32[]", "uint32", "uint8"],
    [window.kernel, window.strides, window.dilations, window.padsBegin, 9, 1],
  ],
  ...(["ReduceSum", "ReduceMean"] as const).map((operator): [Instruction, string[], unknown[]] => [
    { operator, outer: 2, length: 3, inner: 4, order: 2 },
    ["uint32", "uint32", "uint32", "uint8"],
    [2, 3, 4, 2],
  ]),
  [{ operator: "BatchNormalization" }, [], []],
  [{ operator: "ToleranceMatMul", strides: [2, 1] }, ["int64[]"], [[2, 1]]],
  [
    { operator: "ToleranceConv", convolution },
    ["tuple(uint32[],uint32[],uint32[],uint32[],uint32)"],
    [[...Object.values(window), 4]],
  ],
  [
    { operator: "ToleranceAveragePool", ...window, divisor: 4 },
    ["uint32[]", "uint32[]", "uint32[]", "uint32[]", "uint32"],
    [...Object.values(window), 4],
  ],
  ...(["ReduceSum", "ReduceMean"] as const).map((operator): [Instruction, string[], unknown[]] => [
    { operator: `Tolerance${operator}`, outer: 2, length: 3, inner: 4 },
    ["uint32", "uint32", "uint32"],
    [2, 3, 4],
  ]),
  [{ operator: "ToleranceBatchNormalization" }, [], []],
  ...(["Exp", "Sigmoid", "Tanh", "Erf"] as const).map((operator): [Instruction, string[], unknown[]] => [
    { operator },
    [],
    [],
  ]),
  [{ operator: "Gelu", tanh: true }, ["bool"], [true]],
  [{ operator: "Softmax", inner: 3 }, ["uint32"], [3]],
  [{ operator: "LayerNormalization", epsilon: 0x3727c5ac }, ["uint32"], [0x3727c5ac]],
  [{ operator: "Log" }, [], []],
  ...(["BlockMax", "BlockSum", "BlockMagnitudes", "BlockSquares", "BlockExponentials"] as const).map(
    (operator): [Instruction, string[], unknown[]] => [{ operator, length: 5000 }, ["uint32"], [5000]],
  ),
  [{ operator: "LongSoftmax", length: 5000, inner: 3 }, ["uint32", "uint32"], [5000, 3]],
  [{ operator: "LongLayerNormalization", length: 5000, epsilon: 0x3727c5ac }, ["uint32", "uint32"], [5000, 0x3727c5ac]],
];

describe("An instruction", () => {
  it("exists for each operator", () => {
    assert.deepEqual(
      ROWS.map(([{ operator }]) => operator),
      Object.keys(Operator),
    );
  });

  for (const [instruction, types, values] of ROWS) {
    it(`${instruction.operator} has the attributes of the table, and comes back from them`, () => {
      const encoded = encodeInstruction(instruction);
      assert.equal(encoded.operator, Operator[instruction.operator]);
      assert.equal(encoded.attributes, AbiCoder.defaultAbiCoder().encode(types, values));
      assert.deepEqual(decodeInstruction(encoded), instruction);
    });
  }

  it("is not read from an unknown code", () => {
    assert.throws(() => decodeInstruction({ operator: 0x0999, attributes: "0x" }), /0x999/);
  });
});
