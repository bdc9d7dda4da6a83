import type { ContractTransactionResponse, Result, Signer } from "ethers";

import type { AssayContracts } from "./contracts.js";
import { connect } from "./contracts.js";
import type { Deployment } from "./deployment.js";
import { AssayError, withDecodedRevert } from "./errors.js";
import type { SignedResult } from "./result.js";
import { commitBundle } from "./tensor/bundle.js";
import type { BundleFile } from "./tensor/bundleFile.js";
import type { Tensor } from "./tensor/tensor.js";
import type { JobTerms } from "./terms.js";
import { jobIdText, JobStatus, requestedTerms, textOf, toTerms } from "./terms.js";
import { downloadTensors, tensorsUri, uploadTensors } from "./transport.js";

/** What a client asks for; amounts in units of their token. */
export interface JobRequest {
  provider: string;
  modelId: bigint;
  inputCommitment: string;
  token: string;
  maxPrice: bigint;
  minStake: bigint;
  /** Latest acceptable deadline, seconds since 1970. */
  deliverBy: bigint;
  /** Where the provider fetches the input; empty for its own content store. */
  inputUri: string;
}

/** A delivered result as the chain knows it. */
export interface Delivery {
  outputCommitment: string;
  outputUri: string;
  challengeableUntil: bigint;
}

export interface ClientOptions {
  deployment: Deployment;
  signer: Signer;
  /** Milliseconds between two looks at the chain. */
  pollInterval?: number;
  /** Waits; passed in so that tests drive it. */
  delay?: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
}

/** Buys inference: deposits, requests, waits, verifies, challenges, settles. */
export class AssayClient {
  readonly contracts: AssayContracts;
  readonly #pollInterval: number;
  readonly #delay: (milliseconds: number, signal?: AbortSignal) => Promise<void>;

  constructor({ deployment, signer, pollInterval = 1000, delay = sleep }: ClientOptions) {
    this.contracts = connect(deployment, signer);
    this.#pollInterval = pollInterval;
    this.#delay = delay;
  }

  /** Pays for one inference out of the escrow balance and returns the job's terms. */
  async request(job: JobRequest): Promise<JobTerms> {
    const receipt = await this.#send(() => this.contracts.market.request(job));
    return requestedTerms(receipt.logs, await this.contracts.market.getAddress());
  }

  /** The terms of a job, from its event. */
  async termsOf(jobId: bigint, fromBlock = 0): Promise<JobTerms> {
    const { market } = this.contracts;
    const [event] = await market.queryFilter(market.filters.JobRequested(jobId), fromBlock);
    if (!event) throw new AssayError(`job ${jobIdText(jobId)} was not requested at or after block ${fromBlock}`);
    return toTerms(event.args.terms as unknown as Result);
  }

  /** Waits until the job is delivered; throws if it expired or was refunded. */
  async waitForDelivery(terms: JobTerms, signal?: AbortSignal): Promise<Delivery> {
    const { market } = this.contracts;
    for (;;) {
      signal?.throwIfAborted();
      const status = await market.statusOf(terms.id);
      if (status === JobStatus.Expired || (await this.outcomeOf(terms.id)) === "refunded") {
        throw new AssayError(`job ${jobIdText(terms.id)} brings nothing: its price is refunded, or can be by expire`);
      }
      if (status !== JobStatus.Requested) {
        const [event] = await market.queryFilter(market.filters.ResultSubmitted(terms.id));
        if (event) {
          const { outputCommitment, challengeableUntil } = event.args;
          return { outputCommitment, outputUri: textOf(event.args, "outputUri"), challengeableUntil };
        }
      }
      await this.#delay(this.#pollInterval, signal);
    }
  }

  /** How a settled job ended, from its event; undefined while it is under way, or if there never was such a job. */
  async outcomeOf(jobId: bigint, fromBlock = 0): Promise<"paid" | "refunded" | undefined> {
    const { market } = this.contracts;
    if ((await market.statusOf(jobId)) !== JobStatus.None) return undefined;
    const [paid] = await market.queryFilter(market.filters.JobPaid(jobId), fromBlock);
    if (paid) return "paid";
    const [refunded] = await market.queryFilter(market.filters.JobRefunded(jobId), fromBlock);
    return refunded && "refunded";
  }

  /** Puts a job's input into the content store of the provider that will run it. */
  async upload(provider: string, input: BundleFile, signal?: AbortSignal): Promise<void> {
    await uploadTensors(await this.#endpointOf(provider), input, signal);
  }

  /** The delivered tensors, checked against what the provider committed to. */
  async result(terms: JobTerms, delivery: Delivery, options?: { maxBytes?: number; signal?: AbortSignal }) {
    const { outputCommitment, outputUri } = delivery;
    const uri = outputUri || tensorsUri(await this.#endpointOf(terms.provider), outputCommitment);
    return downloadTensors(uri, outputCommitment, options);
  }

  /** Whether tensors are what the provider committed to. `names` are the model's outputs in signature order. */
  verify(outputs: ReadonlyMap<string, Tensor>, names: readonly string[], outputCommitment: string): boolean {
    return commitBundle(new Map(outputs), [...names]).root === outputCommitment;
  }

  /** Challenges a delivered result; the bond comes out of the escrow balance. Returns the case. */
  async challenge(terms: JobTerms, outputCommitment: string): Promise<bigint> {
    await this.#send(() => this.contracts.disputes.challenge(terms, outputCommitment));
    return this.contracts.disputes.caseOfJob(terms.id);
  }

  /** Convicts a provider that signed another result than the delivered one, at once and without a bond. */
  async proveEquivocation(terms: JobTerms, delivered: string, signed: SignedResult): Promise<bigint> {
    const { outputCommitment, signature } = signed;
    await this.#send(() => this.contracts.disputes.proveEquivocation(terms, delivered, outputCommitment, signature));
    return this.contracts.disputes.caseOfJob(terms.id);
  }

  /** Carries out the ruling of a case. */
  async resolve(caseId: bigint, terms: JobTerms): Promise<void> {
    await this.#send(() => this.contracts.disputes.resolve(caseId, terms));
  }

  /** Pays a job whose window is over. */
  async finalise(terms: JobTerms): Promise<void> {
    await this.#send(() => this.contracts.market.finalise(terms));
  }

  /** Refunds a job that was not delivered in time. */
  async expire(terms: JobTerms): Promise<void> {
    await this.#send(() => this.contracts.market.expire(terms));
  }

  /** Sends a balance out of the escrow. */
  async withdraw(token: string, to: string, amount: bigint): Promise<void> {
    await this.#send(() => this.contracts.escrow.withdraw(token, to, amount));
  }

  /** Everything an account has in the market, in units of each token. */
  async balances(account: string, tokens: readonly string[]) {
    const { escrow, staking } = this.contracts;
    const escrowed = await Promise.all(
      tokens.map(async (token) => [token, await escrow.balanceOf(token, account)] as const),
    );
    return {
      escrow: new Map(escrowed),
      stake: {
        bonded: await staking.bondedOf(account),
        unbonding: await staking.unbondingOf(account),
        locked: await staking.lockedOf(account),
        free: await staking.freeOf(account),
      },
    };
  }

  async #endpointOf(provider: string): Promise<string> {
    return (await withDecodedRevert(() => this.contracts.providers.providerOf(provider))).endpoint;
  }

  async #send(call: () => Promise<ContractTransactionResponse>) {
    const sent = await withDecodedRevert(call);
    const receipt = await withDecodedRevert(() => sent.wait());
    if (!receipt) throw new AssayError(`transaction ${sent.hash} has no receipt`);
    return receipt;
  }
}

function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const done = () => {
      signal?.removeEventListener("abort", stop);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason instanceof Error ? signal.reason : new AssayError("aborted"));
    };
    signal?.addEventListener("abort", stop, { once: true });
  });
}
