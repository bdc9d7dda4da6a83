import { fork } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";

import type { CourtModel, SumsProfile } from "@assay/sdk";
import { AssayError } from "@assay/sdk";

import { within } from "../deadline.js";
import { InferenceError } from "../errors.js";
import { residentMb } from "../inference/memory.js";
import { MEMORY_CHECK_MS } from "../inference/runner.js";
import type { RuntimeLimits } from "./runtime.js";
import { inFolder } from "./runtime.js";

/** What the child found, without the file, which is here already. */
export type GraphAnswer = { model: CourtModel } | { refusal: string };

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
  const late = () => new InferenceError("timeout", `computing the graph took more than ${limits.timeoutMs} ms`);
  return inFolder(limits.scratch, async (folder) => {
    const source = path.join(folder, "model.onnx");
    await writeFile(source, file);
    const found = await within(limits.timeoutMs, late, signal, (stop) =>
      ask([source, sums], folder, limits.memoryMb, stop),
    );
    if ("refusal" in found) throw new AssayError(found.refusal);
    return { ...found.model, file };
  });
}

/** What the child keeps meanwhile it keeps in `folder`: one that is killed takes nothing away. */
async function ask(
  words: readonly string[],
  folder: string,
  memoryMb: number,
  signal: AbortSignal,
): Promise<GraphAnswer> {
  signal.throwIfAborted();
  const env = { TMPDIR: folder, TEMP: folder, TMP: folder };
  const settings = { serialization: "advanced", env, stdio: ["ignore", "ignore", "ignore", "ipc"] } as const;
  const child = fork(CHILD, words, { ...settings, stdio: [...settings.stdio] });
  child.on("error", () => undefined);
  const over = new AbortController();
  const watch = setInterval(() => {
    if (residentMb(child.pid) <= memoryMb) return;
    over.abort(new InferenceError("memory", `computing the graph took more than ${memoryMb} MB`));
  }, MEMORY_CHECK_MS);
  const either = AbortSignal.any([signal, over.signal]);
  try {
    const died = once(child, "exit", { signal: either }).then(([code, killedBy]: unknown[]) => {
      throw new InferenceError("crash", `the process that computes the graph ended with ${String(killedBy ?? code)}`);
    });
    const [answer] = (await Promise.race([once(child, "message", { signal: either }), died])) as [GraphAnswer];
    return answer;
  } catch (error) {
    either.throwIfAborted();
    throw error;
  } finally {
    clearInterval(watch);
    child.kill("SIGKILL");
  }
}
