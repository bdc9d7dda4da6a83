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

export type Value = string | number | bigint | boolean | Shown | Fields | readonly Value[];
/** What a task found or did; the names become headings. */
export interface Fields {
  readonly [name: string]: Value;
}
export type Report = Fields | Listing;

/** Rows of a table; in JSON an object with one array of that name. */
export class Listing {
  constructor(
    readonly name: string,
    readonly rows: readonly Fields[],
  ) {}

  toJSON(): unknown {
    return { [this.name]: this.rows };
  }
}

export const seconds = (duration: bigint) => new Shown(`${duration} s`, Number(duration));

/** A moment in seconds since 1970; zero stands for never. */
export const moment = (at: bigint) =>
  at === 0n ? new Shown("-", null) : new Shown(new Date(Number(at) * 1000).toISOString(), Number(at));

export const percent = (basisPoints: bigint) => {
  const value = Number(basisPoints) / 100;
  return new Shown(`${value} %`, String(value));
};

/** What may be absent. */
export const orNone = (value: string | undefined) => (value ? value : new Shown("-", null));

/** Prints one JSON object in one line, or a table. */
export function print(report: Report, json: boolean): void {
  console.log(json ? toJson(report) : toTable(report));
}

function toJson(report: Report): string {
  return JSON.stringify(report, (_, value: unknown) => (typeof value === "bigint" ? value.toString() : value));
}

function toTable(report: Report): string {
  const style = { head: [], border: [] };
  if (!(report instanceof Listing)) {
    const table = new Table({ style });
    for (const [name, value] of Object.entries(report)) table.push({ [heading(name)]: toText(value) });
    return table.toString();
  }
  const [first] = report.rows;
  if (!first) return `no ${report.name}`;
  const table = new Table({ style, head: Object.keys(first).map(heading) });
  for (const row of report.rows) table.push(Object.values(row).map(toText));
  return table.toString();
}

function heading(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function toText(value: Value): string {
  if (typeof value !== "object" || value instanceof Shown) return printable(String(value));
  if (isList(value)) return value.length === 0 ? "-" : value.map(toText).join("\n");
  return Object.entries(value)
    .map(([name, part]) => `${heading(name)} ${toText(part)}`)
    .join(", ");
}

function isList(value: Fields | readonly Value[]): value is readonly Value[] {
  return Array.isArray(value);
}

/** Other people chose what is on the chain: it must not steer the terminal. */
function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "�");
}
