/**
 * Gas of each operator's verifier: everything but calldata and Merkle proofs.
 *
 *   npm run bench:verifiers             prints the table
 *   npm run bench:verifiers -- --json   one line of JSON
 *   npm run bench:verifiers -- --check  fails if a figure is not the one in snapshots/verifier-gas.json
 *   npm run bench:verifiers -- --update writes snapshots/verifier-gas.json
 */
import { parseArgs } from "node:util";

import Table from "cli-table3";

import { record, requireRecorded } from "./bench/snapshot.js";
import type { VerifierRow } from "./bench/verifiers.js";
import { measureVerifiers, VERIFIER_GAS, verifierFigures } from "./bench/verifiers.js";

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

const rows = await measureVerifiers();
if (options.update) record(VERIFIER_GAS, verifierFigures(rows));
console.log(options.json ? JSON.stringify({ rows }) : toTable(rows));
if (options.check) requireRecorded(VERIFIER_GAS, verifierFigures(rows), "npm run bench:verifiers");
