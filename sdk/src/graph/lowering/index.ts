import type { Lowering } from "../draft.js";
import { abs, add, div, mean, mul, neg, pow, reciprocal, sqrt, sub, sum } from "./arithmetic.js";
import { argMin, max, min, reduceMax, reduceMin } from "./extrema.js";
import { cast, concat, gather, pad } from "./indexMaps.js";
import { convInteger, matMulInteger, qlinearConv, qlinearMatMul } from "./integerDot.js";
import { floatDots, ordersOfKernels } from "./floatDot.js";
import {
  averagePool,
  batchNormalization,
  globalAveragePool,
  inOne,
  inParts,
  reduceMean,
  reduceSum,
} from "./floatSums.js";
import { dequantizeLinear, quantizeLinear } from "./quantization.js";
import { FUNCTIONS } from "./functions.js";
import { and, equal, greater, greaterOrEqual, less, lessOrEqual, not, or, pRelu, trilu, where, xor } from "./logic.js";
import { alsoOfOneRow } from "./oneRowOperators.js";
import { argMax, clip, globalMaxPool, leakyRelu, maxPool, relu } from "./selection.js";
import { TOLERANCE_LOWERINGS } from "./tolerance.js";
import { depthToSpace, dropout, expand, reshape, slice, spaceToDepth, split, tile, transpose } from "./views.js";

/** How each ONNX operator becomes nodes of the court. All of these are of the Exact profile: integers, or one rounding. */
export const EXACT: Readonly<Record<string, Lowering>> = {
  Identity: reshape,
  Reshape: reshape,
  Flatten: reshape,
  Squeeze: reshape,
  Unsqueeze: reshape,
  Dropout: dropout,
  Transpose: transpose,
  Expand: expand,
  Tile: tile,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  Slice: slice,
  Split: split,
  Concat: concat,
  Pad: pad,
  Gather: gather,
  Cast: cast,
  CastLike: cast,
  Relu: relu,
  Clip: clip,
  LeakyRelu: leakyRelu,
  MaxPool: maxPool,
  GlobalMaxPool: globalMaxPool,
  ArgMax: argMax,
  Add: add,
  Sub: sub,
  Mul: mul,
  Div: div,
  Sqrt: sqrt,
  Neg: neg,
  Pow: pow,
  Abs: abs,
  Sum: sum,
  Mean: mean,
  Max: max,
  Min: min,
  ReduceMax: reduceMax,
  ReduceMin: reduceMin,
  ArgMin: argMin,
  Not: not,
  And: and,
  Or: or,
  Xor: xor,
  Equal: equal,
  Less: less,
  LessOrEqual: lessOrEqual,
  Greater: greater,
  GreaterOrEqual: greaterOrEqual,
  Where: where,
  PRelu: pRelu,
  Trilu: trilu,
  QuantizeLinear: quantizeLinear,
  DequantizeLinear: dequantizeLinear,
  MatMulInteger: matMulInteger,
  QLinearMatMul: qlinearMatMul,
  ConvInteger: convInteger,
  QLinearConv: qlinearConv,
};

const dots = floatDots(ordersOfKernels);

/** Sums of float32 in the order that onnxruntime has, and what was tried on one kind of CPU only: they make a model Canonical. */
export const CANONICAL: Readonly<Record<string, Lowering>> = {
  MatMul: alsoOfOneRow(dots.MatMul),
  Gemm: alsoOfOneRow(dots.Gemm),
  Conv: alsoOfOneRow(dots.Conv),
  AveragePool: averagePool(inOne),
  GlobalAveragePool: globalAveragePool(inOne),
  ReduceSum: alsoOfOneRow(reduceSum(inParts)),
  ReduceMean: alsoOfOneRow(reduceMean(inParts)),
  BatchNormalization: batchNormalization,
  Reciprocal: reciprocal,
};

/** The same operators, within the bound that holds for any order, and functions, within one for any implementation. */
export const TOLERANCE: typeof CANONICAL = { ...TOLERANCE_LOWERINGS, ...FUNCTIONS, Reciprocal: reciprocal };
