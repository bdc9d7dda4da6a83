import { MAX_RANK } from "../../tensor/tensor.js";
import { anyLayout, type Draft, type Lowering, type NodeView, type Value } from "../draft.js";
import { broadcastStrides, rowMajorStrides } from "../indices.js";
import { Refusal } from "../problems.js";

/** One node that takes elements of `x` at strided places. */
export function view(x: Value, output: Value, base: number, strides: readonly number[]): Draft {
  return { instruction: { operator: "View", base, strides }, operands: [anyLayout(x)], output };
}

/** The same elements in the same row-major order, whatever the dims. */
export function sameElements(x: Value, output: Value): Draft {
  return view(x, output, 0, rowMajorStrides(output.dims));
}

/** Reshape, Flatten, Squeeze, Unsqueeze, Identity. */
export const reshape: Lowering = (node) => {
  node.optionalConstant(1, "its target shape");
  return [sameElements(node.input(0), node.output())];
};

export const dropout: Lowering = (node) => {
  if (node.outputs().length > 1) throw new Refusal("its mask is read", "Export the model for inference");
  const training = node.integers(2, "training_mode")?.[0] ?? 0;
  if (training !== 0) throw new Refusal("it is in training mode", "Export the model for inference");
  return [sameElements(node.input(0), node.output())];
};

export const transpose: Lowering = (node) => {
  const x = node.input(0);
  const order = node.ints("perm") ?? x.dims.map((_, axis) => x.dims.length - 1 - axis);
  const strides = rowMajorStrides(x.dims);
  return [
    view(
      x,
      node.output(),
      0,
      order.map((axis) => strides[axis] ?? 0),
    ),
  ];
};

export const expand: Lowering = (node) => {
  node.constant(1, "its target shape");
  const [x, output] = [node.input(0), node.output()];
  return [view(x, output, 0, broadcastStrides(x.dims, output.dims))];
};

export const slice: Lowering = (node) => {
  const [x, output] = [node.input(0), node.output()];
  // Before opset 10 they are attributes, and no step is taken.
  const starts = node.ints("starts") ?? node.integers(1, "starts") ?? [];
  node.optionalConstant(2, "ends");
  const axes = node.ints("axes") ?? node.integers(3, "axes") ?? starts.map((_, i) => i);
  const steps = node.integers(4, "steps") ?? starts.map(() => 1);
  const strides = rowMajorStrides(x.dims);
  let base = 0;
  axes.forEach((given, i) => {
    const axis = given < 0 ? given + x.dims.length : given;
    const step = steps[i] ?? 1;
    base += firstOf(starts[i] ?? 0, step, x.dims[axis] ?? 0) * (strides[axis] ?? 0);
    // Of one element no step is taken, however long it is said to be.
    strides[axis] = output.dims[axis] === 1 ? 0 : (strides[axis] ?? 0) * step;
  });
  return [view(x, output, base, strides)];
};

/** Where a slice begins: counted from the end if negative, and never outside. */
function firstOf(start: number, step: number, dim: number): number {
  const from = start < 0 ? start + dim : start;
  return Math.min(Math.max(from, 0), step < 0 ? dim - 1 : dim);
}

/** One node for each part that is read. */
export const split: Lowering = (node) => {
  node.optionalConstant(1, "its list of lengths");
  const x = node.input(0);
  const axis = axisOf(node, x, 0);
  const strides = rowMajorStrides(x.dims);
  let base = 0;
  return node.outputs().map(({ value }) => {
    const part = view(x, value, base, strides);
    base += (value.dims[axis] ?? 0) * (strides[axis] ?? 0);
    return part;
  });
};

/** Each axis with its repetitions before it, which take no step. */
export const tile: Lowering = (node) => {
  const [x, output] = [node.input(0), node.output()];
  const repeats = node.integers(1, "its repeats") ?? [];
  const steps = rowMajorStrides(x.dims);
  const axes = x.dims.flatMap((dim, axis) => {
    const own = { dim, stride: steps[axis] ?? 0 };
    return (repeats[axis] ?? 1) === 1 ? [own] : [{ dim: repeats[axis] ?? 1, stride: 0 }, own];
  });
  if (axes.length > MAX_RANK) throw new Refusal("it repeats too many axes", "Repeat fewer axes at once");
  return rearranged(
    x,
    output,
    axes.map(({ dim }) => dim),
    axes.map(({ stride }) => stride),
  );
};

/** Channels become blocks of neighbours. */
export const depthToSpace: Lowering = (node) => {
  const [x, output] = [node.input(0), node.output()];
  const [images = 1, channels = 1, height = 1, width = 1] = x.dims;
  const size = node.int("blocksize", 1);
  const [left, place] = [channels / size ** 2, height * width];
  // Which comes first within the channels: the place in the block, or what stays a channel.
  const [channel, block] = node.text("mode", "DCR") === "CRD" ? [size ** 2 * place, place] : [place, left * place];
  const dims = [images, left, height, size, width, size];
  return rearranged(x, output, dims, [channels * place, channel, width, size * block, 1, block]);
};

/** Blocks of neighbours become channels. */
export const spaceToDepth: Lowering = (node) => {
  const [x, output] = [node.input(0), node.output()];
  const [images = 1, channels = 1, height = 1, width = 1] = x.dims;
  const size = node.int("blocksize", 1);
  const dims = [images, size, size, channels, height / size, width / size];
  const place = height * width;
  return rearranged(x, output, dims, [channels * place, width, 1, place, size * width, size]);
};

/** Elements at strided places of more axes than the output has. */
function rearranged(x: Value, output: Value, dims: readonly number[], strides: readonly number[]): Draft[] {
  const wider: Value = { dtype: x.dtype, dims };
  return [view(x, wider, 0, strides), sameElements(wider, output)];
}

/** The `axis` of a node, counted from the front. */
export function axisOf(node: NodeView, { dims }: Value, otherwise: number): number {
  const axis = node.int("axis", otherwise);
  return axis < 0 ? axis + dims.length : axis;
}
