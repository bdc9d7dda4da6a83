import { judgeOf } from "../graph/judge.js";
import type { CourtModel } from "../graph/prepare.js";
import { operandsOf } from "../graph/trace.js";
import { elementCount, type Tensor } from "../tensor/tensor.js";

/** Where a trace contradicts itself. */
export interface Contradiction {
  /** Place in the trace of the tensor that has the element. */
  readonly tensor: number;
  readonly element: number;
}

/**
 * The first element of a trace that no honest party computes from the operands that the trace itself has; undefined if
 * there is none. Needs no run of one's own: where honest parties have different bytes, comparing proves nothing.
 */
export function firstContradiction(model: CourtModel, trace: readonly Tensor[]): Contradiction | undefined {
  const inputs = model.inputNames.length;
  for (const [node, instruction] of model.instructions.entries()) {
    const output = trace[inputs + node];
    if (!output) return undefined;
    const operands = operandsOf(model, trace, node);
    const numeric = model.nodes[node]?.numeric;
    const contradicts = judgeOf(instruction, operands, output, numeric);
    for (let element = 0; element < elementCount(output.dims); element++) {
      if (contradicts(element)) return { tensor: inputs + node, element };
    }
  }
  return undefined;
}
