import { jobIdText } from "@assay/sdk";
import Table from "cli-table3";

import { printable } from "./printable.js";

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

export const jobId = (id: bigint) => new Shown(jobIdText(id), jobIdText(id));

/** A moment in seconds since 1970; zero stands for never. */
export const moment = (at: bigint) =>
  at === 0n ? new Shown("-", null) : new Shown(new Date(Number(at) * 1000).toISOString(), Number(at));

export const percent = (basisPoints: bigint) => {
  const value = Number(basisPoints) / 100;
  return new Shown(`${value} %`, String(value));
};

/** What may be absent. */
export const orNone = <T extends Value>(value: T | undefined): T | Shown =>
  value === undefined || value === "" ? new Shown("-", null) : value;

/** Prints one JSON object in one line, or a table. */
export function print(report: Report, json: boolean): void {
  console.log(json ? toJson(report) : toTable(report));
}

function toJson(report: Report): string {
  return JSON.stringify(report, (_, value: unknown) => (typeof value === "bigint" ? integer(value) : value));
}

/** Ids and counts are numbers; what a JSON number cannot hold exactly is a string. */
function integer(value: bigint): number | string {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
}

function toTable(report: Report): string {
  if (!(report instanceof Listing)) return toList(report);
  const [first] = report.rows;
  if (!first) return `no ${report.name}`;
  const table = new Table({ style: { head: [], border: [], compact: true }, head: Object.keys(first).map(heading) });
  for (const row of report.rows) table.push(Object.values(row).map(toText));
  return table.toString();
}

/** One line for each field; further lines of a value are indented below its first. */
function toList(fields: Fields): string {
  const width = Math.max(...Object.keys(fields).map((name) => heading(name).length)) + 2;
  return Object.entries(fields)
    .map(([name, value]) => heading(name).padEnd(width) + toText(value).replaceAll("\n", `\n${" ".repeat(width)}`))
    .join("\n");
}

function heading(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** Nested fields take a line each, those in a list share one. */
function toText(value: Value): string {
  if (typeof value !== "object" || value instanceof Shown) return printable(String(value));
  if (!isList(value)) return toLines(value).join("\n");
  const rows = value.map((part) => (isFields(part) ? toLines(part).join(", ") : toText(part)));
  return rows.length === 0 ? "-" : rows.join("\n");
}

function toLines(fields: Fields): string[] {
  return Object.entries(fields).map(([name, part]) => `${heading(name)} ${toText(part)}`);
}

function isFields(value: Value): value is Fields {
  return typeof value === "object" && !(value instanceof Shown) && !isList(value);
}

function isList(value: Fields | readonly Value[]): value is readonly Value[] {
  return Array.isArray(value);
}
