import type { Tensor } from "@assay/sdk";
import { dtypeFromOrt, makeTensor, toTypedArray } from "@assay/sdk";
import type { Tensor as OrtTensor } from "onnxruntime-node";

import type { Ort } from "./ort.js";

export function toOrt(tensor: Tensor, ort: Ort): OrtTensor {
  const data = toTypedArray(tensor);
  const given = new ort.Tensor(tensor.dtype, data as never, [...tensor.dims]);
  // Where JavaScript has a Float16Array, onnxruntime makes one of the bits, and its native part then reads none.
  if (tensor.dtype === "float16") Object.defineProperty(given, "data", { value: data });
  return given;
}

export function fromOrt(value: OrtTensor): Tensor {
  return makeTensor(dtypeFromOrt(value.type), value.dims, bytesOf(value).slice());
}

export function bytesOf({ data, type }: OrtTensor): Uint8Array {
  if (!ArrayBuffer.isView(data)) throw new Error(`an output of type ${type} cannot be committed to`);
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
