import type { OnnxModel, OnnxNode, OnnxValue } from "../onnx/model.js";
import type { Problem } from "./problems.js";
import { opsetOf } from "./structure.js";

export interface StripOptions {
  /** Take ArgMax of the Softmax's operand; labels differ where rounding makes two probabilities equal. */
  readonly argMaxOfLogits: boolean;
}

export interface Stripped {
  readonly model: OnnxModel;
  readonly problems: readonly Problem[];
  /** What the model now does otherwise, for people. */
  readonly changes: readonly string[];
}

/** Ends a model before its final Softmax: the operand becomes the output, under its own name. */
export function stripSoftmax(model: OnnxModel, { argMaxOfLogits }: StripOptions): Stripped {
  const { graph } = model;
  const problems: Problem[] = [];
  const changes: string[] = [];
  let { node } = graph;
  let output = graph.output;
  const finals = graph.node.filter((each) => each.opType === "Softmax" && isFinal(each, graph.node));
  if (finals.length === 0) {
    const reason = "no Softmax is the last step of the model";
    problems.push({ where: graph.name ?? "", what: "Softmax", reason, remedy: "Leave out --strip-softmax" });
  }
  for (const softmax of finals) {
    const [logits = "", probabilities = ""] = [softmax.input[0], softmax.output[0]];
    const labels = node.filter(({ input }) => input.includes(probabilities));
    if (labels.length > 0 && !argMaxOfLogits) {
      problems.push(...labels.map((label) => labelProblem(label, softmax)));
      continue;
    }
    const off = labels.filter((label) => !sameAxis(label, softmax, opsetOf(model)));
    problems.push(...off.map((label) => axisProblem(label)));
    output = replaceOutput(output, probabilities, logits);
    if (output !== graph.output) changes.push(`output ${logits} takes the place of ${probabilities}, its Softmax`);
    changes.push(...labels.map((label) => `${label.output[0] ?? ""} is the ArgMax of ${logits}`));
    node = node
      .filter((each) => each !== softmax)
      .map((each) =>
        labels.includes(each)
          ? { ...each, input: each.input.map((name) => (name === probabilities ? logits : name)) }
          : each,
      );
  }
  return { model: { ...model, graph: { ...graph, node, output } }, problems, changes };
}

function isFinal({ output: [probabilities = ""] }: OnnxNode, nodes: readonly OnnxNode[]): boolean {
  return nodes.every(({ opType, input }) => opType === "ArgMax" || !input.includes(probabilities));
}

function replaceOutput(outputs: OnnxValue[], probabilities: string, logits: string): OnnxValue[] {
  if (!outputs.some(({ name }) => name === probabilities)) return outputs;
  const known = outputs.some(({ name }) => name === logits);
  return known
    ? outputs.filter(({ name }) => name !== probabilities)
    : outputs.map((value) => (value.name === probabilities ? { ...value, name: logits } : value));
}

/** Softmax keeps the order of elements that it normalises together; before opset 13 these are all from its axis on. */
function sameAxis(label: OnnxNode, softmax: OnnxNode, opset: number): boolean {
  const [labelAxis, axis] = [axisOf(label, 0), axisOf(softmax, opset < 13 ? 1 : -1)];
  return opset < 13 ? axis >= 0 && labelAxis >= axis : labelAxis === axis;
}

function axisOf(node: OnnxNode, otherwise: number): number {
  return Number(node.attribute.find(({ name }) => name === "axis")?.i ?? otherwise);
}

function labelProblem(label: OnnxNode, softmax: OnnxNode): Problem {
  return {
    where: label.name || (label.output[0] ?? ""),
    what: "ArgMax",
    reason: `it reads the Softmax ${JSON.stringify(softmax.name || (softmax.output[0] ?? ""))} that is to be stripped`,
    remedy: "Take that of the logits (--arg-max-of-logits): labels differ where rounding makes two probabilities equal",
  };
}

function axisProblem(label: OnnxNode): Problem {
  return {
    where: label.name || (label.output[0] ?? ""),
    what: "ArgMax",
    reason: "its axis is not written as that of the Softmax",
    remedy: "Give both the same axis",
  };
}
