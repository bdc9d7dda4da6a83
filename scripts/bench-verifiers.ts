/**
 * Gas of each operator's verifier: everything but calldata and Merkle proofs.
 *
 *   npm run bench:verifiers             prints the table
 *   npm run bench:verifiers -- --json   one line of JSON
 *   npm run bench:verifiers -- --check  fails if a figure is not the one in snapshots/verifier-gas.json
 *   npm run bench:verifiers -- --update writes snapshots/verifier-gas.json
 */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";

import Table from "cli-table3";

import type { VerifierRow } from "./bench/verifiers.js";
import { measureVerifiers } from "./bench/verifiers.js";

const SNAPSHOT = path.join(import.meta.dirname, "../snapshots/verifier-gas.json");

const { values: options } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    check: { type: "boolean", default: false },
    update: { type: "boolean", default: false },
  },
});

function toTable(rows: readonly VerifierRow[]): string {
  const table = new Table({
    head: ["operator", "reads", "gas", "per read"],
    colAligns: ["left", "right", "right", "right"],
    style: { head: [], border: [] },
    chars: { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" },
  });
  for (const { operator, reads, gas } of rows) {
    table.push([operator, reads.toLocaleString("en-US"), gas.toLocaleString("en-US"), (gas / reads).toFixed(1)]);
  }
  return table.toString();
}

const keyOf = ({ operator, reads }: VerifierRow) => `${operator}: ${reads}`;

function differences(rows: readonly VerifierRow[]): string[] {
  const recorded = new Map(Object.entries(JSON.parse(readFileSync(SNAPSHOT, "utf8")) as Record<string, number>));
  const measured = new Map(rows.map((row) => [keyOf(row), row.gas]));
  return [...new Set([...recorded.keys(), ...measured.keys()])]
    .filter((key) => recorded.get(key) !== measured.get(key))
    .map((key) => `${key}: ${recorded.get(key) ?? "not on record"} -> ${measured.get(key) ?? "not measured"}`);
}

const rows = await measureVerifiers();
if (options.update) {
  const record = Object.fromEntries(rows.map((row) => [keyOf(row), row.gas]));
  writeFileSync(SNAPSHOT, `${JSON.stringify(record, null, 2)}\n`);
}
console.log(options.json ? JSON.stringify({ rows }) : toTable(rows));
if (options.check) {
  const changed = differences(rows);
  for (const line of changed) console.error(line);
  if (changed.length > 0) {
    console.error(
      "gas changed: if it should, npm run bench:verifiers -- --update and commit snapshots/verifier-gas.json",
    );
    process.exitCode = 1;
  }
}
