import type { AssayContracts, Deployment } from "@assay/sdk";
import { connect, loadDeployment } from "@assay/sdk";
import type { JsonRpcProvider } from "ethers";

import { capacitiesOf } from "./capacity.js";
import { traceFileIn } from "./court/traceFile.js";
import { openKeystore, readPassword } from "./keystore.js";
import { sameAddress } from "./roles/role.js";
import type { WorkerSettings } from "./settings.js";
import { needsProvider } from "./settings.js";

/** One thing checked. */
export interface Finding {
  ok: boolean;
  /** Whether it earns all the same where it is not ok. */
  works?: boolean;
  what: string;
  remedy: string;
}

/** Checks what a worker needs before it can earn: its files, then the chain. */
export async function diagnose(
  settings: WorkerSettings,
  environment: NodeJS.ProcessEnv,
  rpc: JsonRpcProvider,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const open = async <T>(what: string, act: () => T | Promise<T>): Promise<T | undefined> => {
    try {
      const value = await act();
      findings.push({ ok: true, what, remedy: "" });
      return value;
    } catch (error) {
      findings.push({ ok: false, what, remedy: (error as Error).message });
      return undefined;
    }
  };
  const deployment = await open(`deployment ${settings.deployment}`, () => loadDeployment(settings.deployment));
  const wallet = await open(`keystore ${settings.keystore}`, () =>
    openKeystore(settings.keystore, readPassword(environment, settings.passwordFile)),
  );
  return [...findings, ...(await diagnoseChain(settings, deployment, wallet?.address, rpc))];
}

/** Checks the chain as far as the files allow: what follows from a wrong finding is not checked. */
async function diagnoseChain(
  settings: WorkerSettings,
  deployment: Deployment | undefined,
  operator: string | undefined,
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
  if (!reached || !deployment) return findings;
  const deployed = await check(`market at ${deployment.market}`, "check deployment", async () => {
    return (await rpc.getCode(deployment.market)) !== "0x";
  });
  if (!deployed || operator === undefined) return findings;
  const contracts = connect(deployment, rpc);
  const { providers, staking, disputes, escrow } = contracts;
  if (needsProvider(settings)) {
    await check(`provider ${settings.provider} registered`, "register it: provider:register", async () => {
      return (await providers.providerOf(settings.provider)).registeredAt > 0n;
    });
    await check(`operator key ${operator} works for the provider`, "set it with provider:operator", async () => {
      return sameAddress(await providers.operatorOf(settings.provider), operator);
    });
  }
  await check("operator has gas", `send some to ${operator}`, async () => (await rpc.getBalance(operator)) > 0n);
  if (settings.roles.includes("serve")) {
    await check("provider has free stake", "deposit stake: stake:deposit", async () => {
      return (await staking.freeOf(settings.provider)) > 0n;
    });
    findings.push(...(await diagnoseCapacity(settings, contracts)));
  }
  if (settings.roles.includes("juror")) findings.push(await diagnoseDeposits(settings, contracts));
  if (settings.roles.includes("audit")) {
    if (settings.audit.tickets > 0) findings.push(await diagnoseTickets(settings, contracts));
    await check("operator has a bond in the escrow", "deposit stake tokens into the escrow for it", async () => {
      const balance = await escrow.balanceOf(await staking.STAKE_TOKEN(), operator);
      return balance >= (await disputes.CHALLENGE_BOND());
    });
  }
  return findings;
}

/** Whether the worker can answer for as many jobs as there is stake for. */
async function diagnoseCapacity(settings: WorkerSettings, contracts: AssayContracts): Promise<Finding[]> {
  try {
    const found = await capacitiesOf(settings, traceFileIn(settings).read(), contracts);
    return found.map(({ isFit, what, remedy }) => ({ ok: isFit, works: true, what, remedy }));
  } catch {
    return [{ ok: false, what: "stake that can be answered for", remedy: "the chain could not be read: try again" }];
  }
}

/** Whether there is stake for the audit tickets that it does not hold yet, in the stake token's smallest unit. */
async function diagnoseTickets(
  { provider, audit: { tickets, models } }: WorkerSettings,
  { audits, staking }: AssayContracts,
): Promise<Finding> {
  const what = (needed: string) => `${needed} free stake for audit tickets of ${models.length} model(s)`;
  try {
    let missing = 0n;
    for (const modelId of models) {
      const held = Number((await audits.membershipOf(modelId, provider)).tickets);
      missing += BigInt(Math.max(0, tickets - held));
    }
    const needed = missing * (await audits.TICKET_LOCK());
    const lacking = needed - (await staking.freeOf(provider));
    return { ok: lacking <= 0n, what: what(String(needed)), remedy: `${lacking} missing: stake:deposit` };
  } catch {
    return { ok: false, what: what("enough"), remedy: "the chain could not be read: try again" };
  }
}

/** Whether there is stake for the deposit of every pool it is not in, in the stake token's smallest unit. */
async function diagnoseDeposits(
  { provider, models }: WorkerSettings,
  { jury, staking }: AssayContracts,
): Promise<Finding> {
  const what = (needed: string) => `${needed} free stake for the deposits of ${models.length} juror pool(s)`;
  try {
    const [lock, seats] = await Promise.all([jury.JUROR_LOCK(), jury.SILENT_SEATS()]);
    let locks = 0n;
    for (const modelId of models) {
      const pool = await jury.poolOf(modelId);
      if (pool.some((member) => sameAddress(member, provider))) continue;
      locks += seats - (await jury.membershipOf(modelId, provider)).locks;
    }
    const missing = locks * lock - (await staking.freeOf(provider));
    return { ok: missing <= 0n, what: what(String(locks * lock)), remedy: `${missing} missing: stake:deposit` };
  } catch {
    return { ok: false, what: what("enough"), remedy: "the chain could not be read: try again" };
  }
}
