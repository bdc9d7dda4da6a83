import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import type { GraphRuntime, LoadedModel } from "@assay/sdk";

import { InferenceError, WorkerError } from "../errors.js";
import { BUILDS } from "../inference/builds.js";
import { isOutOfMemory } from "../inference/memory.js";
import type { RunnerLimits } from "../inference/runner.js";
import { ChildRunner } from "../inference/runner.js";

const scriptOf = (name: string) =>
  fileURLToPath(new URL(`./${name}.${import.meta.url.endsWith(".ts") ? "ts" : "js"}`, import.meta.url));
const OPTIMISE = scriptOf("optimiseChild");
const EXPOSE = scriptOf("exposeChild");

export interface RuntimeLimits extends RunnerLimits {
  /** Folder for copies of models while they are worked on; the system's for temporary files if left out. */
  scratch?: string;
}

/** A runtime whose processes die once the signal aborts. */
export type StartRuntime = (signal: AbortSignal) => GraphRuntime;

/** onnxruntime for preparing and tracing models, each in a child process with limits that a signal kills. */
export class ChildRuntime implements GraphRuntime {
  readonly builds = BUILDS;

  constructor(
    private readonly limits: RuntimeLimits,
    private readonly signal?: AbortSignal,
  ) {}

  async optimise(model: Uint8Array): Promise<Uint8Array> {
    return this.#rewritten(model, OPTIMISE, "optimising");
  }

  async expose(model: Uint8Array): Promise<Uint8Array> {
    return this.#rewritten(model, EXPOSE, "exposing");
  }

  /** What a script makes of a model, in a process of its own. */
  #rewritten(model: Uint8Array, script: string, what: string): Promise<Uint8Array> {
    return inFolder(this.limits.scratch, async (folder) => {
      const [source, target] = [path.join(folder, "model.onnx"), path.join(folder, "rewritten.onnx")];
      await writeFile(source, model);
      await rewrite(script, [source, target], what, this.limits.timeoutMs, this.signal);
      return new Uint8Array(await readFile(target));
    });
  }

  async load(model: Uint8Array): Promise<LoadedModel> {
    return inFolder(this.limits.scratch, async (folder) => {
      const file = path.join(folder, "model.onnx");
      await writeFile(file, model);
      // The session holds the whole model: the file is not read again, unless the child is started anew.
      const runner = await ChildRunner.start(file, this.limits, undefined, this.signal);
      return {
        run: (inputs) => runner.run(inputs, this.signal),
        stop: () => {
          runner.stop();
        },
      };
    });
  }
}

async function rewrite(
  script: string,
  files: readonly string[],
  what: string,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  signal?.throwIfAborted();
  const settings = { env: {}, timeout: timeoutMs, killSignal: "SIGKILL", ...(signal && { signal }) } as const;
  try {
    await promisify(execFile)(process.execPath, [...process.execArgv, script, ...files], settings);
  } catch (error) {
    signal?.throwIfAborted();
    throw failureOf(error as RewriteFailure, what, timeoutMs);
  }
}

interface RewriteFailure {
  /** The exit status, null if a signal ended it; text if it could not be started. */
  readonly code?: number | string | null;
  readonly killed?: boolean;
  readonly stderr?: string;
}

/** Only what the process itself says of the model lasts: whatever killed it may be gone next time. */
export function failureOf({ code, killed, stderr = "" }: RewriteFailure, what: string, timeoutMs: number): WorkerError {
  if (killed) return new InferenceError("timeout", `${what} took more than ${timeoutMs} ms`);
  if (typeof code === "string") return new WorkerError(`${what} the model could not be started: ${code}`, true);
  if (isOutOfMemory(stderr)) return new InferenceError("memory", stderr);
  if (code === 1 && stderr !== "") return new InferenceError("rejected", stderr);
  return new InferenceError("crash", stderr || `the process that is ${what} the model crashed`);
}

/** Uses a folder below `parent` that is gone afterwards, unless this process is killed before. */
export async function inFolder<T>(parent: string | undefined, use: (folder: string) => Promise<T>): Promise<T> {
  if (parent !== undefined) await mkdir(parent, { recursive: true });
  const folder = await mkdtemp(path.join(parent ?? tmpdir(), "assay-model-"));
  try {
    return await use(folder);
  } finally {
    // A child that was killed may write a last time.
    await rm(folder, { recursive: true, maxRetries: 5 });
  }
}
