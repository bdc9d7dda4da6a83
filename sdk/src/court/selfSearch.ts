import { contradicts } from "../graph/judge.js";
import type { CourtModel } from "../graph/prepare.js";
import { firstUnexplained } from "../graph/ranges.js";
import { operandsOf, type TraceCommitment } from "../graph/trace.js";
import { Source } from "../graph/types.js";
import { commitTensor, isCanonicalLeaf, type TensorCommitment } from "../tensor/commitment.js";
import { elementCount, type Tensor } from "../tensor/tensor.js";
import { accusationAgainst, accusations, type Accusation } from "./accusation.js";
import type { DifferingLeaf } from "./evidence.js";
import type { Part } from "./part.js";
import { differences, isPosted, patch, type Shown, type Step } from "./shown.js";

/**
 * The next step against a posted trace of a model whose sums may be taken in any order. Honest parties have other bytes
 * nearly everywhere, so a difference from one's own run says nothing: the trace has to contradict itself. First the
 * outputs are asked for. If rounding explains them the result is right; else everything is, all at once, because a case
 * has no time to ask tensor by tensor.
 */
export function nextStepInAnyOrder(
  model: CourtModel,
  run: TraceCommitment,
  roots: readonly string[],
  shown: Shown,
): Step {
  const posted = run.tensors.map((own, tensor) => postedTensor(model, own, tensor, roots, shown));
  const asksForOutputs = [...new Set(model.outputs)].flatMap((tensor) => posted[tensor]?.missing ?? []);
  if (asksForOutputs.length > 0) return { kind: "demand", parts: asksForOutputs };
  if (isExplained(model, run, posted)) return { kind: "nothing" };
  const accusation = firstAccusation(model, run, roots, posted);
  if (accusation) return { kind: "accuse", accusation };
  const parts = posted.flatMap(({ missing }) => missing);
  return parts.length > 0 ? { kind: "demand", parts } : { kind: "nothing" };
}

/** What is known of a tensor of the provider's. */
interface Posted {
  /** All of it, once it is shown. */
  readonly committed: TensorCommitment | undefined;
  /** Leaves that were shown and that no honest party commits to. */
  readonly malformed: readonly DifferingLeaf[];
  readonly missing: readonly Part[];
}

function postedTensor(
  model: CourtModel,
  own: TensorCommitment,
  tensor: number,
  roots: readonly string[],
  shown: Shown,
): Posted {
  // The court compares inputs with the job's.
  const isOwn = tensor < model.inputNames.length || isPosted(own, roots[tensor]);
  if (isOwn) return { committed: own, malformed: [], missing: [] };
  const { leaves, missing } = differences(own, tensor, shown);
  const malformed = leaves.filter(({ leaf, index }) => !isCanonicalLeaf(own.header, leaf, index));
  const isWhole = missing.length === 0 && malformed.length === 0;
  const committed = isWhole ? commitTensor(patch(own, leaves), model.tensors[tensor]?.layout) : undefined;
  return { committed, malformed, missing };
}

/** Whether an honest party may have the outputs that were posted. */
function isExplained(model: CourtModel, run: TraceCommitment, posted: readonly Posted[]): boolean {
  const outputs = new Map<string, Tensor>();
  for (const [i, name] of model.outputNames.entries()) {
    const found = posted[model.outputs[i] ?? -1]?.committed;
    if (found) outputs.set(name, found.tensor);
  }
  const own = run.tensors.map(({ tensor }) => tensor);
  return firstUnexplained(model, own, outputs) === undefined;
}

/** The first leaf that no honest party commits to, or element that contradicts its operands, where these are known. */
function firstAccusation(
  model: CourtModel,
  run: TraceCommitment,
  roots: readonly string[],
  posted: readonly Posted[],
): Accusation | undefined {
  const inputs = model.inputNames.length;
  const known = posted.map(({ committed }) => committed);
  for (const [node, { operands }] of model.nodes.entries()) {
    const tensor = inputs + node;
    if (operands.some((each) => each.source === Source.Trace && !known[each.tensor])) continue;
    const tensors = known.with(tensor, known[tensor] ?? run.tensors[tensor]) as TensorCommitment[];
    const against = { model, honest: { ...run, tensors }, roots, tensor };
    for (const leaf of posted[tensor]?.malformed ?? []) {
      for (const accusation of accusations(against, leaf, leaf.leaf)) return accusation;
    }
    const element = known[tensor] && contradictedElement(model, tensors, node);
    if (element !== undefined) return accusationAgainst(against, element);
  }
  return undefined;
}

function contradictedElement(model: CourtModel, known: readonly TensorCommitment[], node: number): number | undefined {
  const [instruction, output] = [model.instructions[node], known[model.inputNames.length + node]?.tensor];
  if (!instruction || !output) return undefined;
  // What is not known is not read.
  const tensors = known.map((each: TensorCommitment | undefined) => each?.tensor) as Tensor[];
  const operands = operandsOf(model, tensors, node);
  const numeric = model.nodes[node]?.numeric;
  const elements = Array.from({ length: elementCount(output.dims) }, (_, element) => element);
  return elements.find((element) => contradicts(instruction, operands, output, element, numeric));
}
