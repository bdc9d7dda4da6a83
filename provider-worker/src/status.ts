import type { AssayContracts } from "@assay/sdk";
import { connect, loadDeployment } from "@assay/sdk";
import type { JsonRpcProvider } from "ethers";

import { capacitiesOf } from "./capacity.js";
import { traceFileIn } from "./court/traceFile.js";
import { addressIn } from "./keystore.js";
import type { WorkerSettings } from "./settings.js";
import { needsProvider } from "./settings.js";

export type Status = Readonly<Record<string, string | boolean>>;

/** What a worker's account has and owes on chain: its provider's, or its operator's if that acts for itself. */
export async function readStatus(settings: WorkerSettings, rpc: JsonRpcProvider): Promise<Status> {
  const contracts = connect(loadDeployment(settings.deployment), rpc);
  if (needsProvider(settings)) {
    const status = await providerStatus(settings.provider, contracts);
    const warnings = settings.roles.includes("serve") ? await warningsOf(settings, contracts) : [];
    return warnings.length > 0 ? { ...status, warning: warnings.join("; ") } : status;
  }
  const operator = addressIn(settings.keystore);
  const { staking, escrow } = contracts;
  return {
    operator,
    bond: (await escrow.balanceOf(await staking.STAKE_TOKEN(), operator)).toString(),
    gas: (await rpc.getBalance(operator)).toString(),
  };
}

/** More stake than can be answered for. */
async function warningsOf(settings: WorkerSettings, contracts: AssayContracts): Promise<string[]> {
  const capacities = await capacitiesOf(settings, traceFileIn(settings).read(), contracts);
  return capacities.filter(({ isFit }) => !isFit).map(({ what, remedy }) => `${what}: ${remedy}`);
}

async function providerStatus(provider: string, { providers, staking }: AssayContracts): Promise<Status> {
  const { operator, draining } = await providers.providerOf(provider);
  return {
    provider,
    operator,
    draining,
    bonded: (await staking.bondedOf(provider)).toString(),
    unbonding: (await staking.unbondingOf(provider)).toString(),
    locked: (await staking.lockedOf(provider)).toString(),
    free: (await staking.freeOf(provider)).toString(),
  };
}
