import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import type { GraphRuntime, LoadedModel, Tensor } from "@assay/sdk";
import { dtypeFromOrt, makeTensor, toTypedArray } from "@assay/sdk";
import * as ort from "onnxruntime-node";

import { RUNTIME } from "../../src/court/runtime.js";
import { SESSION_OPTIONS } from "../../src/inference/sessionOptions.js";

/** onnxruntime in this process: fast, for models that tests make themselves. */
export const inProcess: GraphRuntime = { ...RUNTIME, optimise, load };

async function optimise(model: Uint8Array): Promise<Uint8Array> {
  const folder = mkdtempSync(path.join(tmpdir(), "assay-test-"));
  const target = path.join(folder, "optimised.onnx");
  try {
    const options = { ...SESSION_OPTIONS, graphOptimizationLevel: "basic", optimizedModelFilePath: target } as const;
    await (await ort.InferenceSession.create(model, { ...options, logSeverityLevel: 4 })).release();
    return new Uint8Array(readFileSync(target));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function load(model: Uint8Array): Promise<LoadedModel> {
  const session = await ort.InferenceSession.create(model, { ...SESSION_OPTIONS, logSeverityLevel: 4 });
  return {
    run: async (inputs) => {
      const feeds = Object.fromEntries([...inputs].map(([name, tensor]) => [name, toOrt(tensor)]));
      const results = Object.entries(await session.run(feeds, { logSeverityLevel: 4 }));
      return new Map(results.map(([name, value]) => [name, fromOrt(value)]));
    },
    stop: () => void session.release(),
  };
}

function toOrt(tensor: Tensor): ort.Tensor {
  return new ort.Tensor(tensor.dtype, toTypedArray(tensor) as never, [...tensor.dims]);
}

function fromOrt(value: ort.Tensor): Tensor {
  const data = value.data as ArrayBufferView;
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
  return makeTensor(dtypeFromOrt(value.type), value.dims, bytes);
}
