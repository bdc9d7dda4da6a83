import { AssayError } from "../errors.js";
import { contradicts } from "../graph/judge.js";
import type { CourtModel } from "../graph/prepare.js";
import { evaluateNode, operandsOf, type TraceCommitment } from "../graph/trace.js";
import { Source } from "../graph/types.js";
import { commitTensor, proveLeaf, type TensorCommitment } from "../tensor/commitment.js";
import type { Tensor } from "../tensor/tensor.js";
import { accusations, type Accusation } from "./accusation.js";
import type { DifferingLeaf } from "./evidence.js";
import type { Part } from "./part.js";
import { nextStepInAnyOrder } from "./selfSearch.js";
import { differences, isPosted, patch, type Shown, type Step } from "./shown.js";

/**
 * The next step against a posted trace, from one's own run and what was shown. A difference does not always convict:
 * honest processors differ in the sign of some zeros, and a cheat may hide a wrong element behind such differences. So
 * where all that differs in a tensor is shown and none of it convicts, the search takes the provider's tensor as it is
 * and goes on from there.
 */
export function nextStep(model: CourtModel, run: TraceCommitment, roots: readonly string[], shown: Shown): Step {
  if (model.profile.kind === "Tolerance") return nextStepInAnyOrder(model, run, roots, shown);
  /** The provider's tensors as far as they are known; inputs are those of the job. */
  const known: (TensorCommitment | undefined)[] = run.tensors.slice(0, model.inputNames.length);
  const asks: Part[] = [];
  for (let tensor = known.length; tensor < run.tensors.length; tensor++) {
    const expected = expectedTensor(model, run, known, tensor, roots);
    known.push(expected);
    if (!expected || isPosted(expected, roots[tensor])) continue;
    known[tensor] = undefined;
    const { leaves, missing } = differences(expected, tensor, shown);
    const found = firstConvicting(
      model,
      { ...run, tensors: known as TensorCommitment[] },
      roots,
      tensor,
      expected,
      leaves,
    );
    if (found) return { kind: "accuse", accusation: found };
    // One leaf is enough as a rule: the others are asked for only if it did not convict.
    asks.push(...(leaves.length > 0 ? missing : missing.slice(0, 1)));
    if (missing.length === 0) known[tensor] = commitTensor(patch(expected, leaves), model.tensors[tensor]?.layout);
  }
  return asks.length > 0 ? { kind: "demand", parts: asks } : { kind: "nothing" };
}

/** What follows from the provider's own operands; undefined while one of them is not known. */
function expectedTensor(
  model: CourtModel,
  run: TraceCommitment,
  known: readonly (TensorCommitment | undefined)[],
  tensor: number,
  roots: readonly string[],
): TensorCommitment | undefined {
  const own = run.tensors[tensor];
  const node = model.nodes[tensor - model.inputNames.length];
  if (!own || !node) throw new AssayError(`no node writes tensor ${tensor} of the trace`);
  if (isPosted(own, roots[tensor])) return own;
  const read = node.operands.filter(({ source }) => source === Source.Trace).map((operand) => operand.tensor);
  if (read.some((index) => known[index] === undefined)) return undefined;
  if (read.every((index) => known[index] === run.tensors[index])) return own;
  return commitTensor(evaluateNode(model, tensorsOf(known), tensor), model.tensors[tensor]?.layout);
}

function firstConvicting(
  model: CourtModel,
  honest: TraceCommitment,
  roots: readonly string[],
  tensor: number,
  expected: TensorCommitment,
  leaves: readonly DifferingLeaf[],
): Accusation | undefined {
  const node = tensor - model.inputNames.length;
  const instruction = model.instructions[node];
  if (!instruction || leaves.length === 0) return undefined;
  const tensors = [...honest.tensors];
  tensors[tensor] = expected;
  const operands = operandsOf(model, tensorsOf(tensors), node);
  const output = patch(expected, leaves);
  const numeric = model.nodes[node]?.numeric;
  const convicts = (element: number) => contradicts(instruction, operands, output, element, numeric);
  for (const leaf of leaves) {
    const posted = { model, honest: { ...honest, tensors }, roots, tensor };
    const own = proveLeaf(expected, leaf.index).leaf;
    for (const accusation of accusations(posted, leaf, own, convicts)) return accusation;
  }
  return undefined;
}

function tensorsOf(known: readonly (TensorCommitment | undefined)[]): Tensor[] {
  // What is not known is not read.
  return known.map((each) => each?.tensor) as Tensor[];
}
