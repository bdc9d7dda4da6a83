import { AssayError } from "../errors.js";
import { elementCount, type Tensor } from "../tensor/tensor.js";
import { elementsOf } from "./evaluate.js";
import { fromBits } from "./float32.js";
import type { Instruction, InstructionOf } from "./instruction.js";
import { contradicts } from "./judge.js";
import type { CourtModel } from "./prepare.js";
import { boundedSums, isTolerance, type BoundedSum, type ToleranceInstruction } from "./tolerance.js";
import { operandsOf } from "./trace.js";
import { Source } from "./types.js";
import { valuesOf, type Elements, type Shape, type Values } from "./values.js";

// Where the results of all honest parties lie whose sums of float32 are taken in other orders: one's own run, and what
// rounding can have done in both (docs/verifiers/TOLERANCE.md).

/** The least and the greatest that an honest party can have, by element. Both infinite where nothing is known. */
export interface Range {
  readonly low: Float64Array;
  readonly high: Float64Array;
}

const UNIT_ROUNDOFF = 2 ** -24;
const UNDERFLOW = 2 ** -150;
/** More than the doubles here can be off. */
const SLACK = 1 + 2 ** -20;

/** The range of every tensor of a trace, from an honest trace. */
export function rangesOf(model: CourtModel, trace: readonly Tensor[]): Range[] {
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
  model: CourtModel,
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
function contradictedOutput(model: CourtModel, given: readonly Tensor[], at: number): number | undefined {
  const node = at - model.inputNames.length;
  const [instruction, place, output] = [model.instructions[node], model.nodes[node], given[at]];
  if (!instruction || !place || !output) return undefined;
  const isKnown = (tensor: number) => tensor < model.inputNames.length || model.outputs.includes(tensor);
  if (!place.operands.every(({ source, tensor }) => source !== Source.Trace || isKnown(tensor))) return undefined;
  const operands = operandsOf(model, given, node);
  const elements = Array.from({ length: elementCount(output.dims) }, (_, element) => element);
  return elements.find((element) => contradicts(instruction, operands, output, element, place.numeric));
}

/** The first element of a tensor that lies outside of a range. */
export function outside({ low, high }: Range, tensor: Tensor): number | undefined {
  const { at } = valuesOf(tensor);
  for (const [element, least] of low.entries()) {
    const most = high[element] ?? NaN;
    if (least === -Infinity && most === Infinity) continue;
    const value = Number(at(element));
    if (!(value >= least && value <= most)) return element;
  }
  return undefined;
}

interface Ranged {
  readonly tensor: Tensor;
  readonly range: Range;
}

/** The same for everybody, but for what is not finite: there honest processors differ. */
function exactly(tensor: Tensor): Range {
  const { at } = valuesOf(tensor);
  const range = unbounded(tensor);
  for (let element = 0; element < range.low.length; element++) {
    const value = Number(at(element));
    if (Number.isFinite(value)) bound(range, element, value, value);
  }
  return range;
}

function rangeOf(instruction: Instruction, operands: readonly (Ranged | undefined)[], own: Tensor): Range {
  if (isTolerance(instruction)) return sums(instruction, operands, own);
  // What is no sum is the same for everybody who has the same operands.
  if (operands.every((each) => !each || isPoint(each.range))) return exactly(own);
  if (instruction.operator === "ArgMax") return largest(instruction, operands[0]?.range, operands[0]?.tensor, own);
  const corners = cornersOf(instruction, operands, own);
  return corners ? hull(own, corners) : unbounded(own);
}

type Side = keyof Range;

const isPoint = ({ low, high }: Range): boolean => low.every((value, i) => value === high[i]);

/** Results among which are the least and the greatest; undefined for an operator whose range is not known. */
function cornersOf(instruction: Instruction, operands: readonly (Ranged | undefined)[], own: Shape) {
  const at = (...sides: Side[]): Elements => {
    const values = operands.map((each, i) => each && endOf(each, sides[i] ?? sides[0] ?? "low"));
    return elementsOf(instruction, values, own);
  };
  const monotone = () => [at("low"), at("high")];
  switch (instruction.operator) {
    case "View":
    case "Concat":
    case "Pad":
    case "Relu":
    case "Clip":
    case "MaxPool":
    case "Sqrt":
    case "QuantizeLinear":
    case "DequantizeLinear":
      return monotone();
    case "LeakyRelu":
      return fromBits(instruction.alpha) < 0 ? undefined : monotone();
    case "Gather":
      return operands[1] && isPoint(operands[1].range) ? monotone() : undefined;
    case "Add":
    case "Sub":
    case "Mul":
    case "Div":
      if (own.dtype !== "float32" || (instruction.operator === "Div" && spansZero(operands[1]?.range)))
        return undefined;
      return [at("low", "low"), at("low", "high"), at("high", "low"), at("high", "high")];
    default:
      return undefined;
  }
}

const spansZero = (range: Range | undefined): boolean =>
  range?.low.some((least, i) => least <= 0 && (range.high[i] ?? 0) >= 0) ?? false;

/** One end of a range as an operand: numbers, also of wide integers, and NaN where nothing is known. */
function endOf({ tensor, range }: Ranged, side: Side): Values {
  const ends = range[side];
  const at = (element: number) => {
    const value = ends[element] ?? NaN;
    return Number.isFinite(value) ? value : NaN;
  };
  return { dtype: tensor.dtype, dims: tensor.dims, at };
}

function hull(own: Tensor, corners: readonly Elements[]): Range {
  const range = unbounded(own);
  for (let element = 0; element < range.low.length; element++) {
    const values = corners.map((at) => Number(at(element)));
    const [least, most] = [Math.min(...values), Math.max(...values)];
    if (Number.isFinite(least) && Number.isFinite(most)) bound(range, element, least, most);
  }
  return range;
}

/** From the first to the last index that may be that of the largest. */
function largest(
  { axis }: InstructionOf<"ArgMax">,
  range: Range | undefined,
  x: Shape | undefined,
  own: Tensor,
): Range {
  const result = unbounded(own);
  if (!range || !x) return result;
  const length = x.dims[axis] ?? 0;
  const inner = elementCount(x.dims.slice(axis + 1));
  for (let element = 0; element < result.low.length; element++) {
    const first = Math.floor(element / inner) * length * inner + (element % inner);
    const row = Array.from({ length }, (_, i) => first + i * inner);
    if (!row.every((at) => Number.isFinite(range.low[at]))) continue;
    const champion = Math.max(...row.map((at) => range.low[at] ?? NaN));
    const able = row.flatMap((at, i) => ((range.high[at] ?? NaN) >= champion ? [i] : []));
    bound(result, element, Math.min(...able), Math.max(...able));
  }
  return result;
}

/**
 * Whoever is honest has operands within their ranges, and a sum within the bound of the sum of those. With |x| + dx in
 * the place of each |x| the sum of magnitudes grows from M to M', and the exact sum moves by no more than M' - M.
 */
function sums(instruction: ToleranceInstruction, operands: readonly (Ranged | undefined)[], own: Tensor): Range {
  const magnitude = (widen: boolean) =>
    boundedSums(
      instruction,
      operands.map((each) => each && magnitudes(each, widen)),
      own,
    );
  const [narrow, wide] = [magnitude(false), magnitude(true)];
  const { at } = valuesOf(own);
  const range = unbounded(own);
  for (let element = 0; element < range.low.length; element++) {
    const [sum, value] = [narrow(element), Number(at(element))];
    const [least, most] = [total(sum), total(wide(element))];
    const rounding = (sum.roundings * UNIT_ROUNDOFF) / (1 - sum.roundings * UNIT_ROUNDOFF);
    const apart = most - least + rounding * (least + most) + 2 * sum.underflows * UNDERFLOW;
    const radius = (SLACK * apart) / sum.divisor;
    if (Number.isFinite(radius) && Number.isFinite(value)) bound(range, element, value - radius, value + radius);
  }
  return range;
}

function magnitudes({ tensor, range: { low, high } }: Ranged, widen: boolean): Values {
  const { at } = valuesOf(tensor);
  return {
    dtype: tensor.dtype,
    dims: tensor.dims,
    at: (element) => {
      const own = Number(at(element));
      const apart = widen ? Math.max((high[element] ?? NaN) - own, own - (low[element] ?? NaN)) : 0;
      return Math.abs(own) + apart;
    },
  };
}

const total = ({ a, b }: BoundedSum): number => a.reduce((sum, value, k) => sum + Math.abs(value * (b[k] ?? 0)), 0);

function unbounded({ dims }: Shape): Range {
  const count = elementCount(dims);
  return { low: new Float64Array(count).fill(-Infinity), high: new Float64Array(count).fill(Infinity) };
}

function bound({ low, high }: Range, element: number, least: number, most: number): void {
  low[element] = least;
  high[element] = most;
}
