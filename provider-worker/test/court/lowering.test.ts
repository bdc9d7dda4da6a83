import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { DType, Tensor } from "@assay/sdk";
import { fromFloat32Array, fromNumbers, initHash } from "@assay/sdk";

import { randomDims, randomFloat, randomScale, randomTensor } from "../../../sdk/test/support/values.js";
import { Random } from "../../../sdk/test/tensor/random.js";
import type { Case } from "../support/oneNode.js";
import { check } from "../support/oneNode.js";

const CASES = Number(process.env.ASSAY_LOWERING_CASES ?? 50);

type Make = (random: Random) => Case;

const ANY: readonly DType[] = ["float32", "uint8", "int8", "uint16", "int16", "int32", "int64", "bool"];
const scalar = (dtype: DType, value: number): Tensor => fromNumbers(dtype, [], [value]);
const int64s = (values: readonly number[]): Tensor => fromNumbers("int64", [values.length], values);
const any = (random: Random, rank = 1 + random.below(4)): Tensor =>
  randomTensor(random, random.pick(ANY), randomDims(random, rank));
const of = (random: Random, dtypes: readonly DType[], dims: readonly number[]): Tensor =>
  randomTensor(random, random.pick(dtypes), dims);
const zeroPoint = (random: Random, dtype: DType): number =>
  ({ uint8: 0, int8: -128, uint16: 0, int16: -32_768 })[dtype as "uint8"] +
  random.below(dtype.endsWith("16") ? 65_536 : 256);
const shuffled = (random: Random, count: number): number[] => {
  const order = Array.from({ length: count }, (_, i) => i);
  order.forEach((_, i) => {
    const j = random.below(i + 1);
    [order[i], order[j]] = [order[j] ?? 0, order[i] ?? 0];
  });
  return order;
};
/** Dims that broadcast to `dims`. */
const narrowed = (random: Random, dims: readonly number[]): number[] =>
  dims.map((dim) => (random.below(3) === 0 ? 1 : dim)).slice(random.below(3) === 0 ? random.below(dims.length + 1) : 0);
/** Reproducible by any CPU: u8 times s8 only with weights of seven bits. */
const weights = (random: Random, activation: DType, dims: readonly number[]): Tensor => {
  const tensor = of(random, ["uint8", "int8"], dims);
  if (activation !== "uint8" || tensor.dtype !== "int8") return tensor;
  return { ...tensor, data: Uint8Array.from(new Int8Array(tensor.data).map((weight) => Math.trunc(weight / 2))) };
};

interface Spatial {
  x: number[];
  kernel: number[];
  attributes: Record<string, number[] | string | number>;
}

/** A window that fits into what it slides over, with pads smaller than itself. */
function spatial(random: Random, channels: number): Spatial {
  const axes = 1 + random.below(3);
  const each = <T>(make: () => T): T[] => Array.from({ length: axes }, make);
  const kernel = each(() => 1 + random.below(3));
  const dilations = each(() => 1 + random.below(2));
  const strides = each(() => 1 + random.below(3));
  const extents = kernel.map((length, axis) => (length - 1) * (dilations[axis] ?? 1) + 1);
  const x = [1 + random.below(2), channels, ...extents.map((extent) => extent + random.below(5))];
  const pads = [...kernel, ...kernel].map((length) => random.below(length));
  const padding = random.below(4);
  // Dilations and strides beyond the kernel, of which some are refused: autoPad.test.ts.
  const automatic = {
    auto_pad: random.pick(["SAME_UPPER", "SAME_LOWER", "VALID"]),
    strides: strides.map((stride, axis) => Math.min(stride, kernel[axis] ?? 1)),
  };
  return { x, kernel, attributes: padding === 0 ? automatic : { pads, strides, dilations } };
}

/** Small ones, and some that fill the vectors of a CPU. */
function matrices(random: Random): [m: number, k: number, n: number] {
  const wide = random.below(4) === 0 ? 10 : 1;
  return [1 + random.below(5), 1 + random.below(70 * wide), 1 + random.below(6 * wide)];
}

function convolution(random: Random): Spatial & { w: number[]; group: number } {
  const group = 1 + random.below(3);
  const wide = random.below(6) === 0 ? 10 : 1;
  const channels = 1 + random.below(4 * wide);
  const shape = spatial(random, channels * group);
  const w = [group * (1 + random.below(3 * wide)), channels, ...shape.kernel];
  return { ...shape, w, group };
}

function quantized(random: Random, activation: DType, channels: number): { scales: Tensor; zero: Tensor } {
  const count = random.below(2) === 0 ? 1 : channels;
  const scales = fromFloat32Array(Float32Array.from({ length: count }, () => randomScale(random)));
  const point = random.below(2) === 0 ? 0 : zeroPoint(random, activation);
  return { scales, zero: fromNumbers(activation, [count], new Array<number>(count).fill(point)) };
}

const broadcastable: (op: string) => Make = (op) => (random) => {
  const dims = randomDims(random, 1 + random.below(4));
  const dtype = random.pick(["float32", "float32", "int32", "int64"] as const);
  const [a, b] = [randomTensor(random, dtype, narrowed(random, dims)), randomTensor(random, dtype, dims)];
  return { op, inputs: random.below(2) === 0 ? [a, b] : [b, a] };
};

const OPERATORS: Record<string, Make> = {
  Identity: (random) => ({ op: "Identity", inputs: [any(random)] }),
  Reshape: (random) => {
    const x = any(random);
    const dims = shuffled(random, x.dims.length).map((axis) => x.dims[axis] ?? 1);
    const target = random.below(2) === 0 ? [...dims, 1] : [-1, ...dims.slice(1)];
    return { op: "Reshape", inputs: [x], constants: { 1: int64s(target) } };
  },
  Flatten: (random) => {
    const x = any(random, 3);
    return { op: "Flatten", inputs: [x], attributes: { axis: random.below(7) - 3 } };
  },
  Squeeze: (random) => ({
    op: "Squeeze",
    inputs: [randomTensor(random, random.pick(ANY), [1, 1 + random.below(4), 1])],
    constants: { 1: int64s([0, -1]) },
  }),
  Unsqueeze: (random) => ({ op: "Unsqueeze", inputs: [any(random, 2)], constants: { 1: int64s([0, -1]) } }),
  "Squeeze and Unsqueeze before opset 13": (random) => {
    const x = randomTensor(random, random.pick(ANY), [1, 1 + random.below(4), 1]);
    return { op: random.pick(["Squeeze", "Unsqueeze"]), inputs: [x], attributes: { axes: [0, 2] }, opset: 11 };
  },
  Transpose: (random) => {
    const x = any(random);
    const order = shuffled(random, x.dims.length);
    return random.below(4) === 0
      ? { op: "Transpose", inputs: [x] }
      : { op: "Transpose", inputs: [x], attributes: { perm: order } };
  },
  Expand: (random) => {
    const dims = randomDims(random, 1 + random.below(4));
    const x = randomTensor(random, random.pick(ANY), narrowed(random, dims));
    return { op: "Expand", inputs: [x], constants: { 1: int64s(dims) } };
  },
  Slice: (random) => {
    const x = any(random, 3);
    const axes = shuffled(random, 3).slice(0, 1 + random.below(3));
    const bounds = axes.map((axis) => {
      const dim = x.dims[axis] ?? 1;
      const [first, last] = [random.below(dim), random.below(dim)];
      const step = (1 + random.below(2)) * (first <= last ? 1 : -1);
      // From the end, and beyond it, as exporters write "to the end".
      const start = random.below(2) === 0 ? first : first - dim;
      const end = step > 0 ? (random.below(3) === 0 ? 2 ** 31 : last + 1) : last === 0 ? -(2 ** 31) : last - 1;
      return { axis: random.below(2) === 0 ? axis : axis - 3, start, end, step };
    });
    const constants = { 1: bounds.map(({ start }) => start), 2: bounds.map(({ end }) => end) };
    return {
      op: "Slice",
      inputs: [x],
      constants: {
        1: int64s(constants[1]),
        2: int64s(constants[2]),
        3: int64s(bounds.map(({ axis }) => axis)),
        4: int64s(bounds.map(({ step }) => step)),
      },
    };
  },
  Split: (random) => {
    const lengths = randomDims(random, 2 + random.below(2));
    const axis = random.below(3);
    const dims = randomDims(random, 3);
    dims[axis] = lengths.reduce((a, b) => a + b, 0);
    const x = randomTensor(random, random.pick(ANY), dims);
    const attributes = { axis: random.below(2) === 0 ? axis : axis - 3 };
    return { op: "Split", inputs: [x], constants: { 1: int64s(lengths) }, outputs: lengths.length, attributes };
  },
  "Split before opset 13": (random) => {
    const lengths = randomDims(random, 2);
    const x = randomTensor(random, "float32", [2, (lengths[0] ?? 0) + (lengths[1] ?? 0)]);
    return { op: "Split", inputs: [x], outputs: 2, attributes: { axis: 1, split: lengths }, opset: 11 };
  },
  "Split into equal parts, the last one shorter": (random) => {
    const x = randomTensor(random, random.pick(ANY), [5 + 2 * random.below(3), 2]);
    return { op: "Split", inputs: [x], outputs: 2, attributes: { num_outputs: 2 }, opset: 18 };
  },
  Concat: (random) => {
    const axis = random.below(3);
    const dims = randomDims(random, 3);
    const dtype = random.pick(ANY);
    const part = () =>
      randomTensor(
        random,
        dtype,
        dims.map((dim, i) => (i === axis ? 1 + random.below(4) : dim)),
      );
    const inputs = Array.from({ length: 1 + random.below(4) }, part);
    return { op: "Concat", inputs, attributes: { axis: random.below(2) === 0 ? axis : axis - 3 } };
  },
  Pad: (random) => {
    const dtype = random.pick(["float32", "uint8", "int8", "int32", "int64", "bool"] as const);
    const x = randomTensor(random, dtype, randomDims(random, 3));
    // A negative pad cuts.
    const pads = Array.from({ length: 6 }, (_, i) => random.below(4) - ((x.dims[i % 3] ?? 1) > 2 ? 1 : 0));
    const value = randomTensor(random, dtype, []);
    return { op: "Pad", inputs: [x], constants: { 1: int64s(pads), ...(random.below(3) === 0 ? {} : { 2: value }) } };
  },
  "Pad along some axes": (random) => {
    const x = randomTensor(random, "int64", randomDims(random, 3));
    const pads = Array.from({ length: 4 }, () => random.below(3));
    return { op: "Pad", inputs: [x], constants: { 1: int64s(pads), 3: int64s([-1, 0]) }, opset: 18 };
  },
  Sqrt: (random) => ({
    op: "Sqrt",
    inputs: [randomTensor(random, "float32", randomDims(random, 1 + random.below(4)))],
  }),
  Gather: (random) => {
    const x = any(random, 1 + random.below(3));
    const axis = random.below(x.dims.length);
    const length = x.dims[axis] ?? 1;
    const dims = randomDims(random, random.below(3));
    const indices = Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => random.below(2 * length) - length);
    const chosen = fromNumbers(random.pick(["int32", "int64"]), dims, indices);
    const attributes = { axis: random.below(2) === 0 ? axis : axis - x.dims.length };
    return random.below(2) === 0
      ? { op: "Gather", inputs: [x, chosen], attributes }
      : { op: "Gather", inputs: [x], constants: { 1: chosen }, attributes };
  },
  "Cast between integers": (random) => {
    const integers = ["uint8", "int8", "uint16", "int16", "int32", "int64", "uint32", "uint64", "bool"] as const;
    const codes = [2, 3, 4, 5, 6, 7, 12, 13, 9];
    return {
      op: "Cast",
      inputs: [of(random, integers, randomDims(random, 2))],
      attributes: { to: random.pick(codes) },
    };
  },
  "Cast to float32": (random) => {
    const x = of(random, ["uint8", "int8", "uint16", "int16", "int32"], randomDims(random, 2));
    return { op: "Cast", inputs: [x], attributes: { to: 1 } };
  },
  Relu: (random) => ({
    op: "Relu",
    inputs: [of(random, ["float32", "float32", "int32", "int8"], randomDims(random, 3))],
  }),
  LeakyRelu: (random) => {
    const float = Math.fround(random.pick([0.01, -0.5, 0, 1e-40, 3e38, 2]));
    return {
      op: "LeakyRelu",
      inputs: [randomTensor(random, "float32", randomDims(random, 3))],
      attributes: { alpha: { float } },
    };
  },
  Clip: (random) => {
    const dtype = random.pick(["float32", "float32", "int32", "int64", "uint8", "int8"] as const);
    const bound = (): Tensor => {
      const value = randomFloat(random);
      if (dtype !== "float32") return randomTensor(random, dtype, []);
      return scalar(dtype, Number.isNaN(value) ? 0 : value);
    };
    const bounds = {
      ...(random.below(3) === 0 ? {} : { 1: bound() }),
      ...(random.below(3) === 0 ? {} : { 2: bound() }),
    };
    return { op: "Clip", inputs: [randomTensor(random, dtype, randomDims(random, 3))], constants: bounds };
  },
  MaxPool: (random) => {
    const { x, kernel, attributes } = spatial(random, 1 + random.below(3));
    const values = of(random, ["float32", "uint8", "int8"], x);
    return { op: "MaxPool", inputs: [values], attributes: { ...attributes, kernel_shape: kernel } };
  },
  "MaxPool with ceil_mode": (random) => {
    const { x, kernel, attributes } = spatial(random, 2);
    const inputs = [of(random, ["float32", "uint8"], x)];
    const others = { auto_pad: "NOTSET", strides: kernel, kernel_shape: kernel, ceil_mode: 1 };
    return { op: "MaxPool", inputs, attributes: { ...attributes, ...others } };
  },
  GlobalMaxPool: (random) => ({
    op: "GlobalMaxPool",
    inputs: [randomTensor(random, "float32", randomDims(random, 4))],
  }),
  ArgMax: (random) => {
    const dims = randomDims(random, 3);
    const axis = random.below(3);
    // Few values, so that ties are common.
    const few = Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () =>
      random.pick([0, -0, 1, 2, NaN, -Infinity]),
    );
    const tied = fromFloat32Array(Float32Array.from(few), dims);
    const x = random.below(2) === 0 ? tied : of(random, ["float32", "int32", "uint8", "int8"], dims);
    return {
      op: "ArgMax",
      inputs: [x],
      attributes: {
        axis: random.below(2) === 0 ? axis : axis - 3,
        keepdims: random.below(2),
        select_last_index: random.below(2),
      },
    };
  },
  Add: broadcastable("Add"),
  Sub: broadcastable("Sub"),
  Mul: broadcastable("Mul"),
  "Div of float32": (random) => {
    const dims = randomDims(random, 1 + random.below(4));
    const inputs = [randomTensor(random, "float32", dims), randomTensor(random, "float32", narrowed(random, dims))];
    return { op: "Div", inputs };
  },
  "Div of integers": (random) => {
    const dtype = random.pick(["int32", "int64"] as const);
    const divisors = Array.from({ length: 3 }, () => random.pick([1, 2, -2, 7, -13, 2 ** 31 - 1, -(2 ** 31)]));
    return {
      op: "Div",
      inputs: [randomTensor(random, dtype, [4, 3])],
      constants: { 1: fromNumbers(dtype, [3], divisors) },
    };
  },
  QuantizeLinear: (random) => {
    const dtype = random.pick(["uint8", "int8", "uint16", "int16"] as const);
    const scale = randomScale(random);
    const dims = randomDims(random, 3);
    // Halves of the scale are ties.
    const values = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () =>
      random.below(2) === 0 ? (random.below(800) - 400) * (scale / 2) : randomFloat(random),
    );
    const constants = { 1: scalar("float32", scale), 2: scalar(dtype, zeroPoint(random, dtype)) };
    return { op: "QuantizeLinear", inputs: [fromFloat32Array(values, dims)], constants, opset: 21 };
  },
  DequantizeLinear: (random) => {
    const dtype = random.pick(["uint8", "int8", "uint16", "int16", "int32"] as const);
    const zero = dtype === "int32" ? {} : { 2: scalar(dtype, zeroPoint(random, dtype)) };
    const constants = { 1: scalar("float32", randomScale(random)), ...zero };
    return {
      op: "DequantizeLinear",
      inputs: [randomTensor(random, dtype, randomDims(random, 3))],
      constants,
      opset: 21,
    };
  },
  MatMulInteger: (random) => {
    const [m, k, n] = matrices(random);
    const batch = randomDims(random, random.below(3), 3);
    const a = of(random, ["uint8", "int8"], [...narrowed(random, batch), m, k]);
    const b = weights(random, a.dtype, [...(random.below(2) === 0 ? [] : narrowed(random, batch)), k, n]);
    const zeros =
      random.below(2) === 0
        ? {}
        : { 2: scalar(a.dtype, zeroPoint(random, a.dtype)), 3: scalar(b.dtype, zeroPoint(random, b.dtype)) };
    const fed = b.dtype === a.dtype && random.below(3) === 0;
    return { op: "MatMulInteger", inputs: fed ? [a, b] : [a], constants: fed ? zeros : { ...zeros, 1: b } };
  },
  QLinearMatMul: (random) => {
    const [m, k, n] = matrices(random);
    const batch = randomDims(random, random.below(2), 3);
    const a = of(random, ["uint8", "int8"], [...batch, m, k]);
    // onnxruntime has no int8 times uint8 here.
    const b = a.dtype === "int8" ? randomTensor(random, "int8", [k, n]) : weights(random, "uint8", [k, n]);
    const { scales, zero } = quantized(random, b.dtype, n);
    return {
      op: "QLinearMatMul",
      inputs: [a],
      constants: {
        1: scalar("float32", randomScale(random)),
        2: scalar(a.dtype, zeroPoint(random, a.dtype)),
        3: b,
        4: scales,
        5: zero,
        6: scalar("float32", randomScale(random) * 32),
        7: scalar(a.dtype, zeroPoint(random, a.dtype)),
      },
    };
  },
  ConvInteger: (random) => {
    const { x, w, group, kernel, attributes } = convolution(random);
    const values = randomTensor(random, "uint8", x);
    const filters = weights(random, "uint8", w);
    const zeros =
      random.below(2) === 0
        ? {}
        : { 2: scalar("uint8", random.below(256)), 3: scalar(filters.dtype, zeroPoint(random, filters.dtype)) };
    return {
      op: "ConvInteger",
      inputs: [values],
      constants: { 1: filters, ...zeros },
      attributes: { ...attributes, group, kernel_shape: kernel },
    };
  },
  QLinearConv: (random) => {
    const { x, w, group, kernel, attributes } = convolution(random);
    const values = of(random, ["uint8", "int8"], x);
    const filters = values.dtype === "int8" ? randomTensor(random, "int8", w) : weights(random, "uint8", w);
    const { scales, zero } = quantized(random, filters.dtype, w[0] ?? 1);
    const bias = random.below(3) === 0 ? {} : { 8: randomTensor(random, "int32", [w[0] ?? 1]) };
    return {
      op: "QLinearConv",
      inputs: [values],
      constants: {
        1: scalar("float32", randomScale(random)),
        2: scalar(values.dtype, zeroPoint(random, values.dtype)),
        3: filters,
        4: scales,
        5: zero,
        6: scalar("float32", randomScale(random) * 16),
        7: scalar(values.dtype, zeroPoint(random, values.dtype)),
        ...bias,
      },
      attributes: { ...attributes, group, kernel_shape: kernel },
    };
  },
  "Slice of one element, by the longest steps that a file can say": (random) => {
    const step = random.pick([2n ** 63n - 1n, -(2n ** 63n), 2n ** 62n, 1n - 2n ** 63n]);
    const end = step > 0n ? 2n ** 63n - 1n : -(2n ** 63n);
    const x = randomTensor(random, random.pick(ANY), [2, 1 + random.below(4), 3]);
    const start = random.below(x.dims[1] ?? 1);
    const constants = [[start], [end], [1], [step]].map((values) => fromNumbers("int64", [1], values));
    return { op: "Slice", inputs: [x], constants: { ...[undefined, ...constants] } };
  },
};

describe("Each lowered operator agrees with onnxruntime in every element", () => {
  for (const [index, [name, make]] of Object.entries(OPERATORS).entries()) {
    it(name, async () => {
      await initHash();
      const random = new Random(1000 + index);
      let elements = 0;
      for (let round = 0; round < CASES; round++) {
        const given = make(random);
        try {
          elements += (await check(given)).elements;
        } catch (error) {
          const dims = given.inputs.map((tensor) => tensor && `${tensor.dtype}[${tensor.dims.join()}]`);
          const what = JSON.stringify({ round, dims, attributes: given.attributes });
          throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
        }
      }
      assert.ok(elements >= CASES, `${elements} elements`);
    });
  }
});
