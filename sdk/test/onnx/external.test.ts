import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";

import protobuf from "protobufjs";

import { AssayError } from "../../src/index.js";
import { findExternalTensor } from "../../src/onnx/index.js";

const MODELS = path.resolve(import.meta.dirname, "../../../models");

type Field = readonly [field: number, value: Uint8Array | number];

/** A message of these fields: the wire itself, so that a file can hold what no writer of ONNX would write. */
function message(...fields: Field[]): Uint8Array {
  const writer = protobuf.Writer.create();
  for (const [field, value] of fields) {
    if (typeof value === "number") writer.uint32(field << 3).int32(value);
    else writer.uint32((field << 3) | 2).bytes(value);
  }
  return Uint8Array.from(writer.finish());
}

const text = (value: string) => new TextEncoder().encode(value);
const entry = message([1, text("location")], [2, text("other")]);
const outside = message([2, 1], [8, text("w")], [13, entry], [14, 1]);
const inside = message([1, 1], [2, 1], [8, text("v")], [9, new Uint8Array(4)], [14, 0]);
const modelOf = (graph: Uint8Array) => message([1, 8], [7, graph]);
/** A graph with a node whose attribute holds this field. */
const withAttribute = (...field: Field) => message([1, message([4, text("If")], [5, message(field)])]);

describe("A tensor outside of an ONNX file", () => {
  for (const [where, file] of [
    ["an initializer", modelOf(message([5, inside], [5, outside]))],
    ["an initializer that only says where", modelOf(message([5, message([8, text("w")], [14, 1])]))],
    ["an initializer that only names a file", modelOf(message([5, message([8, text("w")], [13, entry])]))],
    ["an initializer that takes it back", modelOf(message([5, message([8, text("w")], [14, 1], [14, 0])]))],
    ["values of a sparse initializer", modelOf(message([15, message([1, outside])]))],
    ["indices of a sparse initializer", modelOf(message([15, message([2, outside])]))],
    ["an attribute", modelOf(withAttribute(5, outside))],
    ["a list of an attribute", modelOf(withAttribute(10, outside))],
    ["a sparse attribute", modelOf(withAttribute(22, message([1, outside])))],
    ["a list of sparse tensors", modelOf(withAttribute(23, message([1, outside])))],
    ["a branch", modelOf(withAttribute(6, message([5, outside])))],
    ["one of several branches", modelOf(withAttribute(11, message([5, outside])))],
    ["a branch of a branch", modelOf(withAttribute(6, withAttribute(6, message([5, outside]))))],
    ["a function", message([1, 8], [25, message([7, message([5, message([5, outside])])])])],
    ["a default of a function", message([1, 8], [25, message([11, message([5, outside])])])],
    ["training", message([1, 8], [20, message([2, message([5, outside])])])],
    ["the first of two graphs", message([1, 8], [7, message([5, outside])], [7, message([5, inside])])],
  ] as const) {
    it(`is found and named in ${where}`, () => {
      assert.equal(findExternalTensor(file), "w");
    });
  }

  it("is found although it has no name", () => {
    assert.equal(findExternalTensor(modelOf(message([5, message([14, 1])]))), "");
  });

  it("is not seen in a file that holds all its tensors", () => {
    const branch = message([5, message([6, message([5, inside])])]);
    const graph = message([1, branch], [5, inside], [15, message([1, inside])]);
    assert.equal(findExternalTensor(modelOf(graph)), undefined);
  });

  for (const name of readdirSync(MODELS).filter((file) => file.endsWith(".onnx"))) {
    it(`is not seen in ${name}`, () => {
      assert.equal(findExternalTensor(readFileSync(path.join(MODELS, name))), undefined);
    });
  }

  it("is not looked for in onnxruntime's own format, although its head reads as an empty message", () => {
    assert.throws(() => findExternalTensor(Uint8Array.of(8, 8, 0x12, 4, ...text("ORTM"))), /ORT format/);
  });

  it("is not looked for in what is no ONNX file, or nested without end", () => {
    let graph = message([5, outside]);
    for (let i = 0; i < 50; i++) graph = withAttribute(6, graph);
    const half = modelOf(message([5, outside])).subarray(0, 10);
    for (const file of [text("this is no model, only text"), half, modelOf(graph)]) {
      assert.throws(() => findExternalTensor(file), AssayError);
    }
  });
});
