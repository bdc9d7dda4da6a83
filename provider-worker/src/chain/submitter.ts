import type { JsonRpcProvider, Wallet } from "ethers";

import type { Journal } from "../jobs/journal.js";
import type { Urgency } from "../jobs/line.js";
import { Line } from "../jobs/line.js";
import type { Message } from "./gasTerms.js";
import { GasTerms } from "./gasTerms.js";
import type { Settled, Signed, TransactionOptions } from "./transactions.js";
import { Transactions } from "./transactions.js";

/** How a call ended: as its transaction did, or without one. */
export type Outcome = Settled | "refused";

export interface Call extends Message {
  /** What it is for, such as `submit 17`, or several such (`together`). One call per purpose is under way at a time. */
  readonly purpose: string;
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

export interface SubmitterOptions extends TransactionOptions {
  /** Most wei per gas this worker ever pays. */
  maxFeePerGas: bigint;
  /** Told of every call that came to an end. */
  onOutcome?: (outcome: Outcome) => void;
}

/** Calls that are looked at before they are signed: what the node has to be asked of them takes longest. */
const AHEAD = 8;
/** Besides these, of what is due soon: however slow the node is about what came before, it does not wait for that. */
const AHEAD_DUE_SOON = 4;
/**
 * Transactions on their way at once. Nodes promise to keep about as many of one account, and whatever is sent waits for all
 * that were sent before it: what is urgent must not stand behind hundreds.
 */
const ON_THEIR_WAY = 64;

interface Waiting {
  readonly call: Call;
  readonly resolve: (outcome: Promise<Outcome>) => void;
}

/**
 * Everything that is sent goes through here. Calls wait in one line, the most urgent first. What is ready becomes one of the
 * account's `Transactions`, one at a time; what comes before and after goes on side by side, so that nobody waits for a call
 * that the node is slow about. After a restart `recover` takes the open ones up again.
 */
export class Submitter {
  readonly #line = new Line<Waiting>();
  /** Taken out of the line and not signed yet. */
  #ahead = 0;
  /** Taken out of the line, or up from an earlier run, and not over yet. */
  #open = 0;
  readonly #underWay = new Map<string, Promise<Outcome>>();
  readonly #gasTerms: GasTerms;
  readonly #transactions: Transactions;

  constructor(
    wallet: Wallet,
    provider: JsonRpcProvider,
    chainId: bigint,
    journal: Journal,
    private readonly options: SubmitterOptions,
  ) {
    this.#gasTerms = new GasTerms(provider, wallet.address, options.maxFeePerGas);
    this.#transactions = new Transactions(wallet, provider, chainId, journal, this.#gasTerms, options);
  }

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
    this.#gasTerms.atBlock(block);
    this.#fill();
  }

  /** Takes up what an earlier run signed, and sends it once more: it may not have come to that. */
  recover(): void {
    for (const attempts of this.#transactions.open()) {
      const outcome = this.#counted(() => this.#transactions.resume(attempts));
      void this.#track(attempts[0], outcome).catch(() => undefined);
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
      signed = typeof gas === "bigint" ? await this.#transactions.signAndSend(call, gas) : gas;
    } finally {
      this.#ahead--;
      this.#fill();
    }
    if (typeof signed === "string") return signed;
    await signed.broadcast;
    return this.#transactions.settle([signed.sent]);
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
    return (await this.#gasTerms.limitOf(call)) ?? "refused";
  }
}

function purposesIn({ purpose }: Pick<Call, "purpose">): string[] {
  return purpose.split(AND);
}
