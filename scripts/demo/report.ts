import { jobIdText } from "@assay/sdk";
import Table from "cli-table3";
import { formatEther } from "ethers";

import type { Conservation } from "./books.js";
import type { GasRow } from "./gas.js";
import { jobGas } from "./gas.js";
import type { DemoModel } from "./models.js";
import type { Purchase } from "./purchase.js";
import type { Dispute, Earnings } from "./settle.js";

/** Everything the demo found out. */
export interface Report {
  jobs: number;
  /** Purchases that were settled as right, one for each sample. */
  right: Purchase[];
  models: readonly DemoModel[];
  /** Correct answers of direct runs, by model. */
  direct: ReadonlyMap<string, number>;
  earnings: ReadonlyMap<string, Earnings>;
  names: ReadonlyMap<string, string>;
  disputes: Dispute[];
  gas: GasRow[];
  conservation: Conservation[];
  seconds: number;
}

export interface Accuracy {
  samples: number;
  market: number;
  direct: number;
  identical: number;
}

/** Share of right labels per model, bought and run directly, and how many results were bit for bit the same. */
export function accuracyOf({ models, right, direct }: Report): Map<string, Accuracy> {
  return new Map(
    models.map((model) => {
      const bought = right.filter((purchase) => purchase.model === model);
      const correct = bought.filter(({ sample, label }) => model.samples[sample]?.label === label);
      return [
        model.name,
        {
          samples: bought.length,
          market: correct.length / bought.length,
          direct: (direct.get(model.name) ?? 0) / bought.length,
          identical: bought.filter(({ matchesDirect }) => matchesDirect).length,
        },
      ];
    }),
  );
}

/** Every fact that should hold and does not. */
export function falseFacts(report: Report, cheated: readonly Purchase[]): string[] {
  const wrong: string[] = [];
  for (const [name, { samples, market, direct, identical }] of accuracyOf(report)) {
    if (samples === 0 || market !== direct)
      wrong.push(`${name}: accuracy ${market} through the market, ${direct} directly`);
    if (identical !== samples) wrong.push(`${name}: ${samples - identical} results differ from a direct run`);
  }
  for (const { terms } of cheated) {
    const dispute = report.disputes.find(({ jobId }) => jobId === terms.id);
    if (dispute?.node === undefined) wrong.push(`job ${jobIdText(terms.id)}: nothing was proven`);
    if (!dispute?.upheld) wrong.push(`job ${jobIdText(terms.id)}: the cheat was not convicted`);
    if (dispute && dispute.slashed !== terms.stake)
      wrong.push(`job ${jobIdText(terms.id)}: slashed ${dispute.slashed}`);
    if (dispute && dispute.refunded !== terms.price)
      wrong.push(`job ${jobIdText(terms.id)}: refunded ${dispute.refunded}`);
  }
  if (report.disputes.length !== cheated.length) {
    wrong.push(`${report.disputes.length} disputes about ${cheated.length} wrong results`);
  }
  for (const { token, expected, actual } of report.conservation) {
    if (expected !== actual) wrong.push(`${token}: ${expected} were minted, ${actual} are accounted for`);
  }
  return wrong;
}

/** One JSON object, amounts as decimal strings. */
export function toJson(report: Report): string {
  const accuracy = [...accuracyOf(report)].map(([name, { market, direct }]) => [name, { market, direct }]);
  const { finaliseBatch, ...steps } = jobGas(report.gas);
  const gas = Object.entries(steps).map(([step, value]) => [step, Number(value)]);
  return JSON.stringify({
    jobs: report.jobs,
    accuracy: Object.fromEntries(accuracy) as unknown,
    gas: { ...Object.fromEntries(gas), finaliseBatch: { ...finaliseBatch, gas: Number(finaliseBatch.gas) } } as unknown,
    disputes: report.disputes.map(({ jobId, slashed, refunded, ...rest }) => ({
      jobId: jobIdText(jobId),
      ...rest,
      slashed: String(slashed),
      refunded: String(refunded),
    })),
    conservation: report.conservation.map(({ token, expected, actual }) => ({
      token,
      expected: String(expected),
      actual: String(actual),
    })),
    seconds: report.seconds,
  });
}

/** The same facts for people. */
export function toTables(report: Report): string {
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
  const accuracy = [...accuracyOf(report)].map(([name, { samples, market, direct, identical }]) => [
    name,
    samples,
    percent(market),
    percent(direct),
    `${identical} of ${samples}`,
  ]);
  const earnings = [...report.earnings].map(([provider, { provider: own, modelOwner, protocol }]) => [
    report.names.get(provider) ?? provider,
    ...[own, modelOwner, protocol].map(formatEther),
  ]);
  const disputes = report.disputes.map(({ jobId, arbiter, upheld, node, operator, element, slashed, refunded }) => [
    jobIdText(jobId),
    arbiter,
    upheld ? "upheld" : "not upheld",
    node ?? "",
    operator ?? "",
    element ?? "",
    `${formatEther(slashed)} ASSAY`,
    `${formatEther(refunded)} TUSD`,
  ]);
  const { request, submit, finalise, total, finaliseBatch } = jobGas(report.gas);
  const gas = report.gas.map(({ step, calls, jobs, median, medianCall }) => [
    step,
    calls,
    medianCall.toLocaleString("en"),
    jobs,
    median.toLocaleString("en"),
  ]);
  const books = report.conservation.map(({ token, expected, actual }) => [
    token,
    formatEther(expected),
    formatEther(actual),
    String(expected - actual),
  ]);
  return [
    table(
      "Accuracy",
      ["model", "samples", "market vs labels", "direct run vs labels", "same bits as direct"],
      accuracy,
    ),
    table("Earnings in TUSD", ["provider", "provider", "model owner", "protocol"], earnings),
    table(
      "Disputes",
      ["job", "arbiter", "ruling", "node", "operator", "element", "provider slashed", "client refunded"],
      disputes,
    ),
    table("Gas, medians", ["call", "calls", "gas of a call", "jobs", "gas of a job"], gas),
    `a job: request ${request} + submit ${submit} + its share of a batch finalised ${finalise} = ${total} gas ` +
      `(${finaliseBatch.jobs} jobs in ${finaliseBatch.batches} batches, ${finaliseBatch.gas} gas each)`,
    table("Every token, minted and accounted for", ["token", "minted", "found", "difference in wei"], books),
    `${report.jobs} jobs in ${report.seconds.toFixed(1)} s`,
  ].join("\n\n");
}

function table(title: string, head: string[], rows: (string | number)[][]): string {
  const body = new Table({ head, style: { head: [], border: [] } });
  body.push(...rows);
  return `${title}\n${body.toString()}`;
}
