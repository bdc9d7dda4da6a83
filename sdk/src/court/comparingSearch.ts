import { AssayError } from "../errors.js";
import { judgeOf } from "../graph/judge.js";
import type { CourtModel } from "../graph/prepare.js";
import { evaluateNode, operandsOf, type TraceCommitment } from "../graph/trace.js";
import { Source } from "../graph/types.js";
import { commitTensor, isCanonicalLeaf, proveLeaf, type TensorCommitment } from "../tensor/commitment.js";
import type { Tensor } from "../tensor/tensor.js";
import { accusations, type Accusation } from "./accusation.js";
import type { DifferingLeaf } from "./evidence.js";
import type { Part } from "./part.js";
import { differences, isPosted, patch, type Shown, type Step } from "./shown.js";

/**
 * The search in a posted trace beside one's own. A difference does not always convict: honest processors differ in the
 * sign of some zeros, and a cheat may hide a wrong element behind such differences. So where all that differs in a tensor
 * is shown and none of it convicts, the search takes the provider's tensor as it is and goes on from there.
 */
export class ComparingSearch {
  /** What follows from the provider's own operands, once these are known. */
  readonly #expected = new Map<number, TensorCommitment>();
  /** The provider's tensors as far as they are known; inputs are those of the job. */
  readonly #known = new Map<number, TensorCommitment>();
  /** Leaves that differ and convict nobody, by tensor. */
  readonly #acquitted = new Map<number, Set<number>>();

  constructor(
    private readonly model: CourtModel,
    private readonly run: TraceCommitment,
    private readonly roots: readonly string[],
  ) {
    for (const [tensor, own] of run.tensors.slice(0, model.inputNames.length).entries()) this.#known.set(tensor, own);
  }

  next(shown: Shown): Step {
    const asks: Part[] = [];
    for (let tensor = this.model.inputNames.length; tensor < this.run.tensors.length; tensor++) {
      if (this.#known.has(tensor)) continue;
      const expected = this.#expectedOf(tensor);
      if (!expected) continue;
      if (isPosted(expected, this.roots[tensor])) {
        this.#known.set(tensor, expected);
        continue;
      }
      const { leaves, missing } = differences(expected, tensor, shown);
      const accusation = this.#firstConvicting(tensor, expected, leaves);
      if (accusation) return { kind: "accuse", accusation };
      // One leaf is enough as a rule: the others are asked for only if it did not convict.
      asks.push(...(leaves.length > 0 ? missing : missing.slice(0, 1)));
      if (missing.length > 0) continue;
      this.#known.set(tensor, commitTensor(patch(expected, leaves), this.model.tensors[tensor]?.layout));
    }
    return asks.length > 0 ? { kind: "demand", parts: asks } : { kind: "nothing" };
  }

  /** Undefined while an operand is not known. */
  #expectedOf(tensor: number): TensorCommitment | undefined {
    const expected = this.#expected.get(tensor) ?? this.#expect(tensor);
    if (expected) this.#expected.set(tensor, expected);
    return expected;
  }

  #expect(tensor: number): TensorCommitment | undefined {
    const { model, run, roots } = this;
    const [own, node] = [run.tensors[tensor], model.nodes[tensor - model.inputNames.length]];
    if (!own || !node) throw new AssayError(`no node writes tensor ${tensor} of the trace`);
    if (isPosted(own, roots[tensor])) return own;
    const read = node.operands.filter(({ source }) => source === Source.Trace).map((operand) => operand.tensor);
    if (read.some((index) => !this.#known.has(index))) return undefined;
    if (read.every((index) => this.#known.get(index) === run.tensors[index])) return own;
    return commitTensor(evaluateNode(model, this.#tensors(), tensor), model.tensors[tensor]?.layout);
  }

  #firstConvicting(
    tensor: number,
    expected: TensorCommitment,
    leaves: readonly DifferingLeaf[],
  ): Accusation | undefined {
    const { model, run, roots } = this;
    const node = tensor - model.inputNames.length;
    const instruction = model.instructions[node];
    const acquitted = this.#acquitted.get(tensor) ?? new Set();
    const left = leaves.filter(({ index }) => !acquitted.has(index));
    if (!instruction || left.length === 0) return undefined;
    const tensors = run.tensors.map((_, i) => (i === tensor ? expected : this.#known.get(i))) as TensorCommitment[];
    const against = { model, honest: { ...run, tensors }, roots, tensor };
    // By itself, before anything is judged: its bytes may be no numbers.
    const malformed = left.find(({ leaf, index }) => !isCanonicalLeaf(expected.header, leaf, index));
    if (malformed) for (const accusation of accusations(against, malformed, malformed.leaf)) return accusation;
    const operands = operandsOf(model, this.#tensors(), node);
    const convicts = judgeOf(instruction, operands, patch(expected, left), model.nodes[node]?.numeric);
    for (const leaf of left) {
      const own = proveLeaf(expected, leaf.index).leaf;
      for (const accusation of accusations(against, leaf, own, convicts)) return accusation;
      acquitted.add(leaf.index);
    }
    this.#acquitted.set(tensor, acquitted);
    return undefined;
  }

  /** What is not known is not read. */
  #tensors(): Tensor[] {
    return this.run.tensors.map((_, tensor) => this.#known.get(tensor)?.tensor) as Tensor[];
  }
}
