import type { ContractRunner } from "ethers";
import { formatUnits } from "ethers";

// Any ERC-20 will do: the development token only lends its typed interface.
import type { DevToken } from "../../sdk/src/typechain/index.js";
import { DevToken__factory } from "../../sdk/src/typechain/index.js";
import { UserError } from "./errors.js";
import { decimal } from "./parse.js";
import { Shown } from "./report.js";

/** Nobody could write an amount of a token with more. */
const MAX_DECIMALS = 36;

/** An ERC-20 whose amounts users give and read in whole tokens. */
export class Token {
  private constructor(
    readonly contract: DevToken,
    readonly address: string,
    private readonly symbol: string,
    private readonly decimals: number,
  ) {}

  /** A token that a user named: it must be one. */
  static async at(address: string, runner: ContractRunner): Promise<Token> {
    const contract = DevToken__factory.connect(address, runner);
    try {
      const [symbol, decimals] = [await contract.symbol(), Number(await contract.decimals())];
      if (decimals > MAX_DECIMALS) throw new Error(`it has ${decimals} decimals`);
      return new Token(contract, address, symbol, decimals);
    } catch (error) {
      const message = `${address} is no ERC-20 token on this network: give the address of one, or stake`;
      throw new UserError(message, error instanceof Error ? error : undefined);
    }
  }

  /** A token that somebody's offer names: whatever it is, its amounts can be shown. */
  static async found(address: string, runner: ContractRunner): Promise<Token> {
    return Token.at(address, runner).catch(
      () => new Token(DevToken__factory.connect(address, runner), address, `units of ${address}`, 0),
    );
  }

  /** Units out of whole tokens. */
  parse(option: string, value: string | undefined): bigint {
    return decimal(option, value, this.decimals, this.symbol);
  }

  show(units: bigint): Shown {
    const amount = formatUnits(units, this.decimals);
    return new Shown(`${amount} ${this.symbol}`, amount);
  }
}
