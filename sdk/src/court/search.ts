import { differenceOf } from "../graph/difference.js";
import type { CourtModel } from "../graph/prepare.js";
import type { TraceCommitment } from "../graph/trace.js";
import type { Tensor } from "../tensor/tensor.js";
import { ComparingSearch } from "./comparingSearch.js";
import { PostedTensors, withOutputs } from "./posted.js";
import { SelfSearch } from "./selfSearch.js";
import type { Shown, Step } from "./shown.js";

/**
 * The search for what convicts in one posted trace that ends in another result than one's own run. It remembers what it
 * judged: a provider that shows its trace leaf by leaf makes nobody do the work again for each.
 *
 * First the outputs are asked for, if the result cannot be told to be wrong without them. Where it differs in nothing but
 * what the court leaves open, the search ends: the result is as good as right.
 */
export class Search {
  readonly #tensors: PostedTensors;
  readonly #inTrace: ComparingSearch | SelfSearch;
  #isWrong = false;

  constructor(
    private readonly model: CourtModel,
    private readonly run: TraceCommitment,
    private readonly roots: readonly string[],
  ) {
    this.#tensors = new PostedTensors(model, run, roots);
    this.#inTrace =
      model.profile.kind === "Tolerance"
        ? new SelfSearch(model, run, roots, this.#tensors)
        : new ComparingSearch(model, run, roots);
  }

  /** The next step, from what was shown so far. `outputs`: the result, if it could be had outside of the court. */
  next(shown: Shown, outputs: ReadonlyMap<string, Tensor> = new Map()): Step {
    const known = withOutputs(this.model, this.roots, outputs)(shown);
    const before = this.#isWrong ? undefined : this.#lookAtResult(known);
    if (before) return before;
    this.#isWrong = true;
    return this.#inTrace.next(known);
  }

  /** What to do before the trace is searched; undefined once it is known that the result is wrong. */
  #lookAtResult(shown: Shown): Step | undefined {
    const { model, run } = this;
    const own = run.tensors.map(({ tensor }) => tensor);
    if (differenceOf(model, own) === "wrong") return undefined;
    const posted = new Map(model.outputs.map((tensor) => [tensor, this.#tensors.of(tensor, shown)]));
    const parts = [...posted.values()].flatMap(({ missing }) => missing);
    if (parts.length > 0) return { kind: "demand", parts };
    const claimed = new Map<string, Tensor>();
    for (const [i, name] of model.outputNames.entries()) {
      const tensor = posted.get(model.outputs[i] ?? -1)?.committed?.tensor;
      if (tensor) claimed.set(name, tensor);
    }
    return differenceOf(model, own, claimed) === "wrong" ? undefined : { kind: "nothing" };
  }
}

/** The next step of a search that remembers nothing. */
export function nextStep(model: CourtModel, run: TraceCommitment, roots: readonly string[], shown: Shown): Step {
  return new Search(model, run, roots).next(shown);
}
