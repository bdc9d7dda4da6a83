import assert from "node:assert/strict";

import type { CourtModel, Instruction, Numeric, RuntimeName, Tensor } from "@assay/sdk";
import {
  canonicaliseNaN,
  dtypeSize,
  elementCount,
  elementsOf,
  evaluateNode,
  judgeOf,
  operandsOf,
  readModel,
  runTrace,
  toFloat32Array,
} from "@assay/sdk";

import type { ModelDescription, NodeDescription } from "../../../sdk/test/support/onnxModel.js";
import { onnxFile } from "../../../sdk/test/support/onnxModel.js";
import { inProcess } from "./inProcessRuntime.js";

/** An ONNX node with values for what it reads. */
export interface Case {
  op: string;
  attributes?: NodeDescription["attributes"];
  /** By input; undefined for one left out. Tensors of the trace first, then constants. */
  inputs: (Tensor | undefined)[];
  constants?: Readonly<Record<number, Tensor | undefined>>;
  outputs?: number;
  opset?: number;
  runtime?: RuntimeName;
}

export interface Checked {
  model: CourtModel;
  trace: Tensor[];
  elements: number;
}

/** A model of this one node, and the values of its inputs. */
export function modelOf({ op, attributes = {}, inputs, constants = {}, outputs = 1, opset, runtime }: Case): {
  description: ModelDescription;
  feeds: Map<string, Tensor>;
} {
  const count = Math.max(inputs.length, ...Object.keys(constants).map((index) => Number(index) + 1));
  const names = Array.from({ length: count }, (_, i) => (constants[i] ? `c${i}` : inputs[i] ? `x${i}` : ""));
  const feeds = new Map(inputs.flatMap((tensor, i) => (tensor ? [[`x${i}`, tensor] as const] : [])));
  const results = Array.from({ length: outputs }, (_, i) => `y${i}`);
  const description: ModelDescription = {
    nodes: [{ op, inputs: names, outputs: results, attributes }],
    inputs: Object.fromEntries([...feeds].map(([name, { dtype, dims }]) => [name, [dtype, dims]])),
    outputs: Object.fromEntries(results.map((name) => [name, undefined])),
    constants: Object.fromEntries(
      Object.entries(constants).flatMap(([i, tensor]) => (tensor ? [[`c${i}`, tensor] as const] : [])),
    ),
    ...(opset === undefined ? {} : { opset }),
    ...(runtime === undefined ? {} : { runtime }),
  };
  return { description, feeds };
}

/** Runs a case by onnxruntime and requires the lowered nodes to agree in every element of every tensor. */
export async function check(given: Case): Promise<Checked> {
  const { description, feeds } = modelOf(given);
  return checkModel(description, feeds);
}

export async function checkModel(description: ModelDescription, feeds: Map<string, Tensor>): Promise<Checked> {
  const model = await readModel(onnxFile(description), inProcess);
  const trace = await runTrace(model, feeds, inProcess);
  return { model, trace, elements: checkTrace(model, trace) };
}

/**
 * Requires every element of a trace to follow from its operands, and to be the only one that does unless it is judged
 * within a bound; returns how many there are.
 */
export function checkTrace(model: CourtModel, given: readonly Tensor[]): number {
  const trace = given.map(canonicaliseNaN);
  const isExact = model.profile.kind !== "Tolerance";
  let elements = 0;
  for (const [i, instruction] of model.instructions.entries()) {
    const place = model.inputNames.length + i;
    const output = trace[place];
    assert.ok(output);
    const operands = operandsOf(model, trace, i);
    const numeric = model.nodes[i]?.numeric;
    const contradicts = judgeOf(instruction, operands, output, numeric);
    const lieShows = liesShow(instruction, operands, output, numeric);
    for (let element = 0; element < elementCount(output.dims); element++, elements++) {
      if (contradicts(element)) assert.fail(message(model, trace, place, element, instruction));
      if (element % 7 === 0 && isExact) assert.ok(lieShows(element), `a lie about element ${element} is missed`);
    }
  }
  return elements;
}

/** Whether any other value of an element is a lie that shows, or no value of it is judged. */
function liesShow(
  instruction: Instruction,
  operands: readonly (Tensor | undefined)[],
  output: Tensor,
  numeric: Numeric | undefined,
): (element: number) => boolean {
  // Of a row with a NaN, several indices are right.
  if (instruction.operator === "ArgMax" && operands.some(hasNaN)) return () => true;
  const elements = elementsOf(instruction, operands, output, numeric);
  const data = Uint8Array.from(output.data);
  const contradicts = judgeOf(instruction, operands, { ...output, data }, numeric);
  return (element) => {
    if (Number.isNaN(elements(element))) return true;
    const at = element * dtypeSize(output.dtype);
    const honest = data[at] ?? 0;
    data[at] = honest ^ 1;
    const shows = contradicts(element);
    data[at] = honest;
    return shows;
  };
}

function hasNaN(operand: Tensor | undefined): boolean {
  return operand?.dtype === "float32" && toFloat32Array(operand).some(Number.isNaN);
}

function message(model: CourtModel, trace: Tensor[], place: number, element: number, instruction: unknown): string {
  const own = evaluateNode(model, trace, place);
  return JSON.stringify({
    instruction,
    element,
    dtype: own.dtype,
    own: [...own.data],
    given: [...(trace[place]?.data ?? [])],
  });
}
