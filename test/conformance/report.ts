import type { Result } from "./run.js";

/** Kinds of reasons, the most fundamental first: a test is counted under the first that applies to it. */
const KINDS: readonly (readonly [kind: string, reasons: RegExp])[] = [
  ["sequence, optional value, text, bfloat16 or 4 bits", /is no tensor of numbers|works on sequences|is no tensor/],
  ["control flow", /control flow|repeats a step/],
  ["random", /is random/],
  ["training, another domain", /of the domain|in training mode|mask is read/],
  ["shape that depends on data", /depends on the data/],
  ["no elements, or an axis without a length", /has no elements|has no fixed length/],
  ["opset before 6", /^version \d+ is unknown/],
  ["operator that the court does not have", /court has no such|differ between CPUs/],
  ["onnxruntime does not run it", /^it does not run/],
  ["parameter that is not constant", /is not constant|scale is taken over the whole input/],
  ["element type", /it casts|computes with|its operand is|its result is|compares|factors are|a scale is/],
  ["another output is read", /is read$|are read$/],
  ["an order of summation that the court does not know", /orders? of summation|no order of the sum/],
  ["longer than one transaction can judge", /more than one transaction|too large to open/],
];
const ATTRIBUTE = "attribute";

/** Why a test is not judged. */
export function kindOf({ problems }: Result): string {
  return KINDS.find(([, reasons]) => problems.some(({ reason }) => reasons.test(reason)))?.[0] ?? ATTRIBUTE;
}

export interface OperatorRow {
  readonly operator: string;
  readonly tests: number;
  readonly exact: number;
  readonly canonical: number;
  readonly tolerance: number;
  readonly refused: number;
}

/** Tests of each operator, and in which profiles they are judged. */
export function byOperator(results: readonly Result[]): OperatorRow[] {
  const operators = [...new Set(results.map(({ operator }) => operator))].sort();
  return operators.map((operator) => {
    const tests = results.filter((each) => each.operator === operator);
    const judgedAs = (kind: string) => tests.filter(({ runs }) => runs.some(({ profile }) => profile === kind)).length;
    return {
      operator,
      tests: tests.length,
      exact: judgedAs("Exact"),
      canonical: judgedAs("Canonical"),
      tolerance: judgedAs("Tolerance"),
      refused: tests.filter(({ runs }) => runs.length === 0).length,
    };
  });
}

/** How many tests are refused for each kind of reason. */
export function byReason(results: readonly Result[]): [kind: string, tests: number][] {
  const kinds = results.filter(isRefused).map(kindOf);
  return [...new Set(kinds)]
    .map((kind): [string, number] => [kind, kinds.filter((each) => each === kind).length])
    .sort(([, a], [, b]) => b - a);
}

export const isRefused = ({ runs, failures }: Result): boolean => runs.length === 0 && failures.length === 0;

export interface Totals {
  readonly tests: number;
  readonly judged: number;
  readonly refused: number;
  readonly models: number;
  readonly honest: number;
  readonly changed: number;
  readonly unmovable: number;
  readonly unexpected: number;
  readonly failures: number;
}

export function totals(results: readonly Result[]): Totals {
  const runs = results.flatMap((each) => each.runs);
  const sum = (key: "honest" | "changed" | "unmovable") => runs.reduce((total, run) => total + run[key], 0);
  return {
    tests: results.length,
    judged: results.filter((each) => each.runs.length > 0).length,
    refused: results.filter(isRefused).length,
    models: runs.length,
    honest: sum("honest"),
    changed: sum("changed"),
    unmovable: sum("unmovable"),
    unexpected: results.reduce((total, each) => total + each.unexpected.length, 0),
    failures: results.reduce((total, each) => total + each.failures.length, 0),
  };
}

export function markdown(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}
