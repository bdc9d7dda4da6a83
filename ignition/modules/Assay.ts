import { buildModule } from "@nomicfoundation/hardhat-ignition/modules";
import type {
  IgnitionModuleBuilder,
  ModuleParameterRuntimeValue,
  NamedArtifactContractDeploymentFuture,
} from "@nomicfoundation/ignition-core";

import { VERIFIERS } from "../verifiers.js";

const HOUR = 3600n;
const DAY = 24n * HOUR;

/** A parameter, or a contract that the same deployment creates. */
type Token = ModuleParameterRuntimeValue<string> | NamedArtifactContractDeploymentFuture<string>;
/** `IValueCaps.Cap`s from the start: without one, a job of profile Tolerance (3) or Jury (4) may cost nothing. */
type Caps = ModuleParameterRuntimeValue<never[]> | { profile: number; token: Token; cap: bigint }[];

/**
 * The whole system over a stake token. The market and its ledgers name each other immutably:
 * `MarketFactory` tells the market's address before it exists.
 */
export function assay(m: IgnitionModuleBuilder, stakeToken: Token, caps: Caps) {
  const deployer = m.getAccount(0);
  const admin = m.getParameter("admin", deployer);
  const guardian = m.getParameter("guardian", deployer);
  const treasury = m.getParameter("treasury", deployer);
  const delay = m.getParameter("parameterDelay", 2n * DAY);

  const roles = m.contract("RoleSetup");
  const authority = m.contract("AccessManager", [roles]);
  const factory = m.contract("MarketFactory");
  const marketAddress = m.staticCall(factory, "market");

  const models = m.contract("ModelRegistry");
  const valueCaps = m.contract("ValueCaps", [authority, caps]);
  const providers = m.contract("ProviderRegistry", [models, valueCaps]);
  const escrow = m.contract("PaymentEscrow", [marketAddress]);
  const staking = m.contract("ProviderStaking", [
    stakeToken,
    marketAddress,
    m.getParameter("unbondingPeriod", 21n * DAY),
  ]);

  const deployMarket = m.call(factory, "deploy", [
    authority,
    models,
    providers,
    staking,
    escrow,
    {
      protocolFeeBps: m.getParameter("protocolFeeBps", 250n),
      challengeWindow: m.getParameter("challengeWindow", HOUR),
      minJobStake: m.getParameter("minJobStake", 10n ** 18n),
      treasury,
    },
  ]);
  const market = m.contractAt("InferenceMarket", marketAddress, { after: [deployMarket] });

  const disputes = m.contract("DisputeManager", [
    market,
    escrow,
    staking,
    models,
    m.getParameter("challengeBond", 10n * 10n ** 18n),
  ]);
  const randomness = m.contract("BlockhashRandomness");
  const jury = m.contract("JuryArbiter", [
    disputes,
    escrow,
    staking,
    providers,
    randomness,
    {
      draw: m.getParameter("drawPeriod", HOUR),
      commit: m.getParameter("commitPeriod", HOUR),
      reveal: m.getParameter("revealPeriod", HOUR),
    },
    m.getParameter("jurySize", 3n),
    m.getParameter("jurorLock", 10n ** 18n),
  ]);

  const audits = m.contract("AuditOffice", [
    authority,
    market,
    disputes,
    models,
    providers,
    staking,
    escrow,
    randomness,
    {
      roundPeriod: m.getParameter("auditRoundPeriod", 300n),
      commitPeriod: m.getParameter("auditCommitPeriod", 900n),
      answerPeriod: m.getParameter("auditAnswerPeriod", 600n),
      revealPeriod: m.getParameter("auditRevealPeriod", 300n),
      challengePeriod: m.getParameter("auditChallengePeriod", 600n),
      auditPay: m.getParameter("auditPay", 5n * 10n ** 17n),
      ticketLock: m.getParameter("auditTicketLock", 5n * 10n ** 18n),
      auditRateBps: m.getParameter("auditRateBps", 500n),
    },
  ]);

  const court = m.contract("ProofCourt", [
    disputes,
    models,
    providers,
    escrow,
    audits,
    stakeToken,
    {
      reply: m.getParameter("replyPeriod", HOUR),
      claim: m.getParameter("claimPeriod", HOUR),
    },
    m.getParameter("gasValue", 5n * 10n ** 11n),
    VERIFIERS.map((name) => m.contract(name)),
  ]);

  m.call(models, "linkProviders", [providers]);
  m.call(escrow, "setControllers", [[disputes, court, audits]]);
  m.call(staking, "setControllers", [[disputes, jury, audits]]);
  m.call(market, "linkDisputes", [disputes]);
  for (const [profile, arbiter] of [court, court, court, jury].entries()) {
    m.call(disputes, "setArbiter", [profile + 1, arbiter], { id: `setArbiter_${String(profile + 1)}` });
  }
  m.call(roles, "setUp", [authority, market, valueCaps, admin, guardian, delay]);

  return {
    authority,
    models,
    valueCaps,
    providers,
    escrow,
    staking,
    market,
    disputes,
    randomness,
    jury,
    court,
    audits,
  };
}

/** The system over a stake token that exists already. */
export default buildModule("Assay", (m) =>
  assay(m, m.getParameter<string>("stakeToken"), m.getParameter("valueCaps", [])),
);
