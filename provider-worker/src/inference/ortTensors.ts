import type { Tensor } from "@assay/sdk";
import { dtypeFromOrt, makeTensor, toTypedArray } from "@assay/sdk";
import * as ort from "onnxruntime-node";

export function toOrt(tensor: Tensor): ort.Tensor {
  return new ort.Tensor(tensor.dtype, toTypedArray(tensor) as never, [...tensor.dims]);
}

export function fromOrt(value: ort.Tensor): Tensor {
  return makeTensor(dtypeFromOrt(value.type), value.dims, bytesOf(value).slice());
}

export function bytesOf({ data, type }: ort.Tensor): Uint8Array {
  if (!ArrayBuffer.isView(data)) throw new Error(`an output of type ${type} cannot be committed to`);
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
