import { elementCount, makeTensor, toHex } from "../../../sdk/src/tensor/index.js";
import type { Tensor } from "../../../sdk/src/tensor/index.js";
import type { Window } from "../../../sdk/src/graph/instruction.js";
import { toIndex } from "../../../sdk/src/graph/indices.js";
import { placesInWindow } from "../../../sdk/src/court/windows.js";
import type { Random } from "../../../sdk/test/tensor/random.js";
import type { Case, Generator } from "../support/cases.js";
import { caseOf } from "../support/cases.js";
import { float, int, ints, runOneNode } from "../support/onnx.js";
import { bytesAt, float32At, float32Bits, float32Bytes, randomDims, randomTensor } from "../support/values.js";

const ZEROS = [float32Bytes(0), float32Bytes(-0)];
const HIGHEST = 2 ** 128 - 2 ** 104;
const LOWEST = float32Bytes(-HIGHEST);

async function relu(random: Random): Promise<Case> {
  const dtype = random.pick(["float32", "float32", "float32", "int32", "int8"] as const);
  const x = randomTensor(random, dtype, randomDims(random, 1 + random.below(4)));
  const output = await runOneNode({ opType: "Relu", inputs: [x], dtype });
  const alsoRight = (element: number) => (dtype === "float32" && Object.is(float32At(x, element), -0) ? ZEROS : []);
  return { ...caseOf(random, { operator: "Relu" }, [x], output), alsoRight };
}

async function clip(random: Random): Promise<Case> {
  const dtype = random.pick([
    "float32",
    "float32",
    "float32",
    "int8",
    "uint8",
    "int32",
    "uint32",
    "int64",
    "uint64",
  ] as const);
  const x = randomTensor(random, dtype, randomDims(random, 1 + random.below(4)));
  const bound = () => (random.below(4) === 0 ? undefined : notNaN(randomTensor(random, dtype, [])));
  const [min, max] = [bound(), bound()];
  const output = await runOneNode({ opType: "Clip", inputs: [x, min, max], dtype });
  const hex = (tensor?: Tensor) => (tensor ? toHex(tensor.data) : "0x");
  return {
    ...caseOf(random, { operator: "Clip", min: hex(min), max: hex(max) }, [x], output),
    alsoRight: (element) => (dtype === "float32" ? clippedOtherwise(float32At(x, element), min, max) : []),
  };
}

/** As by a processor for which -0 is below +0. */
function clippedOtherwise(x: number, min: Tensor | undefined, max: Tensor | undefined): Uint8Array[] {
  const low = min ? float32At(min, 0) : -HIGHEST;
  const high = max ? float32At(max, 0) : HIGHEST;
  return [float32Bytes(Math.min(Math.max(x, low), high))];
}

function notNaN(bound: Tensor): Tensor {
  return bound.dtype === "float32" && Number.isNaN(float32At(bound, 0))
    ? makeTensor("float32", [], float32Bytes(-0))
    : bound;
}

async function leakyRelu(random: Random): Promise<Case> {
  const x = randomTensor(random, "float32", randomDims(random, 1 + random.below(4)));
  const alpha = Math.fround(random.pick([0.01, 0.1, 0, 1, 2.5, -0.5, 1e-30]));
  const output = await runOneNode({
    opType: "LeakyRelu",
    inputs: [x],
    dtype: "float32",
    attribute: [float("alpha", alpha)],
  });
  return caseOf(random, { operator: "LeakyRelu", alpha: float32Bits(alpha) }, [x], output);
}

/** Kernels, strides, dilations and pads of every combination onnxruntime accepts, over one, two or three axes. */
export function randomWindow(random: Random, axes: number): { window: Window; spatial: number[]; pads: number[] } {
  const each = <T>(make: (axis: number) => T): T[] => Array.from({ length: axes }, (_, axis) => make(axis));
  const kernel = each(() => 1 + random.below(3));
  const dilations = each(() => 1 + random.below(2));
  const extent = each((axis) => ((kernel[axis] ?? 1) - 1) * (dilations[axis] ?? 1) + 1);
  const padsBegin = each((axis) => random.below(kernel[axis] ?? 1));
  const padsEnd = each((axis) => random.below(kernel[axis] ?? 1));
  const spatial = each((axis) => (extent[axis] ?? 1) + random.below(5));
  const strides = each(() => 1 + random.below(3));
  return { window: { kernel, strides, dilations, padsBegin }, spatial, pads: [...padsBegin, ...padsEnd] };
}

export const windowAttributes = ({ kernel, strides, dilations }: Window, pads: readonly number[]) => [
  ints("kernel_shape", kernel),
  ints("strides", strides),
  ints("dilations", dilations),
  ints("pads", pads),
];

async function maxPool(random: Random): Promise<Case> {
  const dtype = random.pick(["float32", "float32", "float32", "uint8", "int8"] as const);
  const { window, spatial, pads } = randomWindow(random, 1 + random.below(3));
  const kind = random.pick(["any", "edges", "small", "finite"] as const);
  const x = randomTensor(random, dtype, [...randomDims(random, 2, 3), ...spatial], kind);
  const attribute = [...windowAttributes(window, pads), int("ceil_mode", random.below(2))];
  const output = await runOneNode({ opType: "MaxPool", inputs: [x], dtype, attribute });
  return {
    ...caseOf(random, { operator: "MaxPool", ...window }, [x], output),
    alsoRight: (element) => (dtype === "float32" ? maximaOtherwise(window, x, output, element) : []),
  };
}

/** What another processor may have for the largest element of a window: with NaNs, zeros of both signs, infinities. */
function maximaOtherwise(window: Window, x: Tensor, output: Tensor, element: number): Uint8Array[] {
  const [, channels = 1, ...spatial] = x.dims;
  const [image = 0, channel = 0, ...at] = toIndex(element, output.dims);
  const first = (image * channels + channel) * elementCount(spatial);
  const elements = placesInWindow(window, spatial, at).map((place) => first + place);
  const values = elements.map((place) => float32At(x, place));
  const numbers = values.filter((value) => !Number.isNaN(value));
  const largest = Math.max(...numbers);
  const lowest = largest === -Infinity ? [LOWEST] : [];
  if (numbers.length < values.length) {
    return [float32Bytes(NaN), LOWEST, ...elements.map((place) => bytesAt(x, place))];
  }
  const ties = elements.filter((place) => float32At(x, place) === largest).map((place) => bytesAt(x, place));
  return [...lowest, ...ties];
}

async function argMax(random: Random): Promise<Case> {
  const dtype = random.pick(["float32", "float32", "float32", "uint8", "int8", "int32"] as const);
  const kind = random.pick(["any", "small", "edges"] as const);
  const x = randomTensor(random, dtype, randomDims(random, 1 + random.below(4), 8), kind);
  const axis = random.below(x.dims.length);
  const last = random.below(2) === 1;
  const attribute = [int("axis", axis), int("keepdims", random.below(2)), int("select_last_index", Number(last))];
  const output = await runOneNode({ opType: "ArgMax", inputs: [x], dtype: "int64", attribute });
  return {
    ...caseOf(random, { operator: "ArgMax", axis, last }, [x], output),
    alsoRight: (element) => (dtype === "float32" ? argMaxOtherwise(x, axis, element) : []),
  };
}

/** With a NaN, the index of any NaN and of any largest number. */
function argMaxOtherwise(x: Tensor, axis: number, element: number): Uint8Array[] {
  const inner = elementCount(x.dims.slice(axis + 1));
  const length = x.dims[axis] ?? 1;
  const first = Math.floor(element / inner) * length * inner + (element % inner);
  const row = Array.from({ length }, (_, i) => float32At(x, first + i * inner));
  if (!row.some(Number.isNaN)) return [];
  const largest = Math.max(...row.filter((value) => !Number.isNaN(value)));
  return row.flatMap((value, i) => (Number.isNaN(value) || value === largest ? [int64Bytes(i)] : []));
}

function int64Bytes(value: number): Uint8Array {
  return new Uint8Array(BigInt64Array.of(BigInt(value)).buffer);
}

export const SELECTION: Readonly<Record<string, Generator>> = {
  RELU: relu,
  CLIP: clip,
  LEAKY_RELU: leakyRelu,
  MAX_POOL: maxPool,
  ARG_MAX: argMax,
};
