import { ZeroAddress } from "ethers";

import { change, pendingChanges, roleHolders } from "../support/access.js";
import { UserError } from "../support/errors.js";
import { readEvents } from "../support/events.js";
import { named, PROFILES } from "../support/names.js";
import { address, basisPoints, bounded, oneOf, whole } from "../support/parse.js";
import type { Fields } from "../support/report.js";
import { moment, percent, seconds } from "../support/report.js";
import type { Session } from "../support/session.js";
import { action } from "../support/session.js";
import { knownTokens } from "../support/tokens.js";

export const status = action(async (session, { fromBlock }: { fromBlock: number }) => {
  const { market, models, providers, disputes } = session.contracts;
  const { paused, protocolFeeBps, challengeWindow, minJobStake } = await market.parameters();
  const treasury = await market.treasury();
  const stakeToken = await session.stakeToken();
  const registered = await readEvents(providers, providers.filters.ProviderRegistered(), fromBlock);
  const requested = await readEvents(market, market.filters.JobRequested(), fromBlock);
  return {
    network: session.network,
    chainId: session.chainId,
    time: moment(await session.now()),
    paused,
    protocolFee: percent(protocolFeeBps),
    challengeWindow: seconds(challengeWindow),
    minJobStake: stakeToken.show(minJobStake),
    treasury,
    models: await models.lastModelId(),
    providers: registered.length,
    jobs: requested.length,
    cases: await disputes.lastCaseId(),
    ...(await courtOf(session)),
    valueCaps: await capsOf(session, fromBlock),
    juryPools: await poolsOf(session),
    holdings: await holdingsOf(session, fromBlock),
    roles: await roleHolders(session, fromBlock),
    scheduledChanges: await pendingChanges(session, fromBlock),
    addresses: session.deployment,
  };
});

// Bounds as in `contracts/types/Limits.sol`: a change beyond them would only fail when its delay is over.
const MAX_FEE_BPS = 500n;
const MIN_WINDOW = 60n;
const MAX_WINDOW = 604_800n;

/** Profiles with a cap: Tolerance and Jury. */
const CAPPED = [3, 4];

interface Cancellable {
  cancel: boolean;
}

export const pause = action(async (session) => change(session, "pause", [], false));

export const unpause = action(async (session, { cancel }: Cancellable) => change(session, "unpause", [], cancel));

export const setFee = action(async (session, given: Cancellable & { percent: string }) => {
  const shown = (basisPoints: bigint) => percent(basisPoints).text;
  const fee = bounded("percent", basisPoints("percent", given.percent), 0n, MAX_FEE_BPS, shown);
  return change(session, "setProtocolFee", [fee], given.cancel);
});

export const setWindow = action(async (session, given: Cancellable & { seconds: string }) => {
  const window = bounded("seconds", whole("seconds", given.seconds), MIN_WINDOW, MAX_WINDOW);
  return change(session, "setChallengeWindow", [window], given.cancel);
});

export const setMinStake = action(async (session, given: Cancellable & { amount: string }) => {
  const units = (await session.stakeToken()).parse("amount", given.amount);
  return change(session, "setMinJobStake", [units], given.cancel);
});

export const setCap = action(
  async (session, given: Cancellable & { profile: string; token: string; amount: string }) => {
    const profile = oneOf("profile", given.profile, PROFILES);
    if (!CAPPED.includes(profile)) {
      throw new UserError(`profile is ${given.profile}: only Tolerance and Jury have a cap`);
    }
    const token = await session.token(given.token);
    const units = token.parse("amount", given.amount);
    return change(session, "setCap", [profile, token.address, units], given.cancel, "valueCaps");
  },
);

export const setTreasury = action(async (session, given: Cancellable & { treasury: string }) => {
  const treasury = address("treasury", given.treasury);
  if (treasury === ZeroAddress) throw new UserError(`treasury is ${treasury}: fees need an account`);
  return change(session, "setTreasury", [treasury], given.cancel);
});

/** What stake, bonds and juries are measured by: fixed for good when the contracts were deployed. */
async function courtOf(session: Session): Promise<Fields> {
  const { disputes, jury, staking } = session.contracts;
  const token = await session.stakeToken();
  return {
    stakeToken: token.address,
    unbondingPeriod: seconds(await staking.UNBONDING_PERIOD()),
    challengeBond: token.show(await disputes.CHALLENGE_BOND()),
    jurySize: await jury.JURY_SIZE(),
    jurorLock: token.show(await jury.JUROR_LOCK()),
    juryPeriods: {
      draw: seconds(await jury.DRAW_PERIOD()),
      commit: seconds(await jury.COMMIT_PERIOD()),
      reveal: seconds(await jury.REVEAL_PERIOD()),
    },
  };
}

async function poolsOf({ contracts: { models, jury } }: Session): Promise<Fields[]> {
  const ids = Array.from({ length: Number(await models.lastModelId()) }, (_, i) => BigInt(i + 1));
  return Promise.all(ids.map(async (model) => ({ model, jurors: (await jury.poolOf(model)).length })));
}

/** The most that a job may cost whose result is not proven exactly, in the tokens for which somebody said so. */
async function capsOf(session: Session, fromBlock: number): Promise<Fields[]> {
  const { valueCaps } = session.contracts;
  const events = await readEvents(valueCaps, valueCaps.filters.ValueCapSet(), fromBlock);
  const latest = new Map(events.map(({ args }) => [`${args.profile} ${args.token}`, args]));
  const rows = [...latest.values()].map(async ({ profile, token, cap }) => {
    return { profile: named(PROFILES, profile), token, cap: (await session.tokenAt(token)).show(cap) };
  });
  return Promise.all(rows);
}

/** What the contracts hold: bonded and unbonding stake, and everyone's balances with open jobs and bonds. */
async function holdingsOf(session: Session, fromBlock: number): Promise<Fields[]> {
  const { escrow, staking } = session.deployment;
  const rows = (await knownTokens(session, fromBlock)).map(async (token) => ({
    token: token.address,
    escrow: token.show(await token.contract.balanceOf(escrow).catch(() => 0n)),
    staking: token.show(await token.contract.balanceOf(staking).catch(() => 0n)),
  }));
  return Promise.all(rows);
}
