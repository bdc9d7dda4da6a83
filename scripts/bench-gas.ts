/**
 * Gas of every path, beside what others need for a paid job.
 *
 *   npm run bench:gas             prints the table
 *   npm run bench:gas -- --json   one line of JSON
 *   npm run bench:gas -- --check  fails if a figure is not the one in snapshots/gas.json
 *   npm run bench:gas -- --update writes snapshots/gas.json
 *
 * Fails where a job costs more than its budget, whatever is on record.
 */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";

import Table from "cli-table3";

import type { GasRow } from "./bench/gas.js";
import { measureGas } from "./bench/gas.js";
import { PEERS } from "./bench/peers.js";

const SNAPSHOT = path.join(import.meta.dirname, "../snapshots/gas.json");

/** Most gas of one job: request, submit and finalise. */
const BUDGET = 155_000n;
const BUDGETED = "job: request, submit, finalise in three transactions";

const { values: options } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    check: { type: "boolean", default: false },
    update: { type: "boolean", default: false },
  },
});

/** Rows without rules between them, and no colours: the tables are copied into documents. */
const PLAIN = {
  style: { head: [], border: [] },
  chars: { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" },
};

function toTable(rows: readonly GasRow[]): string {
  const table = new Table({
    ...PLAIN,
    head: ["path", "gas", "jobs", "per job"],
    colAligns: ["left", "right", "right", "right"],
  });
  for (const { path, gas, jobs, perJob } of rows) {
    table.push([path, grouped(gas), jobs === 0 ? "" : jobs, jobs === 0 ? "" : grouped(perJob)]);
  }
  return table.toString();
}

/** What a paid job costs here and elsewhere, dearest first. */
function toComparison(rows: readonly GasRow[]): string {
  const table = new Table({ ...PLAIN, head: ["system", "path", "gas per job"], colAligns: ["left", "left", "right"] });
  const own = rows
    .filter(({ path }) => path.startsWith("job"))
    .map(({ path, perJob }) => ({ system: "Assay", path: path.replace(/^jobs?: /, ""), perJob: Number(perJob) }));
  for (const { system, path, perJob } of [...PEERS, ...own].sort((a, b) => b.perJob - a.perJob)) {
    table.push([system, path, grouped(perJob)]);
  }
  return table.toString();
}

function grouped(gas: bigint | number): string {
  return gas.toLocaleString("en-US");
}

function toSnapshot(rows: readonly GasRow[]): string {
  return `${JSON.stringify(Object.fromEntries(rows.map(({ path, gas }) => [path, Number(gas)])), null, 2)}\n`;
}

/** Prints every figure that is not the one on record. */
function differences(rows: readonly GasRow[]): string[] {
  const recorded = new Map(Object.entries(JSON.parse(readFileSync(SNAPSHOT, "utf8")) as Record<string, number>));
  const measured = new Map(rows.map(({ path, gas }) => [path, Number(gas)]));
  return [...new Set([...recorded.keys(), ...measured.keys()])]
    .filter((path) => recorded.get(path) !== measured.get(path))
    .map((path) => `${path}: ${recorded.get(path) ?? "not on record"} -> ${measured.get(path) ?? "not measured"}`);
}

const rows = await measureGas();
const budgeted = rows.find(({ path }) => path === BUDGETED);
if (!budgeted) throw new Error(`"${BUDGETED}" was not measured`);
if (budgeted.gas > BUDGET) {
  console.error(`${BUDGETED} costs ${budgeted.gas} gas: more than ${BUDGET}`);
  process.exitCode = 1;
}
if (options.update) writeFileSync(SNAPSHOT, toSnapshot(rows));
if (options.json) {
  const plain = rows.map(({ path, gas, jobs, perJob }) => ({ path, gas: Number(gas), jobs, perJob: Number(perJob) }));
  console.log(JSON.stringify({ rows: plain }));
} else {
  console.log(`${toTable(rows)}\n\n${toComparison(rows)}`);
}
if (options.check) {
  const changed = differences(rows);
  for (const line of changed) console.error(line);
  if (changed.length > 0) {
    console.error("gas changed: if it should, npm run bench:gas -- --update and commit snapshots/gas.json");
    process.exitCode = 1;
  }
}
