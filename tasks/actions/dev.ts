import { UserError } from "../support/errors.js";
import { whole } from "../support/parse.js";
import { moment } from "../support/report.js";
import { action } from "../support/session.js";

/** Blocks mined with the jump: the seed of a jury is the hash of the second block after a challenge. */
const BLOCKS = 4;

export const mint = action(async (session, given: { amount: string; token?: string; to?: string }) => {
  const token = await session.token(given.token);
  const units = token.parse("amount", given.amount);
  const to = await session.accountOr("--to", given.to);
  await token.contract.mint.staticCall(to, units).catch(() => {
    throw new UserError(`${token.address} is no token that anyone can mint: --token stake and pay name those`);
  });
  const receipt = await session.send(() => token.contract.mint(to, units));
  const wallet = token.show(await token.contract.balanceOf(to));
  return { account: to, token: token.address, minted: token.show(units), wallet, transaction: receipt.hash };
});

export const advance = action(async (session, given: { seconds: string }) => {
  const seconds = whole("seconds", given.seconds);
  await session.development("evm_increaseTime", [Number(seconds)]);
  for (let i = 0; i < BLOCKS; i++) await session.development("evm_mine", []);
  const block = await session.provider.getBlock("latest");
  return { block: block?.number ?? 0, time: moment(BigInt(block?.timestamp ?? 0)) };
});
