import { accessSync, constants, existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import type { SQLInputValue, SQLOutputValue, StatementSync } from "node:sqlite";
import { DatabaseSync } from "node:sqlite";

import { JournalError, WorkerError } from "../errors.js";
import { FROM_FIRST, FROM_UNVERSIONED, SCHEMA, VERSION } from "./journalSchema.js";

type Row = Record<string, SQLOutputValue>;

/**
 * The journal's database file, held by one process: the lock is the system's and goes with the process, however it
 * ends. After the first failure to read or write it refuses everything, so that nothing is done that is not written.
 */
export class JournalFile {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #failure: JournalError | undefined;

  constructor(readonly file: string) {
    this.#db = open(file);
    try {
      this.#db.exec("PRAGMA locking_mode = EXCLUSIVE");
      const version = this.#knownVersion();
      this.#db.exec(PRAGMAS);
      this.#check();
      this.#bringUpFrom(version);
    } catch (error) {
      this.#db.close();
      throw problemOf(file, error);
    }
  }

  close(): void {
    this.#statements.clear();
    this.#db.close();
  }

  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#guard(() => this.#prepared(sql).get(...values));
  }

  all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#guard(() => this.#prepared(sql).all(...values));
  }

  allNamed(sql: string, values: Record<string, SQLInputValue>): Row[] {
    return this.#guard(() => this.#prepared(sql).all(values));
  }

  run(sql: string, ...values: SQLInputValue[]): void {
    this.#guard(() => this.#prepared(sql).run(...values));
  }

  /** All of it is on disk when this returns, or none. */
  transaction(act: () => void): void {
    this.#guard(() => {
      this.#db.exec("BEGIN IMMEDIATE");
      try {
        act();
        this.#db.exec("COMMIT");
      } catch (error) {
        // SQLite may have rolled back by itself: what was wrong first is what counts.
        if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
        throw error;
      }
    });
  }

  /** Gives some of the pages that nothing lies in any more back to the system. */
  shrink(): void {
    this.#guard(() => {
      this.#db.exec("PRAGMA incremental_vacuum(1000)");
    });
  }

  #prepared(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.#db.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  #guard<T>(act: () => T): T {
    if (this.#failure) throw this.#failure;
    try {
      return act();
    } catch (error) {
      const problem = problemOf(this.file, error);
      if (problem instanceof JournalError) this.#failure ??= problem;
      throw problem;
    }
  }

  #check(): void {
    const found = this.#db.prepare("PRAGMA quick_check(1)").get()?.quick_check;
    if (found !== "ok") throw damaged(this.file, String(found));
  }

  /** Read before anything is written. */
  #knownVersion(): number {
    const version = Number(this.#db.prepare("PRAGMA user_version").get()?.user_version);
    if (version <= VERSION) return version;
    throw new JournalError(
      `${this.file} has version ${version}, this worker knows ${VERSION} and none later: ` +
        "install the worker that wrote it, or name another dataDir",
    );
  }

  /** Brings the tables up to this version. It writes in any case: a disk that takes nothing shows here, not later. */
  #bringUpFrom(version: number): void {
    const unversioned = version === 0 && this.#db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'events'").get();
    const steps = unversioned ? FROM_UNVERSIONED : version === 1 ? FROM_FIRST : SCHEMA;
    this.#db.exec(`BEGIN IMMEDIATE; ${steps} PRAGMA user_version = ${VERSION}; COMMIT`);
  }
}

/** The first has to come before the first table. The write-ahead log of one large transaction is not kept. */
const PRAGMAS = `
  PRAGMA auto_vacuum = INCREMENTAL;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA journal_size_limit = 16777216;
`;

function open(file: string): DatabaseSync {
  try {
    if (file !== ":memory:") requireWritable(file);
    return new DatabaseSync(file);
  } catch (error) {
    throw problemOf(file, error);
  }
}

/** SQLite says of some of this no more than that something failed. */
function requireWritable(file: string): void {
  const folder = path.dirname(file);
  mkdirSync(folder, { recursive: true });
  accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  if (existsSync(file)) accessSync(file, constants.R_OK | constants.W_OK);
}

function damaged(file: string, why: string, cause?: unknown): JournalError {
  const remedy =
    "restore a backup, or move it away: the chain is read again, but votes and audits not opened yet are lost";
  return new JournalError(`${file} is damaged: ${why}; ${remedy}`, false, { cause });
}

/** SQLite's primary result codes. */
const BUSY = 5;
const READ_ONLY = 8;
const FAILED = 10;
const CORRUPT = 11;
const FULL = 13;
const NOT_OPENED = 14;
const NO_DATABASE = 26;

/** Says what to do about a failure of the file; other errors, such as those of a caller, come back as they are. */
function problemOf(file: string, thrown: unknown): Error {
  const error = thrown as Error & { errcode?: number; code?: string };
  if (error instanceof WorkerError) return error;
  const { errcode, code, message } = error;
  const failed = (text: string) => new JournalError(`${text} (${message})`, true, { cause: error });
  const unwritable = `cannot use ${file}: make its folder and itself writable for the worker's user, then start again`;
  // What the file system said before SQLite was asked.
  if (errcode === undefined) return code?.startsWith("E") && "syscall" in error ? failed(unwritable) : error;
  switch (errcode & 0xff) {
    case BUSY:
      return failed(`cannot open ${file}: is another worker using this data folder?`);
    case FULL:
      return failed(`cannot write ${file}: the disk is full: make room, then start again`);
    case READ_ONLY:
    case NOT_OPENED:
      return failed(unwritable);
    case FAILED:
      return failed(`cannot read or write ${file}: look for a full or failing disk, then start again`);
    case CORRUPT:
    case NO_DATABASE:
      return damaged(file, message, error);
    default:
      return error;
  }
}
