import protobuf from "protobufjs";

import { AssayError } from "../errors.js";
import { WIRE } from "../onnx/walk.js";
import { makesTensors } from "./unsupported.js";

/** Where ONNX's messages have what is read or written here, by field number. */
const MODEL = { graph: 7 } as const;
const GRAPH = { node: 1, output: 12 } as const;
const NODE = { output: 2, opType: 4 } as const;
const VALUE = { name: 1 } as const;

/** Bytes of a file from `start` to before `end`; `lengthAt` is where the file says how many these are. */
interface Place {
  readonly lengthAt: number;
  readonly start: number;
  readonly end: number;
}

/**
 * The same model with every intermediate tensor as an output. Run without rewriting, it computes the same bits: what is
 * read of a node does not change how it is computed. All that the file has stays as it is, and is not decoded: a large
 * file is in memory twice, and no more.
 */
export function expose(file: Uint8Array): Uint8Array {
  try {
    const graphs = graphsIn(file);
    const last = graphs.at(-1);
    // Several are one to whoever reads the file, each as a part of it.
    if (last) return withOutputs(file, last, intermediates(graphs.map(({ start, end }) => file.subarray(start, end))));
  } catch (error) {
    throw new AssayError(`not an ONNX file: ${(error as Error).message}`, { cause: error });
  }
  throw new AssayError("not an ONNX file: it has no graph");
}

function graphsIn(file: Uint8Array): Place[] {
  const found: Place[] = [];
  readFields(file, (field, reader) => {
    if (field !== MODEL.graph) return false;
    const lengthAt = reader.pos;
    const length = reader.uint32();
    found.push({ lengthAt, start: reader.pos, end: reader.pos + length });
    reader.skip(length);
    return true;
  });
  return found;
}

function withOutputs(file: Uint8Array, { lengthAt, start, end }: Place, names: readonly string[]): Uint8Array {
  const more = outputsOf(names);
  const length = protobuf.Writer.create()
    .uint32(end - start + more.length)
    .finish();
  return concat([file.subarray(0, lengthAt), length, file.subarray(start, end), more, file.subarray(end)]);
}

/** Names of the tensors that nodes of the graph itself, in all its parts, write and that are no outputs of it. */
function intermediates(graphs: readonly Uint8Array[]): string[] {
  const known = new Set<string>();
  const written: string[] = [];
  for (const graph of graphs)
    readFields(graph, (field, reader) => {
      if (field === GRAPH.output) known.add(textsIn(reader.bytes(), VALUE.name).at(-1) ?? "");
      else if (field === GRAPH.node) written.push(...tensorsOf(reader.bytes()));
      else return false;
      return true;
    });
  return written.filter((name) => name !== "" && !known.has(name));
}

function tensorsOf(node: Uint8Array): string[] {
  return makesTensors(textsIn(node, NODE.opType).at(-1) ?? "") ? textsIn(node, NODE.output) : [];
}

/** These outputs, as a graph has them. */
function outputsOf(names: readonly string[]): Uint8Array {
  const writer = protobuf.Writer.create();
  for (const name of names) {
    writer.uint32(tagOf(GRAPH.output)).fork();
    writer.uint32(tagOf(VALUE.name)).string(name);
    writer.ldelim();
  }
  return writer.finish();
}

/** The texts in one field of a message. */
function textsIn(message: Uint8Array, wanted: number): string[] {
  const texts: string[] = [];
  readFields(message, (field, reader) => {
    if (field === wanted) texts.push(reader.string());
    return field === wanted;
  });
  return texts;
}

/** Shows each field of a message that has a length; what is not read is skipped. */
function readFields(message: Uint8Array, read: (field: number, reader: protobuf.Reader) => boolean): void {
  const reader = protobuf.Reader.create(message);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const wire = tag & 7;
    if (wire !== WIRE.bytes || !read(tag >>> 3, reader)) reader.skipType(wire);
  }
}

function tagOf(field: number): number {
  return (field << 3) | WIRE.bytes;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
