import type { DType } from "../../tensor/dtype.js";
import { elementCount, fromNumbers, MAX_RANK, toFloat32Array, type Tensor } from "../../tensor/tensor.js";
import { anyLayout, type Draft, type Value } from "../draft.js";
import { broadcastStrides } from "../indices.js";
import { Refusal } from "../problems.js";
import { arithmetic } from "./arithmetic.js";
import { sameElements, view } from "./views.js";

// What operators are made of that the court has no verifier for: each is right bit for bit, because nothing rounds.

/** A value between, and the nodes that compute it. */
export interface Steps {
  readonly drafts: readonly Draft[];
  readonly value: Value;
}

export const between = (dtype: DType, dims: readonly number[]): Value => ({ dtype, dims });

export function constant(tensor: Tensor): Value {
  return { dtype: tensor.dtype, dims: tensor.dims, constant: tensor };
}

/** Whether all elements are known, and none is -0. */
export function hasNoMinusZero({ constant: known }: Value): boolean {
  return known !== undefined && !toFloat32Array(known).some((each) => Object.is(each, -0));
}

export function castTo(x: Value, output: Value): Draft {
  return { instruction: { operator: "Cast" }, operands: [anyLayout(x)], output };
}

/** Tensors have so many axes at most. */
function requireRoom(dims: readonly number[]): void {
  if (dims.length >= MAX_RANK) throw new Refusal(`it has ${dims.length} axes`, `Use fewer than ${MAX_RANK}`);
}

/** Operands beside each other along a new last axis, each broadcast to `dims`. */
export function stack(operands: readonly Value[], dims: readonly number[]): Steps {
  requireRoom(dims);
  const dtype = operands[0]?.dtype ?? "float32";
  const parts = operands.map((x): Draft => {
    const strides = [...broadcastStrides(x.dims, dims), 0];
    return view(x, between(dtype, [...dims, 1]), 0, strides);
  });
  const value = between(dtype, [...dims, operands.length]);
  const instruction = { operator: "Concat", axis: dims.length } as const;
  const joined = { instruction, operands: parts.map(({ output }) => anyLayout(output)), output: value };
  return { drafts: [...parts, joined], value };
}

/** Elements of x where the choice is one, of y where it is zero: each is gathered from where both lie one behind the other. */
export function select(choice: Value, x: Value, y: Value, output: Value): Draft[] {
  const { dims } = output;
  requireRoom(dims);
  const count = elementCount(dims);
  const both = [x, y].map((each) =>
    view(each, between(output.dtype, [1, ...dims]), 0, [0, ...broadcastStrides(each.dims, dims)]),
  );
  const joined = between(output.dtype, [2, ...dims]);
  const flat = between(output.dtype, [2 * count]);
  const back = between("int64", choice.dims);
  const places = between("int64", dims);
  const inY = constant(
    fromNumbers(
      "int64",
      dims,
      Array.from({ length: count }, (_, i) => count + i),
    ),
  );
  return [
    ...both,
    {
      instruction: { operator: "Concat", axis: 0 },
      operands: both.map((part) => anyLayout(part.output)),
      output: joined,
    },
    sameElements(joined, flat),
    arithmetic("Mul", choice, constant(fromNumbers("int64", [], [-count])), back),
    arithmetic("Add", back, inY, places),
    { instruction: { operator: "Gather", axis: 0 }, operands: [anyLayout(flat), anyLayout(places)], output },
  ];
}

/** An integer with all its bits turned over: the larger, the smaller. */
export function flipped(x: Value, output: Value): Draft {
  return arithmetic("Sub", constant(allOnes(x.dtype)), x, output);
}

function allOnes(dtype: DType): Tensor {
  const tensor = fromNumbers(dtype, [], [0]);
  return { ...tensor, data: tensor.data.map(() => 0xff) };
}
