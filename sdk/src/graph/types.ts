import type { Hex } from "../tensor/bytes.js";
import type { TensorHeader } from "../tensor/commitment.js";

// The structs of contracts/types/GraphTypes.sol, field by field. docs/COURT.md says what they mean.

/** Where an operand comes from. */
export const Source = { Absent: 0, Trace: 1, Constant: 2 } as const;
export type Source = (typeof Source)[keyof typeof Source];

export interface Operand {
  readonly source: Source;
  /** Index in the trace; zero for a constant. */
  readonly tensor: number;
  /** Trace: metaHash. Constant: tensor root. */
  readonly hash: Hex;
}

/** In which order a floating-point sum is taken. */
export interface Numeric {
  /** 0: bit for bit. 1: within the bound that holds for any order, or for any implementation of a function. */
  readonly mode: number;
  /** One rounding for product and sum. */
  readonly fused: boolean;
  /** Products summed before the partial sum is added to the result; 0: all of them. */
  readonly block: number;
  /** The bias is the first summand, not the last. */
  readonly biasFirst: boolean;
}

/** Of operators whose results do not depend on an order of summation. */
export const EXACT: Numeric = { mode: 0, fused: false, block: 0, biasFirst: false };

/** Of sums and functions that are judged within a bound. */
export const ANY_ORDER: Numeric = { ...EXACT, mode: 1 };

/** One step of a model: node i writes trace tensor `inputs.length + i`. */
export interface GraphNode {
  readonly operator: number;
  /** ABI-encoded. */
  readonly attributes: Hex;
  readonly operands: readonly Operand[];
  readonly outputMeta: Hex;
  readonly numeric: Numeric;
}

/** An input or output of a model. */
export interface Port {
  readonly nameHash: Hex;
  /** Index in the trace. */
  readonly tensor: number;
  /** Its header with a Merkle root of zero. */
  readonly meta: TensorHeader;
}

export interface Graph {
  /** sha-256 of the registered ONNX file. */
  readonly fileHash: Hex;
  readonly profile: Hex;
  readonly nodesRoot: Hex;
  readonly nodeCount: number;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
}

/** `contracts/libraries/Operators.sol`. The upper byte is the family. */
export const Operator = {
  View: 0x0100,
  Concat: 0x0101,
  Pad: 0x0102,
  Gather: 0x0103,
  Cast: 0x0104,

  Relu: 0x0200,
  Clip: 0x0201,
  LeakyRelu: 0x0202,
  MaxPool: 0x0203,
  ArgMax: 0x0204,

  Add: 0x0300,
  Sub: 0x0301,
  Mul: 0x0302,
  Div: 0x0303,
  Sqrt: 0x0304,

  QuantizeLinear: 0x0400,
  DequantizeLinear: 0x0401,

  MatMulInteger: 0x0500,
  QLinearMatMul: 0x0501,
  ConvInteger: 0x0502,
  QLinearConv: 0x0503,

  MatMul: 0x0600,
  Conv: 0x0601,
  AveragePool: 0x0602,
  ReduceSum: 0x0603,
  ReduceMean: 0x0604,
  BatchNormalization: 0x0605,

  ToleranceMatMul: 0x0700,
  ToleranceConv: 0x0701,
  ToleranceAveragePool: 0x0702,
  ToleranceReduceSum: 0x0703,
  ToleranceReduceMean: 0x0704,
  ToleranceBatchNormalization: 0x0705,

  Exp: 0x0800,
  Sigmoid: 0x0801,
  Tanh: 0x0802,
  Erf: 0x0803,
  Gelu: 0x0804,
  Softmax: 0x0805,
  LayerNormalization: 0x0806,
  Log: 0x0807,
  BlockMax: 0x0808,
  BlockSum: 0x0809,
  BlockMagnitudes: 0x080a,
  BlockSquares: 0x080b,
  BlockExponentials: 0x080c,
  LongSoftmax: 0x080d,
  LongLayerNormalization: 0x080e,
} as const;
export type Operator = (typeof Operator)[keyof typeof Operator];
