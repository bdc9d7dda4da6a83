import { formatEther } from "ethers";

import { UserError } from "../support/errors.js";
import { readEvents } from "../support/events.js";
import { address, decimal, hexBytes, required, url, whole } from "../support/parse.js";
import type { Fields } from "../support/report.js";
import { Listing, moment, orNone, seconds, Shown } from "../support/report.js";
import type { Session } from "../support/session.js";
import { action } from "../support/session.js";

interface RegisterArguments {
  endpoint?: string;
  operator?: string;
  payout?: string;
  capacity: string;
  encryptionKey: string;
}

export const register = action(async (session, given: RegisterArguments) => {
  const { providers } = session.contracts;
  const endpoint = url("--endpoint", given.endpoint);
  const operator = await session.accountOr("--operator", given.operator);
  const payout = await session.accountOr("--payout", given.payout);
  const capacity = whole("--capacity", given.capacity);
  const key = hexBytes("--encryption-key", given.encryptionKey);
  const receipt = await session.send(() => providers.register(operator, payout, capacity, endpoint, key));
  const provider = await session.signer.getAddress();
  return { provider, operator, payout, endpoint, capacity, transaction: receipt.hash };
});

export const show = action(async (session, given: { provider?: string; fromBlock: number }) => {
  const provider = await session.accountOr("--provider", given.provider);
  const { operator, payout, capacity, endpoint, encryptionKey, draining, registeredAt } =
    await session.contracts.providers.providerOf(provider);
  const token = await session.stakeToken();
  const offers = await offersOf(session, { provider, fromBlock: given.fromBlock });
  return {
    provider,
    operator,
    payout,
    endpoint,
    capacity,
    encryptionKey: orNone(encryptionKey === "0x" ? undefined : encryptionKey),
    draining,
    registeredAt: moment(registeredAt),
    bonded: token.show(await session.contracts.staking.bondedOf(provider)),
    free: token.show(await session.contracts.staking.freeOf(provider)),
    offers: offers.map(({ model, price, token, stake, maxDuration }) => ({ model, price, token, stake, maxDuration })),
  };
});

/** All providers; or, for one model, what each asks for an inference. */
export const list = action(async (session, given: { model?: string; fromBlock: number }) => {
  const { providers, staking } = session.contracts;
  if (given.model !== undefined) {
    const modelId = whole("--model", given.model);
    return new Listing("offers", await offersOf(session, { modelId, fromBlock: given.fromBlock }));
  }
  const stake = await session.stakeToken();
  const events = await readEvents(providers, providers.filters.ProviderRegistered(), given.fromBlock);
  const rows = events.map(async ({ args: { provider } }) => {
    const { endpoint, capacity, draining } = await providers.providerOf(provider);
    return { provider, endpoint, capacity, draining, freeStake: stake.show(await staking.freeOf(provider)) };
  });
  return new Listing("providers", await Promise.all(rows));
});

interface OfferArguments {
  model: bigint;
  token?: string;
  price?: string;
  stake?: string;
  maxDuration?: string;
}

export const offer = action(async (session, given: OfferArguments) => {
  const { market, providers } = session.contracts;
  const token = await session.token(given.token);
  const stakeToken = await session.stakeToken();
  const price = token.parse("--price", given.price);
  const stake = stakeToken.parse("--stake", given.stake);
  const maxDuration = whole("--max-duration", given.maxDuration);
  const { minJobStake } = await market.parameters();
  if (stake < minJobStake) {
    const least = stakeToken.show(minJobStake).text;
    throw new UserError(`--stake is ${required("--stake", given.stake)}: the market asks for ${least} at least`);
  }
  const receipt = await session.send(() => providers.setOffer(given.model, token.address, price, stake, maxDuration));
  return {
    provider: await session.signer.getAddress(),
    model: given.model,
    token: token.address,
    price: token.show(price),
    stake: stakeToken.show(stake),
    maxDuration: seconds(maxDuration),
    transaction: receipt.hash,
  };
});

export const closeOffer = action(async (session, given: { provider: string; model: bigint; token?: string }) => {
  const provider = address("provider", given.provider);
  const token = await session.token(given.token);
  const receipt = await session.send(() =>
    session.contracts.providers.closeOffer(provider, given.model, token.address),
  );
  return { provider, model: given.model, token: token.address, closed: true, transaction: receipt.hash };
});

export const removeOffer = action(async (session, given: { model: bigint; token?: string }) => {
  const token = await session.token(given.token);
  const receipt = await session.send(() => session.contracts.providers.removeOffer(given.model, token.address));
  const provider = await session.signer.getAddress();
  return { provider, model: given.model, token: token.address, removed: true, transaction: receipt.hash };
});

export const setOperator = action(async (session, given: { operator: string }) => {
  const operator = address("operator", given.operator);
  const receipt = await session.send(() => session.contracts.providers.setOperator(operator));
  return { provider: await session.signer.getAddress(), operator, transaction: receipt.hash };
});

export const setPayout = action(async (session, given: { payout: string }) => {
  const payout = address("payout", given.payout);
  const receipt = await session.send(() => session.contracts.providers.setPayout(payout));
  return { provider: await session.signer.getAddress(), payout, transaction: receipt.hash };
});

interface EndpointArguments {
  endpoint: string;
  capacity?: string;
  encryptionKey?: string;
}

export const setEndpoint = action(async (session, given: EndpointArguments) => {
  const { providers } = session.contracts;
  const provider = await session.signer.getAddress();
  const endpoint = url("endpoint", given.endpoint);
  const now = await providers.providerOf(provider);
  const capacity = given.capacity === undefined ? now.capacity : whole("--capacity", given.capacity);
  const key = hexBytes("--encryption-key", given.encryptionKey ?? now.encryptionKey);
  const receipt = await session.send(() => providers.setEndpoint(endpoint, key, capacity));
  return { provider, endpoint, capacity, transaction: receipt.hash };
});

export const drain = action(async (session, given: { provider?: string; resume: boolean }) => {
  const provider = await session.accountOr("--provider", given.provider);
  const receipt = await session.send(() => session.contracts.providers.setDraining(provider, !given.resume));
  return { provider, draining: !given.resume, transaction: receipt.hash };
});

/** Ether for the worker's transactions, from the provider's account to its operator key. */
export const fund = action(async (session, given: { amount: string }) => {
  const units = decimal("amount", given.amount, 18, "ether");
  const provider = await session.signer.getAddress();
  const { operator } = await session.contracts.providers.providerOf(provider);
  const receipt = await session.send(() => session.signer.sendTransaction({ to: operator, value: units }));
  const balance = formatEther(await session.provider.getBalance(operator));
  return { provider, operator, balance: new Shown(`${balance} ether`, balance), transaction: receipt.hash };
});

/** The offers that stand, each as it is now. */
async function offersOf(session: Session, where: { provider?: string; modelId?: bigint; fromBlock: number }) {
  const { providers, staking } = session.contracts;
  const filter = providers.filters.OfferSet(where.provider, where.modelId);
  const events = await readEvents(providers, filter, where.fromBlock);
  const keys = new Map(
    events.map(({ args: { provider, modelId, token } }) => [
      `${provider} ${modelId} ${token}`,
      { provider, modelId, token },
    ]),
  );
  const stakeToken = await session.stakeToken();
  const rows = [...keys.values()].map(async ({ provider, modelId, token: at }) => {
    const { price, stake, maxDuration } = await providers.offerOf(provider, modelId, at);
    if (maxDuration === 0n) return [];
    const token = await session.tokenAt(at);
    const { draining } = await providers.providerOf(provider);
    return [
      {
        provider,
        model: modelId,
        price: token.show(price),
        token: at,
        stake: stakeToken.show(stake),
        maxDuration: seconds(maxDuration),
        draining,
        freeStake: stakeToken.show(await staking.freeOf(provider)),
      } satisfies Fields,
    ];
  });
  return (await Promise.all(rows)).flat();
}
