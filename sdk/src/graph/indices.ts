import { elementCount } from "../tensor/tensor.js";

/** How far apart neighbours along each axis lie. */
export function rowMajorStrides(dims: readonly number[]): number[] {
  return dims.map((_, axis) => elementCount(dims.slice(axis + 1)));
}

/** The place of a row-major element along each axis. */
export function toIndex(element: number, dims: readonly number[]): number[] {
  const index = new Array<number>(dims.length);
  let rest = element;
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    const dim = dims[axis] ?? 1;
    index[axis] = rest % dim;
    rest = Math.floor(rest / dim);
  }
  return index;
}

/** The strides of an operand that is broadcast to `dims`: zero along the axes it lacks or has once. */
export function broadcastStrides(from: readonly number[], dims: readonly number[]): number[] {
  const strides = rowMajorStrides(from);
  const missing = dims.length - from.length;
  return dims.map((_, axis) => (axis < missing || from[axis - missing] === 1 ? 0 : (strides[axis - missing] ?? 0)));
}
