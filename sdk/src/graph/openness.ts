import { fromHex, type Hex } from "../tensor/bytes.js";
import { toFloat32Array, type Tensor } from "../tensor/tensor.js";
import type { Assembly } from "./assemble.js";
import type { Instruction, InstructionOf } from "./instruction.js";
import type { Problem } from "./problems.js";
import { operandsOf } from "./trace.js";
import { Source } from "./types.js";

// In which tensors two traces can differ and both stand before the court, because processors differ there
// (docs/verifiers/EXACT.md#where-more-than-one-result-is-right).

/** Nothing is open; the sign of each zero is; anything is. */
export const Open = { Nothing: 0, Zeros: 1, Anything: 2 } as const;
export type Open = (typeof Open)[keyof typeof Open];

/** What is needed of a model. */
export type OpenModel = Pick<Assembly, "nodes" | "instructions" | "tensors" | "constants">;

/** Of each tensor of an honest trace, what other traces that stand may have otherwise. */
export function openTensors(model: OpenModel, trace: readonly Tensor[]): Open[] {
  return spread(model, (node) => {
    const [instruction, [x]] = [model.instructions[node], operandsOf(model, trace, node)];
    return instruction && x ? openedBy(instruction, x) : Open.Nothing;
  });
}

/** Divisions by a zero whose sign is open in some run: x / 0 is infinite, and whoever turns the sign turns that. */
export function openDivisors(model: OpenModel): Problem[] {
  const inputs = model.tensors.length - model.nodes.length;
  const isFloat = (node: number) => model.tensors[inputs + node]?.dtype === "float32";
  const open = spread(model, (node) =>
    isFloat(node) && mayOpen(model.instructions[node]) ? Open.Zeros : Open.Nothing,
  );
  return model.nodes.flatMap(({ operands }, node) => {
    const [instruction, divisor] = [model.instructions[node], operands[1]];
    if (instruction?.operator !== "Div" || divisor?.source !== Source.Trace) return [];
    if (open[divisor.tensor] === Open.Nothing) return [];
    const where = model.tensors[inputs + node]?.name ?? "";
    const reason = "its divisor can be a zero of which either sign stands, and the quotient an infinity of either sign";
    const remedy = "Add a constant to the divisor, such as the epsilon of a normalisation, or clip it above zero";
    return [{ where, what: "Div", reason, remedy }];
  });
}

/** Goes through a graph: what nodes open themselves, and what comes of that in those that read it. */
function spread({ nodes, instructions, tensors, constants }: OpenModel, openedAt: (node: number) => Open): Open[] {
  const inputs = tensors.length - nodes.length;
  const open: Open[] = new Array<Open>(inputs).fill(Open.Nothing);
  for (const [node, instruction] of instructions.entries()) {
    const operands = (nodes[node]?.operands ?? []).map(({ source, tensor, hash }): Operand => ({
      open: (source === Source.Trace && open[tensor]) || Open.Nothing,
      constant: source === Source.Constant ? constants.get(hash) : undefined,
    }));
    const isFloat = tensors[inputs + node]?.dtype === "float32";
    open.push(Math.max(openedAt(node), passedOn(instruction, operands, isFloat)) as Open);
  }
  return open;
}

/** Whether some operand makes the node open the sign of a zero. */
function mayOpen(instruction: Instruction | undefined): boolean {
  if (instruction?.operator === "Clip") return !isBeyondZero(instruction);
  return instruction?.operator === "Relu" || instruction?.operator === "MaxPool";
}

/** What a node opens with this operand. */
function openedBy(instruction: Instruction, x: Tensor): Open {
  if (x.dtype !== "float32") return Open.Nothing;
  const values = toFloat32Array(x);
  const has = (wanted: number) => values.some((value) => Object.is(value, wanted));
  switch (instruction.operator) {
    case "Relu":
      return has(-0) ? Open.Zeros : Open.Nothing;
    case "Clip":
      return boundsOf(instruction).some((bound) => bound === 0 && has(-bound)) ? Open.Zeros : Open.Nothing;
    case "MaxPool":
      if (has(NaN) || has(-Infinity)) return Open.Anything;
      return has(0) && has(-0) ? Open.Zeros : Open.Nothing;
    case "ArgMax":
      return has(NaN) ? Open.Anything : Open.Nothing;
    default:
      return Open.Nothing;
  }
}

interface Operand {
  readonly open: Open;
  readonly constant: Tensor | undefined;
}

/** What is open of a node's result where so much of its operands is. */
function passedOn(instruction: Instruction, operands: readonly Operand[], isFloat: boolean): Open {
  const most = Math.max(Open.Nothing, ...operands.map(({ open }) => open)) as Open;
  // Integers have one zero, and whatever compares or rounds to them takes both for the same.
  if (most !== Open.Zeros || !isFloat) return most === Open.Anything ? most : Open.Nothing;
  const [a, b, c] = operands;
  switch (instruction.operator) {
    case "Div":
      return b?.open === Open.Nothing ? Open.Zeros : Open.Anything;
    // x + c is c, and 0 where c is, whatever the sign of a zero x.
    case "Add":
      return isWithout(a, -0) || isWithout(b, -0) ? Open.Nothing : Open.Zeros;
    case "Sub":
      return isWithout(a, -0) || isWithout(b, 0) ? Open.Nothing : Open.Zeros;
    case "BatchNormalization":
      return isWithout(c, -0) ? Open.Nothing : Open.Zeros;
    case "Clip":
      return isBeyondZero(instruction) ? Open.Nothing : Open.Zeros;
    case "Exp":
    case "Sigmoid":
    case "Softmax":
    case "Log":
    case "BlockMagnitudes":
    case "BlockSquares":
    case "BlockExponentials":
    case "LongSoftmax":
      return Open.Nothing;
    default:
      return Open.Zeros;
  }
}

/** Whether an operand is a constant that nowhere is this zero. */
function isWithout(operand: Operand | undefined, zero: number): boolean {
  const constant = operand?.constant;
  return constant?.dtype === "float32" && !toFloat32Array(constant).some((value) => Object.is(value, zero));
}

/** Whether no result of a Clip is zero. */
function isBeyondZero(clip: InstructionOf<"Clip">): boolean {
  const [min, max] = boundsOf(clip);
  return max < 0 || (min > 0 && max > 0);
}

/** Of a Clip of float32; of one of integers nothing is open. */
function boundsOf({ min, max }: InstructionOf<"Clip">): [min: number, max: number] {
  const number = (bytes: Hex, otherwise: number): number => {
    const data = fromHex(bytes);
    return data.length === 4 ? (toFloat32Array({ dtype: "float32", dims: [], data })[0] ?? otherwise) : otherwise;
  };
  return [number(min, -Infinity), number(max, Infinity)];
}
