import type { ContractTransactionResponse, Result, Signer } from "ethers";
import { getAddress } from "ethers";

import type { AssayContracts } from "./contracts.js";
import { connect } from "./contracts.js";
import type { Deployment } from "./deployment.js";
import { AssayError, withDecodedRevert } from "./errors.js";
import type { SignedResult } from "./result.js";
import { signerOfResult } from "./result.js";
import type { BlockRange } from "./logs.js";
import { newestLog } from "./logs.js";
import { commitBundle } from "./tensor/bundle.js";
import type { BundleFile } from "./tensor/bundleFile.js";
import type { Tensor } from "./tensor/tensor.js";
import type { JobTerms } from "./terms.js";
import { jobIdText, JobStatus, requestedTerms, textOf, toTerms } from "./terms.js";
import { downloadResult, downloadTensors, tensorsUri, uploadTensors } from "./transport.js";

/** Blocks at the head that are read again, in case a reorganisation exchanged them. */
const REREAD_BLOCKS = 100;

type EventName = "JobRequested" | "ResultSubmitted" | "JobPaid" | "JobRefunded";

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
  readonly #fromBlock: number;
  readonly #pollInterval: number;
  readonly #delay: (milliseconds: number, signal?: AbortSignal) => Promise<void>;

  constructor({ deployment, signer, pollInterval = 1000, delay = sleep }: ClientOptions) {
    this.contracts = connect(deployment, signer);
    this.#fromBlock = deployment.block ?? 0;
    this.#pollInterval = pollInterval;
    this.#delay = delay;
  }

  /** Pays for one inference out of the escrow balance and returns the job's terms. */
  async request(job: JobRequest): Promise<JobTerms> {
    const receipt = await this.#send(() => this.contracts.market.request(job));
    return requestedTerms(receipt.logs, await this.contracts.market.getAddress());
  }

  /** The terms of a job, from its event. */
  async termsOf(jobId: bigint, fromBlock = this.#fromBlock): Promise<JobTerms> {
    const found = await this.#newestOf(jobId, ["JobRequested"], await this.#blocksFrom(fromBlock));
    if (!found) throw new AssayError(`job ${jobIdText(jobId)} was not requested at or after block ${fromBlock}`);
    return toTerms(found.args.getValue("terms") as Result);
  }

  /** Waits until the job is delivered; throws if it expired or was refunded. */
  async waitForDelivery(terms: JobTerms, signal?: AbortSignal): Promise<Delivery> {
    const { market } = this.contracts;
    let from = this.#fromBlock;
    for (;;) {
      signal?.throwIfAborted();
      const status = await market.statusOf(terms.id);
      if (status === JobStatus.Expired) throw nothingFor(terms);
      if (status !== JobStatus.Requested) {
        const blocks = await this.#blocksFrom(from);
        const found = await this.#newestOf(terms.id, ["ResultSubmitted", "JobRefunded"], blocks);
        if (found?.name === "JobRefunded") throw nothingFor(terms);
        if (found) {
          const { outputCommitment, challengeableUntil } = found.args.toObject() as Delivery;
          return { outputCommitment, outputUri: textOf(found.args, "outputUri"), challengeableUntil };
        }
        // The events come from a node that is behind, or there is no such job: nothing is read again and again.
        from = Math.max(from, blocks.to - REREAD_BLOCKS);
      }
      await this.#delay(this.#pollInterval, signal);
    }
  }

  /** How a settled job ended, from its event; undefined while it is under way, or if there never was such a job. */
  async outcomeOf(jobId: bigint, fromBlock = this.#fromBlock): Promise<"paid" | "refunded" | undefined> {
    if ((await this.contracts.market.statusOf(jobId)) !== JobStatus.None) return undefined;
    const found = await this.#newestOf(jobId, ["JobPaid", "JobRefunded"], await this.#blocksFrom(fromBlock));
    return found && (found.name === "JobPaid" ? "paid" : "refunded");
  }

  /** Puts a job's input into the content store of the provider that will run it. */
  async upload(provider: string, input: BundleFile, signal?: AbortSignal): Promise<void> {
    await uploadTensors(await this.#endpointOf(provider), input, signal);
  }

  /**
   * What the provider answers for with a signature, often before its delivery is on chain; undefined while it has none.
   * If it delivers something else, `proveEquivocation` takes its stake.
   */
  async signedResult(terms: JobTerms, signal?: AbortSignal): Promise<SignedResult | undefined> {
    const signed = await downloadResult(await this.#endpointOf(terms.provider), terms.id, signal);
    if (!signed) return undefined;
    const { disputes } = this.contracts;
    const { chainId } = await disputes.eip712Domain();
    const signer = signerOfResult({ chainId, disputes: await disputes.getAddress() }, signed);
    if (signer !== getAddress(terms.operator) && signer !== getAddress(terms.provider)) {
      throw new AssayError(`${signer} signed the result of job ${jobIdText(terms.id)}: only its provider may`);
    }
    return signed;
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

  async #blocksFrom(from: number): Promise<BlockRange> {
    return { from, to: await this.#source.getBlockNumber() };
  }

  /** The newest event of these names about a job. */
  async #newestOf(jobId: bigint, names: readonly EventName[], blocks: BlockRange) {
    const { market } = this.contracts;
    const topics = [names.map((name) => market.getEvent(name as "JobPaid").fragment.topicHash), jobIdText(jobId)];
    const log = await newestLog(this.#source, { address: await market.getAddress(), topics }, blocks);
    return log && (market.interface.parseLog(log) ?? undefined);
  }

  /** The chain that the signer is connected to. */
  get #source() {
    const source = this.contracts.market.runner?.provider;
    if (!source) throw new AssayError("the signer is connected to no chain: connect it to a provider");
    return source;
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

function nothingFor({ id }: JobTerms): AssayError {
  return new AssayError(`job ${jobIdText(id)} brings nothing: its price is refunded, or can be by expire`);
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
