import type { AssayContracts, BundleFile, JobTerms } from "@assay/sdk";
import { TensorError, tensorsUri } from "@assay/sdk";

import type { Fetcher } from "../content/fetcher.js";
import type { ContentStore } from "../content/store.js";
import { ContentError, WorkerError } from "../errors.js";
import type { ModelRunner } from "../inference/runner.js";
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
    private readonly limits: { readonly inputBytes: number; readonly outputBytes: number },
    private readonly metrics: Pick<Metrics, "inference">,
  ) {}

  /** Makes a model ready to run, or says why this machine must not run it. */
  async prepare(modelId: bigint, place: Place, signal: AbortSignal): Promise<void> {
    await this.#fetchModel(modelId, place, signal);
    await this.models.use(modelId, () => Promise.resolve(), signal);
  }

  /**
   * Fetches and checks model and input, runs the model, keeps all of it and returns the output. Ends once the signal
   * aborts.
   */
  execute(terms: JobTerms, inputUri: string, place: Place, signal: AbortSignal): Promise<BundleFile> {
    // Until its end the role has not written down what the input may be needed for again.
    return this.hold(terms, () => this.#execute(terms, inputUri, place, signal));
  }

  /** Keeps a job's input here, once it is, until `act` ended. */
  hold<T>({ inputCommitment }: JobTerms, act: () => Promise<T>): Promise<T> {
    return this.store.hold("tensors", [inputCommitment], act);
  }

  async #execute(terms: JobTerms, inputUri: string, place: Place, signal: AbortSignal): Promise<BundleFile> {
    await this.#fetchModel(terms.modelId, place, signal);
    const input = await this.input(terms, inputUri, place, signal);
    const run = async (runner: ModelRunner) => {
      const observe = this.metrics.inference.startTimer();
      const outputs = await runner.run(input.tensors, signal);
      observe();
      return this.store.checker.pack(outputs, runner.outputs);
    };
    const packed = await this.models.use(terms.modelId, run, signal);
    await this.store.putBundle(packed);
    return packed;
  }

  /** The input from here, or else from where it lies, which may be slow: others have the place meanwhile. */
  async input(terms: JobTerms, inputUri: string, place: Place, signal: AbortSignal): Promise<BundleFile> {
    const there = await this.store.getBundle(terms.inputCommitment);
    // The last to go, should it not be needed any more.
    if (there) this.store.touch("tensors", terms.inputCommitment);
    if (there) return there;
    await place.leaveFor(terms.client, () => this.#fetchInput(terms, inputUri, signal));
    const fetched = await this.store.getBundle(terms.inputCommitment);
    if (!fetched) throw new WorkerError(`the input of job ${terms.id} was pushed out again`, true);
    return fetched;
  }

  /** As for the input: others have the place meanwhile. */
  async #fetchModel(modelId: bigint, place: Place, signal: AbortSignal): Promise<void> {
    if (await this.models.isHere(modelId)) return;
    await place.leaveFor(`model ${modelId}`, () => this.models.fetch(modelId, signal));
  }

  /** What a provider delivered, from where it says, or else from its store. */
  async output(
    terms: JobTerms,
    { commitment, uri }: { commitment: string; uri: string },
    place: Place,
    signal: AbortSignal,
  ): Promise<BundleFile> {
    return place.leaveFor(terms.provider, () => this.#fetch(terms, commitment, uri, this.limits.outputBytes, signal));
  }

  async #fetchInput(terms: JobTerms, inputUri: string, signal: AbortSignal): Promise<void> {
    const { inputCommitment } = terms;
    await this.store.putBundle(await this.#fetch(terms, inputCommitment, inputUri, this.limits.inputBytes, signal));
  }

  /** Tensors from their URI, or else from the store of the job's provider, where an empty URI says they are. */
  async #fetch(
    terms: JobTerms,
    commitment: string,
    uri: string,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<BundleFile> {
    signal.throwIfAborted();
    const from = (source: string) => this.#fetchFrom(source, commitment, maxBytes, signal);
    const atProvider = async () => from(await this.#uriAtProvider(terms, commitment));
    if (!uri) return atProvider();
    return from(uri).catch(async (failed: unknown) => {
      signal.throwIfAborted();
      return atProvider().catch(() => {
        signal.throwIfAborted();
        // What failed first is what is told: there the tensors should be.
        throw failed;
      });
    });
  }

  async #uriAtProvider({ provider }: JobTerms, commitment: string): Promise<string> {
    return tensorsUri((await this.contracts.providers.providerOf(provider)).endpoint, commitment);
  }

  /** The bundle at `uri`, if it is the one with this commitment. */
  async #fetchFrom(uri: string, commitment: string, maxBytes: number, signal: AbortSignal): Promise<BundleFile> {
    const bundle = await this.#unpack(uri, await this.fetcher.fetch(uri, maxBytes, signal));
    if (bundle.root === commitment) return bundle;
    throw new ContentError(`${uri} commits to ${bundle.root}, not ${commitment} as the job says`);
  }

  async #unpack(uri: string, bytes: Uint8Array): Promise<BundleFile> {
    try {
      return await this.store.checker.unpack(bytes);
    } catch (error) {
      if (!(error instanceof TensorError)) throw error;
      throw new ContentError(`${uri} holds no bundle of tensors: ${error.message}`, { cause: error });
    }
  }
}
