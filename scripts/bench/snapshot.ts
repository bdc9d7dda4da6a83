import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

const SNAPSHOTS = path.join(import.meta.dirname, "../../snapshots");

/** Gas by what it was measured of. */
export type Figures = ReadonlyMap<string, number>;

/** Puts figures on record, as `snapshots/<name>.json`. */
export function record(name: string, figures: Figures): void {
  writeFileSync(fileOf(name), `${JSON.stringify(Object.fromEntries(figures), null, 2)}\n`);
}

/** A line for every figure that is not the one on record. */
export function changes(name: string, measured: Figures): string[] {
  const recorded = new Map(Object.entries(JSON.parse(readFileSync(fileOf(name), "utf8")) as Record<string, number>));
  return [...new Set([...recorded.keys(), ...measured.keys()])]
    .filter((key) => recorded.get(key) !== measured.get(key))
    .map((key) => `${key}: ${recorded.get(key) ?? "not on record"} -> ${measured.get(key) ?? "not measured"}`);
}

/** Fails the program if a figure is not the one on record, and says which and what to do. */
export function requireRecorded(name: string, measured: Figures, command: string): void {
  const changed = changes(name, measured);
  for (const line of changed) console.error(line);
  if (changed.length === 0) return;
  console.error(`gas changed: if it should, ${command} -- --update and commit snapshots/${name}.json`);
  process.exitCode = 1;
}

function fileOf(name: string): string {
  return path.join(SNAPSHOTS, `${name}.json`);
}
