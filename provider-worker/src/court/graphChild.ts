import { readFile } from "node:fs/promises";

import { initHash, readModel } from "@assay/sdk";

import { requireSelfContained } from "../inference/selfContained.js";
import { answerParent } from "./childAnswer.js";
import { localRuntime } from "./localRuntime.js";

// A process of its own: a model can be made so that its graph takes hours, crashes onnxruntime or takes all memory.

const [source = "", sums = "Canonical"] = process.argv.slice(2);

await answerParent(async () => {
  const bytes = new Uint8Array(await readFile(source));
  requireSelfContained(bytes);
  await initHash();
  const model = await readModel(bytes, localRuntime, sums === "Tolerance" ? sums : "Canonical");
  return { ...model, file: new Uint8Array(0) };
});
