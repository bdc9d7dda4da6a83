import { dtypeSize } from "../../tensor/dtype.js";
import { chunking, Layout } from "../../tensor/layout.js";
import type { Draft, NodeView, Value, Wanted } from "../draft.js";
import { evaluate } from "../evaluate.js";
import { broadcastStrides } from "../indices.js";
import type { Convolution } from "../instruction.js";
import { Refusal } from "../problems.js";
import { view } from "./views.js";
import { windowOf } from "./window.js";

// What meets in a matrix product or a convolution, integers or not.

/** Both factors of a matrix product, with the leading dims of the result; a matrix on the right serves all of them. */
export function factors(node: NodeView, a: Value, b: Value): { drafts: Draft[]; a: Wanted; b: Wanted } {
  if (a.dims.length < 2 || b.dims.length < 2) throw new Refusal("a factor is a vector", "Reshape it to a matrix");
  const batch = node.output().dims.slice(0, -2);
  const left = expanded(a, batch);
  const right = b.dims.length === 2 ? { value: b, drafts: [] } : expanded(b, batch);
  return {
    drafts: [...left.drafts, ...right.drafts],
    a: firmly(left.value, Layout.Rows),
    b: firmly(right.value, suitable(right.value, Layout.ColumnsReversed, Layout.Columns)),
  };
}

function expanded(value: Value, batch: readonly number[]): { value: Value; drafts: Draft[] } {
  const dims = [...batch, ...value.dims.slice(-2)];
  if (dims.join() === value.dims.join()) return { value, drafts: [] };
  const wider = { dtype: value.dtype, dims };
  const draft = view(value, wider, 0, broadcastStrides(value.dims, dims));
  if (!value.constant) return { value: wider, drafts: [{ ...draft, output: wider }] };
  return { value: { ...wider, constant: evaluate(draft.instruction, [value.constant], wider) }, drafts: [] };
}

export function convolutionOf(node: NodeView, x: Value, w: Value, output: Value): Convolution {
  if (x.dims.length < 3) throw new Refusal("it has no spatial axis", "Use a matrix product");
  const window = windowOf(node, x.dims, output.dims, node.ints("kernel_shape") ?? w.dims.slice(2));
  return { ...window, group: node.int("group", 1) };
}

export function filters(w: Value): Wanted {
  return firmly(w, suitable(w, Layout.FiltersReversed, Layout.Filters));
}

/** The reversed layout for constants, unless its leaves would be too large. */
function suitable({ constant, dtype, dims }: Value, reversed: Layout, plain: Layout): Layout {
  return constant && chunking(reversed, dims, dtypeSize(dtype)) ? reversed : plain;
}

export function firmly(value: Value, layout: Layout): Wanted {
  if (!chunking(layout, value.dims, dtypeSize(value.dtype))) {
    const dims = `${value.dtype}[${value.dims.join(", ")}]`;
    throw new Refusal(`what one element of the result reads of ${dims} is too large to open`, "Split the sum");
  }
  return { value, layout, firmly: true };
}
