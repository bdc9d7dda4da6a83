import type { NodeView } from "../draft.js";
import type { Window } from "../instruction.js";
import { Refusal } from "../problems.js";
import type { Shape } from "../values.js";

/** The window of a pooling or a convolution. */
export function windowOf(
  node: NodeView,
  x: readonly number[],
  output: readonly number[],
  kernel: readonly number[],
): Window {
  const strides = node.ints("strides") ?? kernel.map(() => 1);
  const dilations = node.ints("dilations") ?? kernel.map(() => 1);
  const padsBegin = kernel.map((length, axis) => {
    const total = samePads(x[axis + 2] ?? 0, strides[axis] ?? 1, length);
    switch (node.text("auto_pad", "NOTSET")) {
      case "SAME_UPPER":
        return half(total);
      case "SAME_LOWER":
        return half(total + 1);
      case "VALID":
        return 0;
      default:
        return node.ints("pads")?.[axis] ?? 0;
    }
  });
  if (padsBegin.some((pad) => pad < 0)) {
    throw new Refusal("it has negative pads", "Slice before it, and write pads instead of auto_pad");
  }
  return { kernel, strides, dilations, padsBegin };
}

/** As onnxruntime has them: whatever the dilations are, and negative where the last step ends before the operand. */
function samePads(dim: number, stride: number, length: number): number {
  return (Math.ceil(dim / stride) - 1) * stride + length - dim;
}

/** As C++ divides integers: towards zero, of which there is one. */
const half = (value: number): number => (value / 2) | 0;

/** A window with no place inside of the operand has no largest element. */
export function requireInside(window: Window, x: readonly number[], output: readonly number[]): void {
  const { kernel, strides, dilations, padsBegin } = window;
  kernel.forEach((length, axis) => {
    const dim = x[axis + 2] ?? 0;
    for (let at = 0; at < (output[axis + 2] ?? 0); at++) {
      const first = at * (strides[axis] ?? 1) - (padsBegin[axis] ?? 0);
      const inside = Array.from({ length }, (_, tap) => first + tap * (dilations[axis] ?? 1));
      if (!inside.some((place) => place >= 0 && place < dim)) {
        throw new Refusal("a window of it lies in the padding altogether", "Use smaller pads or no ceil_mode");
      }
    }
  });
}

/** Whether the last window ends behind the pads, as it may with ceil_mode. */
export function reachesBeyond(
  { kernel, strides, dilations, padsBegin }: Window,
  pads: readonly number[],
  x: Shape,
  output: Shape,
): boolean {
  return kernel.some((_, axis) => {
    const covered = ((output.dims[axis + 2] ?? 0) - 1) * (strides[axis] ?? 1) + extent(kernel, dilations, axis);
    return covered > (x.dims[axis + 2] ?? 0) + (padsBegin[axis] ?? 0) + (pads[kernel.length + axis] ?? 0);
  });
}

function extent(kernel: readonly number[], dilations: readonly number[], axis: number): number {
  return ((kernel[axis] ?? 1) - 1) * (dilations[axis] ?? 1) + 1;
}
