import type { Look } from "./walk.js";
import { findMessage, WIRE } from "./walk.js";

const TENSOR = { name: 8, externalData: 13, dataLocation: 14 } as const;

/**
 * Name of the first tensor of an ONNX file whose elements lie outside of it, empty if it has none; undefined if the
 * file is self-contained. A runtime that loads any other reads files that the model's author chose. Throws `AssayError`
 * if the bytes are no such file.
 */
export function findExternalTensor(bytes: Uint8Array): string | undefined {
  return findMessage(bytes, "Tensor", externalName);
}

/** Name of a tensor if it is external. */
const externalName: Look = (reader, end) => {
  let name = "";
  let external = false;
  while (reader.pos < end) {
    const tag = reader.uint32();
    const [field, wire] = [tag >>> 3, tag & 7];
    if (field === TENSOR.name && wire === WIRE.bytes) {
      name = reader.string();
    } else if (field === TENSOR.dataLocation && wire === WIRE.varint) {
      external = reader.int32() !== 0 || external;
    } else {
      external ||= field === TENSOR.externalData;
      reader.skipType(wire);
    }
  }
  return external ? name : undefined;
};
