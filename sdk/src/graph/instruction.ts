import { AbiCoder, ParamType, type Result } from "ethers";

import { AssayError } from "../errors.js";
import type { Hex } from "../tensor/bytes.js";
import { Operator } from "./types.js";

// What a node does, in the words of the table of docs/COURT.md; on chain it is a code and ABI-encoded attributes.

export type OperatorName = keyof typeof Operator;

/** Kernel, strides and so on: one entry for each spatial axis. */
export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly padsBegin: readonly number[];
}
export interface Convolution extends Window {
  readonly group: number;
}
export interface Broadcast {
  readonly baseA: number;
  readonly stridesA: readonly number[];
  readonly baseB: number;
  readonly stridesB: readonly number[];
}
export interface Quantization {
  /** Bits of a float32. */
  readonly scale: number;
  readonly zeroPoint: number;
}
/** How a plain sum is taken (`FloatSums.Order`). */
export const SumOrder = { Sequence: 0, Lanes: 1, Packets: 2, Columns: 3 } as const;
export type SumOrder = (typeof SumOrder)[keyof typeof SumOrder];
/** x as blocks of rows: outer * length * inner elements, of which the length is added up. */
export interface Rows {
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
}
export interface Reduction extends Rows {
  readonly order: SumOrder;
}
type None = Record<never, never>;

interface Attributes {
  View: { readonly base: number; readonly strides: readonly number[] };
  Concat: { readonly axis: number };
  Pad: { readonly low: readonly number[]; readonly value: Hex };
  Gather: { readonly axis: number };
  Cast: None;
  Relu: None;
  Clip: { readonly min: Hex; readonly max: Hex };
  LeakyRelu: { readonly alpha: number };
  MaxPool: Window;
  ArgMax: { readonly axis: number; readonly last: boolean };
  Add: Broadcast;
  Sub: Broadcast;
  Mul: Broadcast;
  Div: Broadcast;
  Sqrt: None;
  QuantizeLinear: Quantization;
  DequantizeLinear: Quantization;
  MatMulInteger: { readonly zeroA: number; readonly zeroB: number };
  QLinearMatMul: { readonly zeroA: number; readonly zeroB: number; readonly zeroY: number };
  ConvInteger: { readonly convolution: Convolution; readonly zeroX: number; readonly zeroW: number };
  QLinearConv: {
    readonly convolution: Convolution;
    readonly zeroX: number;
    readonly zeroW: number;
    readonly zeroY: number;
  };
  /** Of c, one for each axis of the output; none if c is absent. */
  MatMul: { readonly strides: readonly number[] };
  Conv: { readonly convolution: Convolution };
  /** What the sum is divided by; zero for the number of places inside of x. */
  AveragePool: Window & { readonly divisor: number; readonly order: SumOrder };
  ReduceSum: Reduction;
  ReduceMean: Reduction;
  BatchNormalization: None;
  ToleranceMatMul: { readonly strides: readonly number[] };
  ToleranceConv: { readonly convolution: Convolution };
  ToleranceAveragePool: Window & { readonly divisor: number };
  ToleranceReduceSum: Rows;
  ToleranceReduceMean: Rows;
  ToleranceBatchNormalization: None;
  Exp: None;
  Sigmoid: None;
  Tanh: None;
  Erf: None;
  /** By its approximation with tanh. */
  Gelu: { readonly tanh: boolean };
  /** Of each row of x; its places are `inner` elements apart in the output. */
  Softmax: { readonly inner: number };
  /** Bits of a float32. */
  LayerNormalization: { readonly epsilon: number };
  Log: None;
  /** Of each block of each row of so many elements of x. */
  BlockMax: { readonly length: number };
  BlockSum: { readonly length: number };
  BlockMagnitudes: { readonly length: number };
  BlockSquares: { readonly length: number };
  BlockExponentials: { readonly length: number };
  /** Of rows of so many elements, by their totals. */
  LongSoftmax: { readonly length: number; readonly inner: number };
  LongLayerNormalization: { readonly length: number; readonly epsilon: number };
}

export type InstructionOf<Name extends OperatorName> = { readonly operator: Name } & Attributes[Name];
export type Instruction = { [Name in OperatorName]: InstructionOf<Name> }[OperatorName];

const WINDOW = ["uint32[] kernel", "uint32[] strides", "uint32[] dilations", "uint32[] padsBegin"];
const CONVOLUTION = `tuple(${WINDOW.join(", ")}, uint32 group) convolution`;
const BROADCAST = ["int64 baseA", "int64[] stridesA", "int64 baseB", "int64[] stridesB"];
const ROWS = ["uint32 outer", "uint32 length", "uint32 inner"];
const REDUCTION = [...ROWS, "uint8 order"];
const QUANTIZATION = ["uint32 scale", "int32 zeroPoint"];

const FIELDS: Readonly<Record<OperatorName, readonly string[]>> = {
  View: ["int64 base", "int64[] strides"],
  Concat: ["uint8 axis"],
  Pad: ["int64[] low", "bytes value"],
  Gather: ["uint8 axis"],
  Cast: [],
  Relu: [],
  Clip: ["bytes min", "bytes max"],
  LeakyRelu: ["uint32 alpha"],
  MaxPool: WINDOW,
  ArgMax: ["uint8 axis", "bool last"],
  Add: BROADCAST,
  Sub: BROADCAST,
  Mul: BROADCAST,
  Div: BROADCAST,
  Sqrt: [],
  QuantizeLinear: QUANTIZATION,
  DequantizeLinear: QUANTIZATION,
  MatMulInteger: ["int32 zeroA", "int32 zeroB"],
  QLinearMatMul: ["int32 zeroA", "int32 zeroB", "int32 zeroY"],
  ConvInteger: [CONVOLUTION, "int32 zeroX", "int32 zeroW"],
  QLinearConv: [CONVOLUTION, "int32 zeroX", "int32 zeroW", "int32 zeroY"],
  MatMul: ["int64[] strides"],
  Conv: [CONVOLUTION],
  AveragePool: [...WINDOW, "uint32 divisor", "uint8 order"],
  ReduceSum: REDUCTION,
  ReduceMean: REDUCTION,
  BatchNormalization: [],
  ToleranceMatMul: ["int64[] strides"],
  ToleranceConv: [CONVOLUTION],
  ToleranceAveragePool: [...WINDOW, "uint32 divisor"],
  ToleranceReduceSum: ROWS,
  ToleranceReduceMean: ROWS,
  ToleranceBatchNormalization: [],
  Exp: [],
  Sigmoid: [],
  Tanh: [],
  Erf: [],
  Gelu: ["bool tanh"],
  Softmax: ["uint32 inner"],
  LayerNormalization: ["uint32 epsilon"],
  Log: [],
  BlockMax: ["uint32 length"],
  BlockSum: ["uint32 length"],
  BlockMagnitudes: ["uint32 length"],
  BlockSquares: ["uint32 length"],
  BlockExponentials: ["uint32 length"],
  LongSoftmax: ["uint32 length", "uint32 inner"],
  LongLayerNormalization: ["uint32 length", "uint32 epsilon"],
};

const abi = AbiCoder.defaultAbiCoder();
const params = (name: OperatorName): ParamType[] => FIELDS[name].map((field) => ParamType.from(field));

/** Code and attributes of a node. */
export function encodeInstruction(instruction: Instruction): { operator: number; attributes: Hex } {
  const types = params(instruction.operator);
  const values = types.map(({ name }) => (instruction as unknown as Record<string, unknown>)[name]);
  return { operator: Operator[instruction.operator], attributes: abi.encode(types, values) as Hex };
}

export function decodeInstruction({ operator, attributes }: { operator: number; attributes: Hex }): Instruction {
  const name = (Object.keys(Operator) as OperatorName[]).find((each) => Operator[each] === operator);
  if (name === undefined) throw new AssayError(`no operator has the code 0x${operator.toString(16)}`);
  const types = params(name);
  const values = abi.decode(types, attributes);
  const fields = types.map((type, i) => [type.name, plain(type, values[i])]);
  return { operator: name, ...Object.fromEntries(fields) } as Instruction;
}

/** A decoded value with numbers for integers and objects for structs. */
export function plain(type: ParamType, value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (type.isArray()) return Array.from(value as Result, (item: unknown) => plain(type.arrayChildren, item));
  if (type.isTuple()) {
    return Object.fromEntries(type.components.map((child, i) => [child.name, plain(child, (value as Result)[i])]));
  }
  return value;
}
