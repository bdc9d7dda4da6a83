import { readFile } from "node:fs/promises";

import * as ort from "onnxruntime-node";

import { InferenceError } from "../errors.js";
import { requireSelfContained } from "../inference/selfContained.js";
import { SESSION_OPTIONS } from "../inference/sessionOptions.js";
import { answerParent } from "./childAnswer.js";

// A process of its own: loading a model can crash or hang. Reads the file named first, writes the one named second.

const [source = "", target = ""] = process.argv.slice(2);

await answerParent(async () => {
  requireSelfContained(await readFile(source));
  const options = { ...SESSION_OPTIONS.native, graphOptimizationLevel: "basic", logSeverityLevel: 4 } as const;
  const created = ort.InferenceSession.create(source, { ...options, optimizedModelFilePath: target });
  const session = await created.catch((error: unknown) => {
    throw new InferenceError("rejected", String(error instanceof Error ? error.message : error));
  });
  await session.release();
});
