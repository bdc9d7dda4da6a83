import type { VerifierRow } from "./verifiers.js";

/** Gas of one more multiply-add of a row of integers whose second factor lies as it is read, at most. */
const MOST_PER_MULTIPLY_ADD = 12;
/** The same operator by a short and a long row: what their openings do not explain is their multiply-adds. */
const ROWS: readonly { name: string; short: number; long: number }[] = [
  { name: "MATMUL_INTEGER", short: 4096, long: 65_536 },
];

/** A line for each figure above what it may be, whatever the snapshot says. */
export function aboveBounds(rows: readonly VerifierRow[]): string[] {
  const gasOf = (name: string, reads: number): number => {
    const found = rows.find((row) => row.operator === name && row.reads === reads);
    if (!found) throw new Error(`${name} of ${reads} is not measured`);
    return found.gas;
  };
  return ROWS.flatMap(({ name, short, long }) => {
    const each = (gasOf(name, long) - gasOf(name, short)) / (long - short);
    if (each <= MOST_PER_MULTIPLY_ADD) return [];
    return [`${name}: ${each.toFixed(2)} gas for a multiply-add, may be ${MOST_PER_MULTIPLY_ADD}`];
  });
}
