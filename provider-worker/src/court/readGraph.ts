import type { ChildProcess } from "node:child_process";
import { fork } from "node:child_process";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";

import type { CourtModel, SumsProfile } from "@assay/sdk";
import { AssayError } from "@assay/sdk";

import { InferenceError } from "../errors.js";
import { ask } from "../inference/ask.js";
import { isOutOfMemory } from "../inference/memory.js";
import type { RuntimeLimits } from "./runtime.js";
import { inFolder } from "./runtime.js";

/** What the child found, without the file, which is here already. */
export type GraphAnswer = { model: CourtModel } | { refusal: string } | { failure: string };

const CHILD = fileURLToPath(
  new URL(import.meta.url.endsWith(".ts") ? "./graphChild.ts" : "./graphChild.js", import.meta.url),
);

/**
 * The graph of a file, computed in a child process: sums are added up in every known order, for as long as the model's
 * owner likes. The child dies at the deadline, above its memory limit and once the signal aborts.
 */
export async function readGraph(
  file: Uint8Array,
  sums: SumsProfile,
  limits: RuntimeLimits,
  signal: AbortSignal,
): Promise<CourtModel> {
  return inFolder(limits.scratch, async (folder) => {
    const source = path.join(folder, "model.onnx");
    await writeFile(source, file);
    signal.throwIfAborted();
    const child = startChild([source, sums], folder);
    try {
      const found = await ask(child, { what: "computing the graph", isAnswer }, limits, signal);
      if ("failure" in found) throw failed(found.failure);
      if ("refusal" in found) throw new AssayError(found.refusal);
      return { ...found.model, file };
    } finally {
      child.kill("SIGKILL");
    }
  });
}

function failed(message: string): InferenceError {
  return new InferenceError(isOutOfMemory(message) ? "memory" : "crash", `computing the graph failed: ${message}`);
}

/** What the child keeps meanwhile it keeps in `folder`: one that is killed takes nothing away. */
function startChild(words: readonly string[], folder: string): ChildProcess {
  const env = { TMPDIR: folder, TEMP: folder, TMP: folder };
  const child = fork(CHILD, words, { serialization: "advanced", env, stdio: ["ignore", "ignore", "ignore", "ipc"] });
  child.on("error", () => undefined);
  return child;
}

/** The only message of the child. */
const isAnswer = (message: unknown): message is GraphAnswer => message !== undefined;
