import type { OnnxModel, OnnxNode } from "../onnx/model.js";
import { AttributeType, encodeModel } from "../onnx/model.js";
import { onnxCode } from "../tensor/dtype.js";
import { canonicaliseNaN } from "../tensor/nan.js";
import { elementCount, fromFloat32Array, fromNumbers, toFloat32Array, type Tensor } from "../tensor/tensor.js";
import type { Draft, Value, Variant } from "./draft.js";
import { elementsOf, evaluate } from "./evaluate.js";
import { isFunction } from "./functions.js";
import { SumOrder, type Instruction } from "./instruction.js";
import { judgeOf } from "./judge.js";
import { lowerNode, type Lowered, type LoweredNode, type SumsProfile } from "./lower.js";
import type { Problem } from "./problems.js";
import type { GraphRuntime } from "./runtime.js";
import { generator } from "./sample.js";
import { isTolerance } from "./tolerance.js";

/** Elements of each node to be tried, in so many runs with other operands as that takes. */
const ELEMENTS = 256;
const [LEAST_RUNS, MOST_RUNS] = [4, 64];
/** Terms that are added up to try one variant of one node on one run; elements beyond are left out evenly. */
const TERMS = 1 << 19;
/** Numbers of a run: what they are multiplied by, and one in how many is a zero of either sign; 0: all are -0. */
interface Numbers {
  readonly scale: number;
  readonly zeros: number;
}
const USUAL: Numbers = { scale: 1, zeros: 16 };
/** In turn. Zeros, and products that underflow to zeros, show what a sum begins with. */
const NUMBERS: readonly Numbers[] = [
  USUAL,
  { scale: 1, zeros: 2 },
  { scale: 1, zeros: 0 },
  { scale: 2 ** -148, zeros: 16 },
];
/** An order that depends on where an operand lies in memory. */
const OF_MEMORY: SumOrder = SumOrder.Packets;

/**
 * Finds out in which order onnxruntime adds in each node that has several variants: the first that gives its result bit
 * for bit in each element that is tried, with the model's constants and with random ones. Nodes of which none does are
 * problems.
 */
export async function settleOrders(
  model: OnnxModel,
  { nodes, values, sums, opset }: Lowered,
  inputs: readonly Value[],
  runtime: GraphRuntime,
): Promise<{ drafts: Draft[]; problems: Problem[] }> {
  const known = withoutOrdersOfMemory(nodes, inputs);
  const open = known.filter(isOpen).map((each, i): Open => ({ ...each, values, prefix: `n${i}:` }));
  const others = open.map((each, seed) => otherConstants(each, seed, sums, opset));
  const trials = [await runTrial(model, open, 1, runtime), await runTrial(model, others, 2, runtime)];
  const problems: Problem[] = [];
  const settle = (node: LoweredNode, draft: Draft, at: number): Draft => {
    if (!draft.variants) return draft;
    const place = open.findIndex((each) => each.node === node.node);
    const found = draft.variants.find((variant) => trials.every((trial) => reproduces(trial, place, at, variant)));
    if (!found) problems.push(noOrder(node.node, draft));
    return { ...draft, ...found };
  };
  return { drafts: known.flatMap((node) => node.drafts.map((draft, at) => settle(node, draft, at))), problems };
}

/** A node with the prefix of its names in a trial. */
type Open = LoweredNode & { readonly values: Lowered["values"]; readonly prefix: string };
interface Trial {
  readonly nodes: readonly Open[];
  /** What onnxruntime read and computed in each run, by the names of the trial. */
  readonly runs: readonly ReadonlyMap<string, Tensor>[];
}

const isOpen = ({ drafts }: LoweredNode): boolean => drafts.some(({ variants }) => variants !== undefined);

/** The same node with random constants: those of the model may hide in which order they are added. */
function otherConstants(open: Open, seed: number, sums: SumsProfile, opset: number): Open {
  // An exponent says what is computed.
  if (open.node.opType === "Pow") return open;
  const next = generator(seed);
  const values = new Map(open.values);
  for (const name of open.node.input) {
    const value = values.get(name);
    if (value?.constant?.dtype !== "float32") continue;
    const numbers = randomFloats(elementCount(value.dims), next, { scale: 1, zeros: 4 });
    // A variance is not negative.
    const suitable = open.node.opType === "BatchNormalization" ? numbers.map(Math.abs) : numbers;
    values.set(name, { ...value, constant: fromFloat32Array(suitable, value.dims) });
  }
  return { ...open, values, drafts: lowerNode(open.node, values, sums, opset) };
}

async function runTrial(model: OnnxModel, nodes: readonly Open[], seed: number, runtime: GraphRuntime): Promise<Trial> {
  const runs: Map<string, Tensor>[] = [];
  if (nodes.length === 0) return { nodes, runs };
  const next = generator(seed);
  const loaded = await runtime.load(trialModel(model, nodes));
  try {
    for (const count = Math.max(...nodes.map(runsFor)); runs.length < count;) {
      const operands = operandsFor(nodes, next, NUMBERS[runs.length % NUMBERS.length] ?? USUAL);
      const results = [...operands, ...(await loaded.run(operands))];
      runs.push(new Map(results.map(([name, tensor]) => [name, canonicaliseNaN(tensor)])));
    }
    return { nodes, runs };
  } finally {
    loaded.stop();
  }
}

/** The smaller the result, the more often it is computed. */
function runsFor({ drafts }: Open): number {
  const elements = Math.min(...drafts.flatMap(({ variants, output }) => (variants ? [elementCount(output.dims)] : [])));
  return Math.min(MOST_RUNS, Math.max(LEAST_RUNS, Math.ceil(ELEMENTS / elements)));
}

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
  const open = nodes.flatMap((node) => operandsOf(node)).filter(([, { constant }]) => !constant);
  return new Map(
    open.map(([name, { dtype, dims }]) => {
      const count = elementCount(dims);
      if (dtype === "float32") return [name, fromFloat32Array(randomFloats(count, next, numbers), dims)];
      return [
        name,
        fromNumbers(
          dtype,
          dims,
          Uint8Array.from({ length: count }, () => next() >>> 31),
        ),
      ];
    }),
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

/** Five magnitudes, so that each order rounds otherwise. */
function randomFloats(count: number, next: () => number, { scale, zeros }: Numbers): Float32Array {
  return Float32Array.from({ length: count }, () => {
    if (zeros === 0) return -0;
    const bits = next();
    const value = (next() / 2 ** 31 - 1) * 2 ** (bits % 5) * scale;
    return (bits >>> 8) % zeros === 0 ? 0 * value : value;
  });
}

function reproduces({ nodes, runs }: Trial, place: number, at: number, variant: Variant): boolean {
  const open = nodes[place];
  return open !== undefined && runs.slice(0, runsFor(open)).every((results) => agrees(open, at, variant, results));
}

/** Whether draft `at` of a node, computed as the variant says, is what onnxruntime has, or may have. */
function agrees(open: Open, at: number, variant: Variant, results: ReadonlyMap<string, Tensor>): boolean {
  const expected = results.get(open.prefix + (open.node.output[0] ?? ""));
  const known = new Map<Value, Tensor>();
  for (const [name, value] of operandsOf(open)) {
    const tensor = results.get(name);
    if (tensor) known.set(value, tensor);
  }
  for (const [i, draft] of open.drafts.entries()) {
    const operands = draft.operands.map((wanted) => wanted && (wanted.value.constant ?? known.get(wanted.value)));
    if (i === at && expected && isBounded(variant.instruction)) {
      const contradicts = judgeOf(variant.instruction, operands, expected, variant.numeric);
      return elementsToTry(draft).every((each) => !contradicts(each));
    }
    if (i === at && expected) {
      const elements = elementsOf(variant.instruction, operands, draft.output, variant.numeric);
      const given = toFloat32Array(expected);
      return elementsToTry(draft).every((element) => Object.is(elements(element), given[element]));
    }
    known.set(draft.output, evaluate(draft.instruction, operands, draft.output));
  }
  return false;
}

const isBounded = (instruction: Instruction): boolean => isTolerance(instruction) || isFunction(instruction);

/** All elements of a small result, of a large one some that lie evenly, and both ends. */
function elementsToTry({ terms = 1, output }: Draft): number[] {
  const count = elementCount(output.dims);
  const wanted = Math.max(ELEMENTS, Math.floor(TERMS / terms));
  if (wanted >= count) return Array.from({ length: count }, (_, element) => element);
  const ends = Array.from({ length: ELEMENTS / 2 }, (_, i) => [i, count - 1 - i]).flat();
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

function noOrder({ name, output, opType }: OnnxNode, { variants, instruction }: Draft): Problem {
  const place = { where: name || (output[0] ?? ""), what: opType };
  if (isFunction(instruction)) {
    const reason = "what onnxruntime computes here is not within the bound of the function";
    return { ...place, reason, remedy: "Use another operator" };
  }
  if (isTolerance(instruction)) {
    const reason = "what onnxruntime computes here is no order of the sum that the court knows";
    return { ...place, reason, remedy: "Use other attributes, such as a pooling without ceil_mode" };
  }
  if (opType === "Reciprocal") {
    const reason = "this processor takes reciprocals from an estimate, not to the bit";
    return { ...place, reason, remedy: "Divide 1 by the operand instead" };
  }
  if (opType === "Pow") {
    const reason = "onnxruntime does not multiply this power out to the bit on this processor";
    return { ...place, reason, remedy: "Multiply it out" };
  }
  const reason = `none of the ${variants?.length ?? 0} orders of summation that the court knows gives what onnxruntime computes here`;
  return { ...place, reason, remedy: remedyOfSum(instruction) };
}

/** Only a product has factors; rows in packets are not known of an input of the model. */
function remedyOfSum({ operator }: Instruction): string {
  switch (operator) {
    case "ReduceSum":
    case "ReduceMean":
      return "Use other shapes, or reduce along an axis before the last one; of an input of the model, put an operator that computes before it";
    case "AveragePool":
    case "BatchNormalization":
      return "Use other shapes or attributes";
    default:
      return "Use other shapes, such as more than one row, or make its second factor a constant";
  }
}

function initializer(name: string, { dtype, dims, data }: Tensor) {
  return { name, dims: dims.map(BigInt), dataType: onnxCode(dtype), rawData: data };
}

function port(name: string, { dtype, dims }: Value) {
  const shape = { dim: dims.map((dim) => ({ dimValue: BigInt(dim) })) };
  return { name, type: { tensorType: { elemType: onnxCode(dtype), shape } } };
}
