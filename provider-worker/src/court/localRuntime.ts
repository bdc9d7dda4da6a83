import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import type { GraphRuntime, LoadedModel } from "@assay/sdk";
import * as ort from "onnxruntime-node";

import { fromOrt, toOrt } from "../inference/ortTensors.js";
import { SESSION_OPTIONS } from "../inference/sessionOptions.js";
import { RUNTIME } from "./runtime.js";

/** onnxruntime in this process: for processes that may be killed at any moment, and for tests. */
export const localRuntime: GraphRuntime = { ...RUNTIME, optimise, load };

async function optimise(model: Uint8Array): Promise<Uint8Array> {
  const folder = await mkdtemp(path.join(tmpdir(), "assay-model-"));
  const target = path.join(folder, "optimised.onnx");
  try {
    const options = { ...SESSION_OPTIONS, graphOptimizationLevel: "basic", optimizedModelFilePath: target } as const;
    await (await ort.InferenceSession.create(model, { ...options, logSeverityLevel: 4 })).release();
    return new Uint8Array(await readFile(target));
  } finally {
    await rm(folder, { recursive: true });
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
