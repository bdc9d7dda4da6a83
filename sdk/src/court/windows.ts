import type { Window } from "../graph/instruction.js";
import { elementCount } from "../tensor/tensor.js";
import { ALL_STEPS, type Steps } from "./types.js";

/**
 * Row-major numbers of the spatial places of an image [N, C, ...] that a window covers, in the order of the window;
 * what is outside of the image is left out. `at`: the output's coordinates along the spatial axes. `steps`: places of the
 * kernel.
 */
export function placesInWindow(
  window: Window,
  spatial: readonly number[],
  at: readonly number[],
  { from, to = elementCount(window.kernel) }: Steps = ALL_STEPS,
): number[] {
  const places: number[] = [];
  for (let place = from; place < to; place++) {
    const inImage = placeInImage(window, spatial, at, place);
    if (inImage !== undefined) places.push(inImage);
  }
  return places;
}

function placeInImage(
  { kernel, strides, dilations, padsBegin }: Window,
  spatial: readonly number[],
  at: readonly number[],
  place: number,
): number | undefined {
  let rest = place;
  let inImage = 0;
  let step = 1;
  for (let axis = spatial.length - 1; axis >= 0; axis--) {
    const [size = 1, dim = 1] = [kernel[axis], spatial[axis]];
    const start = (at[axis] ?? 0) * (strides[axis] ?? 1) - (padsBegin[axis] ?? 0);
    const coordinate = start + (rest % size) * (dilations[axis] ?? 1);
    if (coordinate < 0 || coordinate >= dim) return undefined;
    rest = Math.floor(rest / size);
    inImage += coordinate * step;
    step *= dim;
  }
  return inImage;
}
