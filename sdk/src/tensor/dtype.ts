import { TensorError } from "./errors.js";

interface DTypeInfo {
  /** `TensorProto.DataType` of ONNX; also the code inside commitments. */
  readonly onnx: number;
  readonly safetensors: string;
  /** Open Inference Protocol v2. */
  readonly oip: string;
  readonly bytes: number;
}

/** Keys are the names onnxruntime uses. */
export const DTYPES = {
  float32: { onnx: 1, safetensors: "F32", oip: "FP32", bytes: 4 },
  uint8: { onnx: 2, safetensors: "U8", oip: "UINT8", bytes: 1 },
  int8: { onnx: 3, safetensors: "I8", oip: "INT8", bytes: 1 },
  uint16: { onnx: 4, safetensors: "U16", oip: "UINT16", bytes: 2 },
  int16: { onnx: 5, safetensors: "I16", oip: "INT16", bytes: 2 },
  int32: { onnx: 6, safetensors: "I32", oip: "INT32", bytes: 4 },
  int64: { onnx: 7, safetensors: "I64", oip: "INT64", bytes: 8 },
  bool: { onnx: 9, safetensors: "BOOL", oip: "BOOL", bytes: 1 },
  float16: { onnx: 10, safetensors: "F16", oip: "FP16", bytes: 2 },
  float64: { onnx: 11, safetensors: "F64", oip: "FP64", bytes: 8 },
  uint32: { onnx: 12, safetensors: "U32", oip: "UINT32", bytes: 4 },
  uint64: { onnx: 13, safetensors: "U64", oip: "UINT64", bytes: 8 },
} as const satisfies Record<string, DTypeInfo>;

export type DType = keyof typeof DTYPES;

export const DTYPE_NAMES: readonly DType[] = Object.keys(DTYPES) as DType[];

export function isDType(name: string): name is DType {
  return Object.hasOwn(DTYPES, name);
}

export function dtypeSize(dtype: DType): number {
  return DTYPES[dtype].bytes;
}

export function onnxCode(dtype: DType): number {
  return DTYPES[dtype].onnx;
}

function find(what: string, match: (info: DTypeInfo) => boolean): DType {
  const dtype = DTYPE_NAMES.find((name) => match(DTYPES[name]));
  if (dtype === undefined) throw new TensorError("BAD_DTYPE", `unsupported dtype: ${what}`);
  return dtype;
}

export function dtypeFromOnnx(code: number): DType {
  return find(`ONNX code ${code}`, (info) => info.onnx === code);
}

export function dtypeFromSafetensors(name: string): DType {
  return find(`safetensors ${JSON.stringify(name)}`, (info) => info.safetensors === name);
}

export function dtypeFromOip(name: string): DType {
  return find(`Open Inference Protocol ${JSON.stringify(name)}`, (info) => info.oip === name);
}

export function dtypeFromOrt(name: string): DType {
  if (!isDType(name)) throw new TensorError("BAD_DTYPE", `unsupported dtype: onnxruntime ${JSON.stringify(name)}`);
  return name;
}
