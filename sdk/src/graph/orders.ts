import type { OnnxModel, OnnxNode } from "../onnx/model.js";
import { elementCount, fromFloat32Array, toFloat32Array, type Tensor } from "../tensor/tensor.js";
import type { Draft, Value, Variant } from "./draft.js";
import { elementsOf, evaluate } from "./evaluate.js";
import { isFunction } from "./functions.js";
import { SumOrder, type Instruction } from "./instruction.js";
import { judgeOf } from "./judge.js";
import { lowerNode, type Lowered, type LoweredNode } from "./lower.js";
import type { Problem } from "./problems.js";
import type { GraphRuntime } from "./runtime.js";
import { generator } from "./sample.js";
import { isTolerance } from "./tolerance.js";
import {
  ELEMENTS,
  MINUS_ZEROS,
  NUMBERS,
  operandsOf,
  randomFloats,
  runsFor,
  runTrial,
  type Open,
  type Trial,
} from "./trial.js";
import type { Values } from "./values.js";

/** Terms that are added up to try one variant of one node on one run; elements beyond are left out evenly. */
const TERMS = 1 << 19;
/** An order that depends on where an operand lies in memory. */
const OF_MEMORY: SumOrder = SumOrder.Packets;
/** Operators that multiply their first two operands, and add the third. */
const FACTORS: readonly string[] = ["MatMul", "Gemm", "Conv"];

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
  const open = nodes.filter(isOpen).map((each, i): Open => ({ ...each, values, prefix: `n${i}:` }));
  const relowered = { sums, opset };
  const others = open.map((each, seed) => withConstants(each, randomConstants(each, seed), relowered));
  const minusZeros = open.map((each) => withConstants(each, zeroFactors(each), relowered));
  const trials = [
    await runTrial(model, open, 1, NUMBERS, runtime),
    await runTrial(model, others, 2, NUMBERS, runtime),
    await runTrial(model, minusZeros, 3, [MINUS_ZEROS], runtime),
  ];
  const reading = readersOf(inputs, nodes);
  const problems: Problem[] = [];
  const settle = ({ node }: LoweredNode, draft: Draft, at: number): Draft[] => {
    const { variants } = draft;
    if (!variants) return [draft];
    const place = open.findIndex((each) => each.node === node);
    const isPossible = (variant: Variant) => !(reading.has(draft) && isOfMemory(variant));
    const found = variants.find(
      (variant, i) => isPossible(variant) && trials.every((trial) => reproduces(trial, place, at, i)),
    );
    if (!found) problems.push(noOrder(node, draft, variants.filter(isPossible).length));
    const { before = [], ...last } = found ?? {};
    return [...before, { ...draft, ...last }];
  };
  return { drafts: nodes.flatMap((node) => node.drafts.flatMap((draft, at) => settle(node, draft, at))), problems };
}

const isOpen = ({ drafts }: LoweredNode): boolean => drafts.some(({ variants }) => variants !== undefined);

/** Constants by name that are taken instead of those of the model. */
type Constants = ReadonlyMap<string, Tensor>;

/** The same node with other constants. */
function withConstants(open: Open, constants: Constants, { sums, opset }: Pick<Lowered, "sums" | "opset">): Open {
  const values = new Map(open.values);
  for (const [name, constant] of constants) {
    values.set(name, { name, dtype: constant.dtype, dims: constant.dims, constant });
  }
  return { ...open, values, drafts: lowerNode(open.node, values, sums, opset) };
}

/** Those of the model may hide in which order they are added. */
function randomConstants({ node, values }: Open, seed: number): Constants {
  // An exponent says what is computed.
  if (node.opType === "Pow") return new Map();
  const next = generator(seed);
  return floatConstants(node.input, values, ({ dims }) => {
    const numbers = randomFloats(elementCount(dims), next, { scale: 1, zeros: 4 });
    // A variance is not negative, and without an epsilon not zero.
    return node.opType === "BatchNormalization" ? numbers.map((x) => Math.abs(x) || 1) : numbers;
  });
}

/** Factors of which all products are -0, and a bias of -0. */
function zeroFactors({ node, values }: Open): Constants {
  if (!FACTORS.includes(node.opType)) return new Map();
  const [a = ""] = node.input;
  return floatConstants(node.input, values, ({ dims }, name) =>
    new Float32Array(elementCount(dims)).fill(name === a ? 0 : -0),
  );
}

function floatConstants(
  names: readonly string[],
  values: Lowered["values"],
  numbers: (value: Value, name: string) => Float32Array,
): Constants {
  return new Map(
    names.flatMap((name) => {
      const value = values.get(name);
      if (value?.constant?.dtype !== "float32") return [];
      return [[name, fromFloat32Array(numbers(value, name), value.dims)] as const];
    }),
  );
}

function reproduces({ nodes, runs }: Trial, place: number, at: number, variant: number): boolean {
  const open = nodes[place];
  return open !== undefined && runs.slice(0, runsFor(open)).every((results) => agrees(open, at, variant, results));
}

/** Whether draft `at` of a node, computed as its variant says, is what onnxruntime has, or may have. */
function agrees(open: Open, at: number, place: number, results: ReadonlyMap<string, Tensor>): boolean {
  const expected = results.get(open.prefix + (open.node.output[0] ?? ""));
  const draft = open.drafts[at];
  const variant = draft?.variants?.[place];
  if (!expected || !draft || !variant) return false;
  const known = new Map<Value, Tensor | Values>();
  for (const [name, value] of operandsOf(open)) {
    const tensor = results.get(name);
    if (tensor) known.set(value, tensor);
  }
  const read = (operands: Draft["operands"]) =>
    operands.map((wanted) => wanted && (wanted.value.constant ?? known.get(wanted.value)));
  for (const { instruction, operands, output } of open.drafts.slice(0, at)) {
    known.set(output, evaluate(instruction, read(operands), output));
  }
  // Element by element: few of them are asked for.
  for (const { instruction, operands, output, numeric } of variant.before ?? []) {
    known.set(output, { ...output, at: elementsOf(instruction, read(operands), output, numeric) });
  }
  const operands = read(variant.operands ?? draft.operands);
  if (isBounded(variant.instruction)) {
    const contradicts = judgeOf(variant.instruction, operands, expected, variant.numeric);
    return elementsToTry(draft).every((element) => !contradicts(element));
  }
  const elements = elementsOf(variant.instruction, operands, draft.output, variant.numeric);
  const given = toFloat32Array(expected);
  return elementsToTry(draft).every((element) => Object.is(elements(element), given[element]));
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

/** Nodes that read an input of the model: where one lies in memory is not determined. */
function readersOf(inputs: readonly Value[], nodes: readonly LoweredNode[]): ReadonlySet<Draft> {
  const fromOutside = new Set(inputs);
  const readers = new Set<Draft>();
  for (const draft of nodes.flatMap(({ drafts }) => drafts)) {
    if (!draft.operands.some((wanted) => wanted && fromOutside.has(wanted.value))) continue;
    readers.add(draft);
    // A view may be of the same memory.
    if (draft.instruction.operator === "View") fromOutside.add(draft.output);
  }
  return readers;
}

const isOfMemory = ({ instruction }: Variant): boolean => "order" in instruction && instruction.order === OF_MEMORY;

function noOrder({ name, output, opType }: OnnxNode, { instruction }: Draft, tried: number): Problem {
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
  const reason = `none of the ${tried} orders of summation that the court knows gives what onnxruntime computes here`;
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
