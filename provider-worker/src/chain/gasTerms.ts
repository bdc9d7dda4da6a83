import { ContractRevertError, decodeRevert, GasLimitError, lacksGas } from "@assay/sdk";
import type { JsonRpcProvider } from "ethers";

const GAS_MARGIN_PERCENT = 130n;
/** EIP-7825: a transaction with a higher limit is refused, whatever it needs. */
const MOST_GAS = 1n << 24n;
/** What a replacement offers; nodes take it only for at least 10 % more. */
const REPLACEMENT_PERCENT = 125n;
const LEAST_REPLACEMENT_PERCENT = 110n;

export interface Fees {
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
}

/** Of the newest block: what it asks for gas, and how much it has. */
interface Terms {
  readonly fees: Fees;
  readonly gas: bigint;
}

/** What a transaction says to whom, and what it is for. */
export interface Message {
  readonly purpose: string;
  readonly to: string;
  readonly data: string;
}

/** How much gas the calls of one account take, and what it offers for that. */
export class GasTerms {
  /** As of one block: every call of a flood needs them. */
  #newest: Promise<Terms> | undefined;
  #block: number | undefined;

  constructor(
    private readonly provider: JsonRpcProvider,
    private readonly account: string,
    /** Most wei per gas that is ever offered. */
    private readonly cap: bigint,
  ) {}

  /** Tells the newest block, whose fees and gas are asked for anew. */
  atBlock(block: number): void {
    if (block !== this.#block) this.#newest = undefined;
    this.#block = block;
  }

  async fees(): Promise<Fees> {
    return (await this.#terms()).fees;
  }

  /** What a replacement offers; undefined if the cap leaves no room for as much as nodes take it for. */
  async raised({ maxFeePerGas, maxPriorityFeePerGas }: Fees): Promise<Fees | undefined> {
    const fees = await this.fees();
    const raise = (was: bigint, now: bigint) => {
      const least = (was * REPLACEMENT_PERCENT) / 100n + 1n;
      return least > now ? least : now;
    };
    const wanted = raise(maxFeePerGas, fees.maxFeePerGas);
    const max = wanted < this.cap ? wanted : this.cap;
    if (max * 100n < maxFeePerGas * LEAST_REPLACEMENT_PERCENT) return undefined;
    const tip = raise(maxPriorityFeePerGas, fees.maxPriorityFeePerGas);
    return { maxFeePerGas: max, maxPriorityFeePerGas: tip < max ? tip : max };
  }

  /** With a margin, as far as a block has room for it; undefined if a contract refuses the call. */
  async limitOf({ purpose, to, data }: Message): Promise<bigint | undefined> {
    let gas: bigint;
    try {
      gas = await this.provider.estimateGas({ from: this.account, to, data });
    } catch (error) {
      const decoded = decodeRevert(error);
      if (decoded instanceof ContractRevertError) return undefined;
      if (!lacksGas(decoded)) throw decoded;
      throw new GasLimitError(`the node has not the gas for ${purpose}: ${String(decoded)}`, { cause: decoded });
    }
    const { gas: most } = await this.#terms();
    if (gas > most) throw new GasLimitError(`${purpose} takes ${gas} gas, more than the ${most} of a block`);
    return withMargin(gas, most);
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
    const max = feeData.maxFeePerGas ?? 10n ** 9n;
    const tip = feeData.maxPriorityFeePerGas ?? 0n;
    const fees = {
      maxFeePerGas: max < this.cap ? max : this.cap,
      maxPriorityFeePerGas: tip < this.cap ? tip : this.cap,
    };
    return { fees, gas: block?.gasLimit ?? MOST_GAS };
  }
}

function withMargin(gas: bigint, most: bigint): bigint {
  const wanted = (gas * GAS_MARGIN_PERCENT) / 100n;
  const cap = gas < MOST_GAS && MOST_GAS < most ? MOST_GAS : most;
  return wanted > cap ? cap : wanted;
}
