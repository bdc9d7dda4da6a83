import type { Deployment } from "@assay/sdk";
import { connect } from "@assay/sdk";
import type { JsonRpcProvider } from "ethers";

import { sameAddress } from "./roles/role.js";
import type { WorkerSettings } from "./settings.js";

/** One thing checked. */
export interface Finding {
  ok: boolean;
  what: string;
  remedy: string;
}

/** Checks what a worker needs from the chain before it can earn. */
export async function diagnose(
  settings: WorkerSettings,
  deployment: Deployment,
  operator: string,
  rpc: JsonRpcProvider,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const check = async (what: string, remedy: string, test: () => Promise<boolean>) => {
    const ok = await test().catch(() => false);
    findings.push({ ok, what, remedy });
    return ok;
  };

  const reached = await check(
    `chain ${settings.chainId} at ${settings.rpcUrl}`,
    "check rpcUrl and chainId",
    async () => {
      return BigInt((await rpc.send("eth_chainId", [])) as string) === BigInt(settings.chainId);
    },
  );
  if (!reached) return findings;
  const { providers, staking, jury, disputes, escrow } = connect(deployment, rpc);
  await check(`market at ${deployment.market}`, "check deployment", async () => {
    return (await rpc.getCode(deployment.market)) !== "0x";
  });
  await check(`provider ${settings.provider} registered`, "register it: provider:register", async () => {
    return (await providers.providerOf(settings.provider)).registeredAt > 0n;
  });
  await check(`operator key ${operator} works for the provider`, "set it with setOperator", async () => {
    return sameAddress(await providers.operatorOf(settings.provider), operator);
  });
  await check("operator has gas", `send some to ${operator}`, async () => (await rpc.getBalance(operator)) > 0n);
  if (settings.roles.includes("serve") || settings.roles.includes("juror")) {
    await check("provider has free stake", "deposit stake: stake:deposit", async () => {
      return (await staking.freeOf(settings.provider)) >= (await jury.JUROR_LOCK());
    });
  }
  if (settings.roles.includes("audit")) {
    await check("operator has a bond in the escrow", "deposit stake tokens into the escrow for it", async () => {
      const balance = await escrow.balanceOf(await staking.STAKE_TOKEN(), operator);
      return balance >= (await disputes.CHALLENGE_BOND());
    });
  }
  return findings;
}
