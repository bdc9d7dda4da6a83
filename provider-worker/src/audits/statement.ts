import { randomBytes } from "node:crypto";

import { hexlify } from "ethers";

import type { Journal } from "../jobs/journal.js";

/** What an auditor found of a job, and the salt under which it commits to that. */
export interface Statement {
  readonly output: string;
  readonly traceRoot: string;
  readonly salt: string;
}

/** What this worker found of a job; undefined if it did not run it for an audit. */
export function statementOf(journal: Journal, job: string): Statement | undefined {
  const kept = journal.note(nameOf(job));
  return kept === undefined ? undefined : (JSON.parse(kept) as Statement);
}

/**
 * Binds the worker to the first statement about a job, whatever is asked later, before anything of it is sent: a
 * commitment without its salt costs a ticket, and two different ones could not both be opened.
 */
export function bindStatement(journal: Journal, job: string, found: Omit<Statement, "salt">): Statement {
  const known = statementOf(journal, job);
  if (known) return known;
  const statement = { ...found, salt: hexlify(randomBytes(32)) };
  journal.setNote(nameOf(job), JSON.stringify(statement), job);
  return statement;
}

const nameOf = (job: string): string => `audit statement of ${job}`;
