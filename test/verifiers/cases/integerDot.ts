import type { DType, Tensor } from "../../../sdk/src/tensor/index.js";
import {
  elementCount,
  fromFloat32Array,
  fromNumbers,
  Layout,
  makeTensor,
  toTypedArray,
} from "../../../sdk/src/tensor/index.js";
import type { Random } from "../../../sdk/test/tensor/random.js";
import type { Case, Generator } from "../support/cases.js";
import { caseOf } from "../support/cases.js";
import { int, runOneNode } from "../support/onnx.js";
import { float32Bytes, randomDims, randomTensor } from "../support/values.js";
import { randomWindow, windowAttributes } from "./selection.js";

type Byte = "uint8" | "int8";

const PAIRS = [
  ["uint8", "uint8"],
  ["int8", "int8"],
  ["uint8", "int8"],
  ["int8", "uint8"],
] as const;
/** Those of which onnxruntime has operators with QLinear in their names. */
const QLINEAR_PAIRS = PAIRS.slice(0, 3);
type Pairs = readonly (typeof PAIRS)[number][];

/** Types of both operands, and what does not overflow in 16 bits on processors without VNNI. */
function randomPair(random: Random, pairs: Pairs): { a: Byte; b: Byte; tame: (b: Tensor) => Tensor } {
  const [a, b] = random.pick(pairs);
  const tame = (tensor: Tensor) =>
    a === "uint8" && b === "int8"
      ? makeTensor(b, tensor.dims, new Uint8Array(Int8Array.from(new Int8Array(tensor.data), (w) => w >> 1).buffer))
      : tensor;
  return { a, b, tame };
}

const columns = (random: Random) => random.pick([Layout.Columns, Layout.ColumnsReversed]);
const filters = (random: Random) => random.pick([Layout.Filters, Layout.FiltersReversed]);
const valueOf = (scalar: Tensor) => Number(toTypedArray(scalar)[0]);
const scalar = (value: number): Tensor => makeTensor("float32", [], float32Bytes(value));

interface Product {
  a: Tensor;
  b: Tensor;
  zeroA: Tensor;
  zeroB: Tensor;
}

/** Matrices with and without leading axes, which may have to be broadcast. */
function randomProduct(random: Random, pairs: Pairs): Product {
  const { a, b, tame } = randomPair(random, pairs);
  const [m = 1, n = 1] = randomDims(random, 2, 4);
  const k = random.below(4) === 0 ? 1 + random.below(200) : 1 + random.below(40);
  const batch = randomDims(random, random.below(3), 3);
  const batchOf = () => batch.slice(random.below(2)).map((dim) => (random.below(4) === 0 ? 1 : dim));
  return {
    a: randomTensor(random, a, [...batchOf(), m, k]),
    b: tame(randomTensor(random, b, [...batchOf(), k, n])),
    zeroA: randomTensor(random, a, []),
    zeroB: tame(randomTensor(random, b, [])),
  };
}

async function matMulInteger(random: Random): Promise<Case> {
  const { a, b, zeroA, zeroB } = randomProduct(random, PAIRS);
  const output = await runOneNode({ opType: "MatMulInteger", inputs: [a, b, zeroA, zeroB], dtype: "int32" });
  return caseOf(random, { operator: "MatMulInteger", zeroA: valueOf(zeroA), zeroB: valueOf(zeroB) }, [a, b], output, [
    Layout.Rows,
    columns(random),
  ]);
}

interface Scales {
  scaleA: Tensor;
  scaleB: Tensor;
  scaleY: Tensor;
  zeroY: Tensor;
  multiplier: Tensor;
}

/** Scales at which outputs are spread over their range; of b one, or one for each channel. */
function randomScales(random: Random, dtype: DType, depth: number, channels: number): Scales {
  const spread = (255 / (depth * 127 * 127)) * 4;
  const each = random.below(2) === 0 ? 1 : channels;
  const scaleA = Math.fround((1 + random.below(1000)) / 500);
  const scaleY = Math.fround((1 + random.below(1000)) / 500);
  const scaleB = Float32Array.from({ length: each }, () => (spread * (1 + random.below(1000))) / 500);
  return {
    scaleA: scalar(scaleA),
    scaleB: each === 1 ? scalar(scaleB[0] ?? 1) : fromFloat32Array(scaleB),
    scaleY: scalar(scaleY),
    zeroY: randomTensor(random, dtype, []),
    multiplier: fromFloat32Array(scaleB.map((b) => Math.fround(Math.fround(scaleA * b) / scaleY))),
  };
}

const filled = (dtype: DType, length: number, value: number) =>
  fromNumbers(dtype, length === 0 ? [] : [length], new Array<number>(Math.max(1, length)).fill(value));

async function qLinearMatMul(random: Random): Promise<Case> {
  const { a, b, zeroA, zeroB } = randomProduct(random, QLINEAR_PAIRS);
  const [depth = 1, n = 1] = b.dims.slice(-2);
  // Scales for each column are only defined for a matrix without leading axes.
  const { scaleA, scaleB, scaleY, zeroY, multiplier } = randomScales(
    random,
    a.dtype,
    depth,
    b.dims.length === 2 ? n : 1,
  );
  const perColumn = scaleB.dims.length === 1;
  const zeros = perColumn ? filled(b.dtype, n, valueOf(zeroB)) : zeroB;
  const inputs = [a, scaleA, zeroA, b, scaleB, zeros, scaleY, zeroY];
  const output = await runOneNode({ opType: "QLinearMatMul", inputs, dtype: a.dtype });
  const zero = { zeroA: valueOf(zeroA), zeroB: valueOf(zeroB), zeroY: valueOf(zeroY) };
  return caseOf(random, { operator: "QLinearMatMul", ...zero }, [a, b, multiplier], output, [
    Layout.Rows,
    columns(random),
  ]);
}

function randomConvolution(random: Random, { a, b, tame }: ReturnType<typeof randomPair>) {
  const axes = random.pick([1, 2, 2, 2, 3]);
  const { window, spatial, pads } = randomWindow(random, axes);
  const group = 1 + random.below(3);
  const inputs = 1 + random.below(random.below(4) === 0 ? 40 : 5);
  const outputs = group * (1 + random.below(3));
  return {
    convolution: { ...window, group },
    attribute: [...windowAttributes(window, pads), int("group", group)],
    x: randomTensor(random, a, [1 + random.below(2), group * inputs, ...spatial]),
    w: tame(randomTensor(random, b, [outputs, inputs, ...window.kernel])),
    zeroX: randomTensor(random, a, []),
    zeroW: tame(randomTensor(random, b, [])),
    outputs,
    depth: inputs * elementCount(window.kernel),
  };
}

async function convInteger(random: Random): Promise<Case> {
  const pair = randomPair(random, PAIRS);
  const { convolution, attribute, x, w, zeroX, zeroW } = randomConvolution(random, pair);
  const output = await runOneNode({ opType: "ConvInteger", inputs: [x, w, zeroX, zeroW], dtype: "int32", attribute });
  return caseOf(
    random,
    { operator: "ConvInteger", convolution, zeroX: valueOf(zeroX), zeroW: valueOf(zeroW) },
    [x, w],
    output,
    [Layout.Pixels, filters(random)],
  );
}

async function qLinearConv(random: Random): Promise<Case> {
  const made = randomConvolution(random, randomPair(random, QLINEAR_PAIRS));
  const { convolution, attribute, x, w, zeroX, zeroW, outputs, depth } = made;
  const { scaleA, scaleB, scaleY, zeroY, multiplier } = randomScales(random, x.dtype, depth, outputs);
  const bias =
    random.below(3) === 0 ? undefined : randomTensor(random, "int32", [outputs], random.pick(["small", "any"]));
  const zeros = scaleB.dims.length === 1 ? filled(w.dtype, outputs, valueOf(zeroW)) : zeroW;
  const inputs = [x, scaleA, zeroX, w, scaleB, zeros, scaleY, zeroY, ...(bias ? [bias] : [])];
  const output = await runOneNode({ opType: "QLinearConv", inputs, dtype: x.dtype, attribute });
  const zero = { zeroX: valueOf(zeroX), zeroW: valueOf(zeroW), zeroY: valueOf(zeroY) };
  return caseOf(random, { operator: "QLinearConv", convolution, ...zero }, [x, w, multiplier, bias], output, [
    Layout.Pixels,
    filters(random),
  ]);
}

export const INTEGER_DOT: Readonly<Record<string, Generator>> = {
  MATMUL_INTEGER: matMulInteger,
  QLINEAR_MATMUL: qLinearMatMul,
  CONV_INTEGER: convInteger,
  QLINEAR_CONV: qLinearConv,
};
