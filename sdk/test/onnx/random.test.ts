import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";

import protobuf from "protobufjs";

import { AssayError, findRandomOperator } from "../../src/index.js";

const MODELS = path.resolve(import.meta.dirname, "../../../models");

/** A message of these fields: the wire itself, so that a file can hold what no writer of ONNX would write. */
function message(...fields: (readonly [field: number, value: Uint8Array | string])[]): Uint8Array {
  const writer = protobuf.Writer.create();
  for (const [field, value] of fields) {
    writer.uint32((field << 3) | 2);
    if (typeof value === "string") writer.string(value);
    else writer.bytes(value);
  }
  return Uint8Array.from(writer.finish());
}

const node = (operator: string, ...inputs: string[]) =>
  message(...inputs.map((name) => [1, name] as const), [4, operator]);
const graphOf = (...nodes: Uint8Array[]) => message(...nodes.map((each) => [1, each] as const));
const modelOf = (...nodes: Uint8Array[]) => message([7, graphOf(...nodes)]);
const holding = (attribute: Uint8Array) => modelOf(message([4, "If"], [5, attribute]));
const random = node("RandomUniform");

describe("A random operator of an ONNX file", () => {
  for (const operator of [
    ...["RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial"],
    "Sampling",
  ]) {
    it(`is found: ${operator}`, () => {
      assert.equal(findRandomOperator(modelOf(node("Add", "x", "x"), node(operator, "x"))), operator);
    });
  }

  for (const [where, file] of [
    ["a branch", holding(message([6, graphOf(random)]))],
    ["one of several branches", holding(message([11, graphOf(node("Add"), random)]))],
    ["a function", message([25, message([7, random])])],
    ["a default of a function", message([25, message([11, message([6, graphOf(random)])])])],
    ["a branch of a function", message([25, message([7, message([5, message([6, graphOf(random)])])])])],
    ["training", message([20, message([2, graphOf(random)])])],
    ["the first of two graphs", message([7, graphOf(random)], [7, graphOf(node("Add"))])],
    ["a node with a seed", modelOf(message([4, "RandomUniform"], [5, message([1, "seed"])]))],
    ["a node of another domain", modelOf(message([4, "RandomUniform"], [7, "com.microsoft"]))],
    ["a node that names two operators", modelOf(message([4, "Add"], [4, "RandomUniform"]))],
  ] as const) {
    it(`is found in ${where}`, () => {
      assert.equal(findRandomOperator(file), "RandomUniform");
    });
  }

  it("is a dropout that may train, and no other", () => {
    for (const inputs of [["x"], ["x", "ratio"], ["x", "ratio", ""]]) {
      assert.equal(findRandomOperator(modelOf(node("Dropout", ...inputs))), undefined);
    }
    assert.equal(findRandomOperator(modelOf(node("Dropout", "x", "ratio", "training"))), "Dropout");
    assert.equal(findRandomOperator(modelOf(node("BiasDropout", "x", "b", "r", "ratio"))), undefined);
    assert.equal(findRandomOperator(modelOf(node("BiasDropout", "x", "b", "r", "ratio", "t"))), "BiasDropout");
  });

  for (const name of readdirSync(MODELS).filter((file) => file.endsWith(".onnx"))) {
    it(`is not seen in ${name}`, () => {
      assert.equal(findRandomOperator(readFileSync(path.join(MODELS, name))), undefined);
    });
  }

  it("is not looked for in what is no ONNX file", () => {
    for (const file of [new TextEncoder().encode("this is no model, only text"), modelOf(random).subarray(0, 5)]) {
      assert.throws(() => findRandomOperator(file), AssayError);
    }
  });
});
