import type { CourtModel, Tensor } from "@assay/sdk";
import { fromFloat32Array, initHash, prepareModel } from "@assay/sdk";

import { inProcess } from "../../provider-worker/test/support/inProcessRuntime.js";
import { onnxFile } from "../../sdk/test/support/onnxModel.js";

/** Trace tensor of a wide model whose leaves are single places: what its Relu writes. */
export const WIDE = 1;

/** A Relu over as many places, each a leaf of its output, and a pool that wants them so. Profile Exact. */
export async function wideModel(places: number): Promise<{ model: CourtModel; sample: Tensor }> {
  await initHash();
  const dims = [1, 1, 1, places];
  const file = onnxFile({
    nodes: [
      { op: "Relu", inputs: ["x"], outputs: ["positive"] },
      { op: "MaxPool", inputs: ["positive"], outputs: ["y"], attributes: { kernel_shape: [1, 2], strides: [1, 2] } },
    ],
    inputs: { x: ["float32", dims] },
    outputs: { y: ["float32", [1, 1, 1, Math.floor(places / 2)]] },
  });
  const { model } = await prepareModel(file, {}, inProcess);
  const values = Float32Array.from({ length: places }, (_, i) => (i % 7) - 3);
  return { model, sample: fromFloat32Array(values, dims) };
}
