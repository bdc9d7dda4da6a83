import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";

import { decodeModel, encodeModel } from "../../src/onnx/index.js";

const MODELS = path.resolve(import.meta.dirname, "../../../models");
const files = readdirSync(MODELS).filter((name) => name.endsWith(".onnx"));
const read = (name: string) => new Uint8Array(readFileSync(path.join(MODELS, name)));

describe("An ONNX file", () => {
  it("shows its operators, shapes and constants", () => {
    const { graph, opsetImport, irVersion } = decodeModel(read("digits_mlp_fp32.onnx"));
    assert.equal(irVersion, 8n);
    assert.deepEqual(
      opsetImport.map(({ version }) => version),
      [13n],
    );
    assert.deepEqual(
      graph.input.map(({ name }) => name),
      ["x"],
    );
    assert.deepEqual(
      graph.output.map(({ name }) => name),
      ["probabilities", "label"],
    );
    assert.ok(graph.node.some(({ opType }) => opType === "Gemm"));
    assert.ok(graph.initializer.some(({ dims }) => dims.length === 2 && dims[0] === 64n));
  });

  for (const name of files) {
    it(`${name} comes back the same, decoded and encoded`, () => {
      const model = decodeModel(read(name));
      const again = decodeModel(encodeModel(model));
      assert.deepEqual(again, model);
    });
  }

  for (const [what, bytes] of [
    ["text", new TextEncoder().encode("this is no model, only text")],
    ["an empty file", new Uint8Array()],
    ["the first half of a model", read(files[0] ?? "").subarray(0, 500)],
  ] as const) {
    it(`is not ${what}`, () => {
      assert.throws(() => decodeModel(bytes), /not an ONNX file/);
    });
  }

  it("throws nothing but its own errors on mutated files", () => {
    const bytes = read("digits_mlp_int8_static.onnx");
    for (let i = 0; i < 400; i++) {
      const changed = Uint8Array.from(bytes);
      const at = (i * 7919) % changed.length;
      changed[at] = (changed[at] ?? 0) ^ (1 + (i % 255));
      try {
        decodeModel(changed);
      } catch (error) {
        assert.match((error as Error).message, /not an ONNX file/);
      }
    }
  });
});
