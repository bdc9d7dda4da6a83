import type { DType, RuntimeName, Tensor } from "@assay/sdk";
import { elementCount, fromFloat32Array, fromNumbers } from "@assay/sdk";

import { onnxFile, type NodeDescription } from "../../sdk/test/support/onnxModel.js";
import { Random } from "../../sdk/test/tensor/random.js";
import { randomTensor } from "../verifiers/support/values.js";

/** An ONNX file with one input x, and the dims of that. */
export interface Network {
  readonly file: Uint8Array;
  readonly dims: readonly number[];
}

export const [TOKENS, WIDTH, HEAD, HIDDEN] = [6, 16, 8, 32] as const;

/** Numbers from -1 to 1. */
export function uniform(random: Random, ...dims: number[]): Tensor {
  const values = Float32Array.from({ length: elementCount(dims) }, () => random.next() / 2 ** 31 - 1);
  return fromFloat32Array(values, dims);
}

export const node = (
  op: string,
  inputs: string[],
  output: string,
  attributes: NodeDescription["attributes"] = {},
): NodeDescription => ({ op, inputs, outputs: [output], attributes });

const scalar = (value: number, dtype: DType = "float32"): Tensor => fromNumbers(dtype, [], [value]);
const bytes = (random: Random, ...dims: number[]): Tensor =>
  fromNumbers(
    "int8",
    dims,
    Array.from({ length: elementCount(dims) }, () => random.below(121) - 60),
  );

/** One head of attention, and a perceptron with GELU; both behind a normalisation, and added to what they read. */
const BLOCK: readonly NodeDescription[] = [
  node("LayerNormalization", ["x", "gain", "shift"], "n"),
  node("MatMul", ["n", "query"], "q"),
  node("MatMul", ["n", "key"], "k"),
  node("MatMul", ["n", "value"], "v"),
  node("Transpose", ["k"], "kT", { perm: [0, 2, 1] }),
  node("MatMul", ["q", "kT"], "scores"),
  node("Div", ["scores", "root"], "scaled"),
  node("Softmax", ["scaled"], "attention", { axis: -1 }),
  node("MatMul", ["attention", "v"], "mixed"),
  node("MatMul", ["mixed", "project"], "projected"),
  node("Add", ["x", "projected"], "h"),
  node("LayerNormalization", ["h", "gain", "shift"], "m"),
  node("MatMul", ["m", "up"], "raised"),
  node("Add", ["raised", "upBias"], "biased"),
  node("Gelu", ["biased"], "active"),
  node("MatMul", ["active", "down"], "lowered"),
  node("Add", ["lowered", "downBias"], "last"),
  node("Add", ["h", "last"], "y"),
];

/** As exporters of older operators write it: normalisation and GELU out of single operators. */
const DECOMPOSED: readonly NodeDescription[] = [
  node("ReduceMean", ["x"], "mean", { axes: [-1], keepdims: 1 }),
  node("Sub", ["x", "mean"], "centred"),
  node("Pow", ["centred", "two"], "squared"),
  node("ReduceMean", ["squared"], "variance", { axes: [-1], keepdims: 1 }),
  node("Add", ["variance", "epsilon"], "sum"),
  node("Sqrt", ["sum"], "deviation"),
  node("Reciprocal", ["deviation"], "inverse"),
  node("Mul", ["centred", "inverse"], "normal"),
  node("Div", ["normal", "rootTwo"], "divided"),
  node("Erf", ["divided"], "erf"),
  node("Add", ["erf", "one"], "raised"),
  node("Mul", ["normal", "raised"], "doubled"),
  node("Mul", ["doubled", "half"], "gelu"),
  node("Pow", ["normal", "three"], "cubed"),
  node("Neg", ["cubed"], "negative"),
  node("Tanh", ["negative"], "tanh"),
  node("Sigmoid", ["normal"], "gate"),
  node("Mul", ["gate", "tanh"], "gated"),
  node("Exp", ["gated"], "grown"),
  node("Log", ["grown"], "same"),
  node("Softmax", ["same"], "shares", { axis: 1 }),
  node("Add", ["gelu", "shares"], "y"),
];

function transformer(nodes: readonly NodeDescription[], opset: number): Network {
  const random = new Random(9);
  const constants: Readonly<Record<string, Tensor>> = {
    gain: uniform(random, WIDTH),
    shift: uniform(random, WIDTH),
    query: uniform(random, WIDTH, HEAD),
    key: uniform(random, WIDTH, HEAD),
    value: uniform(random, WIDTH, HEAD),
    project: uniform(random, HEAD, WIDTH),
    up: uniform(random, WIDTH, HIDDEN),
    upBias: uniform(random, HIDDEN),
    down: uniform(random, HIDDEN, WIDTH),
    downBias: uniform(random, WIDTH),
    root: scalar(Math.sqrt(HEAD)),
    two: scalar(2),
    three: scalar(3),
    one: scalar(1),
    half: scalar(0.5),
    rootTwo: scalar(Math.SQRT2),
    epsilon: scalar(1e-5),
  };
  const read = new Set(nodes.flatMap(({ inputs }) => inputs));
  const dims = [1, TOKENS, WIDTH];
  const file = onnxFile({
    nodes: [...nodes],
    inputs: { x: ["float32", dims] },
    outputs: { y: undefined },
    constants: Object.fromEntries(Object.entries(constants).filter(([name]) => read.has(name))),
    opset,
  });
  return { file, dims };
}

export const transformerBlock = (): Network => transformer(BLOCK, 20);
export const decomposedBlock = (): Network => transformer(DECOMPOSED, 17);

/** A normalisation and a softmax of rows that are judged by their totals. */
export function longRows(): Network {
  const random = new Random(6);
  const dims = [2, 5000];
  const file = onnxFile({
    nodes: [node("LayerNormalization", ["x", "gain", "shift"], "n"), node("Softmax", ["n"], "y", { axis: -1 })],
    inputs: { x: ["float32", dims] },
    outputs: { y: undefined },
    constants: { gain: uniform(random, 5000), shift: uniform(random, 5000) },
    opset: 17,
  });
  return { file, dims };
}

/**
 * Every operator that adds up float32. For `wasm` its images have whole fours of places, so that both runtimes have the
 * same nodes, unless they are to be `uneven`: then wasm takes the last places of a row in another order, and nodes are cut
 * in two.
 */
export function floatNetwork(runtime: RuntimeName = "native", uneven = runtime === "native"): Network {
  const random = new Random(4);
  const floats = (...dims: number[]) => randomTensor(random, "float32", dims, "finite");
  const size = uneven ? 9 : 10;
  const dims = [2, 3, size, size];
  const file = onnxFile({
    // A convolution reads pixels, a global average rows of an image: some tensors need both.
    nodes: [
      node("Conv", ["x", "w", "b"], "conv", { pads: [1, 1, 1, 1] }),
      // Right behind a convolution onnxruntime would make one node of both.
      node("LeakyRelu", ["conv"], "bent", { alpha: { float: 0.1 } }),
      node("BatchNormalization", ["bent", "gamma", "beta", "mean", "variance"], "active"),
      node("Conv", ["active", "depthwise"], "each", { group: 6 }),
      node("AveragePool", ["each"], "small", { kernel_shape: [2, 2], strides: [2, 2], pads: [0, 0, 1, 1] }),
      node("GlobalAveragePool", ["active"], "global"),
      node("ReduceMean", ["active"], "means", { axes: [2, 3] }),
      node("ReduceSum", ["active", "channels"], "sums"),
      node("Add", ["global", "means"], "both"),
      node("Flatten", ["both"], "flat"),
      node("Gemm", ["flat", "dense", "bias"], "logits", { transB: 1 }),
      node("Transpose", ["logits"], "turned"),
      node("MatMul", ["turned", "logits"], "products"),
    ],
    inputs: { x: ["float32", dims] },
    outputs: { small: undefined, sums: undefined, products: undefined },
    constants: {
      w: floats(6, 3, 3, 3),
      b: floats(6),
      gamma: floats(6),
      beta: floats(6),
      mean: floats(6),
      variance: fromFloat32Array(Float32Array.of(0.5, 1, 2, 3, 4, 5)),
      depthwise: floats(6, 1, 3, 3),
      channels: fromNumbers("int64", [1], [1]),
      dense: floats(5, 6),
      bias: floats(5),
    },
    opset: 15,
    runtime,
  });
  return { file, dims };
}

/** Convolutions of 1,152 products in each element, one behind the other. */
export function convolutions(count: number, size: number): Network {
  const random = new Random(5);
  const layers = [..."abc"].slice(0, count);
  const last = layers.at(-1) ?? "";
  const dims = [1, 128, size, size];
  const file = onnxFile({
    nodes: layers.flatMap((name, i) => [
      node("Conv", [i === 0 ? "x" : `${layers[i - 1] ?? ""}2`, `w${name}`, `b${name}`], name, { pads: [1, 1, 1, 1] }),
      node("Relu", [name], `${name}2`),
    ]),
    inputs: { x: ["float32", dims] },
    outputs: { [`${last}2`]: undefined },
    constants: Object.fromEntries(
      layers.flatMap((name) => [
        [`w${name}`, uniform(random, 128, 128, 3, 3)],
        [`b${name}`, uniform(random, 128)],
      ]),
    ),
  });
  return { file, dims };
}

/** Every operator of integers, and of float32 those that round once or not at all. */
export function exactNetwork(): Network {
  const random = new Random(6);
  const dims = [1, 2, 7, 7];
  const file = onnxFile({
    nodes: [
      node("QuantizeLinear", ["x", "fine", "middle"], "quantised"),
      node("ConvInteger", ["quantised", "filters", "middle"], "sums"),
      node("Cast", ["sums"], "numbers", { to: 1 }),
      node("LeakyRelu", ["numbers"], "leaky", { alpha: { float: 0.1 } }),
      node("MaxPool", ["leaky"], "pooled", { kernel_shape: [2, 2] }),
      node("Pad", ["pooled", "pads", "outside"], "padded"),
      node("Clip", ["padded", "least", "most"], "cut"),
      node("QuantizeLinear", ["cut", "coarse", "middle"], "again"),
      node(
        "QLinearConv",
        ["again", "coarse", "middle", "depth", "fine", "zero", "wide", "middle", "offsets"],
        "convolved",
      ),
      node("DequantizeLinear", ["convolved", "wide", "middle"], "real"),
      node("Relu", ["real"], "positive"),
      node("Sqrt", ["positive"], "roots"),
      node("Add", ["roots", "real"], "added"),
      node("Sub", ["added", "shift"], "less"),
      node("Mul", ["less", "roots"], "times"),
      node("Div", ["times", "third"], "parts"),
      node("Concat", ["parts", "roots"], "joined", { axis: 1 }),
      node("Gather", ["joined", "chosen"], "gathered", { axis: 1 }),
      node("Flatten", ["gathered"], "flat"),
      node("QuantizeLinear", ["flat", "wide", "middle"], "row"),
      node("MatMulInteger", ["row", "dense", "middle"], "products"),
      node("QLinearMatMul", ["row", "wide", "middle", "dense", "fine", "zero", "wide", "middle"], "scores"),
      node("DequantizeLinear", ["scores", "wide", "middle"], "y"),
      node("ArgMax", ["y"], "place", { axis: 1, keepdims: 0 }),
      node("Cast", ["place"], "label", { to: 6 }),
    ],
    inputs: { x: ["float32", dims] },
    outputs: { products: undefined, y: undefined, label: undefined },
    constants: {
      fine: scalar(0.01),
      coarse: scalar(8),
      wide: scalar(0.5),
      middle: scalar(128, "uint8"),
      zero: scalar(0, "int8"),
      filters: bytes(random, 4, 2, 3, 3),
      depth: bytes(random, 4, 4, 3, 3),
      offsets: fromNumbers("int32", [4], [-900, 40, 0, 1200]),
      pads: fromNumbers("int64", [8], [0, 0, 1, 1, 0, 0, 0, 0]),
      outside: scalar(-3),
      least: scalar(-700),
      most: scalar(900),
      shift: scalar(0.3),
      third: scalar(3),
      chosen: fromNumbers("int64", [3], [0, -1, 5]),
      dense: bytes(random, 27, 5),
    },
    opset: 13,
  });
  return { file, dims };
}
