/**
 * What a conviction costs, and whether wrong bytes convict and right ones do not.
 *
 *   npm run bench:court                      prints tables
 *   npm run bench:court -- --json            ends with one line of JSON
 *   npm run bench:court -- --mutations 10000 --honest 10000
 */
import { parseArgs } from "node:util";

import Table from "cli-table3";

import type { Step, Tally } from "./bench/court.js";
import { measureDispute, tryHonest, tryMutations } from "./bench/court.js";
import type { VerifierRow } from "./bench/verifiers.js";
import { measureVerifiers } from "./bench/verifiers.js";
import { Progress } from "./demo/progress.js";

const { values: options } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    mutations: { type: "string", default: "300" },
    honest: { type: "string", default: "300" },
  },
});

/** The first word of a row's name is the operator; what follows says how it was measured. */
function toVerifier({ operator, profile, reads, gas }: VerifierRow) {
  return { operator, profile, elements: 1, K: reads, gas };
}

function toTables(steps: readonly Step[], total: bigint, tallies: Readonly<Record<string, Tally>>): string {
  const plain = {
    style: { head: [], border: [] },
    chars: { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" },
  };
  const gas = new Table({ ...plain, head: ["step of a dispute", "gas"], colAligns: ["left", "right"] });
  for (const step of [...steps, { name: "total", gas: total }]) gas.push([step.name, step.gas.toLocaleString("en-US")]);
  const claims = new Table({ ...plain, head: ["claims", "tried", "convicted"], colAligns: ["left", "right", "right"] });
  for (const [name, { tried, convicted }] of Object.entries(tallies)) claims.push([name, tried, convicted]);
  return `${gas.toString()}\n\n${claims.toString()}`;
}

const progress = new Progress(process.stderr);
const steps = await measureDispute();
const total = steps.reduce((sum, { gas }) => sum + gas, 0n);
const [mutated, untouched] = [Number(options.mutations), Number(options.honest)];
const mutations = await tryMutations(mutated, (done) => {
  progress.count("wrong bytes judged", done, mutated);
});
const honest = await tryHonest(untouched, (done) => {
  progress.count("honest elements judged", done, untouched);
});
console.log(toTables(steps, total, { "one byte changed": mutations, "nothing changed": honest }));
if (options.json) {
  const verifiers = (await measureVerifiers()).map(toVerifier);
  const dispute = { steps: steps.map(({ name, gas }) => ({ name, gas: Number(gas) })), total: Number(total) };
  console.log(JSON.stringify({ verifiers, dispute, mutations, honest }));
}
if (mutations.convicted < mutations.tried || honest.convicted > 0) process.exitCode = 1;
