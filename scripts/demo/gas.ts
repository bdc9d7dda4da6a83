import type { ContractName } from "@assay/sdk";
import type { Interface } from "ethers";

import type { DemoMarket } from "./market.js";

/** Gas of one function over a run. */
export interface GasRow {
  step: string;
  calls: number;
  median: bigint;
}

/** What every call to the system cost, read from the blocks themselves. */
export async function gasOfBlocks(market: DemoMarket, from: number, to: number): Promise<GasRow[]> {
  const interfaces = new Map<string, Interface>();
  for (const [name, contract] of Object.entries(market.contracts)) {
    interfaces.set(market.deployment[name as ContractName].toLowerCase(), contract.interface);
  }
  const spent = new Map<string, bigint[]>();
  for (let number = from; number <= to; number++) {
    const block = await market.provider.getBlock(number, true);
    for (const transaction of block?.prefetchedTransactions ?? []) {
      const receipt = await market.provider.getTransactionReceipt(transaction.hash);
      const called = interfaces.get(String(transaction.to).toLowerCase())?.parseTransaction(transaction);
      if (!receipt || !called || receipt.status !== 1) continue;
      // A batch is counted once for each job in it, so that every row is the gas of one job.
      const jobs = called.name === "finaliseDue" ? countPaid(market, receipt.logs) : 1;
      const each = receipt.gasUsed / BigInt(Math.max(1, jobs));
      for (let i = 0; i < jobs; i++) spent.set(called.name, [...(spent.get(called.name) ?? []), each]);
    }
  }
  return [...spent].map(([step, gas]) => ({ step, calls: gas.length, median: median(gas) }));
}

/** The gas of a job's own three steps. */
export function jobGas(rows: readonly GasRow[]) {
  const of = (step: string) => rows.find((row) => row.step === step)?.median ?? 0n;
  const [request, submit, finalise] = [of("request"), of("submit"), of("finaliseDue")];
  return { request, submit, finalise, total: request + submit + finalise };
}

function countPaid(market: DemoMarket, logs: readonly { topics: readonly string[] }[]): number {
  const topic = market.contracts.market.getEvent("JobPaid").fragment.topicHash;
  return logs.filter(({ topics }) => topics[0] === topic).length;
}

function median(values: readonly bigint[]): bigint {
  const sorted = [...values].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  return sorted[Math.floor(sorted.length / 2)] ?? 0n;
}
