import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";

import { InferenceError } from "../errors.js";
import type { ProcessLimits } from "../inference/ask.js";
import { ask } from "../inference/ask.js";
import { isOutOfMemory } from "../inference/memory.js";
import type { ChildAnswer } from "./childAnswer.js";

export interface ChildTask {
  /** Name of the script in this folder, and its arguments. */
  readonly script: string;
  readonly words: readonly string[];
  /** What it does, as errors say it. */
  readonly what: string;
  /** What it keeps meanwhile it keeps there: one that is killed takes nothing away. */
  readonly folder: string;
}

/** The child refuses the model, and would again. */
export class RefusedModelError extends InferenceError {
  constructor(message: string) {
    super("rejected", message);
  }
}

/**
 * What a child process that works on a model answers. It gets nothing of the environment, and dies at the deadline, above
 * its memory limit and once the signal aborts.
 */
export async function runModelChild<T>(task: ChildTask, limits: ProcessLimits, signal?: AbortSignal): Promise<T> {
  const { script, words, what, folder } = task;
  signal?.throwIfAborted();
  const env = { TMPDIR: folder, TEMP: folder, TMP: folder };
  const child = fork(pathOf(script), words, {
    serialization: "advanced",
    env,
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  child.on("error", () => undefined);
  try {
    const isAnswer = (message: unknown): message is ChildAnswer<T> => message !== undefined;
    const answer = await ask(child, { what, isAnswer }, limits, signal);
    if ("refusal" in answer) throw new RefusedModelError(answer.refusal);
    if ("failure" in answer) throw failed(what, answer.failure);
    return answer.result;
  } finally {
    child.kill("SIGKILL");
  }
}

function pathOf(script: string): string {
  return fileURLToPath(new URL(`./${script}.${import.meta.url.endsWith(".ts") ? "ts" : "js"}`, import.meta.url));
}

function failed(what: string, message: string): InferenceError {
  return new InferenceError(isOutOfMemory(message) ? "memory" : "crash", `${what} failed: ${message}`);
}
