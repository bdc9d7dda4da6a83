import type { ResultDomain, SignedResult } from "@assay/sdk";
import { signResult } from "@assay/sdk";
import type { Wallet } from "ethers";

import type { Journal } from "../jobs/journal.js";

/** Signatures kept, so that nobody makes the worker sign all day. */
const KEPT = 1000;

/**
 * Signs the results that the journal is bound to, and no others: whoever signs two for one job loses its stake.
 */
export class SignedResults {
  readonly #signed = new Map<string, Promise<SignedResult>>();

  constructor(
    private readonly journal: Pick<Journal, "resultOf">,
    private readonly wallet: Pick<Wallet, "signTypedData">,
    private readonly domain: ResultDomain,
  ) {}

  /** The signed result of a job (0x and 64 digits); undefined while there is none. */
  async of(job: string): Promise<SignedResult | undefined> {
    const outputCommitment = this.journal.resultOf(job);
    if (outputCommitment === undefined) return undefined;
    const signed =
      this.#signed.get(job) ?? signResult(this.wallet, this.domain, { jobId: BigInt(job), outputCommitment });
    this.#signed.delete(job);
    this.#signed.set(job, signed);
    for (const oldest of [...this.#signed.keys()].slice(0, -KEPT)) this.#signed.delete(oldest);
    return signed;
  }
}
