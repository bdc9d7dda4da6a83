import { address } from "../support/parse.js";
import { action, emitted } from "../support/session.js";
import { knownTokens } from "../support/tokens.js";

interface TokenArguments {
  amount: string;
  token?: string;
}

export const deposit = action(async (session, given: TokenArguments & { to?: string }) => {
  const { escrow } = session.contracts;
  const token = await session.token(given.token);
  const units = token.parse("amount", given.amount);
  const account = await session.accountOr("--to", given.to);
  await session.approve(token, session.deployment.escrow, units);
  const receipt = await session.send(() => escrow.deposit(token.address, account, units));
  const { amount } = emitted(receipt, escrow.interface, "Deposited");
  return {
    account,
    token: token.address,
    deposited: token.show(amount as bigint),
    balance: token.show(await escrow.balanceOf(token.address, account)),
    transaction: receipt.hash,
  };
});

export const withdraw = action(async (session, given: TokenArguments & { to?: string }) => {
  const { escrow } = session.contracts;
  const token = await session.token(given.token);
  const from = await session.signer.getAddress();
  const all = given.amount === "all";
  const units = all ? await escrow.balanceOf(token.address, from) : token.parse("amount", given.amount);
  const to = await session.accountOr("--to", given.to);
  const receipt = await session.send(() => escrow.withdraw(token.address, to, units));
  return {
    account: from,
    token: token.address,
    to,
    withdrawn: token.show(units),
    balance: token.show(await escrow.balanceOf(token.address, from)),
    transaction: receipt.hash,
  };
});

export const transfer = action(async (session, given: TokenArguments & { to?: string }) => {
  const { escrow } = session.contracts;
  const token = await session.token(given.token);
  const units = token.parse("amount", given.amount);
  const from = await session.signer.getAddress();
  const to = address("--to", given.to);
  const receipt = await session.send(() => escrow.transfer(token.address, to, units));
  return {
    account: from,
    token: token.address,
    to,
    transferred: token.show(units),
    balance: token.show(await escrow.balanceOf(token.address, from)),
    transaction: receipt.hash,
  };
});

export const allowSweep = action(async (session, { off }: { off: boolean }) => {
  const receipt = await session.send(() => session.contracts.escrow.allowSweep(!off));
  return { account: await session.signer.getAddress(), sweepAllowed: !off, transaction: receipt.hash };
});

export const sweep = action(async (session, given: { token?: string; of?: string }) => {
  const { escrow } = session.contracts;
  const token = await session.token(given.token);
  const account = await session.accountOr("--of", given.of);
  const receipt = await session.send(() => escrow.sweep(token.address, account));
  const { amount } = emitted(receipt, escrow.interface, "Withdrawn");
  return { account, token: token.address, swept: token.show(amount as bigint), transaction: receipt.hash };
});

export const show = action(async (session, given: { of?: string; token?: string; fromBlock: number }) => {
  const { escrow } = session.contracts;
  const account = await session.accountOr("--of", given.of);
  const tokens = given.token ? [await session.token(given.token)] : await knownTokens(session, given.fromBlock);
  const balances = tokens.map(async (token) => ({
    token: token.address,
    escrow: token.show(await escrow.balanceOf(token.address, account)),
    wallet: token.show(await token.contract.balanceOf(account).catch(() => 0n)),
  }));
  return {
    account,
    sweepAllowed: await escrow.sweepAllowed(account),
    balances: await Promise.all(balances),
  };
});
