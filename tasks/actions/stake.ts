import { ContractRevertError, withDecodedRevert } from "@assay/sdk";

import { moment, seconds } from "../support/report.js";
import type { Session } from "../support/session.js";
import { action, emitted } from "../support/session.js";

export const deposit = action(async (session, given: { amount: string; provider?: string }) => {
  const { staking } = session.contracts;
  const token = await session.stakeToken();
  const units = token.parse("amount", given.amount);
  const provider = await session.accountOr("--provider", given.provider);
  await session.approve(token, session.deployment.staking, units);
  const receipt = await session.send(() => staking.deposit(provider, units));
  const { amount, bonded } = emitted(receipt, staking.interface, "StakeDeposited");
  return {
    provider,
    deposited: token.show(amount as bigint),
    bonded: token.show(bonded as bigint),
    transaction: receipt.hash,
  };
});

export const unbond = action(async (session, given: { amount: string }) => {
  const { staking } = session.contracts;
  const token = await session.stakeToken();
  const units = token.parse("amount", given.amount);
  const receipt = await session.send(() => staking.requestUnbonding(units));
  const { provider, amount, completableAt, bonded } = emitted(receipt, staking.interface, "UnbondingRequested");
  return {
    provider: String(provider),
    unbonding: token.show(amount as bigint),
    withdrawableFrom: moment(completableAt as bigint),
    bonded: token.show(bonded as bigint),
    transaction: receipt.hash,
  };
});

export const withdraw = action(async (session, given: { to?: string }) => {
  const { staking } = session.contracts;
  const token = await session.stakeToken();
  const to = await session.accountOr("--to", given.to);
  const receipt = await session.send(() => staking.withdraw(to));
  const { provider, amount } = emitted(receipt, staking.interface, "StakeWithdrawn");
  return { provider: String(provider), to, withdrawn: token.show(amount as bigint), transaction: receipt.hash };
});

export const show = action(async (session, given: { provider?: string }) => {
  const { staking } = session.contracts;
  const token = await session.stakeToken();
  const provider = await session.accountOr("--provider", given.provider);
  const { withdrawable, nextAt } = await exitOf(session, provider);
  return {
    provider,
    token: token.address,
    bonded: token.show(await staking.bondedOf(provider)),
    locked: token.show(await staking.lockedOf(provider)),
    free: token.show(await staking.freeOf(provider)),
    unbonding: token.show(await staking.unbondingOf(provider)),
    withdrawable: token.show(withdrawable),
    nextWithdrawalAt: moment(nextAt),
    unbondingPeriod: seconds(await staking.UNBONDING_PERIOD()),
    wallet: token.show(await token.contract.balanceOf(provider)),
  };
});

/** What would leave now, and when the oldest request is due if nothing would. */
async function exitOf({ contracts: { staking } }: Session, provider: string) {
  try {
    const call = () => staking.withdraw.staticCall(provider, { from: provider });
    return { withdrawable: await withDecodedRevert(call), nextAt: 0n };
  } catch (error) {
    if (!(error instanceof ContractRevertError)) throw error;
    const { nextAt } = error.values as { nextAt?: bigint };
    return { withdrawable: 0n, nextAt: nextAt ?? 0n };
  }
}
