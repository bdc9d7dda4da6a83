import type { AssayContracts } from "@assay/sdk";
import { textOf } from "@assay/sdk";

import type { Fetcher } from "../content/fetcher.js";
import type { ContentStore } from "../content/store.js";
import { sha256 } from "../content/store.js";
import { WorkerError } from "../errors.js";
import type { ModelRunner, RunnerLimits } from "../inference/runner.js";
import { ChildRunner } from "../inference/runner.js";
import { readGolden, requireGolden } from "./golden.js";

export interface ModelCacheOptions extends RunnerLimits {
  maxModelBytes: number;
}

/** Starts a runner for a verified model file. */
export type StartRunner = (path: string, limits: RunnerLimits) => Promise<ModelRunner>;

/** Models ready to run: fetched by hash, verified, and proven to reproduce their golden vectors on this machine. */
export class ModelCache {
  readonly #ready = new Map<string, Promise<ModelRunner>>();

  constructor(
    private readonly contracts: Pick<AssayContracts, "models">,
    private readonly store: ContentStore,
    private readonly fetcher: Fetcher,
    private readonly options: ModelCacheOptions,
    private readonly startRunner: StartRunner = (path, limits) => ChildRunner.start(path, limits),
  ) {}

  /** The runner of a model. A model that fails is tried again on the next call. */
  get(modelId: bigint): Promise<ModelRunner> {
    const key = modelId.toString();
    const known = this.#ready.get(key);
    if (known) return known;
    const loading = this.#load(modelId);
    this.#ready.set(key, loading);
    loading.catch(() => this.#ready.delete(key));
    return loading;
  }

  async stop(): Promise<void> {
    for (const runner of await Promise.allSettled(this.#ready.values())) {
      if (runner.status === "fulfilled") runner.value.stop();
    }
  }

  async #load(modelId: bigint): Promise<ModelRunner> {
    const spec = await this.contracts.models.specOf(modelId);
    const { fileHash, goldenHash } = spec;
    await this.#fetch(fileHash, textOf(spec, "modelUri"));
    const golden = readGolden(await this.#fetch(goldenHash, textOf(spec, "goldenUri")));
    const runner = await this.startRunner(this.store.pathOf("files", fileHash), this.options);
    try {
      await requireGolden(runner, golden);
    } catch (error) {
      runner.stop();
      throw error;
    }
    return runner;
  }

  /** A file by its hash, from disk or from its URI. */
  async #fetch(hash: string, uri: string): Promise<Uint8Array> {
    const kept = await this.store.get("files", hash);
    if (kept) return kept;
    const bytes = await this.fetcher.fetch(uri, this.options.maxModelBytes);
    const found = sha256(bytes);
    if (found !== hash) throw new WorkerError(`${uri} has sha-256 ${found}, not ${hash} as registered`);
    await this.store.putFile(bytes);
    return bytes;
  }
}
