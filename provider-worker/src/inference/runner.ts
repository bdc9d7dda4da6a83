import type { ChildProcess } from "node:child_process";
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";

import type { Tensor } from "@assay/sdk";

import { unlessAborted } from "../deadline.js";
import { InferenceError } from "../errors.js";
import type { ProcessLimits } from "./ask.js";
import { ask } from "./ask.js";
import { isOutOfMemory } from "./memory.js";
import type { Request, Response } from "./protocol.js";

/** Runs one model. */
export interface ModelRunner {
  /** Names in the model's own order. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Ends with the signal's reason once that aborts. */
  run(inputs: ReadonlyMap<string, Tensor>, signal?: AbortSignal): Promise<Map<string, Tensor>>;
  stop(): void;
}

/** Of each load and each run. */
export interface RunnerLimits extends ProcessLimits {
  /** Bytes of all outputs of a run together; no limit if left out. */
  outputBytes?: number;
}

const CHILD = fileURLToPath(new URL(import.meta.url.endsWith(".ts") ? "./child.ts" : "./child.js", import.meta.url));

/**
 * A model in a child process of its own: `session.run` blocks its thread, and a job's input alone can hang or kill the
 * process. The child gets no environment, so no key or setting can leak into it, and dies with SIGKILL.
 */
export class ChildRunner implements ModelRunner {
  inputs: readonly string[] = [];
  outputs: readonly string[] = [];
  #child: ChildProcess | undefined;
  #nextId = 0;
  /** Runs are serial: the child has one thread. */
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly path: string,
    private readonly limits: RunnerLimits,
    /** Of the model; once it was loaded, no child loads another one. */
    private sha256: string | undefined,
  ) {}

  /**
   * Starts a child with the model at `path`, which must have this hash if one is given. It is killed if the signal aborts
   * before the model is loaded.
   */
  static async start(path: string, limits: RunnerLimits, sha256?: string, signal?: AbortSignal): Promise<ChildRunner> {
    const runner = new ChildRunner(path, limits, sha256);
    await runner.#load(signal);
    return runner;
  }

  /** A run that is aborted is killed, one that waits for others is left out. */
  run(inputs: ReadonlyMap<string, Tensor>, signal?: AbortSignal): Promise<Map<string, Tensor>> {
    const result = this.#queue.then(() => this.#run(inputs, signal));
    this.#queue = result.catch(() => undefined);
    return signal ? unlessAborted(signal, result) : result;
  }

  /** Whether the child is gone: the next run starts another, from the file. */
  hasEnded(): boolean {
    return !this.#child || this.#child.killed;
  }

  stop(): void {
    this.#child?.kill("SIGKILL");
    this.#child = undefined;
  }

  async #run(inputs: ReadonlyMap<string, Tensor>, signal?: AbortSignal): Promise<Map<string, Tensor>> {
    signal?.throwIfAborted();
    // One that was killed is there until the system says that it ended.
    if (this.hasEnded()) await this.#load(signal);
    const response = await this.#ask({ id: ++this.#nextId, kind: "run", inputs: [...inputs] }, signal);
    if (response.kind !== "ran") throw new InferenceError("rejected", `the child answered ${response.kind}`);
    return new Map(response.outputs);
  }

  async #load(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const child = fork(CHILD, { serialization: "advanced", env: {}, stdio: ["ignore", "ignore", "ignore", "ipc"] });
    // It may die with nothing to do, of the system's want of memory for one: the next run starts another.
    child.once("exit", () => {
      if (this.#child === child) this.#child = undefined;
    });
    child.on("error", () => undefined);
    this.#child = child;
    try {
      const { outputBytes = Infinity } = this.limits;
      const { path, sha256 } = this;
      const response = await this.#ask({ id: ++this.#nextId, kind: "load", path, sha256, outputBytes }, signal);
      if (response.kind !== "loaded") throw new InferenceError("rejected", `the child answered ${response.kind}`);
      this.sha256 = response.sha256;
      this.inputs = response.inputs;
      this.outputs = response.outputs;
    } catch (error) {
      // A child without its model is of no use, and would keep this process alive.
      this.stop();
      throw error;
    }
  }

  async #ask(request: Request, signal?: AbortSignal): Promise<Response> {
    const child = this.#child;
    if (!child) throw new InferenceError("crash", "the inference child is gone");
    const isAnswer = (message: unknown): message is Response => (message as Response).id === request.id;
    const response = await ask(child, { what: request.kind, request, isAnswer }, this.limits, signal);
    if (response.kind !== "failed") return response;
    const { reason, message } = response;
    throw new InferenceError(isOutOfMemory(message) ? "memory" : reason, message);
  }
}
