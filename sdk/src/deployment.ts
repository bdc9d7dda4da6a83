import { readFileSync } from "node:fs";

import { getAddress, isAddress } from "ethers";

import { AssayError } from "./errors.js";

/** The contracts of one deployment, by name. */
export const CONTRACT_NAMES = [
  "authority",
  "models",
  "valueCaps",
  "providers",
  "escrow",
  "staking",
  "market",
  "disputes",
  "randomness",
  "jury",
  "court",
  "audits",
] as const;
export type ContractName = (typeof CONTRACT_NAMES)[number];

/** Checksummed addresses of contracts that belong together. */
export type Addresses = Readonly<Record<ContractName, string>>;

/** One deployment. */
export type Deployment = Addresses & {
  /** The block of its first contract, if it is known: no event is looked for in blocks before it. */
  readonly block?: number;
};

const IGNITION_IDS: Record<ContractName, string> = {
  authority: "AccessManager",
  models: "ModelRegistry",
  valueCaps: "ValueCaps",
  providers: "ProviderRegistry",
  escrow: "PaymentEscrow",
  staking: "ProviderStaking",
  market: "InferenceMarket",
  disputes: "DisputeManager",
  randomness: "BlockhashRandomness",
  jury: "JuryArbiter",
  court: "ProofCourt",
  audits: "AuditOffice",
};

/** Addresses of public networks by chain id. None yet. */
export const NETWORKS: Readonly<Record<number, Deployment>> = {};

/**
 * Reads addresses, either `{market: "0x…", …}` or an Ignition `deployed_addresses.json`; `block` may stand beside them.
 * Throws `AssayError` naming every entry that is missing or no address.
 */
export function parseDeployment(value: unknown, source = "deployment"): Deployment {
  if (typeof value !== "object" || value === null) {
    throw new AssayError(`${source} is not an object with contract addresses`);
  }
  const entries = value as Record<string, unknown>;
  const deployment: Partial<Record<ContractName, string>> = {};
  const wrong: string[] = [];
  for (const name of CONTRACT_NAMES) {
    const address = entries[name] ?? entries[`Assay#${IGNITION_IDS[name]}`];
    if (isAddress(address)) deployment[name] = getAddress(address);
    else wrong.push(`${name} (Assay#${IGNITION_IDS[name]}) is ${JSON.stringify(address) ?? "missing"}`);
  }
  const { block } = entries;
  if (block !== undefined && !(Number.isSafeInteger(block) && Number(block) >= 0)) {
    wrong.push(`block is ${JSON.stringify(block)}, not a block's number`);
  }
  if (wrong.length > 0) throw new AssayError(`${source} lacks addresses: ${wrong.join(", ")}`);
  return { ...(deployment as Addresses), ...(block === undefined ? {} : { block: Number(block) }) };
}

/** Reads a deployment file, such as `ignition/deployments/<id>/deployed_addresses.json`. */
export function loadDeployment(path: string): Deployment {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new AssayError(`cannot read the deployment ${path}: deploy first, or name another file`, { cause: error });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new AssayError(`the deployment ${path} is not JSON`, { cause: error });
  }
  return parseDeployment(value, path);
}
