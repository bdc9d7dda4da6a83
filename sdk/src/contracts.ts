import type { ContractRunner } from "ethers";

import type { Deployment } from "./deployment.js";
import {
  AccessManager__factory,
  AuditOffice__factory,
  BlockhashRandomness__factory,
  DisputeManager__factory,
  IArbiter__factory,
  type IArbiter,
  InferenceMarket__factory,
  JuryArbiter__factory,
  ModelRegistry__factory,
  PaymentEscrow__factory,
  ProofCourt__factory,
  ProviderRegistry__factory,
  ProviderStaking__factory,
  ValueCaps__factory,
} from "./typechain/index.js";

export type { TypedContractEvent, TypedDeferredTopicFilter, TypedEventLog } from "./typechain/common.js";

/** Typed contracts of a deployment. `runner` is a signer to send, or a provider to read. */
export function connect(deployment: Deployment, runner: ContractRunner) {
  return {
    authority: AccessManager__factory.connect(deployment.authority, runner),
    models: ModelRegistry__factory.connect(deployment.models, runner),
    valueCaps: ValueCaps__factory.connect(deployment.valueCaps, runner),
    providers: ProviderRegistry__factory.connect(deployment.providers, runner),
    escrow: PaymentEscrow__factory.connect(deployment.escrow, runner),
    staking: ProviderStaking__factory.connect(deployment.staking, runner),
    market: InferenceMarket__factory.connect(deployment.market, runner),
    disputes: DisputeManager__factory.connect(deployment.disputes, runner),
    randomness: BlockhashRandomness__factory.connect(deployment.randomness, runner),
    jury: JuryArbiter__factory.connect(deployment.jury, runner),
    court: ProofCourt__factory.connect(deployment.court, runner),
    audits: AuditOffice__factory.connect(deployment.audits, runner),
  };
}

export type AssayContracts = ReturnType<typeof connect>;

/** The arbiter at an address, as far as every arbiter is one. */
export function arbiterAt({ disputes }: AssayContracts, address: string): IArbiter {
  return IArbiter__factory.connect(address, disputes.runner);
}
