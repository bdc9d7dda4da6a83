import { dtypeSize } from "../tensor/dtype.js";
import { chunking, Layout } from "../tensor/layout.js";
import type { Draft, Value, Wanted } from "./draft.js";

/** The layout in which each tensor of the trace is committed to: the one that most of its readers insist on. */
export function chooseLayouts(drafts: readonly Draft[], rowMajor: readonly Value[]): (value: Value) => Layout {
  const firm = new Map<Value, Layout[]>();
  const soft = new Map<Value, Layout>();
  for (const { value, layout, firmly } of drafts.flatMap(({ operands }) => operands.filter(isThere))) {
    if (layout === undefined) continue;
    if (firmly) firm.set(value, [...(firm.get(value) ?? []), layout]);
    else soft.set(value, layout);
  }
  return (value) => {
    if (rowMajor.includes(value)) return Layout.RowMajor;
    const chosen = mostFrequent(firm.get(value) ?? []) ?? soft.get(value) ?? Layout.RowMajor;
    return chunking(chosen, value.dims, dtypeSize(value.dtype)) ? chosen : Layout.RowMajor;
  };
}

/** The first of those that occur most often. */
function mostFrequent(layouts: readonly Layout[]): Layout | undefined {
  const count = (layout: Layout) => layouts.filter((each) => each === layout).length;
  return layouts.reduce<Layout | undefined>(
    (best, layout) => (best === undefined || count(layout) > count(best) ? layout : best),
    undefined,
  );
}

export function isThere(operand: Wanted | undefined): operand is Wanted {
  return operand !== undefined;
}
