import { fromFloat32Array, toFloat32Array } from "../../../sdk/src/tensor/index.js";
import type { Tensor } from "../../../sdk/src/tensor/index.js";
import type { Random } from "../../../sdk/test/tensor/random.js";
import type { Generator } from "../support/cases.js";
import { randomDims } from "../support/values.js";
import { LONG_ROWS } from "./longRows.js";
import { floats, prepared, type FloatNode } from "./floatDot.js";

/** Where functions saturate, overflow, underflow or change their formula in known implementations. */
const TURNS = [88.37, 88.72, 88.73, -87.34, -88.38, -103.97, -104, 18, -18, 9, -9, 3.925, 0.921875, 0.0004, 7.90531];

/** Of a scale that functions bend at, near a turn, or any. */
function operand(random: Random, dims: readonly number[]): Tensor {
  const choice = random.below(4);
  if (choice === 0) return floats(random, dims);
  const scale = random.pick([1e-3, 0.3, 2, 10, 120]);
  const values = toFloat32Array(floats(random, dims)).map(() => {
    const uniform = random.next() / 2 ** 31 - 1;
    return choice === 1 ? random.pick(TURNS) * (1 + uniform * 1e-3) : uniform * scale;
  });
  return fromFloat32Array(values, dims);
}

const elementwise =
  (op: string) =>
  (random: Random): FloatNode => ({ op, inputs: [operand(random, randomDims(random, 1 + random.below(3), 6))] });

const gelu = (random: Random): FloatNode => ({
  ...elementwise("Gelu")(random),
  attributes: { approximate: random.pick(["none", "tanh"]) },
});

/** Rows of up to 300 elements; the last axis or another, and the old meaning of an axis. */
function softmax(random: Random): FloatNode {
  const dims = randomDims(random, 1 + random.below(3), 4);
  const axis = random.below(3) === 0 ? random.below(dims.length) : dims.length - 1;
  dims[axis] = 1 + random.below(random.pick([4, 40, 300]));
  const opset = random.pick([11, 13, 21]);
  return { op: "Softmax", attributes: { axis }, inputs: [operand(random, dims)], opset };
}

/** Rows whose mean is far from zero too. */
function layerNormalization(random: Random): FloatNode {
  const dims = randomDims(random, 1 + random.below(3), 4).with(-1, 1 + random.below(random.pick([4, 40, 300])));
  const axis = random.below(dims.length);
  const mean = random.pick([0, 0, 1, -100, 1e4]);
  const x = operand(random, dims);
  const moved = fromFloat32Array(
    toFloat32Array(x).map((value) => value + mean),
    dims,
  );
  const each = () => floats(random, dims.slice(axis));
  return {
    op: "LayerNormalization",
    attributes: { axis: axis - dims.length, epsilon: { float: random.pick([1e-5, 1e-12, 0, 1]) } },
    inputs: [moved, each(), ...(random.below(3) > 0 ? [each()] : [])],
    opset: 17,
  };
}

export const FUNCTION_BOUNDS: Readonly<Record<string, Generator>> = {
  EXP: prepared(elementwise("Exp"), "Tolerance"),
  LOG: prepared(elementwise("Log"), "Tolerance"),
  SIGMOID: prepared(elementwise("Sigmoid"), "Tolerance"),
  TANH: prepared(elementwise("Tanh"), "Tolerance"),
  ERF: prepared(elementwise("Erf"), "Tolerance"),
  GELU: prepared(gelu, "Tolerance"),
  SOFTMAX: prepared(softmax, "Tolerance"),
  LAYER_NORMALIZATION: prepared(layerNormalization, "Tolerance"),
  ...LONG_ROWS,
};
