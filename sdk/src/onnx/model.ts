import { AssayError } from "../errors.js";
import { MODEL, TENSOR } from "./schema.js";

// The shapes of ONNX's messages (onnx.proto, IR version 8 and later). 64-bit integers are bigints here.

export interface OnnxModel {
  irVersion: bigint;
  producerName?: string;
  graph: OnnxGraph;
  opsetImport: { domain?: string; version: bigint }[];
  metadataProps?: { key?: string; value?: string }[];
  /** Not decoded: a model that has any is refused. */
  trainingInfo?: Uint8Array[];
  functions?: Uint8Array[];
}

export interface OnnxGraph {
  name?: string;
  node: OnnxNode[];
  initializer: OnnxTensor[];
  input: OnnxValue[];
  output: OnnxValue[];
  valueInfo?: OnnxValue[];
  sparseInitializer?: Uint8Array[];
  quantizationAnnotation?: Uint8Array[];
}

export interface OnnxNode {
  /** An empty name stands for an optional input that is absent. */
  input: string[];
  output: string[];
  name?: string;
  opType: string;
  /** Empty or `ai.onnx` for the standard operators. */
  domain?: string;
  attribute: OnnxAttribute[];
}

/** `AttributeProto.AttributeType`. */
export const AttributeType = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
} as const;

export interface OnnxAttribute {
  name: string;
  type: number;
  f?: number;
  i?: bigint;
  s?: Uint8Array;
  t?: OnnxTensor;
  g?: OnnxGraph;
  floats?: number[];
  ints?: bigint[];
  strings?: Uint8Array[];
  graphs?: OnnxGraph[];
  refAttrName?: string;
}

export interface OnnxTensor {
  name?: string;
  dims: bigint[];
  dataType: number;
  rawData?: Uint8Array;
  floatData?: number[];
  int32Data?: number[];
  int64Data?: bigint[];
  uint64Data?: bigint[];
  doubleData?: number[];
  stringData?: Uint8Array[];
  externalData?: { key?: string; value?: string }[];
  /** 1: outside of the file. */
  dataLocation?: number;
}

export interface OnnxValue {
  name: string;
  type?: {
    /** Undefined for sequences, maps and the like. */
    tensorType?: { elemType: number; shape?: { dim: { dimValue?: bigint; dimParam?: string }[] } };
  };
}

/** Decodes an ONNX file. Throws `AssayError` if the bytes are none. */
export function decodeModel(bytes: Uint8Array): OnnxModel {
  let plain: Record<string, unknown>;
  try {
    plain = MODEL.toObject(MODEL.decode(bytes), { longs: String, bytes: Uint8Array, arrays: true });
  } catch (error) {
    throw new AssayError(`not an ONNX file: ${(error as Error).message}`, { cause: error });
  }
  const model = withBigints(plain) as Partial<OnnxModel>;
  if (!model.graph || model.irVersion === undefined) throw new AssayError("not an ONNX file: it has no graph");
  return model as OnnxModel;
}

/** Decodes a `TensorProto` by itself, as ONNX's own test data has them. Throws `AssayError` if the bytes are none. */
export function decodeTensor(bytes: Uint8Array): OnnxTensor {
  try {
    const plain = TENSOR.toObject(TENSOR.decode(bytes), { longs: String, bytes: Uint8Array, arrays: true });
    return { dataType: 0, ...(withBigints(plain) as Omit<OnnxTensor, "dataType">) };
  } catch (error) {
    throw new AssayError(`not an ONNX tensor: ${(error as Error).message}`, { cause: error });
  }
}

/** Encodes a model; what it leaves out is left out of the file. */
export function encodeModel(model: OnnxModel): Uint8Array {
  return MODEL.encode(MODEL.fromObject(withText(model) as Record<string, unknown>)).finish();
}

/** Names of fields that hold 64-bit integers. */
const LONG = new Set([
  "irVersion",
  "modelVersion",
  "version",
  "i",
  "ints",
  "dims",
  "int64Data",
  "uint64Data",
  "dimValue",
]);

function withBigints(value: unknown, field = ""): unknown {
  if (Array.isArray(value)) return value.map((item) => withBigints(item, field));
  if (typeof value === "string" && LONG.has(field)) return BigInt(value);
  // A copy: a view would keep the whole file in memory.
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, withBigints(inner, name)]));
}

function withText(value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  if (Array.isArray(value)) return value.map(withText);
  if (value === null || typeof value !== "object" || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, withText(inner)]));
}
