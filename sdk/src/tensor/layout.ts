import { TensorError } from "./errors.js";

// Specified in docs/COMMITMENTS.md; TensorLayout.sol has the same on chain.

/** Where the elements of a tensor lie in its leaves. */
export const Layout = {
  RowMajor: 0,
  /** [N, C, ...]: a leaf for each place, its C channels in order. */
  Pixels: 1,
  /** [..., K, N]: a leaf for each of the N columns, its K elements in order. */
  Columns: 2,
  /** [O, I, ...]: a leaf for each of the O filters; place by place, the I channels of each. */
  Filters: 3,
  /** [..., K]: a leaf for each row. */
  Rows: 4,
  /** As columns and filters, single bytes: filled up to whole words, each word's groups of four bytes reversed. */
  ColumnsReversed: 5,
  FiltersReversed: 6,
} as const;
export type Layout = (typeof Layout)[keyof typeof Layout];

/** A row-major leaf. Never 64: such a leaf would be as long as two hashes side by side. */
export const LEAF_BYTES = 1024;
/** Above this a leaf is too dear to open on chain. */
export const MAX_LEAF_BYTES = 1 << 16;

/** How a tensor of these dims is cut into leaves. */
export interface Chunking {
  /** Elements for each leaf, places for padding included. */
  chunkElems: number;
  nLeaves: number;
  leafBytes: number;
}

/** A tensor seen along the axis that lies within a leaf: `outer` blocks of `length` times `inner` elements. */
interface View {
  outer: number;
  length: number;
  inner: number;
}

const product = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);
const wholeWords = (bytes: number): number => Math.ceil(bytes / 32) * 32;
export const isReversed = (layout: number): boolean =>
  layout === Layout.ColumnsReversed || layout === Layout.FiltersReversed;
const isFilters = (layout: number): boolean => layout === Layout.Filters || layout === Layout.FiltersReversed;

/** The chunking, or undefined if the layout does not exist or does not suit the tensor. `size`: bytes of an element. */
export function chunking(layout: number, dims: readonly number[], size: number): Chunking | undefined {
  if (layout === Layout.RowMajor) {
    const chunkElems = LEAF_BYTES / size;
    return { chunkElems, nLeaves: Math.ceil(product(dims) / chunkElems), leafBytes: LEAF_BYTES };
  }
  if (layout > Layout.FiltersReversed || dims.length < (layout === Layout.Rows ? 1 : 2)) return undefined;
  if (isReversed(layout) && size !== 1) return undefined;
  const { outer, length, inner } = viewOf(layout, dims);
  if (outer === 0 || length === 0 || inner === 0) return undefined;
  const run = isReversed(layout) ? wholeWords(length) : length;
  const chunkElems = isFilters(layout) ? run * inner : run;
  if (chunkElems > Math.floor(MAX_LEAF_BYTES / size)) return undefined;
  const used = wholeWords(chunkElems * size);
  return { chunkElems, nLeaves: isFilters(layout) ? outer : outer * inner, leafBytes: used === 64 ? 96 : used };
}

/** The leaf that holds a row-major element, and the element's place in it, counted in elements. */
export function locate(
  layout: number,
  dims: readonly number[],
  size: number,
  element: number,
): { leaf: number; place: number } {
  if (layout === Layout.RowMajor) {
    const perLeaf = LEAF_BYTES / size;
    return { leaf: Math.floor(element / perLeaf), place: element % perLeaf };
  }
  const { length, inner } = viewOf(layout, dims);
  const within = element % inner;
  const along = Math.floor(element / inner);
  const outer = Math.floor(along / length);
  const place = isReversed(layout) ? reversedPlace(along % length) : along % length;
  if (!isFilters(layout)) return { leaf: outer * inner + within, place };
  return { leaf: outer, place: within * (isReversed(layout) ? wholeWords(length) : length) + place };
}

/** The leaves of row-major `data`, end to end. */
export function arrange(layout: number, dims: readonly number[], size: number, data: Uint8Array): Uint8Array {
  const cut = chunking(layout, dims, size);
  if (!cut) throw new TensorError("BAD_LAYOUT", `layout ${layout} does not suit dims [${dims.join(", ")}]`);
  const leaves = new Uint8Array(cut.nLeaves * cut.leafBytes);
  if (layout === Layout.RowMajor) {
    leaves.set(data);
    return leaves;
  }
  for (let element = 0; element < data.length / size; element++) {
    const { leaf, place } = locate(layout, dims, size, element);
    const at = leaf * cut.leafBytes + place * size;
    for (let byte = 0; byte < size; byte++) leaves[at + byte] = data[element * size + byte] ?? 0;
  }
  return leaves;
}

/** Where byte `place` of a run lies once each word's eight groups of four bytes stand in reverse order. */
export function reversedPlace(place: number): number {
  const group = Math.floor((place % 32) / 4);
  return place - (place % 32) + 4 * (7 - group) + (place % 4);
}

function viewOf(layout: number, dims: readonly number[]): View {
  const columns = layout === Layout.Columns || layout === Layout.ColumnsReversed;
  const axis = layout === Layout.Rows ? dims.length - 1 : columns ? dims.length - 2 : 1;
  return { outer: product(dims.slice(0, axis)), length: dims[axis] ?? 0, inner: product(dims.slice(axis + 1)) };
}
