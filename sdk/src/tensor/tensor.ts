import { DTYPES, isDType, type DType } from "./dtype.js";
import { TensorError } from "./errors.js";

/** Row-major elements as little-endian bytes. `bool` is one byte, 0 or 1; `float16` stays raw. */
export interface Tensor {
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly data: Uint8Array;
}

export const MAX_RANK = 8;
const MAX_DIM = 0xffff_ffff;

export interface TypedArrays {
  float32: Float32Array;
  uint8: Uint8Array;
  int8: Int8Array;
  uint16: Uint16Array;
  int16: Int16Array;
  int32: Int32Array;
  int64: BigInt64Array;
  bool: Uint8Array;
  float16: Uint16Array;
  float64: Float64Array;
  uint32: Uint32Array;
  uint64: BigUint64Array;
}
export type AnyTypedArray = TypedArrays[DType];

const CONSTRUCTORS = {
  float32: Float32Array,
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  bool: Uint8Array,
  float16: Uint16Array,
  float64: Float64Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
} as const;

/** Product of the dims; 1 for a scalar. */
export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

export function validateDims(dims: readonly number[]): void {
  if (dims.length > MAX_RANK) throw new TensorError("BAD_DIMS", `rank ${dims.length} exceeds ${MAX_RANK}`);
  dims.forEach((dim, axis) => {
    if (!Number.isInteger(dim) || dim < 0 || dim > MAX_DIM) {
      throw new TensorError("BAD_DIMS", `dim ${axis} is ${dim}, expected an integer in 0..2^32-1`);
    }
  });
}

export function validateTensor(tensor: Tensor): void {
  if (!isDType(tensor.dtype)) throw new TensorError("BAD_DTYPE", `unsupported dtype: ${String(tensor.dtype)}`);
  validateDims(tensor.dims);
  const expected = elementCount(tensor.dims) * DTYPES[tensor.dtype].bytes;
  if (tensor.data.byteLength !== expected) {
    throw new TensorError(
      "BAD_LENGTH",
      `${tensor.dtype}[${tensor.dims.join(",")}] takes ${expected} bytes, got ${tensor.data.byteLength}`,
    );
  }
  // Two encodings of `true` would be two commitments to one value.
  if (tensor.dtype === "bool") {
    const bad = tensor.data.findIndex((byte) => byte > 1);
    if (bad >= 0) throw new TensorError("BAD_VALUE", `bool element ${bad} is ${tensor.data[bad]}, expected 0 or 1`);
  }
}

export function makeTensor(dtype: DType, dims: readonly number[], data: Uint8Array): Tensor {
  const tensor: Tensor = { dtype, dims: [...dims], data };
  validateTensor(tensor);
  return tensor;
}

const IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

function requireLittleEndian(): void {
  if (!IS_LITTLE_ENDIAN) {
    throw new TensorError("BAD_VALUE", "typed arrays need a little-endian machine");
  }
}

/** The bytes of `array` without a copy: later writes to `array` change the tensor. */
export function fromTypedArray<D extends DType>(dtype: D, dims: readonly number[], array: TypedArrays[D]): Tensor {
  requireLittleEndian();
  if (!isDType(dtype)) throw new TensorError("BAD_DTYPE", `unsupported dtype: ${String(dtype)}`);
  if (!(array instanceof CONSTRUCTORS[dtype])) {
    throw new TensorError("BAD_DTYPE", `${dtype} needs a ${CONSTRUCTORS[dtype].name}`);
  }
  return makeTensor(dtype, dims, new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
}

export function fromFloat32Array(array: Float32Array, dims: readonly number[] = [array.length]): Tensor {
  return fromTypedArray("float32", dims, array);
}

/** From plain numbers, such as the `data` of a JSON request; a value the dtype cannot hold is refused. */
export function fromNumbers(
  dtype: DType,
  dims: readonly number[],
  values: ArrayLike<number | bigint | boolean>,
): Tensor {
  if (dtype === "float16") throw new TensorError("BAD_DTYPE", "float16 is raw: pass its bits as a Uint16Array");
  const array = new CONSTRUCTORS[dtype](values.length);
  const floating = dtype === "float32" || dtype === "float64";
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number | bigint | boolean;
    if (floating) {
      array[i] = Number(value);
      if (Number.isFinite(Number(value)) && !Number.isFinite(array[i])) {
        throw new TensorError("BAD_VALUE", `element ${i} is ${value}, outside ${dtype}`);
      }
      continue;
    }
    const integer = toInteger(value, i);
    array[i] = array instanceof BigInt64Array || array instanceof BigUint64Array ? integer : Number(integer);
    if (BigInt(array[i] as number | bigint) !== integer) {
      throw new TensorError("BAD_VALUE", `element ${i} is ${integer}, outside ${dtype}`);
    }
  }
  return fromTypedArray(dtype, dims, array);
}

function toInteger(value: number | bigint | boolean, index: number): bigint {
  if (typeof value === "number" && !Number.isSafeInteger(value)) {
    throw new TensorError("BAD_VALUE", `element ${index} is ${value}, expected an exact integer`);
  }
  return BigInt(value);
}

/** Shares the tensor's memory where its alignment allows, else copies. */
export function toTypedArray<D extends DType>(tensor: Tensor & { readonly dtype: D }): TypedArrays[D];
export function toTypedArray(tensor: Tensor): AnyTypedArray {
  requireLittleEndian();
  validateTensor(tensor);
  const size = DTYPES[tensor.dtype].bytes;
  const data = aligned(tensor.data, size);
  return new CONSTRUCTORS[tensor.dtype](data.buffer as ArrayBuffer, data.byteOffset, data.byteLength / size);
}

export function toFloat32Array(tensor: Tensor): Float32Array {
  if (tensor.dtype !== "float32") throw new TensorError("BAD_DTYPE", `expected float32, got ${tensor.dtype}`);
  return toTypedArray({ ...tensor, dtype: tensor.dtype });
}

export function aligned(data: Uint8Array, size: number): Uint8Array {
  // Not `slice`: a Buffer's slice is a view at the same odd offset.
  return data.byteOffset % size === 0 ? data : new Uint8Array(data);
}
