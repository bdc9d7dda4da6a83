// Adds up what the invariant campaign wrote and fails where it proves too little: too few calls, a function of the
// system that never succeeded, or an outcome that never came about. `npm run part:solidity` runs it after the tests;
// with `--reset`, before them, it takes the last campaign's figures away.
import { mkdir, readFile, rm } from "node:fs/promises";
import path from "node:path";

const ROOT = path.join(import.meta.dirname, "..");
const LOG = path.join(ROOT, "cache/campaign.log");
const MIN_CALLS = 25_600;

/** How the campaign names the contracts, and where their interfaces lie. */
const CONTRACTS = {
  models: "registry/ModelRegistry",
  valueCaps: "registry/ValueCaps",
  providers: "registry/ProviderRegistry",
  escrow: "payments/PaymentEscrow",
  staking: "staking/ProviderStaking",
  market: "market/InferenceMarket",
  disputes: "disputes/DisputeManager",
  jury: "disputes/arbiters/JuryArbiter",
};

/** Only a contract of the system may call these; the campaign reaches them through the functions that do. */
const INTERNAL = [
  "escrow.hold",
  "escrow.credit",
  "staking.lock",
  "staking.release",
  "staking.slash",
  "market.openDispute",
  "market.closeDispute",
  "jury.openCase",
  "providers.closeModel",
];
/** Called once, at deployment. */
const DEPLOYMENT = [
  "escrow.setControllers",
  "staking.setControllers",
  "market.linkDisputes",
  "models.linkProviders",
  "disputes.setArbiter",
  "market.setAuthority",
  "valueCaps.setAuthority",
];
/** OpenZeppelin's own, beside `transferFrom`; and `multicall`, which only repeats the others. */
const LIBRARY = ["models.approve", "models.setApprovalForAll", "models.safeTransferFrom", "market.multicall"];

/** What must have come about besides. */
const OUTCOMES = [
  "authority.schedule",
  "deposit.freedByClose",
  "draw.emptySeat",
  "enrol.seated",
  "equivocation.whileDisputed",
  "exit.underLock",
  "exit.whileFrozen",
  "intrusion.tried",
  "juror.putOut",
  "jurors.paid",
  "leave.seated",
  "ruling.inconclusive",
  "ruling.rejected",
  "ruling.silent",
  "ruling.upheld",
  "silence.beyondDeposit",
  "slash.juror",
  "slash.provider",
  "transfer.probed",
];

interface AbiItem {
  type: string;
  name?: string;
  stateMutability?: string;
}

async function stateChangingFunctions(): Promise<string[]> {
  const names: string[] = [];
  for (const [short, file] of Object.entries(CONTRACTS)) {
    const artifact = path.join(ROOT, `artifacts/default/contracts/${file}.sol/${path.basename(file)}.json`);
    const { abi } = JSON.parse(await readFile(artifact, "utf8")) as { abi: AbiItem[] };
    for (const { type, name, stateMutability } of abi) {
      if (type === "function" && stateMutability === "nonpayable") names.push(`${short}.${String(name)}`);
    }
  }
  const skipped = new Set([...INTERNAL, ...DEPLOYMENT, ...LIBRARY]);
  return [...new Set(names)].filter((name) => !skipped.has(name));
}

async function tally(): Promise<Map<string, number>> {
  const log = await readFile(LOG, "utf8");
  const sums = new Map<string, number>();
  for (const entry of log.split(/\s+/).filter(Boolean)) {
    const [name = "", count = "0"] = entry.split("=");
    sums.set(name, (sums.get(name) ?? 0) + Number(count));
  }
  return sums;
}

async function reset(): Promise<void> {
  await mkdir(path.dirname(LOG), { recursive: true });
  await rm(LOG, { force: true });
}

/** Prints the figures and returns whether they prove enough. */
async function report(): Promise<boolean> {
  const sums = await tally();
  const calls = sums.get("calls") ?? 0;
  const required = [...(await stateChangingFunctions()), ...OUTCOMES].sort();
  const missing = required.filter((name) => !sums.has(name));

  console.log(`\nInvariant campaign: ${calls.toLocaleString("en")} calls. How often each function succeeded:`);
  for (const name of required) console.log(`  ${name.padEnd(32)}${String(sums.get(name) ?? 0).padStart(8)}`);
  if (calls < MIN_CALLS) console.error(`Too few calls: at least ${String(MIN_CALLS)} are wanted.`);
  if (missing.length > 0) console.error(`Never succeeded: ${missing.join(", ")}.`);
  return calls >= MIN_CALLS && missing.length === 0;
}

if (process.argv.includes("--reset")) await reset();
else if (!(await report())) process.exitCode = 1;
