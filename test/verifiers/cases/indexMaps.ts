import { broadcastStrides, rowMajorStrides } from "../../../sdk/src/graph/indices.js";
import type { DType } from "../../../sdk/src/tensor/index.js";
import { elementCount, fromNumbers, onnxCode, toHex } from "../../../sdk/src/tensor/index.js";
import type { Random } from "../../../sdk/test/tensor/random.js";
import type { Case, Generator } from "../support/cases.js";
import { caseOf } from "../support/cases.js";
import { int, ints, runOneNode } from "../support/onnx.js";
import { randomDims, randomTensor } from "../support/values.js";

const DTYPES: readonly DType[] = ["float32", "int64", "int32", "uint8", "int8", "bool", "float64"];
const INTEGERS: readonly DType[] = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "bool"];

const vector = (values: readonly number[]) => fromNumbers("int64", [values.length], values);

async function transpose(random: Random): Promise<Case> {
  const dtype = random.pick(DTYPES);
  const x = randomTensor(random, dtype, randomDims(random, 1 + random.below(4)));
  const perm = shuffled(random, [...x.dims.keys()]);
  const output = await runOneNode({ opType: "Transpose", inputs: [x], dtype, attribute: [ints("perm", perm)] });
  const strides = rowMajorStrides(x.dims);
  return caseOf(random, { operator: "View", base: 0, strides: perm.map((axis) => strides[axis] ?? 0) }, [x], output);
}

async function reshape(random: Random): Promise<Case> {
  const dtype = random.pick(DTYPES);
  const x = randomTensor(random, dtype, randomDims(random, 1 + random.below(4)));
  const count = elementCount(x.dims);
  const divisors = [...Array(count + 1).keys()].filter((n) => n > 0 && count % n === 0);
  const first = random.pick(divisors);
  const shape = [first, 1, count / first];
  const output = await runOneNode({ opType: "Reshape", inputs: [x, vector(shape)], dtype });
  return caseOf(random, { operator: "View", base: 0, strides: rowMajorStrides(shape) }, [x], output);
}

/** Steps of both signs. */
async function slice(random: Random): Promise<Case> {
  const dtype = random.pick(DTYPES);
  const x = randomTensor(random, dtype, randomDims(random, 1 + random.below(3), 7));
  const steps = x.dims.map(() => random.pick([1, 2, 3, -1, -2]));
  const starts = x.dims.map((dim) => random.below(dim));
  const ends = steps.map((step, axis) => (step > 0 ? (x.dims[axis] ?? 0) : -1 - (x.dims[axis] ?? 0)));
  const axes = vector([...x.dims.keys()]);
  const inputs = [x, vector(starts), vector(ends), axes, vector(steps)];
  const output = await runOneNode({ opType: "Slice", inputs, dtype });
  const strides = rowMajorStrides(x.dims);
  const base = starts.reduce((sum, start, axis) => sum + start * (strides[axis] ?? 0), 0);
  const view = strides.map((stride, axis) => stride * (steps[axis] ?? 0));
  return caseOf(random, { operator: "View", base, strides: view }, [x], output);
}

async function expand(random: Random): Promise<Case> {
  const dtype = random.pick(DTYPES);
  const shape = randomDims(random, 1 + random.below(4));
  const dims = shape.slice(random.below(shape.length)).map((dim) => (random.below(2) === 0 ? 1 : dim));
  const x = randomTensor(random, dtype, dims);
  const output = await runOneNode({ opType: "Expand", inputs: [x, vector(shape)], dtype });
  return caseOf(random, { operator: "View", base: 0, strides: broadcastStrides(dims, shape) }, [x], output);
}

/** The second part of two. */
async function split(random: Random): Promise<Case> {
  const dtype = random.pick(DTYPES);
  const [rows = 1, columns = 1] = randomDims(random, 2, 6);
  const x = randomTensor(random, dtype, [rows, columns + 1]);
  const output = await runOneNode({
    opType: "Split",
    inputs: [x, vector([1, columns])],
    dtype,
    attribute: [int("axis", 1)],
    output: { index: 1, of: 2 },
  });
  return caseOf(random, { operator: "View", base: 1, strides: [columns + 1, 1] }, [x], output);
}

async function concat(random: Random): Promise<Case> {
  const dtype = random.pick(DTYPES);
  const dims = randomDims(random, 1 + random.below(4));
  const axis = random.below(dims.length);
  const parts = Array.from({ length: 1 + random.below(4) }, () =>
    randomTensor(random, dtype, dims.with(axis, 1 + random.below(4))),
  );
  const output = await runOneNode({ opType: "Concat", inputs: parts, dtype, attribute: [int("axis", axis)] });
  return caseOf(random, { operator: "Concat", axis }, parts, output);
}

/** Adds and cuts. */
async function pad(random: Random): Promise<Case> {
  const dtype = random.pick(["float32", "int32", "int64", "uint8", "int8"] as const);
  const x = randomTensor(random, dtype, randomDims(random, 1 + random.below(4)));
  const value = randomTensor(random, dtype, []);
  const low = x.dims.map((dim) => random.below(4) - (dim > 1 ? 1 : 0));
  const high = x.dims.map(() => random.below(3));
  const inputs = [x, vector([...low, ...high]), value];
  const output = await runOneNode({ opType: "Pad", inputs, dtype });
  return caseOf(random, { operator: "Pad", low, value: toHex(value.data) }, [x], output);
}

async function gather(random: Random): Promise<Case> {
  const dtype = random.pick(DTYPES);
  const x = randomTensor(random, dtype, randomDims(random, 1 + random.below(3)));
  const axis = random.below(x.dims.length);
  const length = x.dims[axis] ?? 1;
  const dims = randomDims(random, random.below(3), 3);
  const values = Array.from({ length: elementCount(dims) }, () => random.below(2 * length) - length);
  const indices = fromNumbers(random.pick(["int32", "int64"] as const), dims, values);
  const output = await runOneNode({ opType: "Gather", inputs: [x, indices], dtype, attribute: [int("axis", axis)] });
  return caseOf(random, { operator: "Gather", axis }, [x, indices], output);
}

async function cast(random: Random): Promise<Case> {
  const from = random.pick(INTEGERS);
  const to = random.pick([...INTEGERS, "float32", "float32", "float32"] as const);
  const x = randomTensor(random, from, randomDims(random, 1 + random.below(3)));
  const output = await runOneNode({ opType: "Cast", inputs: [x], dtype: to, attribute: [int("to", onnxCode(to))] });
  return caseOf(random, { operator: "Cast" }, [x], output);
}

function shuffled<T>(random: Random, items: readonly T[]): T[] {
  const rest = [...items];
  return items.map(() => rest.splice(random.below(rest.length), 1)[0] as T);
}

export const INDEX_MAPS: Readonly<Record<string, Generator>> = {
  VIEW: (random) => random.pick([transpose, reshape, slice, expand, split])(random),
  CONCAT: concat,
  PAD: pad,
  GATHER: gather,
  CAST: cast,
};
