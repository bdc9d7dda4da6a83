/**
 * The ONNX project's own node tests before the court: every test whose operators it has is prepared, run, compared with
 * the outputs that the test expects, and judged by the verifiers element by element; all others are listed with why not.
 *
 *   npm run test:conformance                         prints tables
 *   npm run test:conformance -- --json               ends with one line of JSON
 *   npm run test:conformance -- --only add --verbose
 *   npm run test:conformance -- --elements 64        at most so many elements of each node
 *
 * The tests are those of Debian's libonnx-testdata; ONNX_TESTDATA names another folder.
 */
import { parseArgs } from "node:util";

import { isInstalled, nodeTests, SKIPPED } from "../test/conformance/nodeTests.js";
import type { OperatorRow } from "../test/conformance/report.js";
import { byOperator, byReason, isRefused, kindOf, markdown, totals } from "../test/conformance/report.js";
import type { Result } from "../test/conformance/run.js";
import { runTests } from "../test/conformance/run.js";
import { Progress } from "./demo/progress.js";

const { values: options } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    verbose: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    elements: { type: "string", default: "16" },
  },
});

const isCovered = ({ tests, refused }: OperatorRow): boolean => refused < tests;

function tellOf({ name, runs, problems, unexpected, failures }: Result): void {
  for (const failure of failures) console.log(`${name}: FAILED: ${failure}`);
  if (unexpected.length > 0) console.log(`${name}: onnxruntime gives another ${unexpected.join(", ")} than expected`);
  if (!options.verbose) return;
  for (const { form, profile, nodes, honest, changed } of runs) {
    console.log(`${name}: ${form}, ${profile}: ${nodes} nodes, ${honest} honest elements, ${changed} changed`);
  }
  for (const { what, reason } of problems) console.log(`${name}: refused: ${what}: ${reason}`);
}

function print(results: readonly Result[]): void {
  const rows = byOperator(results);
  const covered = rows.filter(isCovered);
  const columns = ["operator", "tests", "exact", "canonical", "tolerance", "refused"] as const;
  const cells = covered.map((row) => columns.map((column) => row[column]));
  console.log(markdown(columns, cells));
  console.log(
    `\nRefused in every test: ${rows
      .filter((row) => !isCovered(row))
      .map(nameAndTests)
      .join(", ")}.\n`,
  );
  console.log(markdown(["not judged because of", "tests"], byReason(results)));
  console.log(markdown(["in all", "number"], Object.entries(totals(results))));
}

const nameAndTests = ({ operator, tests }: OperatorRow): string => `${operator} (${tests})`;

function toJson(results: readonly Result[]): string {
  return JSON.stringify({
    totals: totals(results),
    operators: byOperator(results),
    reasons: Object.fromEntries(byReason(results)),
    refused: results.filter(isRefused).map((result) => ({
      name: result.name,
      kind: kindOf(result),
      problems: result.problems.map(({ where, what, reason }) => ({ where, what, reason })),
    })),
    failures: results.flatMap(({ name, failures }) => failures.map((failure) => ({ name, failure }))),
  });
}

async function main(): Promise<void> {
  if (!isInstalled()) {
    console.log(SKIPPED);
    if (options.json) console.log(JSON.stringify({ skipped: SKIPPED }));
    return;
  }
  const progress = new Progress(process.stderr);
  const tests = nodeTests().filter(({ name }) => name.includes(options.only));
  let done = 0;
  const results = await runTests(tests, Number(options.elements), (result) => {
    tellOf(result);
    progress.count("tests", ++done, tests.length);
  });
  print(results);
  const { failures, unexpected } = totals(results);
  if (failures + unexpected > 0) process.exitCode = 1;
  if (options.json) console.log(toJson(results));
}

await main();
