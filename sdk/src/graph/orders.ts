import type { OnnxModel, OnnxNode } from "../onnx/model.js";
import { encodeModel } from "../onnx/model.js";
import { onnxCode } from "../tensor/dtype.js";
import { canonicaliseNaN } from "../tensor/nan.js";
import { elementCount, fromFloat32Array, toFloat32Array, type Tensor } from "../tensor/tensor.js";
import type { Draft, Value, Variant } from "./draft.js";
import { elementsOf, evaluate } from "./evaluate.js";
import { SumOrder } from "./instruction.js";
import type { Lowered, LoweredNode } from "./lower.js";
import type { Problem } from "./problems.js";
import type { GraphRuntime } from "./runtime.js";
import { generator } from "./sample.js";

/** Seeds of the operands with which each node is tried. */
const TRIALS = [1, 2];
/** Terms that are added up to try one variant of one node; elements beyond are left out evenly. */
const TERMS_PER_VARIANT = 1 << 21;
const LEAST_ELEMENTS = 256;
/** Of a sum's elements from 16 bytes on the order is that of memory, which inputs do not determine. */
const OF_MEMORY: SumOrder = SumOrder.Packets;

/**
 * Finds out in which order onnxruntime adds in each node that has several variants: the first that gives its result bit
 * for bit in each element that is tried. Nodes of which none does are problems.
 */
export async function settleOrders(
  model: OnnxModel,
  { nodes, values }: Lowered,
  inputs: readonly Value[],
  runtime: GraphRuntime,
): Promise<{ drafts: Draft[]; problems: Problem[] }> {
  const open = withoutOrdersOfMemory(nodes, inputs).map((each, i): Open => ({ ...each, values, prefix: `n${i}:` }));
  const trials = open.some(isOpen) ? await runTrials(model, open.filter(isOpen), runtime) : [];
  const problems: Problem[] = [];
  const drafts = open.flatMap((node) =>
    node.drafts.map((draft) => {
      if (!draft.variants) return draft;
      const found = draft.variants.find((variant) =>
        trials.every((results) => reproduces(node, draft, variant, results)),
      );
      if (!found) problems.push(noOrder(node.node, draft));
      return { ...draft, ...found };
    }),
  );
  return { drafts, problems };
}

/** A node with the prefix of its names in the trial. */
type Open = LoweredNode & { readonly values: Lowered["values"]; readonly prefix: string };
/** What onnxruntime read and computed, by the names of the trial. */
type Results = ReadonlyMap<string, Tensor>;

const isOpen = ({ drafts }: LoweredNode): boolean => drafts.some(({ variants }) => variants !== undefined);

async function runTrials(model: OnnxModel, nodes: readonly Open[], runtime: GraphRuntime): Promise<Results[]> {
  const loaded = await runtime.load(trialModel(model, nodes));
  try {
    const trials: Results[] = [];
    for (const seed of TRIALS) {
      const operands = operandsFor(nodes, seed);
      const results = await loaded.run(operands);
      trials.push(new Map([...operands, ...results].map(([name, tensor]) => [name, canonicaliseNaN(tensor)])));
    }
    return trials;
  } finally {
    loaded.stop();
  }
}

/** All nodes beside each other. What is a constant stays one, because onnxruntime may pack it. */
function trialModel({ irVersion, opsetImport }: OnnxModel, nodes: readonly Open[]): Uint8Array {
  const named = nodes.flatMap((node) => operandsOf(node));
  const node = nodes.map(({ node: each, prefix }): OnnxNode => {
    const prefixed = (name: string) => (name === "" ? "" : prefix + name);
    return { ...each, input: each.input.map(prefixed), output: each.output.map(prefixed) };
  });
  return encodeModel({
    irVersion,
    opsetImport,
    graph: {
      name: "trial",
      node,
      initializer: named.flatMap(([name, { constant }]) => (constant ? [initializer(name, constant)] : [])),
      input: named.flatMap(([name, value]) => (value.constant ? [] : [port(name, value)])),
      output: nodes.map(({ prefix, node: { output } }) => ({ name: prefix + (output[0] ?? "") })),
    },
  });
}

function operandsFor(nodes: readonly Open[], seed: number): Map<string, Tensor> {
  const next = generator(seed);
  const open = nodes.flatMap((node) => operandsOf(node)).filter(([, { constant }]) => !constant);
  return new Map(
    open.map(([name, { dims }]) => [name, fromFloat32Array(randomFloats(elementCount(dims), next), dims)]),
  );
}

/** What an ONNX node reads, each name once. */
function operandsOf({ node, values, prefix }: Open): [name: string, value: Value][] {
  const names = [...new Set(node.input.filter((name) => name !== ""))];
  return names.flatMap((name) => {
    const value = values.get(name);
    return value ? [[prefix + name, value] as [string, Value]] : [];
  });
}

/** Five magnitudes, so that each order rounds otherwise, and some zeros. */
function randomFloats(count: number, next: () => number): Float32Array {
  return Float32Array.from({ length: count }, () => {
    const bits = next();
    const value = (next() / 2 ** 31 - 1) * 2 ** (bits % 5);
    return (bits >>> 8) % 16 === 0 ? 0 : value;
  });
}

function reproduces(open: Open, draft: Draft, variant: Variant, results: Results): boolean {
  const { drafts, node, prefix } = open;
  const known = new Map<Value, Tensor>();
  for (const [name, value] of operandsOf(open)) {
    const tensor = results.get(name);
    if (tensor) known.set(value, tensor);
  }
  for (const each of drafts) {
    const operands = each.operands.map((wanted) => wanted && (wanted.value.constant ?? known.get(wanted.value)));
    if (each !== draft) {
      known.set(each.output, evaluate(each.instruction, operands, each.output));
      continue;
    }
    const given = results.get(prefix + (node.output[0] ?? ""));
    if (!given) return false;
    const elements = elementsOf(variant.instruction, operands, draft.output, variant.numeric);
    const expected = toFloat32Array(given);
    return elementsToTry(draft).every((element) => Object.is(elements(element), expected[element]));
  }
  return false;
}

/** All elements of a small result, of a large one some that lie evenly, and both ends. */
function elementsToTry({ terms = 1, output }: Draft): number[] {
  const count = elementCount(output.dims);
  const wanted = Math.max(LEAST_ELEMENTS, Math.floor(TERMS_PER_VARIANT / terms));
  if (wanted >= count) return Array.from({ length: count }, (_, element) => element);
  const ends = Array.from({ length: LEAST_ELEMENTS / 2 }, (_, i) => [i, count - 1 - i]).flat();
  return [...ends, ...Array.from({ length: wanted }, (_, i) => Math.floor((i * count) / wanted))];
}

/** What depends on where an operand lies in memory is only known of operands that onnxruntime puts there itself. */
function withoutOrdersOfMemory(nodes: readonly LoweredNode[], inputs: readonly Value[]): LoweredNode[] {
  const fromOutside = new Set(inputs);
  return nodes.map((node) => ({
    ...node,
    drafts: node.drafts.map((draft) => {
      const reads = draft.operands.some((wanted) => wanted && fromOutside.has(wanted.value));
      // A view may be of the same memory.
      if (reads && draft.instruction.operator === "View") fromOutside.add(draft.output);
      if (!reads || !draft.variants) return draft;
      const variants = draft.variants.filter(
        ({ instruction }) => !("order" in instruction && instruction.order === OF_MEMORY),
      );
      return { ...draft, variants };
    }),
  }));
}

function noOrder({ name, output, opType }: OnnxNode, { variants }: Draft): Problem {
  return {
    where: name || (output[0] ?? ""),
    what: opType,
    reason: `none of the ${variants?.length ?? 0} orders of summation that the court knows gives what onnxruntime computes here`,
    remedy: "Use other shapes, such as more than one row, or make its second factor a constant",
  };
}

function initializer(name: string, { dtype, dims, data }: Tensor) {
  return { name, dims: dims.map(BigInt), dataType: onnxCode(dtype), rawData: data };
}

function port(name: string, { dtype, dims }: Value) {
  const shape = { dim: dims.map((dim) => ({ dimValue: BigInt(dim) })) };
  return { name, type: { tensorType: { elemType: onnxCode(dtype), shape } } };
}
