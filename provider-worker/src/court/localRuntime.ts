import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import type { GraphRuntime, LoadedModel } from "@assay/sdk";
import * as ort from "onnxruntime-node";

import { BUILDS } from "../inference/builds.js";
import { fromOrt } from "../inference/ortTensors.js";
import { Session } from "../inference/session.js";
import { SESSION_OPTIONS } from "../inference/sessionOptions.js";

/** onnxruntime in this process: for processes that may be killed at any moment, and for tests. */
export const localRuntime: GraphRuntime = { builds: BUILDS, optimise, load };

async function optimise(model: Uint8Array): Promise<Uint8Array> {
  const folder = await mkdtemp(path.join(tmpdir(), "assay-model-"));
  const target = path.join(folder, "optimised.onnx");
  try {
    const options = {
      ...SESSION_OPTIONS.native,
      graphOptimizationLevel: "basic",
      optimizedModelFilePath: target,
    } as const;
    await (await ort.InferenceSession.create(model, { ...options, logSeverityLevel: 4 })).release();
    return new Uint8Array(await readFile(target));
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function load(model: Uint8Array): Promise<LoadedModel> {
  const session = await Session.open(model);
  return {
    run: async (inputs) => new Map((await session.run(inputs)).map(([name, value]) => [name, fromOrt(value)])),
    stop: () => void session.release(),
  };
}
