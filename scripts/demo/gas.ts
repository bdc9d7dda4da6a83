import type { ContractName } from "@assay/sdk";
import type { Interface } from "ethers";

import type { DemoMarket } from "./market.js";

/** Gas of one function over a run. */
export interface GasRow {
  step: string;
  calls: number;
  /** Jobs the calls were for: several each where a batch is finalised, else one. */
  jobs: number;
  /** Gas of one job. */
  median: bigint;
  /** Gas of one call. */
  medianCall: bigint;
}

interface Spent {
  perCall: bigint[];
  perJob: bigint[];
}

/** What every call to the system cost, read from the blocks themselves. */
export async function gasOfBlocks(market: DemoMarket, from: number, to: number): Promise<GasRow[]> {
  const interfaces = new Map<string, Interface>();
  for (const [name, contract] of Object.entries(market.contracts)) {
    interfaces.set(market.deployment[name as ContractName].toLowerCase(), contract.interface);
  }
  const spent = new Map<string, Spent>();
  for (let number = from; number <= to; number++) {
    const block = await market.provider.getBlock(number, true);
    for (const transaction of block?.prefetchedTransactions ?? []) {
      const receipt = await market.provider.getTransactionReceipt(transaction.hash);
      const called = interfaces.get(String(transaction.to).toLowerCase())?.parseTransaction(transaction);
      if (!receipt || !called || receipt.status !== 1) continue;
      const { perCall, perJob } = spent.get(called.name) ?? { perCall: [], perJob: [] };
      // A job's gas in a batch is its share of it, counted once for each job.
      const jobs = called.name === "finaliseDue" ? countPaid(market, receipt.logs) : 1;
      const each = receipt.gasUsed / BigInt(Math.max(1, jobs));
      perCall.push(receipt.gasUsed);
      for (let i = 0; i < jobs; i++) perJob.push(each);
      spent.set(called.name, { perCall, perJob });
    }
  }
  return [...spent].map(([step, { perCall, perJob }]) => ({
    step,
    calls: perCall.length,
    jobs: perJob.length,
    median: median(perJob),
    medianCall: median(perCall),
  }));
}

/** The gas of a job's own three steps; `finalise` is its share of a batch, and `finaliseBatch` the batches themselves. */
export function jobGas(rows: readonly GasRow[]) {
  const row = (step: string) => rows.find((each) => each.step === step);
  const of = (step: string) => row(step)?.median ?? 0n;
  const [request, submit, finalise] = [of("request"), of("submit"), of("finaliseDue")];
  const { calls: batches = 0, jobs = 0, medianCall: gas = 0n } = row("finaliseDue") ?? {};
  return { request, submit, finalise, total: request + submit + finalise, finaliseBatch: { batches, jobs, gas } };
}

function countPaid(market: DemoMarket, logs: readonly { topics: readonly string[] }[]): number {
  const topic = market.contracts.market.getEvent("JobPaid").fragment.topicHash;
  return logs.filter(({ topics }) => topics[0] === topic).length;
}

function median(values: readonly bigint[]): bigint {
  const sorted = [...values].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  return sorted[Math.floor(sorted.length / 2)] ?? 0n;
}
