import { rowMajorStrides, toIndex } from "./indices.js";
import { fromBytes } from "./evaluateSelection.js";
import type { Instruction, InstructionOf } from "./instruction.js";
import { strided, windowPlaces, type Scalar, type Shape, type Values } from "./values.js";

const LARGEST_FLOAT = 3.4028234663852886e38;

/**
 * Whether `claimed`, a zero, stands where the other zero was computed: processors differ in which of two zeros they take,
 * and there have to be two (docs/verifiers/EXACT.md).
 */
export function otherZeroStands(
  instruction: Instruction,
  x: Values,
  output: Shape,
  element: number,
  claimed: Scalar,
): boolean {
  switch (instruction.operator) {
    case "Relu":
      return Object.is(x.at(element), -0);
    case "Clip":
      return Object.is(clippedToSecond(instruction, x, element), claimed);
    case "MaxPool":
      return isInWindow(instruction, x, output, element, claimed);
    default:
      return false;
  }
}

/** As processors clip that take the bound where both are equal. */
function clippedToSecond({ min, max }: InstructionOf<"Clip">, x: Values, element: number): Scalar {
  const [value, low] = [x.at(element), min === "0x" ? -LARGEST_FLOAT : fromBytes(min, x.dtype)];
  const high = max === "0x" ? LARGEST_FLOAT : fromBytes(max, x.dtype);
  const raised = value > low ? value : low;
  return raised < high ? raised : high;
}

function isInWindow(
  window: InstructionOf<"MaxPool">,
  x: Values,
  output: Shape,
  element: number,
  claimed: Scalar,
): boolean {
  const strides = rowMajorStrides(x.dims);
  const [image = 0, channel = 0, ...place] = toIndex(element, output.dims);
  for (const { at } of windowPlaces(window, place, x.dims.slice(2))) {
    if (Object.is(x.at(strided(0, strides, [image, channel, ...at])), claimed)) return true;
  }
  return false;
}
