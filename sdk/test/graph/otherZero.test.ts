import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { Instruction } from "../../src/graph/index.js";
import { contradicts } from "../../src/graph/index.js";
import { fromFloat32Array, toHex } from "../../src/tensor/index.js";

const floats = (...values: number[]) => fromFloat32Array(Float32Array.from(values), [1, 1, values.length]);
const bytes = (value: number) => toHex(floats(value).data);

/** Of each pair: what is claimed, and whether it contradicts the operand. */
function judged(instruction: Instruction, x: number[], claimed: number): boolean {
  return contradicts(instruction, [floats(...x)], floats(claimed), 0);
}

describe("The sign of a zero", () => {
  const relu: Instruction = { operator: "Relu" };
  it("is open out of a Relu only where x is -0, as it is to the verifier on chain", () => {
    assert.equal(judged(relu, [-0], -0), false);
    assert.equal(judged(relu, [-0], 0), false);
    assert.equal(judged(relu, [-3], 0), false);
    assert.equal(judged(relu, [-3], -0), true);
    assert.equal(judged(relu, [0], -0), true);
  });

  it("is open out of a Clip only where x and a bound are zeros of different signs", () => {
    const clip = (min: number, max: number): Instruction => ({ operator: "Clip", min: bytes(min), max: bytes(max) });
    for (const claimed of [0, -0]) {
      assert.equal(judged(clip(0, 6), [-0], claimed), false);
      assert.equal(judged(clip(-0, 6), [0], claimed), false);
      assert.equal(judged(clip(-6, 0), [-0], claimed), false);
    }
    assert.equal(judged(clip(0, 6), [-3], -0), true);
    assert.equal(judged(clip(-6, 6), [0], -0), true);
    assert.equal(judged(clip(-6, -0), [3], 0), true);
  });

  it("is open out of a MaxPool only where both are in the window", () => {
    const window = { kernel: [2], strides: [2], dilations: [1], padsBegin: [0] };
    const pool: Instruction = { operator: "MaxPool", ...window };
    for (const claimed of [0, -0]) assert.equal(judged(pool, [-0, 0], claimed), false);
    assert.equal(judged(pool, [0, -1], -0), true);
    assert.equal(judged(pool, [-1, -0], 0), true);
  });
});
