import assert from "node:assert/strict";
import { it } from "node:test";

import { fromTypedArray } from "@assay/sdk";
import * as ort from "onnxruntime-node";

import { onnxFile } from "../../../sdk/test/support/onnxModel.js";
import { fromOrt, toOrt } from "../../src/inference/ortTensors.js";

it("onnxruntime reads the bits of a float16 tensor, whatever arrays this version of Node.js has", async () => {
  const file = onnxFile({
    nodes: [{ op: "Transpose", inputs: ["x"], outputs: ["y"] }],
    inputs: { x: ["float16", [2, 3]] },
    outputs: { y: ["float16", [3, 2]] },
  });
  const x = fromTypedArray("float16", [2, 3], Uint16Array.of(1, 2, 3, 0x3c00, 0x7e00, 0xfc00));
  const session = await ort.InferenceSession.create(file, { logSeverityLevel: 4 });
  const { y } = await session.run({ x: toOrt(x, ort) });
  assert.ok(y);
  assert.deepEqual(fromOrt(y), fromTypedArray("float16", [3, 2], Uint16Array.of(1, 0x3c00, 2, 0x7e00, 3, 0xfc00)));
  await session.release();
});
