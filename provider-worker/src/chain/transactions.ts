import type { JsonRpcProvider, TransactionReceipt, Wallet } from "ethers";
import { keccak256, Transaction } from "ethers";

import { WorkerError } from "../errors.js";
import { Gate } from "../jobs/gate.js";
import type { Journal, SentTransaction } from "../jobs/journal.js";
import type { Fees, GasTerms, Message } from "./gasTerms.js";

/** How a nonce was used: by one of our transactions, or by another's. */
export type Settled = "mined" | "reverted" | "superseded";

export interface TransactionOptions {
  /** Milliseconds between two looks for a receipt. */
  pollMs: number;
  /** Looks before a transaction that is not mined is sent again with higher fees. */
  patience: number;
  delay: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  signal: AbortSignal;
}

/** A transaction in the journal, and the end of telling the node of it. */
export interface Signed {
  readonly sent: SentTransaction;
  readonly broadcast: Promise<void>;
}

/** All that was signed with one nonce: the first, and what was to replace it. */
export type Attempts = readonly [SentTransaction, ...SentTransaction[]];

/**
 * The transactions of one account. They are signed one at a time in nonce order, written to the journal and only then
 * broadcast; each is followed until its nonce is used.
 */
export class Transactions {
  readonly #signing = new Gate(1);
  #lastBroadcast: Promise<void> = Promise.resolve();

  constructor(
    private readonly wallet: Wallet,
    private readonly provider: JsonRpcProvider,
    private readonly chainId: bigint,
    private readonly journal: Journal,
    private readonly gasTerms: GasTerms,
    private readonly options: TransactionOptions,
  ) {}

  /** Ends when it is signed and written down; the node is told of it in its turn. */
  signAndSend(message: Message, gasLimit: bigint): Promise<Signed> {
    return this.#signing.pass(async () => {
      this.options.signal.throwIfAborted();
      const nonce = await this.#nextNonce();
      const sent = await this.#sign(message, { gasLimit, nonce, ...(await this.gasTerms.fees()) });
      return { sent, broadcast: this.#broadcastNext(sent) };
    });
  }

  /** What an earlier run signed and did not see the end of. */
  open(): Attempts[] {
    const open = this.journal.openTransactions();
    const attempts: Attempts[] = [];
    for (const nonce of new Set(open.map((sent) => sent.nonce))) {
      const [first, ...replacements] = open.filter((sent) => sent.nonce === nonce);
      if (first) attempts.push([first, ...replacements]);
    }
    return attempts;
  }

  /** Sends what an earlier run signed once more: it may not have come to that. */
  async resume(attempts: Attempts): Promise<Settled> {
    await this.#broadcastNext(attempts.at(-1) ?? attempts[0]);
    return this.settle(attempts);
  }

  /** Waits until the nonce is used; sends again, at last with higher fees, while it is not. */
  async settle(attempts: Attempts): Promise<Settled> {
    const { nonce } = attempts[0];
    // At the highest fees a replacement is what it replaces.
    const hashes = new Set(attempts.map(({ hash }) => hash));
    let sent = attempts.at(-1) ?? attempts[0];
    for (let looks = 1; ; looks++) {
      const outcome = await this.#look(hashes, nonce).catch(() => undefined);
      if (outcome) {
        this.journal.settleNonce(nonce, outcome);
        return outcome;
      }
      if (looks % this.options.patience === 0) {
        sent = await this.#replacement(sent).catch(() => sent);
        hashes.add(sent.hash);
      }
      if (looks % 5 === 0) {
        await this.#refill(nonce).catch(() => undefined);
        await this.#broadcast(sent);
      }
      await this.options.delay(this.options.pollMs, this.options.signal);
    }
  }

  async #sign(message: Message, terms: Fees & { gasLimit: bigint; nonce: number }): Promise<SentTransaction> {
    const { purpose, to, data } = message;
    const raw = await this.wallet.signTransaction({ to, data, ...terms, type: 2, chainId: this.chainId });
    const sent = { purpose, nonce: terms.nonce, raw, hash: keccak256(raw) };
    this.journal.recordTransaction(sent);
    return sent;
  }

  /** The first nonce from the chain's count on that no transaction on its way has: also one that a reorganisation freed. */
  async #nextNonce(): Promise<number> {
    const taken = new Set(this.journal.openTransactions().map(({ nonce }) => nonce));
    let nonce = await this.#count();
    while (taken.has(nonce)) nonce++;
    return nonce;
  }

  /** Nonces that are used. */
  #count(): Promise<number> {
    return this.provider.getTransactionCount(this.wallet.address, "latest");
  }

  /** In the order of the nonces: many nodes refuse one that leaves a gap. */
  #broadcastNext(sent: SentTransaction): Promise<void> {
    return (this.#lastBroadcast = this.#lastBroadcast.then(() => this.#broadcast(sent)));
  }

  async #broadcast({ raw }: SentTransaction): Promise<void> {
    try {
      await this.provider.send("eth_sendRawTransaction", [raw]);
    } catch {
      // Known already, mined already, or the node is away: the receipt tells, and `settle` sends it again.
    }
  }

  /** Sends again what a reorganisation took back below `nonce`: nothing above a gap is ever mined. */
  async #refill(nonce: number): Promise<void> {
    for (const settled of this.journal.settledTransactions(await this.#count(), nonce)) await this.#broadcast(settled);
  }

  async #look(hashes: ReadonlySet<string>, nonce: number): Promise<Settled | undefined> {
    // Of a nonce that is not used there is no receipt to ask for.
    if ((await this.#count()) <= nonce) return undefined;
    const found = await this.#receiptOf(hashes);
    if (found) return found.status === 1 ? "mined" : "reverted";
    // The nonce is used, and by none of ours: another process signs with this key.
    return (await this.#receiptOf(hashes)) ? undefined : "superseded";
  }

  async #receiptOf(hashes: ReadonlySet<string>): Promise<TransactionReceipt | undefined> {
    for (const hash of hashes) {
      const receipt: TransactionReceipt | null = await this.provider.getTransactionReceipt(hash);
      if (receipt) return receipt;
    }
    return undefined;
  }

  /** The same with higher fees; itself where there are none to offer. */
  async #replacement(sent: SentTransaction): Promise<SentTransaction> {
    const { to, data, gasLimit, nonce, maxFeePerGas, maxPriorityFeePerGas } = Transaction.from(sent.raw);
    if (!to || maxFeePerGas === null || maxPriorityFeePerGas === null)
      throw new WorkerError("not a transaction of ours");
    const fees = await this.gasTerms.raised({ maxFeePerGas, maxPriorityFeePerGas });
    return fees ? this.#sign({ purpose: sent.purpose, to, data }, { gasLimit, nonce, ...fees }) : sent;
  }
}
