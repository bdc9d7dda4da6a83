import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import type { DType, Tensor } from "@assay/sdk";
import { elementCount, fromFloat32Array, fromNumbers, initHash, PreparationError } from "@assay/sdk";

import { randomTensor } from "../../../sdk/test/support/values.js";
import { Random } from "../../../sdk/test/tensor/random.js";
import type { Case } from "../support/oneNode.js";
import { check } from "../support/oneNode.js";

// What onnxruntime computes may depend on how operands are broadcast: each has dims of its own here, many of them 1.

const CASES = Number(process.env.ASSAY_LOWERING_CASES ?? 30);
const RUNTIMES = ["native", "wasm"] as const;

const SPECIAL = [0, -0, 1, -1, NaN, Infinity, -Infinity, 2 ** -149, -(2 ** -149), 2 ** 100, -(2 ** 100)];
const NUMBERS: readonly DType[] = ["float32", "int8", "uint8", "int32", "int64"];
const FLOATS: readonly DType[] = ["float32"];
const INTEGERS = NUMBERS.slice(1);
const BOOLS: readonly DType[] = ["bool"];

type Make = (random: Random) => Case;

/** Any rank from `least` to 4, with axes of 1 in all places. */
const anyDims = (random: Random, least = 0): number[] =>
  Array.from({ length: least + random.below(5 - least) }, () => random.pick([1, 2, 3, 7]));

/** Dims that broadcast to `dims`: all of them, one number for each row, one number, or any. */
function narrowed(random: Random, dims: readonly number[]): number[] {
  switch (random.below(5)) {
    case 0:
      return [...dims];
    case 1:
      return dims.map((dim, axis) => (axis === dims.length - 1 ? 1 : dim));
    case 2:
      return [];
    default:
      return dims.map((dim) => (random.below(3) === 0 ? 1 : dim)).slice(random.below(dims.length + 1));
  }
}

/** Of float32 bits of any kind, special numbers, zeros of both signs, or numbers of which a product is rounded. */
function tensor(random: Random, dtype: DType, dims: readonly number[]): Tensor {
  const kind = dtype === "float32" ? random.below(6) : 0;
  if (kind === 0) return randomTensor(random, dtype, dims);
  const next = (): number => {
    if (kind === 1) return random.pick(SPECIAL);
    return kind < 4 ? random.pick([0, -0]) : (random.next() / 2 ** 32 - 0.5) * 20;
  };
  return fromFloat32Array(Float32Array.from({ length: elementCount(dims) }, next), dims);
}

/** Operands of which any but one may be a constant, and none alone has the dims of the result. */
function broadcast(op: string, dtypes: (random: Random) => readonly DType[], least = 0): Make {
  return (random) => {
    const dims = anyDims(random, least);
    const all = dtypes(random).map((dtype, i, { length }) => {
      // Where a lowering needs axes, one operand has them.
      const own = least > 0 && i === length - 1 ? dims : narrowed(random, dims);
      return tensor(random, dtype, own);
    });
    const fixed = random.below(all.length * 2);
    if (all.length === 1 || fixed >= all.length) return { op, inputs: all };
    const inputs = all.map((each, i) => (i === fixed ? undefined : each));
    return { op, inputs, constants: { [fixed]: all[fixed] } };
  };
}

const both = (dtypes: readonly DType[]) => (random: Random) => {
  const dtype = random.pick(dtypes);
  return [dtype, dtype];
};
const several = (dtypes: readonly DType[]) => (random: Random) =>
  new Array<DType>(1 + random.below(4)).fill(random.pick(dtypes));

const ofOne =
  (op: string, dtypes: readonly DType[]): Make =>
  (random) => ({ op, inputs: [tensor(random, random.pick(dtypes), anyDims(random))] });

const reduced =
  (op: string, dtypes: readonly DType[]): Make =>
  (random) => {
    const x = tensor(random, random.pick(dtypes), anyDims(random, 3));
    const axes = x.dims.flatMap((_, axis) => (random.below(2) === 0 ? [axis] : []));
    return { op, inputs: [x], attributes: { keepdims: 1, ...(axes.length > 0 ? { axes } : {}) } };
  };

const padded =
  (mode: string, most: (dim: number) => number): Make =>
  (random) => {
    const x = tensor(random, random.pick(["float32", "int64"]), anyDims(random, 1));
    const pads = [...x.dims, ...x.dims].map((dim) => random.below(most(dim) + 1));
    const constants = { 1: fromNumbers("int64", [pads.length], pads) };
    return { op: "Pad", inputs: [x], constants, attributes: { mode }, opset: 19 };
  };

const OPERATORS: Readonly<Record<string, Make>> = {
  "Where of float32": broadcast("Where", () => ["bool", "float32", "float32"]),
  "Where of integers": broadcast("Where", (random) => ["bool", ...both(["uint8", "int32", "int64"])(random)]),
  And: broadcast("And", both(BOOLS)),
  Or: broadcast("Or", both(BOOLS)),
  Xor: broadcast("Xor", both(BOOLS)),
  Not: ofOne("Not", BOOLS),
  Equal: broadcast("Equal", both([...NUMBERS, "bool"])),
  Less: broadcast("Less", both(NUMBERS)),
  LessOrEqual: broadcast("LessOrEqual", both(NUMBERS)),
  Greater: broadcast("Greater", both(NUMBERS)),
  GreaterOrEqual: broadcast("GreaterOrEqual", both(NUMBERS)),
  "Max of float32": broadcast("Max", several(FLOATS), 3),
  "Max of integers": broadcast("Max", several(INTEGERS)),
  Min: broadcast("Min", several(INTEGERS)),
  Sum: broadcast("Sum", several(FLOATS)),
  Mean: broadcast("Mean", several(FLOATS)),
  Add: broadcast("Add", both(NUMBERS)),
  Sub: broadcast("Sub", both(NUMBERS)),
  Mul: broadcast("Mul", both(NUMBERS)),
  Div: broadcast("Div", both(FLOATS)),
  Neg: ofOne("Neg", ["float32", "int8", "int32", "int64"]),
  Abs: ofOne("Abs", NUMBERS),
  PRelu: (random) => {
    const x = tensor(random, "float32", anyDims(random));
    return { op: "PRelu", inputs: [x, tensor(random, "float32", narrowed(random, x.dims))] };
  },
  Pow: (random) => {
    const x = tensor(random, "float32", [...(random.below(8) === 0 ? [] : [30]), ...anyDims(random).slice(1)]);
    const ones = new Array<number>(random.below(x.dims.length + 1)).fill(1);
    return { op: "Pow", inputs: [x], constants: { 1: fromNumbers("float32", ones, [random.pick([2, 3])]) } };
  },
  "ReduceMax of float32": reduced("ReduceMax", FLOATS),
  "ReduceMax of integers": reduced("ReduceMax", INTEGERS),
  ReduceMin: reduced("ReduceMin", INTEGERS),
  ArgMin: (random) => {
    const x = tensor(random, random.pick(NUMBERS), anyDims(random, 1));
    return { op: "ArgMin", inputs: [x], attributes: { axis: random.below(x.dims.length), keepdims: random.below(2) } };
  },
  Trilu: (random) => {
    const x = tensor(random, random.pick(["float32", "int64"]), anyDims(random, 2));
    return { op: "Trilu", inputs: [x], attributes: { upper: random.below(2) } };
  },
  Tile: (random) => {
    const x = tensor(random, random.pick(NUMBERS), anyDims(random, 1));
    const repeats = x.dims.map(() => 1 + random.below(3));
    return { op: "Tile", inputs: [x], constants: { 1: fromNumbers("int64", [repeats.length], repeats) } };
  },
  "Pad with the edge": padded("edge", () => 3),
  "Pad with a reflection": padded("reflect", (dim) => dim - 1),
  "Pad with the other end": padded("wrap", (dim) => dim),
};

/** Of a Pow of an operand that ends in an axis of 1, or has none. */
function isRefused(error: unknown, { op, inputs: [x] }: Case): boolean {
  if (!(error instanceof PreparationError) || op !== "Pow" || (x?.dims.at(-1) ?? 1) > 1) return false;
  return error.problems.every(({ reason }) => reason.includes("power of each single element"));
}

describe("Operators made of several of the court's agree with onnxruntime however operands are broadcast", () => {
  before(initHash);

  for (const [index, [name, make]] of Object.entries(OPERATORS).entries()) {
    it(name, async () => {
      const random = new Random(7000 + index);
      let agreed = 0;
      for (let round = 0; round < CASES; round++) {
        const given: Case = { opset: 17, runtime: RUNTIMES[round % 2] ?? "native", ...make(random) };
        try {
          const { model, elements } = await check(given);
          assert.equal(model.profile.kind, "Exact");
          agreed += Math.sign(elements);
        } catch (error) {
          if (isRefused(error, given)) continue;
          throw new Error(`${describeCase(round, given)}: ${(error as Error).message}`, { cause: error });
        }
      }
      assert.ok(agreed >= CASES / 2, `${agreed} of ${CASES} were not refused`);
    });
  }
});

function describeCase(round: number, { inputs, constants = {}, attributes, runtime }: Case): string {
  const short = (each: Tensor | undefined) => each && `${each.dtype}[${each.dims.join()}]`;
  const fixed = Object.entries(constants).map(([i, each]) => [i, short(each)]);
  return JSON.stringify({ round, inputs: inputs.map(short), fixed, attributes, runtime });
}
