import type { AssayContracts, BundleFile, JobTerms } from "@assay/sdk";
import { packBundle, TensorError, tensorsUri, unpackBundle } from "@assay/sdk";

import type { Fetcher } from "../content/fetcher.js";
import type { ContentStore } from "../content/store.js";
import { ContentError, WorkerError } from "../errors.js";
import type { Metrics } from "../metrics.js";
import type { ModelCache } from "../models/modelCache.js";
import type { Place } from "./taskPool.js";

/** Executes jobs: the same steps for who serves, audits or judges. */
export class Executor {
  constructor(
    private readonly contracts: Pick<AssayContracts, "providers">,
    private readonly store: ContentStore,
    private readonly fetcher: Fetcher,
    private readonly models: ModelCache,
    private readonly maxInputBytes: number,
    private readonly metrics: Pick<Metrics, "inference">,
  ) {}

  /** Fetches and checks model and input, runs the model, keeps all of it and returns the output. */
  async execute(terms: JobTerms, inputUri: string, place: Place): Promise<BundleFile> {
    await this.#fetchModel(terms, place);
    const input = await this.input(terms, inputUri, place);
    const packed = await this.models.use(terms.modelId, async (runner) => {
      const observe = this.metrics.inference.startTimer();
      const outputs = await runner.run(input.tensors);
      observe();
      return packBundle(outputs, runner.outputs);
    });
    await this.store.putTensors(packed.bytes);
    return packed;
  }

  /** The input from here, or else from where it lies, which may be slow: others have the place meanwhile. */
  async input(terms: JobTerms, inputUri: string, place: Place): Promise<BundleFile> {
    const there = await this.#kept(terms);
    if (there) return there;
    await place.leaveFor(terms.client, () => this.#fetchInput(terms, inputUri));
    const fetched = await this.#kept(terms);
    if (!fetched) throw new WorkerError(`the input of job ${terms.id} was pushed out again`, true);
    return fetched;
  }

  /** As for the input: others have the place meanwhile. */
  async #fetchModel({ modelId }: JobTerms, place: Place): Promise<void> {
    if (await this.models.isHere(modelId)) return;
    await place.leaveFor(`model ${modelId}`, () => this.models.fetch(modelId));
  }

  async #kept({ inputCommitment }: JobTerms): Promise<BundleFile | undefined> {
    const kept = await this.store.get("tensors", inputCommitment);
    return kept && unpackBundle(kept, { maxBytes: kept.length });
  }

  /** Fetches the input from its URI, or else from the store of the job's provider, where an empty URI says it is. */
  async #fetchInput(terms: JobTerms, inputUri: string): Promise<void> {
    const bytes = inputUri
      ? await this.#fetchFrom(inputUri, terms).catch((error: unknown) => this.#fetchInstead(terms, error))
      : await this.#fetchFrom(await this.#uriAtProvider(terms), terms);
    await this.store.putTensors(bytes);
  }

  /** From the provider's store. What failed first is what is told: there the input should be. */
  async #fetchInstead(terms: JobTerms, failed: unknown): Promise<Uint8Array> {
    try {
      return await this.#fetchFrom(await this.#uriAtProvider(terms), terms);
    } catch {
      throw failed;
    }
  }

  async #uriAtProvider({ provider, inputCommitment }: JobTerms): Promise<string> {
    return tensorsUri((await this.contracts.providers.providerOf(provider)).endpoint, inputCommitment);
  }

  /** The bundle at `uri`, if it is the job's input. */
  async #fetchFrom(uri: string, { inputCommitment }: JobTerms): Promise<Uint8Array> {
    const bytes = await this.fetcher.fetch(uri, this.maxInputBytes);
    const root = rootOf(uri, bytes, this.maxInputBytes);
    if (root !== inputCommitment) {
      throw new ContentError(`${uri} commits to ${root}, not ${inputCommitment} as the job says`);
    }
    return bytes;
  }
}

function rootOf(uri: string, bytes: Uint8Array, maxBytes: number): string {
  try {
    return unpackBundle(bytes, { maxBytes }).root;
  } catch (error) {
    if (!(error instanceof TensorError)) throw error;
    throw new ContentError(`${uri} holds no bundle of tensors: ${error.message}`, { cause: error });
  }
}
