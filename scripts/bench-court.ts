/**
 * What a conviction costs, and whether wrong elements convict and right ones do not: of every model of the repository
 * that the court judges, and of networks that have its other operators. Fails where a dispute costs more than it may.
 *
 *   npm run bench:court                      prints tables
 *   npm run bench:court -- --json            ends with one line of JSON
 *   npm run bench:court -- --mutations 500 --honest 500
 *                                            tries fewer wrong and right elements than 10,000 of each
 *   npm run bench:court -- --check           gas only; fails if a figure is not the one in snapshots/court-gas.json, or
 *                                            of a verifier not the one in snapshots/verifier-gas.json
 *   npm run bench:court -- --update          gas only; writes both
 */
import { parseArgs } from "node:util";

import Table from "cli-table3";

import { aboveBounds } from "./bench/bounds.js";
import type { Tally } from "./bench/campaign.js";
import { Campaign } from "./bench/campaign.js";
import type { Dispute, LongSumRow, Step } from "./bench/court.js";
import { measureDisputes, measureLongSums } from "./bench/court.js";
import { record, requireRecorded } from "./bench/snapshot.js";
import type { VerifierRow } from "./bench/verifiers.js";
import { measureVerifiers, VERIFIER_GAS, verifierFigures } from "./bench/verifiers.js";
import { Progress } from "./demo/progress.js";
import { subject, SUBJECT_NAMES } from "../test/support/subjects.js";

const COURT_GAS = "court-gas";
const COMMAND = "npm run bench:court";
/** Most gas of a whole dispute. */
const BUDGET = 1_400_000n;
/** What costs more, as docs/COURT.md says: bit for bit so long a sum alone takes most of it. */
const ABOVE = ["1,152 products bit for bit"];
/** Claims of each kind, over all models, if nothing is said. */
const CLAIMS = "10000";

const { values: options } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    check: { type: "boolean", default: false },
    update: { type: "boolean", default: false },
    mutations: { type: "string" },
    honest: { type: "string" },
  },
});
const gasOnly = options.check || options.update;
const wanted = (given: string | undefined): number => Number(given ?? (gasOnly ? "0" : CLAIMS));

/** A model's part of the campaign. */
interface ModelRow {
  model: string;
  profile: string;
  nodes: number;
  mutations: Tally;
  honest: Tally;
}

/** The first word of a row's name is the operator; what follows says which case of it was measured. */
function toVerifier({ operator: name, profile, reads, gas }: VerifierRow) {
  const [operator = name] = /^\w+/.exec(name) ?? [];
  const measured = name.slice(operator.length).replace(/^[\s,(]+|\)$/g, "");
  return { operator, profile, elements: 1, K: reads, gas, case: measured };
}

const PLAIN = {
  style: { head: [], border: [] },
  chars: { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" },
};

function disputeTable(disputes: readonly Dispute[]): string {
  const head = ["step of a dispute", ...disputes.map(({ model, node }) => `${model}\n${node}`)];
  const table = new Table({ ...PLAIN, head, colAligns: ["left", ...disputes.map(() => "right" as const)] });
  const names = new Set(disputes.flatMap(({ steps }) => steps.map(({ name }) => name)));
  const gasOf = ({ steps }: Dispute, step: string): string => {
    const gas = steps.filter(({ name }) => name === step).reduce((sum, each) => sum + each.gas, 0n);
    return gas === 0n ? "" : gas.toLocaleString("en-US");
  };
  // As one goes through them: first what only some disputes have.
  const order = [...names].sort((a, b) => placeOf(disputes, a) - placeOf(disputes, b));
  for (const step of order) table.push([step, ...disputes.map((dispute) => gasOf(dispute, step))]);
  table.push(["total", ...disputes.map(({ total }) => total.toLocaleString("en-US"))]);
  return table.toString();
}

/** Where a step comes, at the latest. */
const placeOf = (disputes: readonly Dispute[], step: string): number =>
  Math.max(...disputes.map(({ steps }) => steps.findLastIndex(({ name }) => name === step)));

function sumTable(rows: readonly LongSumRow[]): string {
  const head = ["sum", "transactions", "gas of the dearest", "gas of all"];
  const table = new Table({ ...PLAIN, head, colAligns: ["left", "right", "right", "right"] });
  for (const { name, transactions, most, total } of rows) {
    table.push([name, transactions, most.toLocaleString("en-US"), total.toLocaleString("en-US")]);
  }
  return table.toString();
}

function modelTable(rows: readonly ModelRow[]): string {
  const head = ["model", "profile", "nodes", "wrong", "convicted", "right", "convicted"];
  const table = new Table({ ...PLAIN, head, colAligns: ["left", "left", "right", "right", "right", "right", "right"] });
  for (const { model, profile, nodes, mutations, honest } of rows) {
    table.push([model, profile, nodes, mutations.tried, mutations.convicted, honest.tried, honest.convicted]);
  }
  return table.toString();
}

/** Each model gets its share; the first ones one more where shares are not whole. */
const shareOf = (total: number, index: number): number =>
  Math.floor(total / SUBJECT_NAMES.length) + Number(index < total % SUBJECT_NAMES.length);

async function tryModels(mutations: number, honest: number): Promise<ModelRow[]> {
  const rows: ModelRow[] = [];
  for (const [i, name] of SUBJECT_NAMES.entries()) {
    const judged = await subject(name);
    progress.step(`claims about ${name}`);
    const campaign = await Campaign.of(judged, i);
    const { profile, nodes } = judged.model;
    rows.push({
      model: name,
      profile: profile.kind,
      nodes: nodes.length,
      mutations: await campaign.mutations(shareOf(mutations, i)),
      honest: await campaign.honest(shareOf(honest, i)),
    });
  }
  return rows;
}

/** Steps and total, by model and node. */
function figuresOf({ model, node, steps, total }: Dispute): Step[] {
  return [...steps, { name: "total", gas: total }].map(({ name, gas }) => ({ name: `${model} ${node}: ${name}`, gas }));
}

const sum = (tallies: readonly Tally[]): Tally => ({
  tried: tallies.reduce((total, { tried }) => total + tried, 0),
  convicted: tallies.reduce((total, { convicted }) => total + convicted, 0),
});

const progress = new Progress(process.stderr);
progress.step("disputes");
const disputes = await measureDisputes();
console.log(disputeTable(disputes));
for (const { model, node, total } of disputes) {
  if (total <= BUDGET || ABOVE.includes(model)) continue;
  console.error(`a dispute about ${model}, ${node}, costs ${total} gas: more than ${BUDGET}`);
  process.exitCode = 1;
}

progress.step("long sums");
const sums = await measureLongSums();
console.log(sumTable(sums));

const [mutated, untouched] = [wanted(options.mutations), wanted(options.honest)];
const models = mutated + untouched > 0 ? await tryModels(mutated, untouched) : [];
const mutations = sum(models.map((row) => row.mutations));
const honest = sum(models.map((row) => row.honest));
if (models.length > 0) console.log(modelTable(models));
if (mutations.convicted < mutations.tried || honest.convicted > 0) process.exitCode = 1;

if (options.json || gasOnly) {
  progress.step("the verifiers");
  const verifiers = await measureVerifiers();
  const dearest = sums.map(({ name, most }) => ({ name: `${name}: the dearest transaction`, gas: most }));
  const whole = sums.map(({ name, total: gas }) => ({ name: `${name}: all transactions`, gas }));
  const figures = new Map(
    [...disputes.flatMap(figuresOf), ...dearest, ...whole].map(({ name, gas }) => [name, Number(gas)]),
  );
  for (const line of aboveBounds(verifiers)) {
    console.error(line);
    process.exitCode = 1;
  }
  if (options.update) {
    record(COURT_GAS, figures);
    record(VERIFIER_GAS, verifierFigures(verifiers));
  }
  if (options.check) {
    requireRecorded(COURT_GAS, figures, COMMAND);
    requireRecorded(VERIFIER_GAS, verifierFigures(verifiers), COMMAND);
  }
  if (options.json) {
    const shownDisputes = disputes.map(({ model, node, steps, total }) => ({
      ...{ model, node, total: Number(total) },
      steps: steps.map(({ name, gas }) => ({ name, gas: Number(gas) })),
    }));
    const exact = disputes.filter(({ profile }) => profile === "Exact").map(({ total }) => Number(total));
    // The dearest about integers.
    const dispute = shownDisputes.find(({ total }) => total === Math.max(...exact));
    const longSums = sums.map((row) => ({ ...row, most: Number(row.most), total: Number(row.total) }));
    const judged = { verifiers: verifiers.map(toVerifier), dispute, disputes: shownDisputes, longSums };
    const shown = { ...judged, mutations, honest, models };
    console.log(JSON.stringify(shown));
  }
}
