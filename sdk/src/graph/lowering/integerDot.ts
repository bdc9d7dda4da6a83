import type { DType } from "../../tensor/dtype.js";
import { chunking, Layout } from "../../tensor/layout.js";
import { elementCount, fromFloat32Array, toTypedArray } from "../../tensor/tensor.js";
import type { Lowering, NodeView, Value, Wanted } from "../draft.js";
import { Refusal, requireAll } from "../problems.js";
import { fitsInParts, MAX_PARTS, opened, TERM_GAS, tooLarge } from "./budget.js";
import { convolutionOf, factors, filters, firmly } from "./factors.js";
import { scalesOf, zeroPoint } from "./quantization.js";

const BYTES: readonly DType[] = ["uint8", "int8"];
/** 255 * 64 * 2 still fits 16 bits. */
const MAX_WEIGHT = 64;
/** Input of QLinearConv; QLinearMatMul has none. */
const BIAS = 8;

export const matMulInteger: Lowering = (node) => {
  requireInteger(node, 1, [2, 3]);
  const zeros = { zeroA: zeroPoint(node, 2), zeroB: zeroPoint(node, 3) };
  const { drafts, a, b } = factors(node, node.input(0), node.input(1));
  return [...drafts, { instruction: { operator: "MatMulInteger", ...zeros }, operands: [a, b], output: node.output() }];
};

export const qlinearMatMul: Lowering = (node) => {
  requireQuantised(node);
  const instruction = {
    operator: "QLinearMatMul",
    zeroA: zeroPoint(node, 2),
    zeroB: zeroPoint(node, 5),
    zeroY: zeroPoint(node, 7),
  } as const;
  const output = node.output();
  const multiplier = multiplierOf(node, output.dims.at(-1) ?? 0);
  const { drafts, a, b } = factors(node, node.input(0), node.input(3));
  return [...drafts, { instruction, operands: [a, b, multiplier], output }];
};

export const convInteger: Lowering = (node) => {
  requireInteger(node, 1, [2, 3]);
  const [x, w, output] = [node.input(0), node.input(1), node.output()];
  const instruction = {
    operator: "ConvInteger",
    convolution: convolutionOf(node, x, w, output),
    zeroX: zeroPoint(node, 2),
    zeroW: zeroPoint(node, 3),
  } as const;
  requireJudgeable(x, w);
  return [{ instruction, operands: [firmly(x, Layout.Pixels), filters(w)], output }];
};

export const qlinearConv: Lowering = (node) => {
  requireQuantised(node);
  const [x, w, output] = [node.input(0), node.input(3), node.output()];
  const instruction = {
    operator: "QLinearConv",
    convolution: convolutionOf(node, x, w, output),
    zeroX: zeroPoint(node, 2),
    zeroW: zeroPoint(node, 5),
    zeroY: zeroPoint(node, 7),
  } as const;
  requireJudgeable(x, w);
  const multiplier = multiplierOf(node, w.dims[0] ?? 0);
  const bias = node.optionalConstant(BIAS, "its bias");
  const operands = [
    firmly(x, Layout.Pixels),
    filters(w),
    multiplier,
    bias && { value: { dtype: bias.dtype, dims: bias.dims, constant: bias } },
  ];
  return [{ instruction, operands, output }];
};

/** Everything that may be wrong with factors and zero points. */
function requireInteger(
  node: NodeView,
  second: number,
  zeroPoints: readonly number[],
  ...more: (() => unknown)[]
): void {
  requireAll(
    () => {
      requireExact(node.input(0), node.input(second));
    },
    ...zeroPoints.map((index) => () => zeroPoint(node, index)),
    ...more,
  );
}

/** The same for QLinearMatMul and QLinearConv, whose scales stand at the same places. */
function requireQuantised(node: NodeView): void {
  const scales = [1, 4, 6].map((index) => () => scalesOf(node, index));
  requireInteger(node, 3, [2, 5, 7], ...scales, () => node.optionalConstant(BIAS, "its bias"));
}

/** Each place of the window is an opening, and each part opens the filter. A row and a column are never too much. */
function requireJudgeable(x: Value, w: Value): void {
  const [terms, pixels] = [elementCount(w.dims.slice(1)), elementCount(w.dims.slice(2))];
  const shared = { openings: 4, bytes: opened(4, terms) };
  const pixelBytes = chunking(Layout.Pixels, x.dims, 1)?.leafBytes ?? 0;
  const openings = pixels + shared.openings;
  const work = { terms, openings, bytes: opened(openings, terms + pixels * pixelBytes) };
  if (!fitsInParts(work, TERM_GAS.integer, shared, pixels)) throw tooLarge(work, MAX_PARTS);
}

/** CPUs without VNNI add pairs of products of u8 and s8 in 16 bits, and what does not fit is cut. */
function requireExact(a: Value, b: Value): void {
  if (!BYTES.includes(a.dtype) || !BYTES.includes(b.dtype)) {
    throw new Refusal(`its factors are ${a.dtype} and ${b.dtype}`, "Use 8 bits");
  }
  if (a.dtype !== "uint8" || b.dtype !== "int8") return;
  const remedy = `Use unsigned weights, signed activations, or weights within ${MAX_WEIGHT} of zero (7 bits)`;
  if (!b.constant) throw new Refusal("u8 times s8 saturates on some CPUs, and its weights are not constant", remedy);
  if (toTypedArray(b.constant).some((weight) => Math.abs(Number(weight)) > MAX_WEIGHT)) {
    throw new Refusal(`u8 times s8 saturates on some CPUs, and a weight is beyond ${MAX_WEIGHT}`, remedy);
  }
}

/** float32(float32(scaleA * scaleB) / scaleY) for the whole tensor or for each channel of the result. */
function multiplierOf(node: NodeView, channels: number): Wanted {
  const [scaleA, more] = scalesOf(node, 1);
  const [scaleY, evenMore] = scalesOf(node, 6);
  const scalesB = scalesOf(node, 4);
  if (scaleA === undefined || scaleY === undefined || more !== undefined || evenMore !== undefined) {
    throw new Refusal("activations have more than one scale", "Use one scale for each tensor of activations");
  }
  if (scalesB.length !== 1 && scalesB.length !== channels) {
    throw new Refusal(`its weights have ${scalesB.length} scales`, "Use one, or one for each channel of the result");
  }
  const multipliers = Float32Array.from(scalesB, (scaleB) => Math.fround(Math.fround(scaleA * scaleB) / scaleY));
  if (!multipliers.every((each) => each > 0 && each < Infinity)) {
    throw new Refusal("its scales multiply to nothing or to infinity", "Quantise the model again");
  }
  const constant = fromFloat32Array(multipliers);
  return { value: { dtype: constant.dtype, dims: constant.dims, constant } };
}
