import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { expose, runtimeOf, withRuntime } from "../../src/graph/index.js";
import { decodeModel, encodeModel } from "../../src/onnx/index.js";
import type { OnnxModel } from "../../src/onnx/index.js";
import { onnxModel } from "../support/onnxModel.js";

const PLAIN = onnxModel({
  nodes: [{ op: "Relu", inputs: ["x"], outputs: ["y"] }],
  inputs: { x: ["float32", [1]] },
  outputs: { y: undefined },
});

const naming = (...metadataProps: NonNullable<OnnxModel["metadataProps"]>) => encodeModel({ ...PLAIN, metadataProps });
const runtime = (value: string) => ({ key: "assay.runtime", value });

describe("The runtime that a file names", () => {
  it("is native where it names none, and adds nothing to the file", () => {
    assert.equal(runtimeOf(encodeModel(PLAIN)), "native");
    assert.deepEqual(encodeModel(withRuntime(PLAIN, "native")), encodeModel(PLAIN));
    assert.equal(runtimeOf(naming({ key: "author", value: "wasm" })), "native");
  });

  it("is the one in its metadata", () => {
    assert.equal(runtimeOf(naming(runtime("wasm"))), "wasm");
    assert.equal(runtimeOf(naming(runtime("native"))), "native");
    assert.equal(runtimeOf(naming({ key: "author", value: "somebody" }, runtime("wasm"))), "wasm");
  });

  it("is replaced together with every other one, and leaves the rest of the metadata", () => {
    const model = decodeModel(naming(runtime("native"), { key: "author", value: "somebody" }, runtime("wasm")));
    const { metadataProps } = withRuntime(model, "wasm");
    assert.deepEqual(metadataProps, [{ key: "author", value: "somebody" }, runtime("wasm")]);
    assert.deepEqual(withRuntime(model, "native").metadataProps, [{ key: "author", value: "somebody" }]);
  });

  it("is not one that nobody knows, nor one of several", () => {
    assert.throws(
      () => runtimeOf(naming(runtime("cuda"))),
      /names \["cuda"\] as its runtime: known are native and wasm/,
    );
    assert.throws(() => runtimeOf(naming(runtime("wasm"), runtime("native"))), /names \["wasm","native"\]/);
    assert.throws(() => runtimeOf(naming(runtime("wasm"), runtime("wasm"))), /names \["wasm","wasm"\]/);
    assert.throws(() => runtimeOf(naming({ key: "assay.runtime" })), /names \[""\]/);
  });

  it("is also that of the model with all its tensors as outputs, which a trace is taken from", () => {
    for (const name of ["native", "wasm"] as const) {
      assert.equal(runtimeOf(expose(encodeModel(withRuntime(PLAIN, name)))), name);
    }
    // Two keys in one entry: who reads the last one and who merges both must not differ.
    const [key, other] = ["assay.runtime", "author"].map((text) => [0x0a, text.length, ...Buffer.from(text)]);
    for (const keys of [
      [key, other],
      [other, key],
    ]) {
      const entry = [...keys.flatMap((each) => each ?? []), 0x12, 4, ...Buffer.from("wasm")];
      const file = Uint8Array.from([...encodeModel(PLAIN), 0x72, entry.length, ...entry]);
      assert.equal(runtimeOf(expose(file)), runtimeOf(file));
    }
  });
});
