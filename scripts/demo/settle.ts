import { setTimeout as sleep } from "node:timers/promises";

import { JobStatus, Operator, Ruling } from "@assay/sdk";

import type { DemoMarket } from "./market.js";
import { WINDOW } from "./market.js";
import type { Purchase } from "./purchase.js";

const PATIENCE_MS = 120_000;
const LOOK_MS = 250;

/** A case that is over, and what convicted the provider. */
export interface Dispute {
  jobId: bigint;
  arbiter: "proof court";
  upheld: boolean;
  /** Node of the model's graph that computed something else than the provider committed to. */
  node: number | undefined;
  operator: string | undefined;
  /** Row-major index in the node's output. */
  element: number | undefined;
  slashed: bigint;
  refunded: bigint;
}

/** A split of earnings, in units of the token they were paid in. */
export interface Earnings {
  provider: bigint;
  modelOwner: bigint;
  protocol: bigint;
}

/** Waits for something that other processes bring about. */
export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await sleep(LOOK_MS)) {
    if (await holds()) return;
  }
  throw new Error(`gave up after ${PATIENCE_MS / 1000} s waiting until ${what}`);
}

/** Waits until auditor, cheat and court are done with the cheat's jobs. */
export async function waitForRulings(market: DemoMarket, cheated: readonly Purchase[]): Promise<Dispute[]> {
  const { disputes, court } = market.contracts;
  await until("every wrong result was challenged and judged", async () => {
    return (await disputes.queryFilter(disputes.filters.CaseResolved())).length >= cheated.length;
  });
  const resolved = await disputes.queryFilter(disputes.filters.CaseResolved());
  await until("the court kept nothing", async () => {
    const demanded = await court.queryFilter(court.filters.PartDemanded());
    const returned = await court.queryFilter(court.filters.DemandFeePaid());
    return returned.length === demanded.length;
  });
  return Promise.all(resolved.map(({ args }) => disputeOf(market, args)));
}

interface Resolved {
  caseId: bigint;
  jobId: bigint;
  ruling: bigint;
  slashed: bigint;
}

async function disputeOf(market: DemoMarket, { caseId, jobId, ruling, slashed }: Resolved): Promise<Dispute> {
  const { market: jobs, court } = market.contracts;
  const refunds = await jobs.queryFilter(jobs.filters.JobRefunded(jobId));
  const [proof] = await court.queryFilter(court.filters.FraudProven(caseId));
  const code = Number(proof?.args.operator ?? 0n);
  return {
    jobId,
    arbiter: "proof court",
    upheld: ruling === Ruling.Upheld,
    node: proof && Number(proof.args.nodeIndex),
    operator: Object.entries(Operator).find(([, each]) => each === code)?.[0],
    element: proof && Number(proof.args.element),
    slashed,
    refunded: refunds.reduce((sum, refund) => sum + refund.args.price, 0n),
  };
}

/** Lets the challenge window pass, then waits until the workers finalised every job and collected every pot. */
export async function waitForSettlement(market: DemoMarket, purchases: readonly Purchase[]): Promise<void> {
  await market.provider.send("evm_increaseTime", [Number(WINDOW) + 1]);
  await market.provider.send("evm_mine", []);
  const { market: jobs } = market.contracts;
  await until("the workers finalised every job", async () => {
    const statuses = await Promise.all(purchases.map(({ terms }) => jobs.statusOf(terms.id)));
    return statuses.every((status) => status === JobStatus.None);
  });
  await until("the workers collected every pot", async () => {
    const pots = await Promise.all(purchases.map(({ terms }) => jobs.earnedOf(terms)));
    return pots.every(({ amount, stake }) => amount === 0n && stake === 0n);
  });
}

/** How the collected pots of each provider were split. */
export async function earningsByProvider(market: DemoMarket): Promise<Map<string, Earnings>> {
  const { market: jobs } = market.contracts;
  const sums = new Map<string, Earnings>();
  for (const { args } of await jobs.queryFilter(jobs.filters.EarningsCollected())) {
    const before = sums.get(args.provider) ?? { provider: 0n, modelOwner: 0n, protocol: 0n };
    sums.set(args.provider, {
      provider: before.provider + args.providerAmount,
      modelOwner: before.modelOwner + args.royaltyAmount,
      protocol: before.protocol + args.feeAmount,
    });
  }
  return sums;
}
