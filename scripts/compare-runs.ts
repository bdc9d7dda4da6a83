/**
 * Runs of the same models on other hardware, judged as a provider's would be.
 *
 *   npm run compare:runs -- --write runs     writes models, inputs and this machine's runs to a folder
 *   node scripts/runs/run.ts runs "NAME"     on another machine, after npm run build: adds its runs, and whether a
 *                                            worker there would serve the model
 *   npm run compare:runs -- --judge runs     compares: bits, contradictions within a run, what an auditor says
 *   npm run compare:runs -- --judge runs --json
 */
import { parseArgs } from "node:util";

import Table from "cli-table3";

import { Progress } from "./demo/progress.js";
import { judgeRuns, type RunRow } from "./runs/judge.js";
import { SUBJECT_NAMES, writeRuns } from "./runs/write.js";

const { values: options } = parseArgs({
  options: { json: { type: "boolean", default: false }, write: { type: "string" }, judge: { type: "string" } },
});
const progress = new Progress(process.stderr);

const HEAD = ["model", "profile", "run", "serves", "traces", "same bits", "judged", "contradicted", "challenged"];

function table(rows: readonly RunRow[]): string {
  const style = { head: [], border: [] };
  const result = new Table({ head: HEAD, style, chars: { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" } });
  for (const row of rows) {
    const { model, profile, run, serves, traces, same, judged, contradicted, challenged } = row;
    result.push([model, profile, run, serves ? "yes" : "no", traces, same, judged, contradicted, challenged]);
  }
  return result.toString();
}

if (options.write !== undefined) {
  for (const name of SUBJECT_NAMES) {
    progress.step(name);
    await writeRuns(options.write, name);
  }
} else if (options.judge !== undefined) {
  const rows: RunRow[] = [];
  for (const name of SUBJECT_NAMES) {
    progress.step(name);
    rows.push(...(await judgeRuns(options.judge, name)));
  }
  console.log(table(rows));
  if (options.json) console.log(JSON.stringify({ rows }));
} else {
  console.error("say --write FOLDER or --judge FOLDER");
  process.exitCode = 1;
}
