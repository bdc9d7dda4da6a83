import protobuf from "protobufjs";

import { AssayError } from "../errors.js";

/** Where ONNX's messages hold tensors or messages that may, by field number. */
const NESTED: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  Model: { 7: "Graph", 20: "Training", 25: "Function" },
  Training: { 1: "Graph", 2: "Graph" },
  Function: { 7: "Node", 11: "Attribute" },
  Graph: { 1: "Node", 5: "Tensor", 15: "SparseTensor" },
  Node: { 5: "Attribute" },
  Attribute: { 5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "SparseTensor", 23: "SparseTensor" },
  SparseTensor: { 1: "Tensor", 2: "Tensor" },
};
const TENSOR = { name: 8, externalData: 13, dataLocation: 14 } as const;
const WIRE = { varint: 0, bytes: 2 } as const;

/** Messages within messages, as in Google's parsers. */
const MAX_DEPTH = 100;

/**
 * Name of the first tensor of an ONNX file whose elements lie outside of it, empty if it has none; undefined if the
 * file is self-contained. A runtime that loads any other reads files that the model's author chose. The file is walked
 * field by field: whatever a decoder drops or merges is seen too. Throws `AssayError` if the bytes are no such file.
 */
export function findExternalTensor(bytes: Uint8Array): string | undefined {
  try {
    return findIn("Model", protobuf.Reader.create(bytes), bytes.length, 0);
  } catch (error) {
    throw new AssayError(`not an ONNX file: ${(error as Error).message}`, { cause: error });
  }
}

function findIn(type: string, reader: protobuf.Reader, end: number, depth: number): string | undefined {
  if (depth > MAX_DEPTH) throw new Error("its messages are nested too deeply");
  if (type === "Tensor") return externalName(reader, end);
  while (reader.pos < end) {
    const tag = reader.uint32();
    const inner = (tag & 7) === WIRE.bytes ? NESTED[type]?.[tag >>> 3] : undefined;
    if (inner === undefined) {
      reader.skipType(tag & 7);
      continue;
    }
    const length = reader.uint32();
    const found = findIn(inner, reader, reader.pos + length, depth + 1);
    if (found !== undefined) return found;
  }
  requireEnd(reader, end);
  return undefined;
}

/** Reads a tensor to its end: its name, if it is external. */
function externalName(reader: protobuf.Reader, end: number): string | undefined {
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
  requireEnd(reader, end);
  return external ? name : undefined;
}

function requireEnd(reader: protobuf.Reader, end: number): void {
  if (reader.pos !== end) throw new Error("a message is longer than it says");
}
