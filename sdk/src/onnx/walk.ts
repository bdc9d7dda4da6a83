import protobuf from "protobufjs";

import { AssayError } from "../errors.js";

/** Where ONNX's messages hold tensors, nodes or metadata of the model, or messages that may, by field number. */
const NESTED: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  Model: { 7: "Graph", 14: "Entry", 20: "Training", 25: "Function" },
  Training: { 1: "Graph", 2: "Graph" },
  Function: { 7: "Node", 11: "Attribute" },
  Graph: { 1: "Node", 5: "Tensor", 15: "SparseTensor" },
  Node: { 5: "Attribute" },
  Attribute: { 5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "SparseTensor", 23: "SparseTensor" },
  SparseTensor: { 1: "Tensor", 2: "Tensor" },
};
export const WIRE = { varint: 0, bytes: 2 } as const;

/** Messages within messages, as in Google's parsers. */
const MAX_DEPTH = 100;

/** Reads a message to its end; an answer ends the walk. */
export type Look = (reader: protobuf.Reader, end: number) => string | undefined;

/**
 * The first answer of `look` about a message of this type in an ONNX file. The file is walked field by field: whatever a
 * decoder drops or merges is seen too. Throws `AssayError` if the bytes are no such file.
 */
export function findMessage(bytes: Uint8Array, type: "Node" | "Tensor" | "Entry", look: Look): string | undefined {
  const walk = (at: string, reader: protobuf.Reader, end: number, depth: number): string | undefined => {
    if (depth > MAX_DEPTH) throw new Error("its messages are nested too deeply");
    if (at === type) {
      const start = reader.pos;
      const found = look(reader, end);
      requireEnd(reader, end);
      if (found !== undefined) return found;
      if (!NESTED[at]) return undefined;
      reader.pos = start;
    }
    while (reader.pos < end) {
      const tag = reader.uint32();
      const inner = (tag & 7) === WIRE.bytes ? NESTED[at]?.[tag >>> 3] : undefined;
      if (inner === undefined) {
        reader.skipType(tag & 7);
        continue;
      }
      const length = reader.uint32();
      const found = walk(inner, reader, reader.pos + length, depth + 1);
      if (found !== undefined) return found;
    }
    requireEnd(reader, end);
    return undefined;
  };
  try {
    requireOnnx(bytes);
    return walk("Model", protobuf.Reader.create(bytes), bytes.length, 0);
  } catch (error) {
    throw new AssayError(`not an ONNX file: ${(error as Error).message}`, { cause: error });
  }
}

/** onnxruntime takes whatever has these letters for its own format, which may read as empty messages here. */
function requireOnnx(bytes: Uint8Array): void {
  if (new TextDecoder("latin1").decode(bytes.subarray(4, 8)) === "ORTM") throw new Error("it is in the ORT format");
}

function requireEnd(reader: protobuf.Reader, end: number): void {
  if (reader.pos !== end) throw new Error("a message is longer than it says");
}
