import type { CourtModel } from "../graph/prepare.js";
import type { TraceCommitment } from "../graph/trace.js";
import { commitTensor, isCanonicalLeaf, type TensorCommitment } from "../tensor/commitment.js";
import { toHex } from "../tensor/bytes.js";
import type { Tensor } from "../tensor/tensor.js";
import type { DifferingLeaf } from "./evidence.js";
import { answerDemand, type Part } from "./part.js";
import { differences, isPosted, patch, type Shown } from "./shown.js";

/** What is known of a tensor of the provider's. */
export interface Posted {
  /** All of it, once it is shown. */
  readonly committed: TensorCommitment | undefined;
  /** Leaves that were shown and that no honest party commits to. */
  readonly malformed: readonly DifferingLeaf[];
  readonly missing: readonly Part[];
}

/** A provider's tensors as far as they were shown. What is whole is put together once. */
export class PostedTensors {
  readonly #whole = new Map<number, Posted>();

  constructor(
    private readonly model: CourtModel,
    private readonly run: TraceCommitment,
    private readonly roots: readonly string[],
  ) {}

  all(shown: Shown): Posted[] {
    return this.run.tensors.map((_, tensor) => this.of(tensor, shown));
  }

  of(tensor: number, shown: Shown): Posted {
    const known = this.#whole.get(tensor);
    if (known) return known;
    const found = this.#lookAt(tensor, shown);
    if (found.committed) this.#whole.set(tensor, found);
    return found;
  }

  #lookAt(tensor: number, shown: Shown): Posted {
    const own = this.run.tensors[tensor];
    if (!own) return { committed: undefined, malformed: [], missing: [] };
    // The court compares inputs with the job's.
    const isOwn = tensor < this.model.inputNames.length || isPosted(own, this.roots[tensor]);
    if (isOwn) return { committed: own, malformed: [], missing: [] };
    const { leaves, missing } = differences(own, tensor, shown);
    const malformed = leaves.filter(({ leaf, index }) => !isCanonicalLeaf(own.header, leaf, index));
    const isWhole = missing.length === 0 && malformed.length === 0;
    const committed = isWhole ? commitTensor(patch(own, leaves), this.model.tensors[tensor]?.layout) : undefined;
    return { committed, malformed, missing };
  }
}

/** What was shown, and beside it the parts of outputs that were got elsewhere and are those that were posted. */
export function withOutputs(
  model: CourtModel,
  roots: readonly string[],
  outputs: ReadonlyMap<string, Tensor>,
): (shown: Shown) => Shown {
  const known = new Map<number, TensorCommitment>();
  for (const [i, name] of model.outputNames.entries()) {
    const [at, tensor] = [model.outputs[i] ?? -1, outputs.get(name)];
    const committed = tensor && commitTensor(tensor, model.tensors[at]?.layout);
    if (committed && isPosted(committed, roots[at])) known.set(at, committed);
  }
  const answer = (part: Part) => {
    const committed = known.get(part.tensor);
    return committed && answerDemand(committed, part);
  };
  return (shown) => ({
    children: (part) => {
      const found = shown.children(part);
      const own = found ? undefined : answer(part);
      return own?.kind === "children" ? own.children : found;
    },
    leaf: (part) => {
      const found = shown.leaf(part);
      const own = found === undefined ? answer(part) : undefined;
      return own?.kind === "leaf" ? toHex(own.leaf) : found;
    },
  });
}
