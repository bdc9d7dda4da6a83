import { ContractRevertError, decodeRevert, GasLimitError, lacksGas } from "@assay/sdk";
import type { JsonRpcProvider, TransactionReceipt, Wallet } from "ethers";
import { keccak256, Transaction } from "ethers";

import { WorkerError } from "../errors.js";
import { Gate } from "../jobs/gate.js";
import type { Journal, SentTransaction } from "../jobs/journal.js";
import type { Urgency } from "../jobs/line.js";
import { Line } from "../jobs/line.js";

/** How a transaction ended. */
export type Outcome = "mined" | "reverted" | "refused" | "superseded";

export interface Call {
  /** What it is for, such as `submit 17`, or several such (`together`). One call per purpose is under way at a time. */
  purpose: string;
  to: string;
  data: string;
  /** Read just before sending: false if the call is no longer wanted. */
  stillWanted: () => Promise<boolean>;
  /** What goes first where many wait: `Rank` and last second, by the chain's clock. */
  urgency?: Urgency;
}

/** What is sent before what, except that what is due soon goes by its deadline. */
export const Rank = {
  /** Saves a stake by itself. */
  First: 0,
  /** Counts until a deadline. */
  InTime: 1,
  /** Whatever is worth as much an hour later. */
  AnyTime: 2,
} as const;

const AND = " + ";

/** The purpose of a call that does several things at once. */
export function together(purposes: readonly string[]): string {
  return purposes.join(AND);
}

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

/** Calls that are looked at before they are signed: what the node has to be asked of them takes longest. */
const AHEAD = 8;
/** Besides these, of what is due soon: however slow the node is about what came before, it does not wait for that. */
const AHEAD_DUE_SOON = 4;
/**
 * Transactions on their way at once. Nodes promise to keep about as many of one account, and whatever is sent waits for all
 * that were sent before it: what is urgent must not stand behind hundreds.
 */
const ON_THEIR_WAY = 64;

interface Fees {
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
}

/** Of the newest block: what it asks for gas, and how much it has. */
interface Terms {
  readonly fees: Fees;
  readonly gas: bigint;
}

interface Waiting {
  readonly call: Call;
  readonly resolve: (outcome: Promise<Outcome>) => void;
}

/** A transaction in the journal, and the end of telling the node of it. */
interface Signed {
  readonly sent: SentTransaction;
  readonly broadcast: Promise<void>;
}

/**
 * The only place that sends. Calls wait in one line, the most urgent first. What is ready is signed, one transaction at a
 * time in nonce order, written to the journal and only then broadcast; what comes before and after goes on side by side, so
 * that nobody waits for a call that the node is slow about. After a restart `recover` takes the open ones up again.
 */
export class Submitter {
  readonly #line = new Line<Waiting>();
  readonly #signing = new Gate(1);
  /** Taken out of the line and not signed yet. */
  #ahead = 0;
  /** Taken out of the line, or up from an earlier run, and not over yet. */
  #open = 0;
  #lastBroadcast: Promise<void> = Promise.resolve();
  readonly #underWay = new Map<string, Promise<Outcome>>();
  /** As of one block: every call of a flood needs them. */
  #newest: Promise<Terms> | undefined;
  #block: number | undefined;

  constructor(
    private readonly wallet: Wallet,
    private readonly provider: JsonRpcProvider,
    private readonly chainId: bigint,
    private readonly journal: Journal,
    private readonly options: SubmitterOptions,
  ) {}

  /** Sends a call, unless one for any of its purposes is under way, and waits for its end. */
  send(call: Call): Promise<Outcome> {
    for (const each of purposesIn(call)) {
      const running = this.#underWay.get(each);
      if (running) return running;
    }
    const outcome = new Promise<Outcome>((resolve) => {
      this.#line.put(call.purpose, { call, resolve }, { rank: Rank.AnyTime, ...call.urgency });
    });
    this.#fill();
    return this.#track(call, outcome);
  }

  /** Whether a call that does this waits or is on its way, also one of an earlier run. */
  isUnderWay(purpose: string): boolean {
    return this.#underWay.has(purpose);
  }

  /** Tells the newest block, whose fees and gas are asked for anew, and its time. */
  atBlock(block: number, now: number): void {
    this.#line.tick(now);
    if (block !== this.#block) this.#newest = undefined;
    this.#block = block;
    this.#fill();
  }

  /** Takes up what an earlier run signed, and sends it once more: it may not have come to that. */
  recover(): void {
    const open = this.journal.openTransactions();
    for (const nonce of new Set(open.map((sent) => sent.nonce))) {
      const [first, ...replacements] = open.filter((sent) => sent.nonce === nonce);
      if (first)
        void this.#track(
          first,
          this.#counted(() => this.#resume([first, ...replacements])),
        ).catch(() => undefined);
    }
  }

  #track(call: Pick<Call, "purpose">, outcome: Promise<Outcome>): Promise<Outcome> {
    const purposes = purposesIn(call);
    const tracked = outcome
      .then((ended) => {
        this.options.onOutcome?.(ended);
        return ended;
      })
      .finally(() => {
        // Of an earlier run there may be two for one purpose.
        for (const each of purposes) if (this.#underWay.get(each) === tracked) this.#underWay.delete(each);
      });
    for (const each of purposes) this.#underWay.set(each, tracked);
    return tracked;
  }

  async #resume(signed: readonly [SentTransaction, ...SentTransaction[]]): Promise<Outcome> {
    await this.#broadcastNext(signed.at(-1) ?? signed[0]);
    return this.#settle(signed);
  }

  #fill(): void {
    while (this.#open < ON_THEIR_WAY) {
      const next = this.#next();
      if (!next) return;
      this.#ahead++;
      next.resolve(this.#counted(() => this.#submit(next.call)));
    }
  }

  #next(): Waiting | undefined {
    if (this.#ahead < AHEAD) return this.#line.next();
    return this.#ahead < AHEAD + AHEAD_DUE_SOON ? this.#line.nextDueSoon() : undefined;
  }

  async #submit(call: Call): Promise<Outcome> {
    let signed: Signed | Outcome;
    try {
      const gas = await this.#gasOf(call);
      signed = typeof gas === "bigint" ? await this.#signing.pass(() => this.#signAndSend(call, gas)) : gas;
    } finally {
      this.#ahead--;
      this.#fill();
    }
    if (typeof signed === "string") return signed;
    await signed.broadcast;
    return this.#settle([signed.sent]);
  }

  async #counted(act: () => Promise<Outcome>): Promise<Outcome> {
    this.#open++;
    try {
      return await act();
    } finally {
      this.#open--;
      this.#fill();
    }
  }

  /** What a call may take; how it ended if it is not to be sent. */
  async #gasOf(call: Call): Promise<bigint | Outcome> {
    this.options.signal.throwIfAborted();
    if (!(await call.stillWanted())) return "superseded";
    return (await this.#gasLimitOf(call)) ?? "refused";
  }

  async #signAndSend(call: Call, gasLimit: bigint): Promise<Signed> {
    this.options.signal.throwIfAborted();
    const sent = await this.#sign({
      purpose: call.purpose,
      to: call.to,
      data: call.data,
      gasLimit,
      nonce: await this.#nextNonce(),
      ...(await this.#fees()),
    });
    return { sent, broadcast: this.#broadcastNext(sent) };
  }

  /** In the order of the nonces: many nodes refuse one that leaves a gap. */
  #broadcastNext(sent: SentTransaction): Promise<void> {
    return (this.#lastBroadcast = this.#lastBroadcast.then(() => this.#broadcast(sent)));
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
    const most = await this.#gasOfBlock();
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

  async #fees(): Promise<Fees> {
    return (await this.#terms()).fees;
  }

  async #gasOfBlock(): Promise<bigint> {
    return (await this.#terms()).gas;
  }

  /** What the newest block asks and allows. */
  async #terms(): Promise<Terms> {
    const terms = (this.#newest ??= this.#readTerms());
    try {
      return await terms;
    } catch (error) {
      if (this.#newest === terms) this.#newest = undefined;
      throw error;
    }
  }

  async #readTerms(): Promise<Terms> {
    const [feeData, block] = await Promise.all([this.provider.getFeeData(), this.provider.getBlock("latest")]);
    const cap = this.options.maxFeePerGas;
    const max = feeData.maxFeePerGas ?? 10n ** 9n;
    const tip = feeData.maxPriorityFeePerGas ?? 0n;
    const fees = { maxFeePerGas: max < cap ? max : cap, maxPriorityFeePerGas: tip < cap ? tip : cap };
    return { fees, gas: block?.gasLimit ?? MOST_GAS };
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
    // Of a nonce that is not used there is no receipt to ask for.
    if ((await this.provider.getTransactionCount(this.wallet.address, "latest")) <= nonce) return undefined;
    const found = await this.#receiptOf(hashes);
    if (found) return found.status === 1 ? "mined" : "reverted";
    // The nonce is used, and by none of ours: another process signs with this key.
    return (await this.#receiptOf(hashes)) ? undefined : "superseded";
  }

  async #receiptOf(hashes: readonly string[]): Promise<TransactionReceipt | undefined> {
    for (const hash of new Set(hashes)) {
      const receipt: TransactionReceipt | null = await this.provider.getTransactionReceipt(hash);
      if (receipt) return receipt;
    }
    return undefined;
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

function purposesIn({ purpose }: Pick<Call, "purpose">): string[] {
  return purpose.split(AND);
}

function withMargin(gas: bigint, most: bigint): bigint {
  const wanted = (gas * GAS_MARGIN_PERCENT) / 100n;
  const cap = gas < MOST_GAS && MOST_GAS < most ? MOST_GAS : most;
  return wanted > cap ? cap : wanted;
}
