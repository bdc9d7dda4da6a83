import { INTERFACES, jobIdText } from "@assay/sdk";
import type { Interface, Log, ParamType, Result } from "ethers";

import { WorkerError } from "../errors.js";
import type { ChainEvent } from "../jobs/journal.js";
import type { FollowedEvent } from "./logReader.js";

/** The argument that says what an event is about, by event. Others are not stored. */
const KEYS: Readonly<Record<string, string>> = {
  OfferSet: "modelId",
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
  CourtCaseOpened: "caseId",
  TracePosted: "caseId",
  PartDemanded: "caseId",
  ChildrenRevealed: "caseId",
  LeafRevealed: "caseId",
  FraudProven: "caseId",
  MalformedLeafProven: "caseId",
  SilenceProven: "caseId",
  AuditBooked: "jobId",
  AuditCommitted: "jobId",
  TraceAnswered: "jobId",
  AuditRevealed: "jobId",
  AuditClosed: "jobId",
  TicketLost: "jobId",
};

/**
 * What is followed. Offers hold until they are taken back, so they are read from the block of the deployment on if that is
 * known; anything else from where the worker starts to read.
 */
export function followedEvents(deployedIn: number | undefined): FollowedEvent[] {
  const contracts: Interface[] = Object.values(INTERFACES);
  return Object.keys(KEYS).map((name) => {
    const topic = contracts.map((contract) => contract.getEvent(name)?.topicHash).find((found) => found !== undefined);
    if (topic === undefined) throw new WorkerError(`no contract has an event ${name}`);
    return { name, topic, ...(name === "OfferSet" && deployedIn !== undefined && { from: deployedIn }) };
  });
}

/** Stands for text that is none: no address that anything can be fetched from. */
const NOT_TEXT = "\uFFFD";

/**
 * Characters of an address: web servers take no more as a rule. A transaction holds a hundred times as many, and every look
 * at what is open would read them again.
 */
const MOST_TEXT = 8_192;

/**
 * Decodes a log of registry of providers, market, disputes, jury, proof court or audit office; undefined for events that the
 * worker does not follow.
 */
export function decodeEvent(log: Log): ChainEvent | undefined {
  for (const contract of Object.values(INTERFACES)) {
    const parsed = contract.parseLog(log);
    const key = parsed ? KEYS[parsed.name] : undefined;
    if (!parsed || !key) continue;
    const args = named(parsed.args, parsed.fragment.inputs);
    const { blockNumber: block, blockHash, index: logIndex } = log;
    return { block, blockHash, logIndex, name: parsed.name, key: String(args[key]), args };
  }
  return undefined;
}

/** A decoded value as plain JSON: ids of jobs as their text, other bigints as decimal strings, structs as objects, arrays as arrays. */
function plain(value: unknown, type: ParamType): unknown {
  if (type.isArray()) return (value as unknown[]).map((item) => plain(item, type.arrayChildren));
  if (type.isTuple()) return named(value as Result, type.components);
  if (typeof value !== "bigint") return value;
  return type.name === "jobId" ? jobIdText(value) : value.toString();
}

function named(values: Result, types: readonly ParamType[]): Record<string, unknown> {
  return Object.fromEntries(types.map((type, i) => [type.name, plain(read(values, i, type), type)]));
}

/** Text that is not UTF-8 throws when it is read. Anybody can put some on chain: it must not hide the event. */
function read(values: Result, index: number, type: ParamType): unknown {
  try {
    const value = values[index] as unknown;
    return typeof value === "string" && type.type === "string" && value.length > MOST_TEXT ? NOT_TEXT : value;
  } catch (error) {
    if (type.type !== "string") throw error;
    return NOT_TEXT;
  }
}
