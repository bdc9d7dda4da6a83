import { getAddress, isAddress, isHexString, parseUnits } from "ethers";

import { UserError } from "./errors.js";

// Every parser takes the name of the option, so that the message says which one to correct.

export function required(option: string, value: string | undefined): string {
  if (value === undefined || value === "") throw new UserError(`${option} is missing: see --help`);
  return value;
}

export function address(option: string, value: string | undefined): string {
  const text = required(option, value);
  if (!isAddress(text)) throw new UserError(`${option} is ${JSON.stringify(text)}: give an address of 20 bytes as 0x…`);
  return getAddress(text);
}

/** A whole number, such as an id or seconds. */
export function whole(option: string, value: string | undefined): bigint {
  const text = required(option, value);
  if (!/^\d+$/.test(text)) throw new UserError(`${option} is ${JSON.stringify(text)}: give a whole number`);
  return BigInt(text);
}

/** A number within bounds; `shown` turns it into what the user would write. */
export function bounded(
  option: string,
  value: bigint,
  min: bigint,
  max: bigint,
  shown: (n: bigint) => string = String,
) {
  if (value >= min && value <= max) return value;
  throw new UserError(`${option} is ${shown(value)}: give ${shown(min)} to ${shown(max)}`);
}

export function hash(option: string, value: string | undefined): string {
  const text = required(option, value).toLowerCase();
  if (!isHexString(text, 32)) throw new UserError(`${option} is ${JSON.stringify(text)}: give 32 bytes as 0x…`);
  return text;
}

export function hexBytes(option: string, value: string): string {
  if (!isHexString(value) || value.length % 2 !== 0) {
    throw new UserError(`${option} is ${JSON.stringify(value)}: give bytes as 0x…`);
  }
  return value;
}

export function oneOf(option: string, value: string, names: readonly string[]): number {
  const index = names.findIndex((name) => name.toLowerCase() === value.toLowerCase());
  if (index < 0) throw new UserError(`${option} is ${JSON.stringify(value)}: give one of ${names.join(", ")}`);
  return index;
}

/** An amount with a fraction of at most `decimals` digits, in the smallest unit. */
export function decimal(option: string, value: string | undefined, decimals: number, unit: string): bigint {
  const text = required(option, value);
  const [, fraction = ""] = /^\d+(?:\.(\d+))?$/.exec(text) ?? [text, undefined];
  if (!/^\d+(\.\d+)?$/.test(text) || fraction.length > decimals) {
    throw new UserError(
      `${option} is ${JSON.stringify(text)}: give ${unit}, such as 1.5, of ${decimals} decimals at most`,
    );
  }
  return parseUnits(text, decimals);
}

/** Percent with two decimals, as basis points. */
export function basisPoints(option: string, value: string): bigint {
  return decimal(option, value, 2, "percent");
}

/** The base URL of a content store. */
export function url(option: string, value: string | undefined): string {
  const text = required(option, value);
  const { protocol } = URL.canParse(text) ? new URL(text) : { protocol: "" };
  if (protocol !== "https:" && protocol !== "http:") {
    throw new UserError(`${option} is ${JSON.stringify(text)}: give a URL such as https://worker.example`);
  }
  return text;
}

/** A choice of names, or undefined if none was made. */
export function maybe<T>(value: string | undefined, parse: (value: string) => T): T | undefined {
  return value === undefined ? undefined : parse(value);
}
