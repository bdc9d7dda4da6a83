import type { AssayContracts } from "@assay/sdk";

import type { Needed } from "../content/shelf.js";
import type { ModelCache } from "../models/modelCache.js";
import type { RoleContext } from "../roles/role.js";
import { offeredModels } from "../roles/serve.js";
import type { NeededJobs } from "./needed.js";
import { modelsOf, neededJobs, tensorsOf } from "./needed.js";

export interface NeedsParts extends Pick<RoleContext, "journal" | "provider" | "operator"> {
  contracts: Pick<AssayContracts, "providers">;
  models: Pick<ModelCache, "hashesOf" | "filesInUse">;
  /** Models that the settings name, for a jury or for audits. */
  named: readonly bigint[];
  prosecutes: boolean;
  /** Time of the newest block that was read; zero while that is not known. */
  readUntil: () => number;
}

/** What must stay in the content store, by what the worker has read of the chain. */
export class Needs {
  constructor(private readonly parts: NeedsParts) {}

  /** Bundles: the inputs and outputs of jobs. */
  tensors(): Needed {
    const { own, others } = this.#jobs();
    return { own: tensorsOf(this.parts, own), others: tensorsOf(this.parts, others) };
  }

  /** Files: those of jobs' models, of models that are offered or named in the settings, and of models that run. */
  async files(): Promise<Needed> {
    const { models, named } = this.parts;
    const { own, others } = this.#jobs();
    const ownModels = new Set([...modelsOf(this.parts, own), ...(await this.#offered()), ...named]);
    const [ownFiles, othersFiles] = await Promise.all([
      models.hashesOf(ownModels),
      models.hashesOf(modelsOf(this.parts, others)),
    ]);
    return { own: new Set(ownFiles), others: new Set([...models.filesInUse(), ...othersFiles]) };
  }

  #jobs(): NeededJobs {
    const { readUntil, prosecutes } = this.parts;
    return neededJobs(this.parts, { readUntil: readUntil(), prosecutes });
  }

  /** Models with an offer of the provider that was not taken back. */
  async #offered(): Promise<bigint[]> {
    const { contracts, journal, provider } = this.parts;
    const ever = offeredModels(journal);
    const counts = await Promise.all(ever.map((modelId) => contracts.providers.offerCountOf(provider, modelId)));
    return ever.filter((_, i) => counts[i] !== 0n);
  }
}
