import { buildModule } from "@nomicfoundation/hardhat-ignition/modules";
import { id } from "ethers";

const HOUR = 3600n;
const DAY = 24n * HOUR;

const PARAMETER_FUNCTIONS = [
  "unpause()",
  "setProtocolFee(uint16)",
  "setChallengeWindow(uint32)",
  "setMinJobStake(uint128)",
  "setTreasury(address)",
];
const selectorOf = (signature: string) => id(signature).slice(0, 10);

/** Roles of the AccessManager: who may move parameters of new jobs, and who may pause new jobs. */
const ADMIN_ROLE = 0n;
export const PARAMETERS_ROLE = 1n;
export const GUARDIAN_ROLE = 2n;

/**
 * The whole system over an existing stake token. The market and its ledgers name each other immutably:
 * `MarketFactory` tells the market's address before it exists.
 */
export default buildModule("Assay", (m) => {
  const deployer = m.getAccount(0);
  const admin = m.getParameter("admin", deployer);
  const guardian = m.getParameter("guardian", deployer);
  const treasury = m.getParameter("treasury", deployer);
  const delay = m.getParameter("parameterDelay", 2n * DAY);
  const stakeToken = m.getParameter<string>("stakeToken");

  const authority = m.contract("AccessManager", [deployer]);
  const factory = m.contract("MarketFactory");
  const marketAddress = m.staticCall(factory, "market");

  const models = m.contract("ModelRegistry");
  const providers = m.contract("ProviderRegistry", [models]);
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

  m.call(escrow, "setControllers", [[disputes]]);
  m.call(staking, "setControllers", [[disputes, jury]]);
  m.call(market, "linkDisputes", [disputes]);
  for (const profile of [1, 2, 3, 4]) {
    m.call(disputes, "setArbiter", [profile, jury], { id: `setArbiter_${String(profile)}` });
  }

  // Parameters move after a delay, pausing at once; the admin's own power over roles is delayed last.
  const setRole = (id: string, role: bigint, names: string[]) =>
    m.call(authority, "setTargetFunctionRole", [market, names.map(selectorOf), role], { id });
  const roles = [
    setRole("parameterFunctions", PARAMETERS_ROLE, PARAMETER_FUNCTIONS),
    setRole("guardianFunctions", GUARDIAN_ROLE, ["pause()"]),
    m.call(authority, "grantRole", [PARAMETERS_ROLE, admin, delay], { id: "grantParameters" }),
    m.call(authority, "grantRole", [GUARDIAN_ROLE, guardian, 0n], { id: "grantGuardian" }),
  ];
  m.call(authority, "grantRole", [ADMIN_ROLE, deployer, delay], { id: "delayAdmin", after: roles });

  return { authority, models, providers, escrow, staking, market, disputes, randomness, jury };
});
