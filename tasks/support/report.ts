import Table from "cli-table3";

/** A value with two faces: `text` for people, `data` for machines. */
export class Shown {
  constructor(
    readonly text: string,
    readonly data: unknown,
  ) {}

  toString(): string {
    return this.text;
  }

  toJSON(): unknown {
    return this.data;
  }
}

export type Value = string | number | bigint | boolean | Shown | readonly Value[];
/** What a task found or did; the names become headings. */
export type Fields = Readonly<Record<string, Value>>;
export type Report = Fields | readonly Fields[];

export const seconds = (duration: bigint) => new Shown(`${duration} s`, duration);

/** A moment in seconds since 1970; zero stands for never. */
export const moment = (at: bigint) => new Shown(at === 0n ? "-" : new Date(Number(at) * 1000).toISOString(), at);

export const percent = (basisPoints: bigint) => new Shown(`${Number(basisPoints) / 100} %`, basisPoints);

/** Prints one JSON line, or a table. */
export function print(report: Report, json: boolean): void {
  console.log(json ? toJson(report) : toTable(report));
}

function toJson(report: Report): string {
  return JSON.stringify(report, (_, value: unknown) => (typeof value === "bigint" ? value.toString() : value));
}

function toTable(report: Report): string {
  const style = { head: [], border: [] };
  if (!isList(report)) {
    const table = new Table({ style });
    for (const [name, value] of Object.entries(report)) table.push({ [heading(name)]: toText(value) });
    return table.toString();
  }
  const [first] = report;
  if (!first) return "none";
  const table = new Table({ style, head: Object.keys(first).map(heading) });
  for (const row of report) table.push(Object.values(row).map(toText));
  return table.toString();
}

function isList(report: Report): report is readonly Fields[] {
  return Array.isArray(report);
}

function heading(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function toText(value: Value): string {
  return typeof value === "object" && !(value instanceof Shown) ? value.map(toText).join("\n") : String(value);
}
