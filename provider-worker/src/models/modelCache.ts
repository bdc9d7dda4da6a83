import type { AssayContracts } from "@assay/sdk";
import { textOf } from "@assay/sdk";

import type { CourtModels } from "../court/courtModels.js";
import { isProven } from "../court/courtModels.js";
import type { Fetcher } from "../content/fetcher.js";
import type { ContentStore } from "../content/store.js";
import { sha256 } from "../content/store.js";
import { ContentError, InferenceError } from "../errors.js";
import type { ModelRunner, RunnerLimits } from "../inference/runner.js";
import { ChildRunner } from "../inference/runner.js";
import { MAX_GOLDEN_BYTES, readGolden, requireGolden } from "./golden.js";

export interface ModelCacheOptions extends RunnerLimits {
  maxModelBytes: number;
  /** Models whose processes are kept although nobody runs them. */
  maxRunners: number;
}

/** Starts a runner for a verified model file, which it must hold to its hash whenever it reads it. */
export type StartRunner = (path: string, limits: RunnerLimits, sha256: string) => Promise<ModelRunner>;

interface Kept {
  runner: Promise<ModelRunner>;
  /** Who runs it at the moment. */
  users: number;
  /** Hashes of its files, known once the registry was asked. */
  files: string[];
}

/**
 * Models ready to run: fetched by hash, verified, and proven to reproduce their golden vectors on this machine. Of those
 * that nobody runs the least recently used stop, once there are more than `maxRunners`.
 */
export class ModelCache {
  /** By model id, the least recently used first. */
  readonly #kept = new Map<string, Kept>();
  /** Downloads under way, by hash. */
  readonly #fetching = new Map<string, Promise<Uint8Array>>();

  constructor(
    private readonly contracts: Pick<AssayContracts, "models">,
    private readonly store: ContentStore,
    private readonly fetcher: Fetcher,
    private readonly options: ModelCacheOptions,
    /** For models that the proof court judges. */
    private readonly courtModels: Pick<CourtModels, "read" | "explains">,
    private readonly startRunner: StartRunner = (...given) => ChildRunner.start(...given),
  ) {}

  /** Whether running a model waits for nobody else's machine. */
  async isHere(modelId: bigint): Promise<boolean> {
    if (this.#kept.has(modelId.toString())) return true;
    const { fileHash, goldenHash } = await this.contracts.models.specOf(modelId);
    for (const hash of [fileHash, goldenHash]) if (!(await this.store.get("files", hash))) return false;
    return true;
  }

  /** Brings a model's files here, which is as slow as the machines behind its URIs. */
  async fetch(modelId: bigint): Promise<void> {
    const spec = await this.contracts.models.specOf(modelId);
    await this.#fetch(spec.fileHash, textOf(spec, "modelUri"));
    await this.#fetch(spec.goldenHash, textOf(spec, "goldenUri"), MAX_GOLDEN_BYTES);
  }

  /** Runs a model: its runner stays until `act` ended. A model that fails to load is tried again on the next call. */
  async use<T>(modelId: bigint, act: (runner: ModelRunner) => Promise<T>): Promise<T> {
    const kept = this.#take(modelId);
    try {
      return await act(await kept.runner);
    } catch (error) {
      if (error instanceof InferenceError && error.reason === "changed") this.#forget(modelId, kept);
      throw error;
    } finally {
      kept.users--;
      this.#stopIdle();
      // One that was forgotten goes with the last who runs it.
      if (kept.users === 0 && this.#kept.get(modelId.toString()) !== kept) stopLater(kept.runner);
    }
  }

  /** Hashes of the files that models kept here need, should their process have to start again. */
  filesInUse(): Set<string> {
    return new Set([...this.#kept.values()].flatMap(({ files }) => files));
  }

  /** The registered file of a model, verified. */
  async fileOf(modelId: bigint): Promise<Uint8Array> {
    const spec = await this.contracts.models.specOf(modelId);
    return this.#fetch(spec.fileHash, textOf(spec, "modelUri"));
  }

  async stop(): Promise<void> {
    for (const runner of await Promise.allSettled([...this.#kept.values()].map((kept) => kept.runner))) {
      if (runner.status === "fulfilled") runner.value.stop();
    }
  }

  #take(modelId: bigint): Kept {
    const key = modelId.toString();
    const kept = this.#kept.get(key) ?? this.#begin(modelId);
    kept.users++;
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    return kept;
  }

  #begin(modelId: bigint): Kept {
    const files: string[] = [];
    const runner = this.#load(modelId, files);
    const kept = { runner, users: 0, files };
    runner.catch(() => this.#kept.delete(modelId.toString()));
    return kept;
  }

  /** A model whose file is not what it was: the next call fetches it again. */
  #forget(modelId: bigint, kept: Kept): void {
    const key = modelId.toString();
    if (this.#kept.get(key) === kept) this.#kept.delete(key);
  }

  #stopIdle(): void {
    for (const [key, { runner, users }] of this.#kept) {
      if (this.#kept.size <= this.options.maxRunners) return;
      if (users > 0) continue;
      this.#kept.delete(key);
      stopLater(runner);
    }
  }

  async #load(modelId: bigint, files: string[]): Promise<ModelRunner> {
    const spec = await this.contracts.models.specOf(modelId);
    const { fileHash, goldenHash } = spec;
    files.push(fileHash, goldenHash);
    const file = await this.#fetch(fileHash, textOf(spec, "modelUri"));
    const model = isProven(spec.profile) ? await this.courtModels.read(modelId, file) : undefined;
    const golden = readGolden(await this.#fetch(goldenHash, textOf(spec, "goldenUri"), MAX_GOLDEN_BYTES));
    const runner = await this.startRunner(this.store.pathOf("files", fileHash), this.options, fileHash);
    try {
      await requireGolden(runner, golden, async ({ inputs, outputs }) =>
        model ? this.courtModels.explains(model, inputs, outputs) : false,
      );
    } catch (error) {
      runner.stop();
      throw error;
    }
    return runner;
  }

  /** A file by its hash, from disk or from its URI. */
  async #fetch(hash: string, uri: string, maxBytes = this.options.maxModelBytes): Promise<Uint8Array> {
    const kept = await this.store.get("files", hash);
    if (kept) {
      await this.store.touch("files", hash);
      return kept;
    }
    const fetching =
      this.#fetching.get(hash) ??
      this.#download(hash, uri, maxBytes).finally(() => {
        this.#fetching.delete(hash);
      });
    this.#fetching.set(hash, fetching);
    return fetching;
  }

  async #download(hash: string, uri: string, maxBytes: number): Promise<Uint8Array> {
    const bytes = await this.fetcher.fetch(uri, Math.min(maxBytes, this.options.maxModelBytes));
    const found = sha256(bytes);
    if (found !== hash) throw new ContentError(`${uri} has sha-256 ${found}, not ${hash} as registered`);
    await this.store.putFile(bytes);
    return bytes;
  }
}

/** Stops a runner once it is there; one that failed to load is gone already. */
function stopLater(runner: Promise<ModelRunner>): void {
  runner.then(
    (ready) => {
      ready.stop();
    },
    () => undefined,
  );
}
