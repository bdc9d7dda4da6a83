import type { Deployment } from "@assay/sdk";
import type { JsonRpcProvider } from "ethers";

import { WorkerError } from "../errors.js";
import type { Journal } from "../jobs/journal.js";
import type { WorkerSettings } from "../settings.js";

/** Throws where the node is not on the chain of settings, deployment and journal; binds the journal to it the first time. */
export async function requireChain(
  provider: JsonRpcProvider,
  journal: Journal,
  { settings, deployment }: { settings: WorkerSettings; deployment: Deployment },
): Promise<void> {
  const chainId = BigInt((await provider.send("eth_chainId", [])) as string);
  if (chainId !== BigInt(settings.chainId)) {
    throw new WorkerError(`${settings.rpcUrl} is chain ${String(chainId)}, settings say ${settings.chainId}`);
  }
  if ((await provider.getCode(deployment.market)) === "0x") {
    throw new WorkerError(`no market at ${deployment.market} on chain ${settings.chainId}: check deployment`);
  }
  const first = await provider.getBlock(0);
  if (!first?.hash) throw new WorkerError(`${settings.rpcUrl} does not know the first block of the chain`, true);
  journal.bindTo({ chain: String(chainId), genesis: first.hash, market: deployment.market });
}
