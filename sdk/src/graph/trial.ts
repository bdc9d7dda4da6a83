import type { OnnxModel, OnnxNode } from "../onnx/model.js";
import { AttributeType, encodeModel } from "../onnx/model.js";
import { onnxCode } from "../tensor/dtype.js";
import { canonicaliseNaN } from "../tensor/nan.js";
import { elementCount, fromFloat32Array, fromNumbers, type Tensor } from "../tensor/tensor.js";
import type { Value } from "./draft.js";
import type { Lowered, LoweredNode } from "./lower.js";
import type { GraphRuntime } from "./runtime.js";
import { generator } from "./sample.js";

// Nodes run by themselves in onnxruntime, all in one model, on numbers that show in which order it adds.

/** Elements of each node to be tried, in so many runs with other operands as that takes. */
export const ELEMENTS = 256;
const [LEAST_RUNS, MOST_RUNS] = [4, 64];
/** Numbers that a node reads in all runs for the sake of a part of its result. */
const MOST_NUMBERS = 1 << 21;

/** Numbers of a run: what they are multiplied by, and one in how many is a zero of either sign; 0: all are -0. */
interface Numbers {
  readonly scale: number;
  readonly zeros: number;
  /** What the first operand consists of instead: +0 times -0 is -0. */
  readonly first?: number;
}
const USUAL: Numbers = { scale: 1, zeros: 16 };
/** In turn. Zeros, and products that underflow to zeros, show what a sum begins with. */
export const NUMBERS: readonly Numbers[] = [
  USUAL,
  { scale: 1, zeros: 2 },
  { scale: 1, zeros: 0 },
  { scale: 2 ** -148, zeros: 16 },
];
/** All products are -0: a sum that begins with its first term is -0 then, one that begins with +0 is not. */
export const MINUS_ZEROS: Numbers = { scale: 1, zeros: 0, first: 0 };

/** A node with the prefix of its names in a trial. */
export type Open = LoweredNode & { readonly values: Lowered["values"]; readonly prefix: string };
export interface Trial {
  readonly nodes: readonly Open[];
  /** What onnxruntime read and computed in each run, by the names of the trial. */
  readonly runs: readonly ReadonlyMap<string, Tensor>[];
}

export async function runTrial(
  model: OnnxModel,
  nodes: readonly Open[],
  seed: number,
  numbers: readonly Numbers[],
  runtime: GraphRuntime,
): Promise<Trial> {
  const runs: Map<string, Tensor>[] = [];
  if (nodes.length === 0) return { nodes, runs };
  const next = generator(seed);
  const loaded = await runtime.load(trialModel(model, nodes));
  try {
    // Numbers that leave nothing to chance are tried once.
    const count = numbers.length === 1 ? 1 : Math.max(...nodes.map(runsFor));
    while (runs.length < count) {
      const operands = operandsFor(nodes, next, numbers[runs.length % numbers.length] ?? USUAL);
      const results = [...operands, ...(await loaded.run(operands))];
      runs.push(new Map(results.map(([name, tensor]) => [name, canonicaliseNaN(tensor)])));
    }
    return { nodes, runs };
  } finally {
    loaded.stop();
  }
}

/** The smaller the result, or a part of it with an order of its own, the more often it is computed. */
export function runsFor(open: Open): number {
  const tried = open.drafts.filter(({ variants }) => variants !== undefined);
  const whole = runsOf(Math.min(...tried.map(({ output }) => elementCount(output.dims))));
  const part = runsOf(Math.min(...tried.map(({ output, fewest }) => fewest ?? elementCount(output.dims))));
  const numbers = operandsOf(open).map(([, { constant, dims }]) => (constant ? 0 : elementCount(dims)));
  const affordable = Math.floor(MOST_NUMBERS / numbers.reduce((a, b) => a + b, 1));
  return Math.max(whole, Math.min(part, affordable));
}

const runsOf = (elements: number): number => Math.min(MOST_RUNS, Math.max(LEAST_RUNS, Math.ceil(ELEMENTS / elements)));

/**
 * All nodes beside each other. What is a constant stays one, because onnxruntime may pack it; what is computed is
 * copied first, so that it lies where onnxruntime puts it.
 */
function trialModel({ irVersion, opsetImport, metadataProps = [] }: OnnxModel, nodes: readonly Open[]): Uint8Array {
  const named = nodes.flatMap((node) => operandsOf(node));
  const computed = named.filter(([, { constant, dims }]) => !constant && dims.length > 0).map(([name]) => name);
  const read = (name: string) => (computed.includes(name) ? copyOf(name) : name);
  const node = nodes.map(({ node: each, prefix }): OnnxNode => {
    const input = each.input.map((name) => (name === "" ? "" : read(prefix + name)));
    return { ...each, input, output: each.output.map((name) => (name === "" ? "" : prefix + name)) };
  });
  return encodeModel({
    irVersion,
    opsetImport,
    metadataProps,
    graph: {
      name: "trial",
      node: [...computed.map(copy), ...node],
      initializer: named.flatMap(([name, { constant }]) => (constant ? [initializer(name, constant)] : [])),
      input: named.flatMap(([name, value]) => (value.constant ? [] : [port(name, value)])),
      output: nodes.map(({ prefix, node: { output } }) => ({ name: prefix + (output[0] ?? "") })),
    },
  });
}

const copyOf = (name: string): string => `copy of ${name}`;

/** A Concat of one tensor. */
function copy(name: string): OnnxNode {
  const axis = { name: "axis", type: AttributeType.int, i: 0n };
  return { opType: "Concat", input: [name], output: [copyOf(name)], attribute: [axis] };
}

function operandsFor(nodes: readonly Open[], next: () => number, numbers: Numbers): Map<string, Tensor> {
  return new Map(
    nodes.flatMap((node) =>
      operandsOf(node).flatMap(([name, value]) => {
        if (value.constant) return [];
        const isFirst = name === node.prefix + (node.node.input[0] ?? "");
        return [[name, operandFor(value, next, numbers, isFirst)] as const];
      }),
    ),
  );
}

function operandFor({ dtype, dims }: Value, next: () => number, numbers: Numbers, isFirst: boolean): Tensor {
  const count = elementCount(dims);
  if (dtype === "float32") {
    const filled = isFirst ? numbers.first : undefined;
    const floats = filled === undefined ? randomFloats(count, next, numbers) : new Float32Array(count).fill(filled);
    return fromFloat32Array(floats, dims);
  }
  const bits = Uint8Array.from({ length: count }, () => next() >>> 31);
  return fromNumbers(dtype, dims, bits);
}

/** What an ONNX node reads, each name once. */
export function operandsOf({ node, values, prefix }: Open): [name: string, value: Value][] {
  const names = [...new Set(node.input.filter((name) => name !== ""))];
  return names.flatMap((name) => {
    const value = values.get(name);
    return value ? [[prefix + name, value] as [string, Value]] : [];
  });
}

/** Five magnitudes, so that each order rounds otherwise. */
export function randomFloats(count: number, next: () => number, { scale, zeros }: Numbers): Float32Array {
  return Float32Array.from({ length: count }, () => {
    if (zeros === 0) return -0;
    const bits = next();
    const value = (next() / 2 ** 31 - 1) * 2 ** (bits % 5) * scale;
    return (bits >>> 8) % zeros === 0 ? 0 * value : value;
  });
}

function initializer(name: string, { dtype, dims, data }: Tensor) {
  return { name, dims: dims.map(BigInt), dataType: onnxCode(dtype), rawData: data };
}

function port(name: string, { dtype, dims }: Value) {
  const shape = { dim: dims.map((dim) => ({ dimValue: BigInt(dim) })) };
  return { name, type: { tensorType: { elemType: onnxCode(dtype), shape } } };
}
