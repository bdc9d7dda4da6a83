import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";

import { AssayError } from "../../src/errors.js";
import { expose } from "../../src/graph/index.js";
import { decodeModel, encodeModel } from "../../src/onnx/index.js";
import type { ModelDescription } from "../support/onnxModel.js";
import { onnxFile, onnxModel } from "../support/onnxModel.js";

const MODELS = new URL("../../../models/", import.meta.url);
const namesOf = (file: Uint8Array) => decodeModel(file).graph.output.map(({ name }) => name);

describe("A model with all its tensors as outputs", () => {
  it("has its own outputs first, then what each node writes, and is else the same", () => {
    for (const name of readdirSync(MODELS).filter((each) => each.endsWith(".onnx"))) {
      const file = new Uint8Array(readFileSync(new URL(name, MODELS)));
      const [before, after] = [decodeModel(file), decodeModel(expose(file))];
      const own = before.graph.output.map((each) => each.name);
      const written = before.graph.node.flatMap(({ output }) => output).filter((each) => each !== "");
      const all = [...own, ...written.filter((each) => !own.includes(each))];
      assert.deepEqual(
        after.graph.output.map((each) => each.name),
        all,
        name,
      );
      const { output } = before.graph;
      after.graph.output.splice(output.length);
      assert.deepEqual(after, before, name);
    }
  });

  it("leaves out what is absent, what is no tensor, and what a branch writes", () => {
    const branch = onnxModel({
      nodes: [{ op: "Neg", inputs: ["c"], outputs: ["inside"] }],
      inputs: {},
      outputs: { inside: undefined },
    }).graph;
    const model = onnxModel({
      nodes: [
        { op: "Split", inputs: ["x"], outputs: ["a", "", "b"] },
        { op: "SequenceConstruct", inputs: ["a", "b"], outputs: ["list"] },
        { op: "If", inputs: ["b"], outputs: ["c"] },
        { op: "Neg", inputs: ["c"], outputs: ["y"] },
      ],
      inputs: { x: ["float32", [2]] },
      outputs: { y: undefined },
    });
    model.graph.node[2]?.attribute.push({ name: "then_branch", type: 5, g: branch });
    assert.deepEqual(namesOf(expose(encodeModel(model))), ["y", "a", "b", "c"]);
  });

  it("keeps every byte that was in the file, known or not, before the graph and after it", () => {
    const file = onnxFile({
      nodes: Array.from({ length: 40 }, (_, i) => ({ op: "Neg", inputs: [`t${i}`], outputs: [`t${i + 1}`] })),
      inputs: { t0: ["float32", [1]] },
      outputs: { t40: undefined },
    });
    // A field that nobody knows.
    const unknown = Uint8Array.from([0xca, 0x3e, 3, 7, 8, 9]);
    const around = Uint8Array.from([...unknown, ...file, ...unknown]);
    const exposed = Buffer.from(expose(around));
    assert.ok(exposed.subarray(0, 6).equals(unknown) && exposed.subarray(-6).equals(unknown));
    assert.deepEqual(new Uint8Array(exposed.subarray(6, -6)), expose(file));
    assert.equal(namesOf(exposed).length, 40);
  });

  it("takes a graph that lies in several parts for one, as whoever runs it does", () => {
    const parts: ModelDescription[] = [
      { nodes: [{ op: "Neg", inputs: ["x"], outputs: ["t"] }], inputs: { x: ["float32", [1]] }, outputs: {} },
      { nodes: [{ op: "Neg", inputs: ["t"], outputs: ["u"] }], inputs: {}, outputs: { u: undefined } },
      { nodes: [{ op: "Neg", inputs: ["u"], outputs: ["y"] }], inputs: {}, outputs: { y: undefined } },
    ];
    const file = Uint8Array.from(parts.flatMap((part) => [...onnxFile(part)]));
    assert.deepEqual(namesOf(file), ["u", "y"]);
    assert.deepEqual(namesOf(expose(file)), ["u", "y", "t"]);
  });

  it("is made of no file that is none", () => {
    const file = onnxFile({
      nodes: [{ op: "Neg", inputs: ["x"], outputs: ["y"] }],
      inputs: { x: ["float32", [1]] },
      outputs: { y: undefined },
    });
    for (const broken of [new Uint8Array(0), new Uint8Array(10), file.subarray(0, -1), Uint8Array.from([0x3a, 200])])
      assert.throws(() => expose(broken), AssayError);
  });
});
