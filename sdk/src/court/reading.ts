import { AssayError } from "../errors.js";
import { placeInLongRows, placeInRows } from "../graph/functions.js";
import { broadcastStrides, rowMajorStrides, toIndex } from "../graph/indices.js";
import {
  decodeInstruction,
  type Convolution,
  type InstructionOf,
  type Rows,
  type Window,
} from "../graph/instruction.js";
import { blockAt, TOTALS, type LongRowInstruction } from "../graph/longRows.js";
import { Source, type GraphNode } from "../graph/types.js";
import type { TensorHeader } from "../tensor/commitment.js";
import { elementCount } from "../tensor/tensor.js";
import { Leaves } from "./leaves.js";
import { ALL_STEPS, type LeafOfOperand, type ReadInteger, type Steps } from "./types.js";
import { placesInWindow } from "./windows.js";

/**
 * The leaves a claim about an output element has to open, in the order of the node's verifier: the output's leaf, then
 * what the element is computed from. `headers` of each operand, then of the output; `read` is only asked for the index
 * of a `GATHER`. `steps`: those that the claim takes of a sum; what is not a sum is read with the last ones.
 */
export function claimFor(
  node: GraphNode,
  headers: readonly TensorHeader[],
  element: number,
  read: ReadInteger,
  steps: Steps = ALL_STEPS,
): readonly LeafOfOperand[] {
  const leaves = new Leaves(headers);
  const output = node.operands.length;
  leaves.addElement(output, element);
  addOperands(node, leaves, element, toIndex(element, leaves.dims(output)), read, steps);
  return leaves.list;
}

function addOperands(
  node: GraphNode,
  leaves: Leaves,
  element: number,
  index: number[],
  read: ReadInteger,
  steps: Steps,
): void {
  const instruction = decodeInstruction(node);
  const isLast = steps.to === undefined;
  switch (instruction.operator) {
    case "View":
      return leaves.addElement(0, strided(instruction.base, instruction.strides, index));
    case "Concat":
      return addConcat(instruction, leaves, index, node.operands.length);
    case "Pad":
      return addPad(instruction, leaves, index);
    case "Gather":
      return addGather(instruction, leaves, element, read);
    case "Cast":
    case "Relu":
    case "Clip":
    case "LeakyRelu":
    case "Sqrt":
    case "QuantizeLinear":
    case "DequantizeLinear":
    case "Exp":
    case "Sigmoid":
    case "Tanh":
    case "Erf":
    case "Gelu":
    case "Log":
      return leaves.addElement(0, element);
    case "MaxPool":
      return addPool(instruction, leaves, index, ALL_STEPS);
    case "ArgMax":
      return addArgMax(instruction, leaves, element);
    case "Add":
    case "Sub":
    case "Mul":
    case "Div":
      leaves.addElement(0, strided(instruction.baseA, instruction.stridesA, index));
      return leaves.addElement(1, strided(instruction.baseB, instruction.stridesB, index));
    case "MatMulInteger":
      return addMatMul(leaves, index, 2);
    case "QLinearMatMul":
      addMatMul(leaves, index, 3);
      if (isLast) addChannel(leaves, 2, index.at(-1) ?? 0);
      return;
    case "ConvInteger":
      return addConvolution(instruction.convolution, leaves, index, steps);
    case "QLinearConv":
      addConvolution(instruction.convolution, leaves, index, steps);
      if (!isLast) return;
      addChannel(leaves, 2, index[1] ?? 0);
      if (isThere(node, 3)) leaves.addElement(3, index[1] ?? 0);
      return;
    case "MatMul":
    case "ToleranceMatMul":
      addMatMul(leaves, index, 3);
      if (isThere(node, 2) && (isLast || instruction.operator === "MatMul"))
        leaves.addElement(2, strided(0, instruction.strides, index));
      return;
    case "Conv":
      // A part of it reads some channels of all places.
      addConvolution(instruction.convolution, leaves, index, ALL_STEPS);
      if (isThere(node, 2)) leaves.addElement(2, index[1] ?? 0);
      return;
    case "ToleranceConv":
      addConvolution(instruction.convolution, leaves, index, steps);
      if (isLast && isThere(node, 2)) leaves.addElement(2, index[1] ?? 0);
      return;
    case "AveragePool":
    case "ToleranceAveragePool":
      return addPool(instruction, leaves, index, steps);
    case "ReduceSum":
    case "ReduceMean":
    case "ToleranceReduceSum":
    case "ToleranceReduceMean":
      return addRow(leaves, element, instruction, steps);
    case "Softmax":
      return addOfRow(leaves, element, instruction.inner, node);
    case "LayerNormalization":
      return addOfRow(leaves, element, 1, node);
    case "BlockMax":
    case "BlockSum":
    case "BlockMagnitudes":
    case "BlockSquares":
    case "BlockExponentials":
      return addBlock(leaves, element, instruction.length, node);
    case "LongSoftmax":
    case "LongLayerNormalization":
      return addOfLongRow(leaves, element, instruction, node);
    case "BatchNormalization":
    case "ToleranceBatchNormalization":
      leaves.addElement(0, element);
      for (let operand = 1; operand < node.operands.length; operand++) leaves.addElement(operand, index[1] ?? 0);
  }
}

function isThere(node: GraphNode, operand: number): boolean {
  return node.operands[operand]?.source !== Source.Absent;
}

function strided(base: number, strides: readonly number[], index: readonly number[]): number {
  return strides.reduce((sum, stride, axis) => sum + stride * (index[axis] ?? 0), base);
}

function ravel(dims: readonly number[], index: readonly number[]): number {
  return strided(0, rowMajorStrides(dims), index);
}

function addConcat({ axis }: InstructionOf<"Concat">, leaves: Leaves, index: number[], operands: number): void {
  let along = index[axis] ?? 0;
  for (let operand = 0; operand < operands; operand++) {
    const dims = leaves.dims(operand);
    const length = dims[axis] ?? 0;
    if (along < length) return leaves.addElement(operand, ravel(dims, index.with(axis, along)));
    along -= length;
  }
  throw new AssayError("no operand of CONCAT holds the element");
}

function addPad({ low }: InstructionOf<"Pad">, leaves: Leaves, index: number[]): void {
  const dims = leaves.dims(0);
  const moved = index.map((at, axis) => at - (low[axis] ?? 0));
  if (moved.every((at, axis) => at >= 0 && at < (dims[axis] ?? 0))) leaves.addElement(0, ravel(dims, moved));
}

function addGather({ axis }: InstructionOf<"Gather">, leaves: Leaves, element: number, read: ReadInteger): void {
  const dims = leaves.dims(0);
  const indices = elementCount(leaves.dims(1));
  const inner = elementCount(dims.slice(axis + 1));
  const length = dims[axis] ?? 0;
  const place = Math.floor(element / inner) % indices;
  leaves.addElement(1, place);
  const at = read(1, place);
  const outer = Math.floor(element / inner / indices);
  leaves.addElement(0, (outer * length + (at < 0 ? at + length : at)) * inner + (element % inner));
}

function addPool(window: Window, leaves: Leaves, [image = 0, channel = 0, ...at]: number[], steps: Steps): void {
  const [, channels = 0, ...spatial] = leaves.dims(0);
  const first = (image * channels + channel) * elementCount(spatial);
  for (const place of placesInWindow(window, spatial, at, steps)) leaves.addElement(0, first + place);
}

function addArgMax({ axis }: InstructionOf<"ArgMax">, leaves: Leaves, element: number): void {
  const dims = leaves.dims(0);
  const length = dims[axis] ?? 0;
  addRow(leaves, element, { length, inner: elementCount(dims.slice(axis + 1)) }, ALL_STEPS);
}

/** Of `length` elements of x, `inner` apart, those of the steps. */
function addRow(
  leaves: Leaves,
  element: number,
  { length, inner }: Pick<Rows, "length" | "inner">,
  { from, to = length }: Steps,
): void {
  const first = Math.floor(element / inner) * length * inner + (element % inner);
  for (let i = from; i < to; i++) leaves.addElement(0, first + i * inner);
}

/** The row of the element, then what belongs to its place in the row. */
function addOfRow(leaves: Leaves, element: number, inner: number, node: GraphNode): void {
  const { row, place } = placeInRows(element, leaves.dims(0).at(-1) ?? 1, inner);
  leaves.add(0, row);
  for (let operand = 1; operand < node.operands.length; operand++) {
    if (isThere(node, operand)) leaves.addElement(operand, place);
  }
}

/** The block, then what there is once for each row. */
function addBlock(leaves: Leaves, element: number, length: number, node: GraphNode): void {
  const { row, first, count } = blockAt(element, length);
  for (let i = 0; i < count; i++) leaves.addElement(0, first + i);
  for (let operand = 1; operand < node.operands.length; operand++) leaves.addElement(operand, row);
}

/** The element, the totals of its row, then what belongs to its place in the row. */
function addOfLongRow(leaves: Leaves, element: number, instruction: LongRowInstruction, node: GraphNode): void {
  const { row, place } = placeInLongRows(instruction, element);
  const isTotal = (operand: number) => operand <= TOTALS[instruction.operator];
  leaves.addElement(0, element);
  for (let operand = 1; operand < node.operands.length; operand++) {
    if (isThere(node, operand)) leaves.addElement(operand, isTotal(operand) ? row : place);
  }
}

/** A row of a and a column of b; leading axes are broadcast. */
function addMatMul(leaves: Leaves, index: readonly number[], output: number): void {
  const [a, b] = [leaves.dims(0), leaves.dims(1)];
  const batch = leaves.dims(output).slice(0, -2);
  const row = strided(0, broadcastStrides(a.slice(0, -2), batch), index);
  const column = strided(0, broadcastStrides(b.slice(0, -2), batch), index);
  leaves.add(0, row * (a.at(-2) ?? 0) + (index.at(-2) ?? 0));
  leaves.add(1, column * (b.at(-1) ?? 0) + (index.at(-1) ?? 0));
}

/** The filter, then the pixels in the order of the window. */
function addConvolution(
  convolution: Convolution,
  leaves: Leaves,
  [image = 0, channel = 0, ...at]: number[],
  steps: Steps,
): void {
  const spatial = leaves.dims(0).slice(2);
  leaves.add(1, channel);
  const first = image * elementCount(spatial);
  for (const place of placesInWindow(convolution, spatial, at, steps)) leaves.add(0, first + place);
}

/** What there is once, or once for each channel. */
function addChannel(leaves: Leaves, operand: number, channel: number): void {
  leaves.addElement(operand, leaves.dims(operand)[0] === 1 ? 0 : channel);
}
