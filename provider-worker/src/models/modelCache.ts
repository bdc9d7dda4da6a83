import type { AssayContracts } from "@assay/sdk";
import { ContractRevertError, decodeRevert, textOf } from "@assay/sdk";

import type { CourtModels } from "../court/courtModels.js";
import { isProven } from "../court/courtModels.js";
import type { Fetcher } from "../content/fetcher.js";
import type { ContentStore } from "../content/store.js";
import { unlessAborted, within } from "../deadline.js";
import { ContentError, InferenceError, isHopeless, WorkerError } from "../errors.js";
import type { ModelRunner, RunnerLimits } from "../inference/runner.js";
import { ChildRunner } from "../inference/runner.js";
import { Shared } from "../shared.js";
import type { Explains, RootOf } from "./golden.js";
import { MAX_GOLDEN_BYTES, readGolden, requireGolden } from "./golden.js";

export interface ModelCacheOptions extends RunnerLimits {
  maxModelBytes: number;
  /** Models whose processes are kept although nobody runs them. */
  maxRunners: number;
  /** Milliseconds for all of a load: downloads, the graph, the golden vectors. */
  loadMs: number;
}

/**
 * Starts a runner for a verified model file, which it must hold to its hash whenever it reads it, unless the signal aborts
 * before.
 */
export type StartRunner = (
  path: string,
  limits: RunnerLimits,
  sha256: string,
  signal: AbortSignal,
) => Promise<ModelRunner>;

/** A model that was refused is not tried again for so many times as long as it took to refuse it. */
const REST = 10;

type Spec = Awaited<ReturnType<AssayContracts["models"]["specOf"]>>;

interface Progress {
  /** Hashes of the model's files, known once the registry was asked. */
  files: string[];
  /** Whether they are all here. */
  fetched: boolean;
}

interface Kept {
  runner: Promise<ModelRunner>;
  /** Ends the load. */
  load: AbortController;
  loaded: boolean;
  /** Who runs it at the moment, or waits for it. */
  users: number;
  progress: Progress;
}

/**
 * Models ready to run: fetched by hash, verified, and proven to reproduce their golden vectors on this machine, all of
 * that within `loadMs`. Of those that nobody runs the least recently used stop, once there are more than `maxRunners`.
 */
export class ModelCache {
  /** By model id, the least recently used first. */
  readonly #kept = new Map<string, Kept>();
  /** Downloads under way, by what is fetched from where. */
  readonly #downloads = new Shared<Uint8Array>();
  /** Models that were refused, why, and until when that holds. */
  readonly #refused = new Map<string, { error: unknown; until: number }>();
  readonly #stop = new AbortController();
  /** Hashes of models' files, which never change, by the model's id. */
  readonly #hashes = new Map<bigint, readonly string[]>();

  constructor(
    private readonly contracts: Pick<AssayContracts, "models">,
    private readonly store: ContentStore,
    private readonly fetcher: Fetcher,
    private readonly options: ModelCacheOptions,
    /** For models that the proof court judges. */
    private readonly courtModels: Pick<CourtModels, "read" | "explains">,
    private readonly startRunner: StartRunner = (...given) => ChildRunner.start(...given),
    /** Milliseconds since some moment. */
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Whether running a model waits for nobody else's machine. */
  async isHere(modelId: bigint): Promise<boolean> {
    if (this.#kept.has(modelId.toString()) || this.#refusalOf(modelId.toString())) return true;
    const { fileHash, goldenHash } = await this.contracts.models.specOf(modelId);
    for (const hash of [fileHash, goldenHash]) if (!(await this.store.has("files", hash))) return false;
    return true;
  }

  /** Brings a model's files here within `loadMs`, which is as slow as the machines behind its URIs. */
  async fetch(modelId: bigint, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const late = () => this.#tooSlow(modelId.toString());
    await within(this.options.loadMs, late, signal, async (either) => {
      await this.#filesOf(await this.contracts.models.specOf(modelId), either);
    });
  }

  /**
   * Runs a model: its runner stays until `act` ended. A model that fails to load is tried again on the next call; one
   * that was refused, after a while. A load that nobody waits for any more ends.
   */
  async use<T>(modelId: bigint, act: (runner: ModelRunner) => Promise<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const key = modelId.toString();
    const kept = this.#take(key);
    try {
      return await act(await unlessAborted(signal, kept.runner));
    } catch (error) {
      // Its file is not what it was: the next call fetches it again.
      if (error instanceof InferenceError && error.reason === "changed") this.#forget(key, kept);
      throw error;
    } finally {
      kept.users--;
      if (kept.users === 0 && !kept.loaded) this.#abandon(key, kept);
      this.#stopIdle();
      // One that was forgotten goes with the last who runs it.
      if (kept.users === 0 && this.#kept.get(key) !== kept) stopLater(kept.runner);
    }
  }

  /** Hashes of the files of these models, as they are registered; none of a model that is not. */
  async hashesOf(modelIds: Iterable<bigint>): Promise<string[]> {
    const hashes = await Promise.all([...modelIds].map((modelId) => this.#hashesOf(modelId)));
    return hashes.flat();
  }

  /** Hashes of the files that models kept here need, should their process have to start again. */
  filesInUse(): Set<string> {
    return new Set([...this.#kept.values()].flatMap(({ progress }) => progress.files));
  }

  /** The registered file of a model, verified. */
  async fileOf(modelId: bigint, signal: AbortSignal): Promise<Uint8Array> {
    const spec = await this.contracts.models.specOf(modelId);
    return this.#fetch(spec.fileHash, textOf(spec, "modelUri"), signal);
  }

  /** Ends every load and every runner; nothing is loaded afterwards. */
  async stop(): Promise<void> {
    this.#stop.abort(new WorkerError("the worker stops", true));
    for (const runner of await Promise.allSettled([...this.#kept.values()].map((kept) => kept.runner))) {
      if (runner.status === "fulfilled") runner.value.stop();
    }
  }

  async #hashesOf(modelId: bigint): Promise<readonly string[]> {
    const known = this.#hashes.get(modelId);
    if (known) return known;
    const spec = await this.contracts.models.specOf(modelId).catch((error: unknown) => {
      if (decodeRevert(error) instanceof ContractRevertError) return undefined;
      throw error;
    });
    const hashes = spec ? [spec.fileHash, spec.goldenHash] : [];
    if (spec) this.#hashes.set(modelId, hashes);
    return hashes;
  }

  #take(key: string): Kept {
    const kept = this.#kept.get(key) ?? this.#begin(key);
    kept.users++;
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    return kept;
  }

  #begin(key: string): Kept {
    const refusal = this.#refusalOf(key);
    if (refusal) throw refusal.error;
    const { loadMs } = this.options;
    const progress: Progress = { files: [], fetched: false };
    const load = new AbortController();
    const began = this.now();
    const late = () =>
      progress.fetched
        ? new InferenceError("timeout", `loading model ${key} took more than ${loadMs} ms`)
        : this.#tooSlow(key);
    const either = AbortSignal.any([this.#stop.signal, load.signal]);
    const runner = within(loadMs, late, either, (signal) => this.#load(BigInt(key), progress, signal));
    const kept: Kept = { runner, load, loaded: false, users: 0, progress };
    const onRefused = (error: unknown) => {
      this.#forget(key, kept);
      if (isHopeless(error)) this.#refused.set(key, { error, until: this.now() + REST * (this.now() - began) });
    };
    runner.then(() => (kept.loaded = true), onRefused);
    return kept;
  }

  /** Why a model is not tried again yet; undefined if it may be. */
  #refusalOf(key: string): { error: unknown } | undefined {
    const refused = this.#refused.get(key);
    if (refused && refused.until <= this.now()) this.#refused.delete(key);
    return this.#refused.get(key);
  }

  /** Whoever withholds a file for a while is asked again. */
  #tooSlow(key: string): WorkerError {
    return new WorkerError(`the files of model ${key} did not come within ${this.options.loadMs} ms`, true);
  }

  #forget(key: string, kept: Kept): void {
    if (this.#kept.get(key) === kept) this.#kept.delete(key);
  }

  #abandon(key: string, kept: Kept): void {
    this.#forget(key, kept);
    kept.load.abort(new WorkerError(`nobody waits for model ${key} any more`, true));
  }

  #stopIdle(): void {
    for (const [key, { runner, users }] of this.#kept) {
      if (this.#kept.size <= this.options.maxRunners) return;
      if (users > 0) continue;
      this.#kept.delete(key);
      stopLater(runner);
    }
  }

  async #load(modelId: bigint, progress: Progress, signal: AbortSignal): Promise<ModelRunner> {
    const spec = await this.contracts.models.specOf(modelId);
    const files = [spec.fileHash, spec.goldenHash];
    progress.files.push(...files);
    // However much is fetched meanwhile: the process reads the file itself.
    return this.store.hold("files", files, () => this.#start(modelId, spec, progress, signal));
  }

  async #start(modelId: bigint, spec: Spec, progress: Progress, signal: AbortSignal): Promise<ModelRunner> {
    const { fileHash } = spec;
    const [file, golden] = await this.#filesOf(spec, signal);
    progress.fetched = true;
    const vectors = readGolden(golden);
    const model = isProven(spec.profile) ? await this.courtModels.read(modelId, file, signal) : undefined;
    const runner = await this.startRunner(this.store.pathOf("files", fileHash), this.options, fileHash, signal);
    try {
      signal.throwIfAborted();
      const explains: Explains = async ({ inputs, outputs }) =>
        model ? this.courtModels.explains(model, inputs, outputs, signal) : false;
      const rootOf: RootOf = async (tensors, names) => (await this.store.checker.pack(tensors, names)).root;
      await requireGolden(runner, vectors, signal, rootOf, explains);
    } catch (error) {
      runner.stop();
      throw error;
    }
    return runner;
  }

  /** A model's own file and its golden vectors. */
  async #filesOf(spec: Spec, signal: AbortSignal): Promise<[Uint8Array, Uint8Array]> {
    const file = await this.#fetch(spec.fileHash, textOf(spec, "modelUri"), signal);
    return [file, await this.#fetch(spec.goldenHash, textOf(spec, "goldenUri"), signal, MAX_GOLDEN_BYTES)];
  }

  /** A file by its hash, from disk or from its URI. */
  async #fetch(
    hash: string,
    uri: string,
    signal: AbortSignal,
    maxBytes = this.options.maxModelBytes,
  ): Promise<Uint8Array> {
    signal.throwIfAborted();
    const kept = await this.store.getFile(hash);
    if (kept) {
      this.store.touch("files", hash);
      return kept;
    }
    // Another model may name the same file where it never comes, or as golden vectors, which must be smaller.
    return this.#downloads.get(`${hash} ${maxBytes} ${uri}`, signal, (stop) =>
      this.#download(hash, uri, maxBytes, stop),
    );
  }

  async #download(hash: string, uri: string, maxBytes: number, signal: AbortSignal): Promise<Uint8Array> {
    const { maxModelBytes, loadMs } = this.options;
    const fetched = await this.fetcher.fetch(uri, Math.min(maxBytes, maxModelBytes), signal, loadMs);
    const file = await this.store.checker.hash(fetched);
    if (file.sha256 !== hash) throw new ContentError(`${uri} has sha-256 ${file.sha256}, not ${hash} as registered`);
    await this.store.putFile(file);
    return file.bytes;
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
