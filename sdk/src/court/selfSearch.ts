import { judgeOf } from "../graph/judge.js";
import type { CourtModel } from "../graph/prepare.js";
import { operandsOf, type TraceCommitment } from "../graph/trace.js";
import { Source } from "../graph/types.js";
import type { TensorCommitment } from "../tensor/commitment.js";
import { elementCount, type Tensor } from "../tensor/tensor.js";
import { accusationAgainst, accusations, type Accusation } from "./accusation.js";
import type { Posted, PostedTensors } from "./posted.js";
import type { Shown, Step } from "./shown.js";

/**
 * The search in a posted trace of a model whose sums may be taken in any order. Honest parties have other bytes nearly
 * everywhere, so a difference from one's own run says nothing: the trace has to contradict itself. Everything is asked
 * for, all at once, because a case has no time to ask tensor by tensor.
 */
export class SelfSearch {
  /** Nodes of which all is known and nothing contradicts. */
  readonly #judged = new Set<number>();

  constructor(
    private readonly model: CourtModel,
    private readonly run: TraceCommitment,
    private readonly roots: readonly string[],
    private readonly tensors: PostedTensors,
  ) {}

  next(shown: Shown): Step {
    const posted = this.tensors.all(shown);
    const accusation = this.#firstAccusation(posted);
    if (accusation) return { kind: "accuse", accusation };
    const parts = posted.flatMap(({ missing }) => missing);
    return parts.length > 0 ? { kind: "demand", parts } : { kind: "nothing" };
  }

  /** The first leaf that no honest party commits to, or element that contradicts its operands, where these are known. */
  #firstAccusation(posted: readonly Posted[]): Accusation | undefined {
    const { model, run, roots } = this;
    const known = posted.map(({ committed }) => committed);
    for (const [node, { operands }] of model.nodes.entries()) {
      const tensor = model.inputNames.length + node;
      if (this.#judged.has(node)) continue;
      if (operands.some((each) => each.source === Source.Trace && !known[each.tensor])) continue;
      const tensors = known.with(tensor, known[tensor] ?? run.tensors[tensor]) as TensorCommitment[];
      const against = { model, honest: { ...run, tensors }, roots, tensor };
      for (const leaf of posted[tensor]?.malformed ?? []) {
        for (const accusation of accusations(against, leaf, leaf.leaf)) return accusation;
      }
      if (!known[tensor]) continue;
      const element = this.#contradictedElement(tensors, node);
      if (element !== undefined) return accusationAgainst(against, element);
      this.#judged.add(node);
    }
    return undefined;
  }

  #contradictedElement(known: readonly TensorCommitment[], node: number): number | undefined {
    const { model } = this;
    const [instruction, output] = [model.instructions[node], known[model.inputNames.length + node]?.tensor];
    if (!instruction || !output) return undefined;
    // What is not known is not read.
    const tensors = known.map((each: TensorCommitment | undefined) => each?.tensor) as Tensor[];
    const contradicts = judgeOf(instruction, operandsOf(model, tensors, node), output, model.nodes[node]?.numeric);
    for (let element = 0; element < elementCount(output.dims); element++) if (contradicts(element)) return element;
    return undefined;
  }
}
