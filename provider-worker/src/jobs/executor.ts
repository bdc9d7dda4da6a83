import type { AssayContracts, BundleFile, JobTerms } from "@assay/sdk";
import { packBundle, tensorsUri, unpackBundle } from "@assay/sdk";

import type { Fetcher } from "../content/fetcher.js";
import type { ContentStore } from "../content/store.js";
import { WorkerError } from "../errors.js";
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

  /** Fetches and checks the input, runs the model, keeps both and returns the output. */
  async execute(terms: JobTerms, inputUri: string, place: Place): Promise<BundleFile> {
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

  async #kept({ inputCommitment }: JobTerms): Promise<BundleFile | undefined> {
    const kept = await this.store.get("tensors", inputCommitment);
    return kept && unpackBundle(kept, { maxBytes: kept.length });
  }

  /** Fetches the input from its URI, or from the store of the job's provider, where an empty URI says it is. */
  async #fetchInput(terms: JobTerms, inputUri: string): Promise<void> {
    const uri =
      inputUri ||
      tensorsUri((await this.contracts.providers.providerOf(terms.provider)).endpoint, terms.inputCommitment);
    const bytes = await this.fetcher.fetch(uri, this.maxInputBytes);
    const { root } = unpackBundle(bytes, { maxBytes: this.maxInputBytes });
    if (root !== terms.inputCommitment) {
      throw new WorkerError(`${uri} commits to ${root}, not ${terms.inputCommitment} as the job says`);
    }
    await this.store.putTensors(bytes);
  }
}
