import type { CourtModel, RuntimeName } from "../../../sdk/src/graph/index.js";
import { operandsOf, PreparationError, readModel, runTrace } from "../../../sdk/src/graph/index.js";
import { contradicts } from "../../../sdk/src/graph/judge.js";
import type { SumsProfile } from "../../../sdk/src/graph/lower.js";
import type { Tensor } from "../../../sdk/src/tensor/index.js";
import {
  canonicaliseNaN,
  fromFloat32Array,
  fromNumbers,
  Layout,
  toFloat32Array,
} from "../../../sdk/src/tensor/index.js";
import type { ModelDescription, NodeDescription } from "../../../sdk/test/support/onnxModel.js";
import { onnxFile } from "../../../sdk/test/support/onnxModel.js";
import type { Random } from "../../../sdk/test/tensor/random.js";
import { inProcess } from "../../../provider-worker/test/support/inProcessRuntime.js";
import type { Case, Generator } from "../support/cases.js";
import { caseOf } from "../support/cases.js";
import { randomDims, randomTensor, withElement } from "../support/values.js";
import { randomWindow } from "./selection.js";

export interface FloatNode {
  op: string;
  attributes?: NodeDescription["attributes"];
  inputs: readonly Tensor[];
  /** Which inputs are constants of the model: onnxruntime may pack them. */
  constants?: readonly number[];
  /** Computed in the model, so that it lies where onnxruntime puts it. */
  computed?: boolean;
  opset?: number;
}

/** Of the operands, where the operator reads no other. */
const LAYOUTS: Readonly<Record<string, readonly Layout[]>> = {
  MatMul: [Layout.Rows, Layout.Columns],
  ToleranceMatMul: [Layout.Rows, Layout.Columns],
  Conv: [Layout.Pixels, Layout.Filters],
  ToleranceConv: [Layout.Pixels, Layout.Filters],
  Softmax: [Layout.Rows],
  LayerNormalization: [Layout.Rows],
};

const NO_ORDER = /none of the \d+ orders|no order of the sum|divided by different numbers|lie far apart/;

/**
 * What onnxruntime computes of a node, in the order of summation that preparing its model finds; another node where
 * none is found.
 */
export const prepared =
  (
    make: (random: Random) => FloatNode,
    sums: SumsProfile,
    runtime: RuntimeName = "native",
    choose = floatNode,
  ): Generator =>
  async (random) => {
    for (;;) {
      const given = make(random);
      try {
        return await run(random, given, sums, runtime, choose);
      } catch (error) {
        if (!(error instanceof PreparationError) || !NO_ORDER.test(error.message)) throw error;
      }
    }
  };

async function run(
  random: Random,
  given: FloatNode,
  sums: SumsProfile,
  runtime: RuntimeName,
  choose: Choose,
): Promise<Case> {
  const { file, feeds } = modelOf(given, runtime);
  const model = await readModel(file, inProcess, sums);
  const trace = (await runTrace(model, feeds, inProcess)).map(canonicaliseNaN);
  const at = choose(model.nodes, random);
  const [instruction, node] = [model.instructions[at], model.nodes[at]];
  const output = trace[model.inputNames.length + at];
  if (!instruction || !node || !output) throw new Error(`${given.op} is not the node that was made`);
  const operands = operandsOf(model, trace, at);
  const made = caseOf(random, instruction, operands, output, LAYOUTS[instruction.operator]);
  const ordered = { ...made, node: { ...made.node, numeric: node.numeric } };
  if (sums === "Canonical") return ordered;
  const stands = (element: number, bytes: Uint8Array) =>
    !contradicts(instruction, operands, withElement(output, element, bytes), element, node.numeric);
  return { ...ordered, stands };
}

/** Which node of a model is judged. */
type Choose = (nodes: CourtModel["nodes"], random: Random) => number;

/** A sum or function, of which some ONNX nodes have several. */
const floatNode: Choose = (nodes, random) =>
  random.pick(nodes.flatMap(({ operator }, i) => (operator >> 8 >= 6 ? [i] : [])));

function modelOf(given: FloatNode, runtime: RuntimeName) {
  const { op, attributes = {}, inputs, constants = [], computed, opset = 21 } = given;
  const named = inputs.map((tensor, i) => [`x${i}`, tensor] as const);
  const feeds = named.filter((_, i) => !constants.includes(i));
  const names = named.map(([name], i) => (computed && i === 0 ? "same" : name));
  const same = { op: "LeakyRelu", inputs: ["x0"], outputs: ["same"], attributes: { alpha: { float: 1 } } };
  const description: ModelDescription = {
    nodes: [...(computed ? [same] : []), { op, inputs: names, outputs: ["y"], attributes }],
    inputs: Object.fromEntries(feeds.map(([name, { dtype, dims }]) => [name, [dtype, dims]])),
    outputs: { y: undefined },
    constants: Object.fromEntries(named.filter((_, i) => constants.includes(i))),
    opset,
    runtime,
  };
  return { file: onnxFile(description), feeds: new Map(feeds) };
}

/** Often numbers of many magnitudes, else with infinities, NaNs, subnormals and zeros of both signs. */
export function floats(random: Random, dims: readonly number[]): Tensor {
  const kind = random.pick(["finite", "finite", "finite", "small", "edges", "any"] as const);
  if (kind !== "any") return randomTensor(random, "float32", dims, kind);
  // So many that one of them does not make all sums NaN.
  const [rare, usual] = [randomTensor(random, "float32", dims), randomTensor(random, "float32", dims, "finite")];
  const edges = toFloat32Array(rare);
  return fromFloat32Array(
    toFloat32Array(usual).map((value, i) => (random.below(20) === 0 ? (edges[i] ?? 0) : value)),
    dims,
  );
}

/** Long enough for several blocks now and then. */
const depthOf = (random: Random): number => 1 + random.below(random.pick([8, 40, 40, 150, 700]));
const someOf = (random: Random, places: readonly number[]) => places.filter(() => random.below(3) > 0);

function matMul(random: Random): FloatNode {
  const [m = 1, n = 1] = randomDims(random, 2, random.pick([3, 6, 40]));
  const k = depthOf(random);
  const batch = randomDims(random, random.below(2), 2);
  const inputs = [floats(random, [...batch, m, k]), floats(random, [...(random.below(2) === 0 ? batch : []), k, n])];
  return { op: "MatMul", inputs, constants: someOf(random, [1]) };
}

function gemm(random: Random): FloatNode {
  const [m = 1, n = 1] = randomDims(random, 2, random.pick([3, 6, 40]));
  const k = depthOf(random);
  const [transA, transB] = [random.below(2), random.below(2)];
  const c = random.pick([[n], [m, n], [m, 1], [1, n], [1], []]);
  const inputs = [floats(random, transA ? [k, m] : [m, k]), floats(random, transB ? [n, k] : [k, n])];
  if (random.below(4) > 0) inputs.push(floats(random, c));
  const constants = someOf(
    random,
    inputs.map((_, i) => i),
  ).filter((i) => i > 0);
  return {
    op: "Gemm",
    attributes: { transA, transB },
    inputs,
    constants,
  };
}

function conv(random: Random): FloatNode {
  const { window, spatial, pads } = randomWindow(random, random.pick([1, 2, 2, 2, 3]));
  const group = random.pick([1, 1, 1, 2, 3]);
  const channels = 1 + random.below(random.pick([4, 4, 20, 60]));
  const filters = group * (1 + random.below(4));
  const inputs = [
    floats(random, [1 + random.below(2), group * channels, ...spatial]),
    floats(random, [filters, channels, ...window.kernel]),
    ...(random.below(3) > 0 ? [floats(random, [filters])] : []),
  ];
  const { kernel, strides, dilations } = window;
  const constants = random.below(3) > 0 ? [1, 2].slice(0, inputs.length - 1) : [];
  return {
    op: "Conv",
    attributes: { kernel_shape: kernel, strides, dilations, pads, group },
    inputs,
    constants,
  };
}

function averagePool(random: Random): FloatNode {
  const { window, spatial, pads } = randomWindow(random, 1 + random.below(3));
  const x = floats(random, [...randomDims(random, 2, 3), ...spatial]);
  if (random.below(3) === 0) return { op: "GlobalAveragePool", inputs: [x] };
  const { kernel, strides, dilations } = window;
  const attributes = { kernel_shape: kernel, strides, pads, count_include_pad: random.below(2) };
  // Other kernels: those of older versions know no dilations.
  if (random.below(2) === 0) {
    const whole = { ...attributes, ceil_mode: random.below(3) === 0 ? 1 : 0, dilations };
    return { op: "AveragePool", attributes: whole, inputs: [x] };
  }
  return { op: "AveragePool", attributes, inputs: [x], opset: 15 };
}

const reduce =
  (op: "ReduceSum" | "ReduceMean") =>
  (random: Random): FloatNode => {
    const dims = randomDims(random, 1 + random.below(4), 4).with(-1, 1 + random.below(random.pick([4, 40, 150])));
    const from = random.below(dims.length);
    const count = random.pick([1, dims.length - from, 1 + random.below(dims.length - from)]);
    const axes = Array.from({ length: count }, (_, i) => from + i);
    const inputs = [floats(random, dims), fromNumbers("int64", [axes.length], axes)];
    return { op, attributes: { keepdims: random.below(2) }, inputs, constants: [1], computed: random.below(4) > 0 };
  };

function batchNormalization(random: Random): FloatNode {
  const [channels = 1, ...spatial] = randomDims(random, 1 + random.below(4), 6);
  const each = () => randomTensor(random, "float32", [channels], "finite");
  const variance = fromFloat32Array(toFloat32Array(each()).map(Math.abs), [channels]);
  const inputs = [floats(random, [1 + random.below(3), channels, ...spatial]), each(), each(), each(), variance];
  return { op: "BatchNormalization", inputs, constants: [1, 2, 3, 4], opset: 15 };
}

const MAKERS: Readonly<Record<string, (random: Random) => FloatNode>> = {
  MATMUL: (random) => random.pick([matMul, gemm])(random),
  CONV: conv,
  AVERAGE_POOL: averagePool,
  REDUCE_SUM: reduce("ReduceSum"),
  REDUCE_MEAN: reduce("ReduceMean"),
  BATCH_NORMALIZATION: batchNormalization,
};

const generators = (sums: SumsProfile, prefix: string, runtime?: RuntimeName): Readonly<Record<string, Generator>> =>
  Object.fromEntries(Object.entries(MAKERS).map(([name, make]) => [prefix + name, prepared(make, sums, runtime)]));

export const FLOAT_DOT = generators("Canonical", "");
/** The same nodes, computed by the kernels of WebAssembly. */
export const FLOAT_DOT_WASM = generators("Canonical", "", "wasm");
/** The same nodes, judged within the bound that holds for any order. */
export const TOLERANCE_DOT = generators("Tolerance", "TOLERANCE_");
