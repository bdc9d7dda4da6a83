import { ContractRevertError, decodeRevert, GasLimitError, lacksGas } from "@assay/sdk";
import type { JsonRpcProvider, TransactionReceipt, Wallet } from "ethers";
import { keccak256, Transaction } from "ethers";

import { WorkerError } from "../errors.js";
import type { Urgency } from "../jobs/line.js";
import type { Journal, SentTransaction } from "../jobs/journal.js";

/** How a transaction ended. */
export type Outcome = "mined" | "reverted" | "refused" | "superseded";

export interface Call {
  /** What it is for, such as `submit 17`. One call per purpose is under way at a time. */
  purpose: string;
  to: string;
  data: string;
  /** Read just before sending: false if the call is no longer wanted. */
  stillWanted: () => Promise<boolean>;
  /** What goes first where many wait: `Rank` and last second, by the chain's clock. */
  urgency?: Urgency;
}

/** What is sent before what. */
export const Rank = {
  /** Saves a stake by itself. */
  First: 0,
  /** Counts until a deadline. */
  InTime: 1,
  /** Whatever is worth as much an hour later. */
  AnyTime: 2,
} as const;

export interface SubmitterOptions {
  /** Milliseconds between two looks for a receipt. */
  pollMs: number;
  /** Looks before a transaction that is not mined is sent again with higher fees. */
  patience: number;
  /** Most wei per gas this worker ever pays. */
  maxFeePerGas: bigint;
  delay: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  signal: AbortSignal;
  /** Told of every call that came to an end. */
  onOutcome?: (outcome: Outcome) => void;
}

const GAS_MARGIN_PERCENT = 130n;
/** EIP-7825: a transaction with a higher limit is refused, whatever it needs. */
const MOST_GAS = 1n << 24n;
/** What a replacement offers; nodes take it only for at least 10 % more. */
const REPLACEMENT_PERCENT = 125n;
const LEAST_REPLACEMENT_PERCENT = 110n;

/**
 * The only place that sends. One transaction is signed at a time, in nonce order, written to the journal and only then
 * broadcast; receipts are awaited side by side. After a restart `recover` takes the open ones up again.
 */
export class Submitter {
  #tail: Promise<unknown> = Promise.resolve();
  readonly #underWay = new Map<string, Promise<Outcome>>();

  constructor(
    private readonly wallet: Wallet,
    private readonly provider: JsonRpcProvider,
    private readonly chainId: bigint,
    private readonly journal: Journal,
    private readonly options: SubmitterOptions,
  ) {}

  /** Sends a call, unless one for the same purpose is under way, and waits for its end. */
  send(call: Call): Promise<Outcome> {
    const running = this.#underWay.get(call.purpose);
    if (running) return running;
    const signed = this.#tail.then(() => this.#signAndSend(call));
    this.#tail = signed.catch(() => undefined);
    const outcome = signed.then((sent) => (typeof sent === "string" ? sent : this.#settle([sent])));
    return this.#track(call.purpose, outcome);
  }

  /** Takes up what an earlier run sent. */
  recover(): void {
    const open = this.journal.openTransactions();
    for (const nonce of new Set(open.map((sent) => sent.nonce))) {
      const [first, ...replacements] = open.filter((sent) => sent.nonce === nonce);
      if (first) void this.#track(first.purpose, this.#settle([first, ...replacements])).catch(() => undefined);
    }
  }

  #track(purpose: string, outcome: Promise<Outcome>): Promise<Outcome> {
    const tracked = outcome
      .then((ended) => {
        this.options.onOutcome?.(ended);
        return ended;
      })
      .finally(() => this.#underWay.delete(purpose));
    this.#underWay.set(purpose, tracked);
    return tracked;
  }

  async #signAndSend(call: Call): Promise<SentTransaction | Outcome> {
    this.options.signal.throwIfAborted();
    if (!(await call.stillWanted())) return "superseded";
    const gasLimit = await this.#gasLimitOf(call);
    if (gasLimit === undefined) return "refused";
    const sent = await this.#sign({
      purpose: call.purpose,
      to: call.to,
      data: call.data,
      gasLimit,
      nonce: await this.#nextNonce(),
      ...(await this.#fees()),
    });
    await this.#broadcast(sent);
    return sent;
  }

  /** With a margin, as far as a block has room for it; undefined if a contract refuses the call. */
  async #gasLimitOf({ purpose, to, data }: Call): Promise<bigint | undefined> {
    let gas: bigint;
    try {
      gas = await this.provider.estimateGas({ from: this.wallet.address, to, data });
    } catch (error) {
      const decoded = decodeRevert(error);
      if (decoded instanceof ContractRevertError) return undefined;
      if (!lacksGas(decoded)) throw decoded;
      throw new GasLimitError(`the node has not the gas for ${purpose}: ${String(decoded)}`, { cause: decoded });
    }
    const most = (await this.provider.getBlock("latest"))?.gasLimit ?? MOST_GAS;
    if (gas > most) throw new GasLimitError(`${purpose} takes ${gas} gas, more than the ${most} of a block`);
    return withMargin(gas, most);
  }

  async #sign(fields: {
    purpose: string;
    to: string;
    data: string;
    gasLimit: bigint;
    nonce: number;
    maxFeePerGas: bigint;
    maxPriorityFeePerGas: bigint;
  }): Promise<SentTransaction> {
    const { purpose, ...transaction } = fields;
    const raw = await this.wallet.signTransaction({ ...transaction, type: 2, chainId: this.chainId });
    const sent = { purpose, nonce: fields.nonce, raw, hash: keccak256(raw) };
    this.journal.recordTransaction(sent);
    return sent;
  }

  /** The first nonce from the chain's count on that no transaction on its way has: also one that a reorganisation freed. */
  async #nextNonce(): Promise<number> {
    const taken = new Set(this.journal.openTransactions().map(({ nonce }) => nonce));
    let nonce = await this.provider.getTransactionCount(this.wallet.address, "latest");
    while (taken.has(nonce)) nonce++;
    return nonce;
  }

  async #fees(): Promise<{ maxFeePerGas: bigint; maxPriorityFeePerGas: bigint }> {
    const { maxFeePerGas, maxPriorityFeePerGas } = await this.provider.getFeeData();
    const cap = this.options.maxFeePerGas;
    const max = maxFeePerGas ?? 10n ** 9n;
    const tip = maxPriorityFeePerGas ?? 0n;
    return { maxFeePerGas: max < cap ? max : cap, maxPriorityFeePerGas: tip < cap ? tip : cap };
  }

  async #broadcast({ raw }: SentTransaction): Promise<void> {
    try {
      await this.provider.send("eth_sendRawTransaction", [raw]);
    } catch {
      // Known already, mined already, or the node is away: the receipt tells, and it is sent again below.
    }
  }

  /** Waits until the nonce is used; sends again, at last with higher fees, while it is not. */
  async #settle(signed: readonly [SentTransaction, ...SentTransaction[]]): Promise<Outcome> {
    const { nonce } = signed[0];
    const hashes = signed.map(({ hash }) => hash);
    let sent = signed.at(-1) ?? signed[0];
    for (let looks = 1; ; looks++) {
      const outcome = await this.#look(hashes, nonce).catch(() => undefined);
      if (outcome) {
        this.journal.settleNonce(nonce, outcome);
        return outcome;
      }
      if (looks % this.options.patience === 0) {
        sent = await this.#replacement(sent).catch(() => sent);
        hashes.push(sent.hash);
      }
      if (looks % 5 === 0) {
        await this.#refill(nonce).catch(() => undefined);
        await this.#broadcast(sent);
      }
      await this.options.delay(this.options.pollMs, this.options.signal);
    }
  }

  /** Sends again what a reorganisation took back below `nonce`: nothing above a gap is ever mined. */
  async #refill(nonce: number): Promise<void> {
    const count = await this.provider.getTransactionCount(this.wallet.address, "latest");
    for (const settled of this.journal.settledTransactions(count, nonce)) await this.#broadcast(settled);
  }

  async #look(hashes: readonly string[], nonce: number): Promise<Outcome | undefined> {
    for (const hash of new Set(hashes)) {
      const receipt: TransactionReceipt | null = await this.provider.getTransactionReceipt(hash);
      if (receipt) return receipt.status === 1 ? "mined" : "reverted";
    }
    const mined = await this.provider.getTransactionCount(this.wallet.address, "latest");
    // The nonce is used, and by none of ours: another process signs with this key.
    return mined > nonce && !(await this.#anyReceipt(hashes)) ? "superseded" : undefined;
  }

  async #anyReceipt(hashes: readonly string[]): Promise<boolean> {
    const receipts = await Promise.all(hashes.map((hash) => this.provider.getTransactionReceipt(hash)));
    return receipts.some((receipt) => receipt !== null);
  }

  async #replacement(sent: SentTransaction): Promise<SentTransaction> {
    const { to, data, gasLimit, nonce, maxFeePerGas, maxPriorityFeePerGas } = Transaction.from(sent.raw);
    if (!to || maxFeePerGas === null || maxPriorityFeePerGas === null)
      throw new WorkerError("not a transaction of ours");
    const fees = await this.#fees();
    const raised = (was: bigint, now: bigint) => {
      const least = (was * REPLACEMENT_PERCENT) / 100n + 1n;
      return least > now ? least : now;
    };
    const cap = this.options.maxFeePerGas;
    const wanted = raised(maxFeePerGas, fees.maxFeePerGas);
    const max = wanted < cap ? wanted : cap;
    if (max * 100n < maxFeePerGas * LEAST_REPLACEMENT_PERCENT) return sent;
    const tip = raised(maxPriorityFeePerGas, fees.maxPriorityFeePerGas);
    return this.#sign({
      purpose: sent.purpose,
      to,
      data,
      gasLimit,
      nonce,
      maxFeePerGas: max,
      maxPriorityFeePerGas: tip < max ? tip : max,
    });
  }
}

function withMargin(gas: bigint, most: bigint): bigint {
  const wanted = (gas * GAS_MARGIN_PERCENT) / 100n;
  const cap = gas < MOST_GAS && MOST_GAS < most ? MOST_GAS : most;
  return wanted > cap ? cap : wanted;
}
