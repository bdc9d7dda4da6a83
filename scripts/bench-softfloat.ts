/**
 * Gas of binary32 arithmetic and of dot products.
 *
 *   npm run bench:softfloat             prints the table
 *   npm run bench:softfloat -- --json   one line of JSON
 *   npm run bench:softfloat -- --check  fails if a figure is not the one in snapshots/softfloat-gas.json
 *   npm run bench:softfloat -- --update writes snapshots/softfloat-gas.json
 */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";

import Table from "cli-table3";

import type { SoftFloatRow } from "./bench/softfloat.js";
import { measureSoftFloat } from "./bench/softfloat.js";

const SNAPSHOT = path.join(import.meta.dirname, "../snapshots/softfloat-gas.json");

const { values: options } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    check: { type: "boolean", default: false },
    update: { type: "boolean", default: false },
  },
});

function toTable(rows: readonly SoftFloatRow[]): string {
  const table = new Table({
    head: ["path", "gas", "per product"],
    colAligns: ["left", "right", "right"],
    style: { head: [], border: [] },
    chars: { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" },
  });
  for (const { path, gas, products } of rows) {
    table.push([path, gas.toLocaleString("en-US"), products === 0 ? "" : (gas / products).toFixed(1)]);
  }
  return table.toString();
}

function toFigures(rows: readonly SoftFloatRow[]): Record<string, number> {
  return Object.fromEntries(rows.map(({ path, gas }) => [path, gas]));
}

/** Every figure that is not the one on record. */
function differences(measured: Record<string, number>): string[] {
  const recorded = JSON.parse(readFileSync(SNAPSHOT, "utf8")) as Record<string, number>;
  return [...new Set([...Object.keys(recorded), ...Object.keys(measured)])]
    .filter((path) => recorded[path] !== measured[path])
    .map((path) => `${path}: ${recorded[path] ?? "not on record"} -> ${measured[path] ?? "not measured"}`);
}

const rows = await measureSoftFloat();
const figures = toFigures(rows);
if (options.update) writeFileSync(SNAPSHOT, `${JSON.stringify(figures, null, 2)}\n`);
console.log(options.json ? JSON.stringify({ rows }) : toTable(rows));
if (options.check) {
  const changed = differences(figures);
  for (const line of changed) console.error(line);
  if (changed.length > 0) {
    console.error("gas changed: if it should, npm run bench:softfloat -- --update and commit the snapshot");
    process.exitCode = 1;
  }
}
