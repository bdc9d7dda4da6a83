import { toTypedArray } from "../../tensor/tensor.js";
import { anyLayout, type Lowering, type NodeView } from "../draft.js";
import { broadcastStrides } from "../indices.js";
import { Refusal } from "../problems.js";
import { comparable } from "./selection.js";

const lowerAs =
  (operator: "Add" | "Sub" | "Mul" | "Div"): Lowering =>
  (node) => {
    const [a, b, output] = [comparable(node.input(0)), node.input(1), node.output()];
    if (operator === "Div" && a.dtype !== "float32") requireSafeDivisor(node);
    const instruction = {
      operator,
      baseA: 0,
      stridesA: broadcastStrides(a.dims, output.dims),
      baseB: 0,
      stridesB: broadcastStrides(b.dims, output.dims),
    } as const;
    return [{ instruction, operands: [anyLayout(a), anyLayout(b)], output }];
  };

/** x / 0 fails, and the least integer / -1 ends the process of the provider. */
function requireSafeDivisor(node: NodeView): void {
  const divisors = Array.from(toTypedArray(node.constant(1, "its integer divisor")), BigInt);
  if (divisors.some((divisor) => divisor === 0n || divisor === -1n)) {
    throw new Refusal("an integer divisor is 0 or -1", "Multiply by -1 instead, or leave out the division");
  }
}

export const add = lowerAs("Add");
export const sub = lowerAs("Sub");
export const mul = lowerAs("Mul");
export const div = lowerAs("Div");

export const sqrt: Lowering = (node) => {
  const x = node.input(0);
  if (x.dtype !== "float32") throw new Refusal(`its operand is ${x.dtype}`, "Use float32");
  return [{ instruction: { operator: "Sqrt" }, operands: [anyLayout(x)], output: node.output() }];
};
