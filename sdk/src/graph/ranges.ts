import { AssayError } from "../errors.js";
import { elementCount, type Tensor } from "../tensor/tensor.js";
import { judgeOf } from "./judge.js";
import { rangeOf } from "./operatorRange.js";
import type { CourtModel } from "./prepare.js";
import { exactly, isKnown, type Range } from "./range.js";
import { operandsOf } from "./trace.js";
import { Source } from "./types.js";
import { valuesOf } from "./values.js";

// Where the results of all honest parties lie whose sums of float32 are taken in other orders: one's own run, and what
// rounding can have done in both (docs/verifiers/TOLERANCE.md).

/** What is needed of a model. */
export type RangedModel = Pick<
  CourtModel,
  "inputNames" | "outputNames" | "outputs" | "nodes" | "instructions" | "constants"
>;

/** The range of every tensor of a trace, from an honest trace. */
export function rangesOf(model: RangedModel, trace: readonly Tensor[]): Range[] {
  const inputs = model.inputNames.length;
  const ranges = trace.slice(0, inputs).map(exactly);
  for (const [node, instruction] of model.instructions.entries()) {
    const [own, place] = [trace[inputs + node], model.nodes[node]];
    if (!own || !place) throw new AssayError(`tensor ${inputs + node} of the trace is missing`);
    const operands = operandsOf(model, trace, node).map((tensor, i) => {
      const { source, tensor: traced = 0 } = place.operands[i] ?? {};
      return tensor && { tensor, range: (source === Source.Trace ? ranges[traced] : undefined) ?? exactly(tensor) };
    });
    ranges.push(rangeOf(instruction, operands, own));
  }
  return ranges;
}

/**
 * The first element of given outputs that no honest party has; undefined if rounding explains them all. An output that
 * is computed from other outputs, such as a label, has to follow from those given.
 */
export function firstUnexplained(
  model: RangedModel,
  trace: readonly Tensor[],
  outputs: ReadonlyMap<string, Tensor>,
): { readonly name: string; readonly element: number } | undefined {
  const ranges = rangesOf(model, trace);
  const given = [...trace];
  for (const [i, name] of model.outputNames.entries()) {
    const at = model.outputs[i] ?? -1;
    const [own, found, range] = [trace[at], outputs.get(name), ranges[at]];
    if (!own || !range) throw new AssayError(`tensor ${at} of the trace is missing`);
    if (found?.dtype !== own.dtype || found.dims.join() !== own.dims.join()) return { name, element: 0 };
    given[at] = found;
    const element = outside(range, found);
    if (element !== undefined) return { name, element };
  }
  for (const [i, name] of model.outputNames.entries()) {
    const element = contradictedOutput(model, given, model.outputs[i] ?? -1);
    if (element !== undefined) return { name, element };
  }
  return undefined;
}

/** The first element of an output that contradicts other outputs, if it is computed from nothing else. */
function contradictedOutput(model: RangedModel, given: readonly Tensor[], at: number): number | undefined {
  const node = at - model.inputNames.length;
  const [instruction, place, output] = [model.instructions[node], model.nodes[node], given[at]];
  if (!instruction || !place || !output) return undefined;
  const isKnown = (tensor: number) => tensor < model.inputNames.length || model.outputs.includes(tensor);
  if (!place.operands.every(({ source, tensor }) => source !== Source.Trace || isKnown(tensor))) return undefined;
  const operands = operandsOf(model, given, node);
  const contradicts = judgeOf(instruction, operands, output, place.numeric);
  for (let element = 0; element < elementCount(output.dims); element++) if (contradicts(element)) return element;
  return undefined;
}

/** The first element of a tensor that lies outside of a range. */
export function outside(range: Range, tensor: Tensor): number | undefined {
  const { at } = valuesOf(tensor);
  for (const [element, least] of range.low.entries()) {
    if (!isKnown(range, element)) continue;
    const value = Number(at(element));
    if (!(value >= least && value <= (range.high[element] ?? NaN))) return element;
  }
  return undefined;
}
