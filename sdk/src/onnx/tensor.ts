import { AssayError } from "../errors.js";
import { dtypeFromOnnx, dtypeSize, type DType } from "../tensor/dtype.js";
import { elementCount, fromTypedArray, makeTensor, type Tensor } from "../tensor/tensor.js";
import type { OnnxTensor } from "./model.js";

/** The elements of a constant, whichever field of the file holds them. */
export function tensorFromOnnx(given: OnnxTensor): Tensor {
  if (isExternal(given)) throw new AssayError(`constant ${given.name ?? ""} lies outside of the file`);
  const dtype = dtypeFromOnnx(given.dataType);
  const dims = given.dims.map(Number);
  if (given.rawData && (given.rawData.length > 0 || elementCount(dims) === 0)) {
    return makeTensor(dtype, dims, given.rawData);
  }
  return fromFields(given, dtype, dims);
}

export function isExternal({ externalData, dataLocation }: OnnxTensor): boolean {
  return (externalData?.length ?? 0) > 0 || (dataLocation ?? 0) !== 0;
}

function fromFields(given: OnnxTensor, dtype: DType, dims: readonly number[]): Tensor {
  switch (dtype) {
    case "float32":
      return fromTypedArray(dtype, dims, Float32Array.from(given.floatData ?? []));
    case "float64":
      return fromTypedArray(dtype, dims, Float64Array.from(given.doubleData ?? []));
    case "int64":
      return fromTypedArray(dtype, dims, BigInt64Array.from(given.int64Data ?? []));
    case "uint64":
      return fromTypedArray(dtype, dims, BigUint64Array.from(given.uint64Data ?? []));
    case "uint32":
      return fromTypedArray(dtype, dims, Uint32Array.from((given.uint64Data ?? []).map(Number)));
    default:
      return makeTensor(dtype, dims, lowBytes(given.int32Data ?? [], dtypeSize(dtype)));
  }
}

/** Small types travel as int32: their bits are the low ones. */
function lowBytes(values: readonly number[], size: number): Uint8Array {
  const words = new DataView(new ArrayBuffer(4));
  const out = new Uint8Array(values.length * size);
  values.forEach((value, i) => {
    words.setInt32(0, value, true);
    out.set(new Uint8Array(words.buffer, 0, size), i * size);
  });
  return out;
}
