import { parseEther } from "ethers";

import {
  AccessManager__factory,
  AuditOffice__factory,
  BlockhashRandomness__factory,
  DevToken__factory,
  DisputeManager__factory,
  Elementwise__factory,
  FloatDot__factory,
  IndexMaps__factory,
  InferenceMarket__factory,
  IntegerDot__factory,
  JuryArbiter__factory,
  MarketFactory__factory,
  ModelRegistry__factory,
  PaymentEscrow__factory,
  ProofCourt__factory,
  ProviderRegistry__factory,
  ProviderStaking__factory,
  Quantization__factory,
  Selection__factory,
  FunctionBounds__factory,
  ToleranceDot__factory,
  ValueCaps__factory,
} from "../../sdk/src/typechain/index.js";
import { capsIn, DAY, namedPeople, WINDOW } from "./fixture.js";

/** What a test wants different from the deployment. */
export interface Variation {
  /** Address of the token to stake; a new plain one by default. */
  stakeToken?: string;
  protocolFeeBps?: bigint;
  minJobStake?: bigint;
  periods?: { draw: bigint; commit: bigint; reveal: bigint };
  jurySize?: bigint;
  /** What is different from `AUDITS`. */
  audits?: Partial<typeof AUDITS>;
  /** Whether the jury judges profile Jury; otherwise no arbiter is named. */
  juryJudges?: boolean;
}

export const BOND = parseEther("10");
export const JUROR_LOCK = parseEther("1");
export const HOUR = 3600n;
export const UNBONDING_PERIOD = 21n * DAY;
export const RULING = { none: 0n, upheld: 1n, rejected: 2n, inconclusive: 3n };
export const COURT_PERIOD = HOUR;
/** Stake tokens a gas, in their smallest unit. */
export const GAS_VALUE = 500_000_000_000n;
/** As `DefenceGas` has them. */
export const DEFENCE_GAS = { answer: 87_000n, word: 1_300n, mostWords: 2_048n, trace: 5_600_000n };
/** Periods and amounts of audits, as by default. */
export const AUDITS = {
  roundPeriod: 300n,
  commitPeriod: 900n,
  answerPeriod: 600n,
  revealPeriod: 300n,
  challengePeriod: 600n,
  auditPay: parseEther("0.5"),
  ticketLock: parseEther("5"),
  auditRateBps: 500n,
};
/** By family of operators, from 1 on. */
const VERIFIERS = [
  IndexMaps__factory,
  Selection__factory,
  Elementwise__factory,
  Quantization__factory,
  IntegerDot__factory,
  FloatDot__factory,
  ToleranceDot__factory,
  FunctionBounds__factory,
] as const;
export const MAX_RESOLUTION = 7n * DAY;
/** Most that an arbiter may take: an hour is left to carry its ruling out. */
export const LONGEST_ARBITER = MAX_RESOLUTION - HOUR;
/** What a provider has locked for each pool that it is in: the deposit, for four silent seats. */
export const POOL_LOCK = 4n * JUROR_LOCK;

/** The system of the Ignition module without its roles, put together by hand so that its parts can vary. */
export async function assemble(variation: Variation = {}) {
  const named = await namedPeople();
  const { deployer, treasury, modelOwner, stranger } = named;
  const stakeToken = variation.stakeToken
    ? DevToken__factory.connect(variation.stakeToken, deployer)
    : await new DevToken__factory(deployer).deploy("Assay Stake", "ASSAY");
  const payToken = await new DevToken__factory(deployer).deploy("Test Dollar", "TUSD");

  const authority = await new AccessManager__factory(deployer).deploy(deployer);
  const factory = await new MarketFactory__factory(deployer).deploy();
  const marketAddress = await factory.market();
  const models = await new ModelRegistry__factory(deployer).deploy();
  const tokens = await Promise.all([stakeToken, payToken].map((token) => token.getAddress()));
  const valueCaps = await new ValueCaps__factory(deployer).deploy(authority, capsIn(...tokens));
  const providers = await new ProviderRegistry__factory(deployer).deploy(models, valueCaps);
  const escrow = await new PaymentEscrow__factory(deployer).deploy(marketAddress);
  const staking = await new ProviderStaking__factory(deployer).deploy(stakeToken, marketAddress, UNBONDING_PERIOD);
  await factory.deploy(authority, models, providers, staking, escrow, {
    protocolFeeBps: variation.protocolFeeBps ?? 250n,
    challengeWindow: WINDOW,
    minJobStake: variation.minJobStake ?? parseEther("1"),
    treasury,
  });
  const market = InferenceMarket__factory.connect(marketAddress, deployer);
  const disputes = await new DisputeManager__factory(deployer).deploy(market, escrow, staking, models, BOND);
  const randomness = await new BlockhashRandomness__factory(deployer).deploy();
  const jury = await new JuryArbiter__factory(deployer).deploy(
    disputes,
    escrow,
    staking,
    providers,
    randomness,
    variation.periods ?? { draw: HOUR, commit: HOUR, reveal: HOUR },
    variation.jurySize ?? 3n,
    JUROR_LOCK,
  );
  const audits = await new AuditOffice__factory(deployer).deploy(
    authority,
    market,
    disputes,
    models,
    providers,
    staking,
    escrow,
    randomness,
    { ...AUDITS, ...variation.audits },
  );
  const verifiers: string[] = [];
  for (const Verifier of VERIFIERS) verifiers.push(await (await new Verifier(deployer).deploy()).getAddress());
  const court = await new ProofCourt__factory(deployer).deploy(
    disputes,
    models,
    providers,
    escrow,
    audits,
    stakeToken,
    { reply: COURT_PERIOD, claim: COURT_PERIOD },
    GAS_VALUE,
    verifiers,
  );
  await models.linkProviders(providers);
  await escrow.setControllers([disputes, court, audits]);
  await staking.setControllers([disputes, jury, audits]);
  await market.linkDisputes(disputes);
  if (variation.juryJudges) await disputes.setArbiter(4, jury);

  return {
    ...named,
    authority,
    randomness: randomness.connect(stranger),
    models: models.connect(modelOwner),
    valueCaps: valueCaps.connect(stranger),
    providers: providers.connect(stranger),
    escrow: escrow.connect(stranger),
    staking: staking.connect(stranger),
    market: market.connect(stranger),
    disputes: disputes.connect(stranger),
    jury: jury.connect(stranger),
    court: court.connect(stranger),
    audits: audits.connect(stranger),
    stakeToken: stakeToken.connect(stranger),
    payToken: payToken.connect(stranger),
  };
}
