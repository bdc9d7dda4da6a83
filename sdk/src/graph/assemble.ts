import { ZeroHash } from "ethers";

import type { Hex } from "../tensor/bytes.js";
import { commitTensor } from "../tensor/commitment.js";
import { Layout } from "../tensor/layout.js";
import type { Tensor } from "../tensor/tensor.js";
import type { Draft, Value, Wanted } from "./draft.js";
import { metaHash, type TensorMeta } from "./encode.js";
import { encodeInstruction, type Instruction } from "./instruction.js";
import { chooseLayouts, isThere } from "./layouts.js";
import { isPostable } from "./lowering/budget.js";
import { sameElements } from "./lowering/views.js";
import { PreparationError, Refusal, type Problem } from "./problems.js";
import { requireProvable } from "./provable.js";
import { EXACT, Source, type GraphNode, type Operand } from "./types.js";

/** A tensor of the trace before any run. */
export interface TraceTensor extends TensorMeta {
  /** The ONNX value whose elements it has; undefined if the graph computes it in between. */
  readonly name?: string;
}

/** Nodes with all that is needed to evaluate them. */
export interface Assembly {
  readonly nodes: readonly GraphNode[];
  /** Of each node, decoded. */
  readonly instructions: readonly Instruction[];
  /** Inputs, then the output of each node. */
  readonly tensors: readonly TraceTensor[];
  /** By tensor root. */
  readonly constants: ReadonlyMap<Hex, Tensor>;
  /** Place of each output of the model in the trace. */
  readonly outputs: readonly number[];
}

/**
 * Gives drafts layouts, relayouts where a reader needs another, and places in the trace. Throws a `PreparationError` if
 * transactions cannot hold what is to be proven or posted then.
 */
export function assemble(drafts: readonly Draft[], inputs: readonly Value[], outputs: readonly Value[]): Assembly {
  const kept = needed(drafts, outputs);
  const builder = new Builder(inputs, chooseLayouts(kept, [...inputs, ...outputs]));
  for (const draft of kept) builder.add(draft);
  return builder.finish(outputs);
}

/** Drafts that an output depends on. */
function needed(drafts: readonly Draft[], outputs: readonly Value[]): Draft[] {
  const read = new Set<Value>(outputs);
  return drafts
    .toReversed()
    .filter(({ operands, output }) => {
      if (!read.has(output)) return false;
      for (const { value } of operands.filter(isThere)) read.add(value);
      return true;
    })
    .toReversed();
}

class Builder {
  readonly #nodes: GraphNode[] = [];
  readonly #instructions: Instruction[] = [];
  readonly #tensors: TraceTensor[] = [];
  readonly #problems: Problem[] = [];
  readonly #constants = new Map<Hex, Tensor>();
  /** Places in the trace by value, and within by layout. */
  readonly #places = new Map<Value, Map<Layout, number>>();

  constructor(
    inputs: readonly Value[],
    private readonly layoutOf: (value: Value) => Layout,
  ) {
    for (const input of inputs) this.#place(input, Layout.RowMajor);
  }

  add(draft: Draft, layout = this.layoutOf(draft.output)): void {
    const operands = draft.operands.map((wanted) => this.#operand(wanted));
    const tensor = this.#place(draft.output, layout);
    this.#requireProvable(draft, layout);
    this.#nodes.push({
      ...encodeInstruction(draft.instruction),
      operands,
      outputMeta: metaHash(this.#tensors[tensor] as TraceTensor),
      numeric: draft.numeric ?? EXACT,
    });
    this.#instructions.push(draft.instruction);
  }

  finish(outputs: readonly Value[]): Assembly {
    const places = outputs.map((value) => this.#placeOf(value, Layout.RowMajor));
    const [tensors, nodes] = [this.#tensors, this.#nodes];
    const ports = tensors.length - nodes.length + outputs.length;
    if (!isPostable(tensors.length, ports)) this.#problems.push(untraceable(tensors.length, ports));
    if (this.#problems.length > 0) throw new PreparationError(this.#problems);
    return { nodes, instructions: this.#instructions, tensors, constants: this.#constants, outputs: places };
  }

  #requireProvable({ instruction, numeric = EXACT, operands, output }: Draft, layout: Layout): void {
    const placed = operands.map((wanted) => wanted && { ...wanted.value, layout: this.#layoutFor(wanted) });
    try {
      requireProvable(instruction, numeric, placed, { ...output, layout });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { reason, remedy } = error;
      this.#problems.push({ where: output.name ?? "", what: instruction.operator, reason, remedy });
    }
  }

  #operand(wanted: Wanted | undefined): Operand {
    if (!wanted) return { source: Source.Absent, tensor: 0, hash: ZeroHash as Hex };
    const { value } = wanted;
    if (value.constant) return this.#constant(value.constant, this.#layoutFor(wanted));
    const tensor = this.#placeOf(value, this.#layoutFor(wanted));
    return { source: Source.Trace, tensor, hash: metaHash(this.#tensors[tensor] as TraceTensor) };
  }

  /** The layout in which an operand is read. */
  #layoutFor({ value, layout, firmly }: Wanted): Layout {
    if (firmly && layout !== undefined) return layout;
    return value.constant ? Layout.RowMajor : this.layoutOf(value);
  }

  #constant(tensor: Tensor, layout: Layout): Operand {
    const { root, tensor: committed } = commitTensor(tensor, layout);
    this.#constants.set(root, committed);
    return { source: Source.Constant, tensor: 0, hash: root };
  }

  /** Where a value stands in a layout; a VIEW brings it there if it does not yet. */
  #placeOf(value: Value, layout: Layout): number {
    const known = this.#places.get(value)?.get(layout);
    if (known !== undefined) return known;
    this.add(sameElements(value, value), layout);
    return this.#tensors.length - 1;
  }

  #place(value: Value, layout: Layout): number {
    const { name, dtype, dims } = value;
    const tensor = this.#tensors.push({ ...(name === undefined ? {} : { name }), dtype, dims, layout }) - 1;
    const places = this.#places.get(value) ?? new Map<Layout, number>();
    this.#places.set(value, places.set(layout, tensor));
    return tensor;
  }
}

function untraceable(tensors: number, ports: number): Problem {
  const reason = `its trace has ${tensors} tensors and the model ${ports} inputs and outputs, more roots than one transaction can post`;
  return { where: "", what: "model", reason, remedy: "Split it into models that are run one after the other" };
}
