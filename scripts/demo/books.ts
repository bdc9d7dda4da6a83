import type { DemoMarket } from "./market.js";

/** Every account that can hold a token in the demo, by what it is. */
export type People = ReadonlyMap<string, string>;

export interface Conservation {
  token: string;
  expected: bigint;
  actual: bigint;
}

/** Whether what was minted is still there to the wei: in wallets, in escrow balances and in stake. */
export async function conservation(market: DemoMarket, people: People): Promise<Conservation[]> {
  const { contracts, deployment, stakeToken, payToken, minted } = market;
  const books: Conservation[] = [];
  for (const [token, expected] of [
    [stakeToken, minted.stake],
    [payToken, minted.pay],
  ] as const) {
    let wallets = 0n;
    let escrowed = 0n;
    let staked = 0n;
    for (const account of new Set(people.values())) {
      wallets += await token.balanceOf(account);
      escrowed += await contracts.escrow.balanceOf(token.target, account);
      if (token === stakeToken) {
        staked += (await contracts.staking.bondedOf(account)) + (await contracts.staking.unbondingOf(account));
      }
    }
    const name = await token.symbol();
    requireHeld(`${name} in escrow`, await token.balanceOf(deployment.escrow), escrowed);
    requireHeld(`${name} in stake`, await token.balanceOf(deployment.staking), staked);
    books.push({ token: name, expected, actual: wallets + escrowed + staked });
  }
  return books;
}

function requireHeld(what: string, held: bigint, owed: bigint): void {
  if (held !== owed) throw new Error(`${what}: the contract holds ${held} and owes ${owed}`);
}
