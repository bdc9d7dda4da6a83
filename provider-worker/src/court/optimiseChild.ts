import { readFile } from "node:fs/promises";

import * as ort from "onnxruntime-node";

import { requireSelfContained } from "../inference/selfContained.js";
import { SESSION_OPTIONS } from "../inference/sessionOptions.js";

// A process of its own: loading a model can crash or hang. Reads the file named first, writes the one named second.

const [source = "", target = ""] = process.argv.slice(2);

try {
  requireSelfContained(await readFile(source));
  const session = await ort.InferenceSession.create(source, {
    ...SESSION_OPTIONS.native,
    graphOptimizationLevel: "basic",
    optimizedModelFilePath: target,
    logSeverityLevel: 4,
  });
  await session.release();
} catch (error) {
  process.stderr.write(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
