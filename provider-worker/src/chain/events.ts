import { INTERFACES } from "@assay/sdk";
import type { Log, Result } from "ethers";

import type { ChainEvent } from "../jobs/journal.js";

/** The argument that says what an event is about, by event. Others are not stored. */
const KEYS: Readonly<Record<string, string>> = {
  JobRequested: "jobId",
  ResultSubmitted: "jobId",
  JobPaid: "jobId",
  JobRefunded: "jobId",
  JobDisputed: "jobId",
  JuryCaseOpened: "caseId",
  SeedRequestedAgain: "caseId",
  JurorsDrawn: "caseId",
  JuryCaseClosed: "caseId",
  CaseOpened: "caseId",
  CaseResolved: "caseId",
};

/** Decodes a log of market, court or jury; undefined for events the worker does not follow. */
export function decodeEvent(log: Log): ChainEvent | undefined {
  for (const contract of Object.values(INTERFACES)) {
    const parsed = contract.parseLog(log);
    const key = parsed ? KEYS[parsed.name] : undefined;
    if (!parsed || !key) continue;
    const args = plain(parsed.args) as Record<string, unknown>;
    const { blockNumber: block, blockHash, index: logIndex } = log;
    return { block, blockHash, logIndex, name: parsed.name, key: String(args[key]), args };
  }
  return undefined;
}

/** Results as plain JSON values: bigints as decimal strings. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  if (!Array.isArray(value)) return value;
  const named = (value as unknown as Result).toObject === undefined ? {} : toNamed(value as unknown as Result);
  return Object.keys(named).length > 0 ? named : value.map(plain);
}

function toNamed(result: Result): Record<string, unknown> {
  try {
    return Object.fromEntries(Object.entries(result.toObject()).map(([name, value]) => [name, plain(value)]));
  } catch {
    // An array has no names.
    return {};
  }
}
