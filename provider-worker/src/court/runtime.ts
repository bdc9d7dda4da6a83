import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import type { GraphRuntime, LoadedModel } from "@assay/sdk";

import { BUILDS } from "../inference/builds.js";
import type { RunnerLimits } from "../inference/runner.js";
import { ChildRunner } from "../inference/runner.js";
import { runModelChild } from "./modelChild.js";

export interface RuntimeLimits extends RunnerLimits {
  /** Folder for copies of models while they are worked on; the system's for temporary files if left out. */
  scratch?: string;
}

/** Memory that rewriting a file may take beside that of a run, in sizes of the file. */
const REWRITING = 6;

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
    return this.#rewritten(model, "optimiseChild", "optimising the model");
  }

  async expose(model: Uint8Array): Promise<Uint8Array> {
    return this.#rewritten(model, "exposeChild", "exposing the model");
  }

  /** What a script makes of a model, in a process of its own. */
  #rewritten(model: Uint8Array, script: string, what: string): Promise<Uint8Array> {
    return inFolder(this.limits.scratch, async (folder) => {
      const [source, target] = [path.join(folder, "model.onnx"), path.join(folder, "rewritten.onnx")];
      await writeFile(source, model);
      // Rewriting takes four times the file, which says nothing of what running it takes.
      const memoryMb = this.limits.memoryMb + (REWRITING * model.length) / 2 ** 20;
      await runModelChild({ script, words: [source, target], what, folder }, { ...this.limits, memoryMb }, this.signal);
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
        hasEnded: () => runner.hasEnded(),
      };
    });
  }
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
