import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import type { DType, Tensor } from "@assay/sdk";
import {
  elementCount,
  firstContradiction,
  fromFloat32Array,
  fromNumbers,
  initHash,
  readModel,
  runTrace,
  toFloat32Array,
} from "@assay/sdk";

import { randomDims, randomTensor } from "../../../sdk/test/support/values.js";
import { Random } from "../../../sdk/test/tensor/random.js";
import { onnxFile } from "../../../sdk/test/support/onnxModel.js";
import { inProcess } from "../support/inProcessRuntime.js";
import type { Case } from "../support/oneNode.js";
import { check, modelOf } from "../support/oneNode.js";

const CASES = Number(process.env.ASSAY_LOWERING_CASES ?? 20);

const ANY: readonly DType[] = ["float32", "uint8", "int64", "int32", "bool"];
const NUMBERS: readonly DType[] = ["float32", "int32", "int64"];
const INTEGERS: readonly DType[] = ["int32", "int64", "uint32", "uint64"];
const int64s = (...values: readonly number[]): Tensor => fromNumbers("int64", [values.length], values);
const floats = (...values: readonly number[]): Tensor => fromFloat32Array(Float32Array.from(values));
const of = (random: Random, dtypes: readonly DType[], dims: readonly number[]): Tensor =>
  randomTensor(random, random.pick(dtypes), dims);
/** Dims that broadcast to `dims`. */
const narrowed = (random: Random, dims: readonly number[]): number[] =>
  dims.map((dim) => (random.below(3) === 0 ? 1 : dim)).slice(random.below(2));
/** The same of any rank. */
const anyNarrowed = (random: Random, dims: readonly number[]): number[] =>
  dims.map((dim) => (random.below(2) === 0 ? 1 : dim)).slice(random.below(dims.length + 1));
/** Numbers that often tie: zeros of both signs, infinities, NaN. */
const few = (
  random: Random,
  dims: readonly number[],
  among: readonly number[] = [0, -0, 1, -1, NaN, Infinity, -Infinity],
): Tensor =>
  fromFloat32Array(
    Float32Array.from({ length: elementCount(dims) }, () => random.pick(among)),
    dims,
  );

function compared(op: string, dtypes: readonly DType[], opset?: number) {
  return (random: Random): Case => {
    const dims = randomDims(random, 1 + random.below(3));
    const a = random.below(3) === 0 ? few(random, dims) : of(random, dtypes, dims);
    const narrow = narrowed(random, dims);
    const b =
      random.below(3) > 0 && a.dtype === "float32" ? few(random, narrow) : randomTensor(random, a.dtype, narrow);
    return { op, inputs: [a, b], ...(opset === undefined ? {} : { opset }) };
  };
}

const logic =
  (op: string) =>
  (random: Random): Case => {
    const dims = randomDims(random, 3);
    return { op, inputs: [randomTensor(random, "bool", dims), randomTensor(random, "bool", narrowed(random, dims))] };
  };

function variadic(op: string, dtypes: readonly DType[], rank: number) {
  return (random: Random): Case => {
    const dims = randomDims(random, rank);
    const first = of(random, dtypes, dims);
    const more = Array.from({ length: random.below(3) }, () =>
      randomTensor(random, first.dtype, narrowed(random, dims)),
    );
    return { op, inputs: [first, ...more] };
  };
}

const reduced =
  (op: string, dtypes: readonly DType[], keepdims: number) =>
  (random: Random): Case => {
    const x = of(random, dtypes, randomDims(random, 4));
    const axes = [[0], [1, 3], [-1], [2, 3], [0, 1, 2, 3]];
    return { op, inputs: [x], attributes: { axes: random.pick(axes), keepdims } };
  };

const padded =
  (mode: string, most: (dim: number) => number, opset: number) =>
  (random: Random): Case => {
    const x = of(random, ["float32", "int32", "int64"], randomDims(random, 3));
    const pads = [...x.dims, ...x.dims].map((dim) => random.below(most(dim) + 1));
    return { op: "Pad", inputs: [x], constants: { 1: int64s(...pads) }, attributes: { mode }, opset };
  };

const OPERATORS: Readonly<Record<string, (random: Random) => Case>> = {
  Where: (random) => {
    const dims = randomDims(random, random.below(4), 3);
    const x = of(random, ["float32", "int32", "int64", "uint8"], anyNarrowed(random, dims));
    const y = randomTensor(random, x.dtype, anyNarrowed(random, dims));
    const condition = randomTensor(random, "bool", anyNarrowed(random, dims));
    return random.below(2) === 0
      ? { op: "Where", inputs: [condition, x, y] }
      : { op: "Where", inputs: [undefined, x, y], constants: { 0: condition } };
  },
  "Where of zeros of both signs": (random) => {
    const dims = randomDims(random, random.below(4), 3);
    const zeros = () => few(random, anyNarrowed(random, dims), [0, -0]);
    return { op: "Where", inputs: [randomTensor(random, "bool", anyNarrowed(random, dims)), zeros(), zeros()] };
  },
  "Where that fills what a mask of rows hides": (random) => {
    const dims = [...randomDims(random, 2), 2 + random.below(4)];
    const mask = randomTensor(random, "bool", dims.with(-1, 1));
    return { op: "Where", inputs: [mask, few(random, dims)], constants: { 2: few(random, []) } };
  },
  Not: (random) => ({ op: "Not", inputs: [randomTensor(random, "bool", randomDims(random, 3))] }),
  And: logic("And"),
  Or: logic("Or"),
  Xor: logic("Xor"),
  Equal: compared("Equal", [...NUMBERS, "bool"]),
  Less: compared("Less", NUMBERS),
  LessOrEqual: compared("LessOrEqual", NUMBERS),
  Greater: compared("Greater", NUMBERS),
  GreaterOrEqual: compared("GreaterOrEqual", NUMBERS),
  "Max of integers": variadic("Max", INTEGERS, 2),
  "Max of float32": variadic("Max", ["float32"], 3),
  "Max of float32 that often tie": (random) => {
    const dims = randomDims(random, 3);
    return { op: "Max", inputs: [few(random, dims), few(random, dims)] };
  },
  Min: variadic("Min", INTEGERS, 2),
  "ReduceMax of integers": reduced("ReduceMax", ["int32", "int64", "uint8", "int8"], 0),
  "ReduceMax of float32": reduced("ReduceMax", ["float32"], 1),
  ReduceMin: reduced("ReduceMin", ["int32", "int64", "uint8", "int8"], 1),
  ArgMin: (random) => {
    const dims = randomDims(random, 3);
    const x = random.below(2) === 0 ? few(random, dims) : of(random, ["float32", "int32", "uint8", "int8"], dims);
    const attributes = { axis: random.below(6) - 3, keepdims: random.below(2), select_last_index: random.below(2) };
    return { op: "ArgMin", inputs: [x], attributes };
  },
  Sum: variadic("Sum", ["float32"], 3),
  Mean: variadic("Mean", ["float32"], 3),
  Neg: (random) => ({ op: "Neg", inputs: [of(random, ["float32", "int32", "int64", "int8"], [40])] }),
  Abs: (random) => ({ op: "Abs", inputs: [of(random, ["float32", "int32", "int64", "int8", "uint8"], [40])] }),
  "Abs of zeros, infinities and NaN": (random) => ({ op: "Abs", inputs: [few(random, [40])] }),
  "Abs and Neg of the least integer": (random) => ({
    op: random.pick(["Abs", "Neg"]),
    inputs: [fromNumbers("int32", [3], [-(2 ** 31), 2 ** 31 - 1, 0])],
  }),
  Pow: (random) => {
    const dims = [...randomDims(random, random.below(3)), 20 + random.below(80), ...(random.below(2) ? [1] : [])];
    // Of an axis of 1, the exponent needs one more for onnxruntime to multiply out.
    const least = dims.at(-1) === 1 ? 2 : 0;
    const power = fromNumbers("float32", new Array<number>(least + random.below(dims.length - least + 1)).fill(1), [
      random.pick([2, 3]),
    ]);
    return { op: "Pow", inputs: [randomTensor(random, "float32", dims)], constants: { 1: power } };
  },
  PRelu: (random) => {
    const dims = randomDims(random, 3);
    const slope = randomTensor(random, "float32", narrowed(random, dims));
    const x = random.below(2) === 0 ? few(random, dims) : randomTensor(random, "float32", dims);
    return { op: "PRelu", inputs: [x], constants: { 1: slope } };
  },
  Trilu: (random) => ({
    op: "Trilu",
    inputs: [of(random, ["float32", "int64"], randomDims(random, 3))],
    constants: { 1: fromNumbers("int64", [], [random.below(7) - 3]) },
    attributes: { upper: random.below(2) },
  }),
  Tile: (random) => {
    const x = of(random, ["float32", "uint8", "int64", "bool"], randomDims(random, 4, 3));
    return { op: "Tile", inputs: [x], constants: { 1: int64s(...x.dims.map(() => 1 + random.below(3))) } };
  },
  DepthToSpace: (random) => {
    const size = 1 + random.below(3);
    const dims = randomDims(random, 4, 3);
    const x = randomTensor(random, "float32", dims.with(1, (dims[1] ?? 1) * size ** 2));
    return { op: "DepthToSpace", inputs: [x], attributes: { blocksize: size, mode: random.pick(["DCR", "CRD"]) } };
  },
  SpaceToDepth: (random) => {
    const size = 1 + random.below(3);
    const [n = 1, c = 1, h = 1, w = 1] = randomDims(random, 4, 3);
    const x = randomTensor(random, "float32", [n, c, h * size, w * size]);
    return { op: "SpaceToDepth", inputs: [x], attributes: { blocksize: size } };
  },
  "Pad with the edge": padded("edge", () => 4, 18),
  "Pad with a reflection": padded("reflect", (dim) => dim - 1, 18),
  "Pad with the other end": padded("wrap", (dim) => dim, 19),
  CastLike: (random) => {
    const like = of(random, ["int64", "uint8", "bool"], [1]);
    return { op: "CastLike", inputs: [of(random, ANY.slice(1), [7])], constants: { 1: like } };
  },
  "Pad before opset 11": (random) => {
    const x = randomTensor(random, "float32", randomDims(random, 2));
    const pads = Array.from({ length: 4 }, () => random.below(3));
    return { op: "Pad", inputs: [x], attributes: { pads, value: { float: 0.5 } }, opset: 10 };
  },
  "Clip before opset 11": (random) => {
    const attributes = random.pick<Record<string, { float: number }>>([
      {},
      { min: { float: -1 } },
      { min: { float: -1 }, max: { float: 0.5 } },
    ]);
    return { op: "Clip", inputs: [randomTensor(random, "float32", [20])], attributes, opset: 10 };
  },
  "Slice before opset 10": (random) => {
    const x = randomTensor(random, "int64", [4, 5]);
    const attributes = random.pick<Record<string, number[]>>([
      { starts: [1, -3], ends: [3, 9] },
      { starts: [2], ends: [-1], axes: [1] },
    ]);
    return { op: "Slice", inputs: [x], attributes, opset: 9 };
  },
};

describe("Operators made of several of the court's agree with onnxruntime in every element", () => {
  before(initHash);

  for (const [index, [name, make]] of Object.entries(OPERATORS).entries()) {
    it(name, async () => {
      const random = new Random(3000 + index);
      for (let round = 0; round < CASES; round++) {
        const given = make(random);
        try {
          const { model, elements } = await check(given);
          assert.equal(model.profile.kind, "Exact");
          assert.ok(elements > 0);
        } catch (error) {
          const dims = given.inputs.map((tensor) => tensor && `${tensor.dtype}[${tensor.dims.join()}]`);
          const what = JSON.stringify({ round, dims, attributes: given.attributes });
          throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
        }
      }
    });
  }
});

const TOLERANT: Readonly<Record<string, Case>> = {
  Where: {
    op: "Where",
    inputs: [fromNumbers("bool", [3], [1, 0, 1]), fromNumbers("float32", [3], [-0, 1, 2]), floats(3, 5, 4)],
  },
  PRelu: { op: "PRelu", inputs: [floats(-0, -2, 3)], constants: { 1: floats(0.5, 0.3, 7) } },
  Sum: { op: "Sum", inputs: [floats(-0, 1, 0.1), floats(-0, 2, 0.2), floats(-0, 4, 0.3)] },
  Mean: { op: "Mean", inputs: [floats(-0, 1, 0.1), floats(-0, 2, 0.2), floats(-0, 4, 0.3)] },
};

describe("In profile Tolerance", () => {
  before(initHash);

  for (const [name, given] of Object.entries(TOLERANT)) {
    it(`${name} may have the other zero or last bits, and nothing else`, async () => {
      const { description, feeds } = modelOf(given);
      const model = await readModel(onnxFile(description), inProcess, "Tolerance");
      const trace = await runTrace(model, feeds, inProcess);
      const last = trace.at(-1);
      assert.ok(last);
      const [zero = 0, ...others] = toFloat32Array(last);
      const found = (values: readonly number[]) =>
        firstContradiction(model, trace.with(-1, fromFloat32Array(Float32Array.from(values))));
      assert.deepEqual([zero === 0, found([zero, ...others])], [true, undefined]);
      assert.equal(found([-zero, ...others]), undefined);
      assert.deepEqual(found([2 ** -20, ...others])?.element, 0);
      assert.deepEqual(found([zero, ...others.map((value) => value * 1.01)])?.element, 1);
    });
  }
});
