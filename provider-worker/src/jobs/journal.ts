import { mkdirSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";

import { WorkerError } from "../errors.js";

/** One log of the chain, decoded. Bigints are decimal strings in `args`. */
export interface ChainEvent {
  block: number;
  blockHash: string;
  logIndex: number;
  name: string;
  /** Job or case id the event is about, or the model's. */
  key: string;
  args: Readonly<Record<string, unknown>>;
}

export interface Checkpoint {
  block: number;
  hash: string;
}

export interface SentTransaction {
  nonce: number;
  purpose: string;
  hash: string;
  raw: string;
}

export interface JournaledVote {
  output: string;
  salt: string;
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS checkpoints (block INTEGER PRIMARY KEY, hash TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS events (
    block INTEGER NOT NULL, block_hash TEXT NOT NULL, log_index INTEGER NOT NULL,
    name TEXT NOT NULL, key TEXT NOT NULL, args TEXT NOT NULL,
    PRIMARY KEY (block_hash, log_index)) STRICT;
  CREATE INDEX IF NOT EXISTS events_by_key ON events (name, key);
  CREATE TABLE IF NOT EXISTS readers (reader TEXT PRIMARY KEY, row INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS results (job TEXT PRIMARY KEY, output TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS votes (seat TEXT PRIMARY KEY, output TEXT NOT NULL, salt TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS transactions (
    hash TEXT PRIMARY KEY, nonce INTEGER NOT NULL, purpose TEXT NOT NULL, raw TEXT NOT NULL,
    outcome TEXT) STRICT;
  CREATE INDEX IF NOT EXISTS transactions_open ON transactions (outcome, nonce);
`;

/**
 * What the worker saw and what it bound itself to, durable. Events follow the chain and are rolled back with it;
 * results and votes are written before anything is sent and never change, whatever the chain does.
 */
export class Journal {
  readonly #db: DatabaseSync;

  /** Opens or creates the database at `file`; `:memory:` for tests. One process at a time may hold it. */
  constructor(file: string) {
    if (file !== ":memory:") mkdirSync(path.dirname(file), { recursive: true });
    this.#db = new DatabaseSync(file);
    try {
      this.#db.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
      this.#db.exec(SCHEMA);
      requireSound(this.#db, file);
    } catch (error) {
      this.#db.close();
      throw openingError(file, error);
    }
  }

  close(): void {
    this.#db.close();
  }

  /** The newest checkpoint, undefined before the first scan. */
  checkpoint(): Checkpoint | undefined {
    return this.#db.prepare("SELECT block, hash FROM checkpoints ORDER BY block DESC LIMIT 1").get() as never;
  }

  /** Writes what a scan found and moves the cursor, in one transaction. */
  advance(events: readonly ChainEvent[], to: Checkpoint, keepFrom: number): void {
    const insert = this.#db.prepare("INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?, ?)");
    this.#transaction(() => {
      for (const { block, blockHash, logIndex, name, key, args } of events) {
        insert.run(block, blockHash, logIndex, name, key, JSON.stringify(args));
      }
      this.#db.prepare("INSERT OR REPLACE INTO checkpoints VALUES (?, ?)").run(to.block, to.hash);
      this.#db.prepare("DELETE FROM checkpoints WHERE block < ?").run(keepFrom);
    });
  }

  /** Forgets checkpoint `block` and every event after the checkpoint before it. */
  rollBack(block: number): void {
    this.#transaction(() => {
      this.#db.prepare("DELETE FROM checkpoints WHERE block >= ?").run(block);
      this.#db.prepare("DELETE FROM events WHERE block > ?").run(this.checkpoint()?.block ?? -1);
      // The rows that are gone are given to other events.
      this.#db.exec("UPDATE readers SET row = min(row, (SELECT coalesce(max(rowid), 0) FROM events))");
    });
  }

  /** Events of one name, oldest first, about one key or all. */
  events(name: string, key?: string): ChainEvent[] {
    const sql = `SELECT block, block_hash AS blockHash, log_index AS logIndex, name, key, args FROM events
      WHERE name = ? ${key === undefined ? "" : "AND key = ?"} ORDER BY block, log_index`;
    const rows = this.#db.prepare(sql).all(...(key === undefined ? [name] : [name, key]));
    return rows.map((row) => ({ ...row, args: JSON.parse(String(row.args)) as unknown }) as ChainEvent);
  }

  /** Hands a reader each event of one name once, as far as it is not rolled back: what it notes of it is durable. */
  takeNew(reader: string, name: string, take: (event: ChainEvent) => void): void {
    const from = this.#db.prepare("SELECT row FROM readers WHERE reader = ?").get(reader)?.row ?? 0;
    const sql = `SELECT rowid AS row, block, block_hash AS blockHash, log_index AS logIndex, name, key, args FROM events
      WHERE name = ? AND rowid > ? ORDER BY rowid`;
    const rows = this.#db.prepare(sql).all(name, from);
    const last = rows.at(-1)?.row;
    if (last === undefined) return;
    this.#transaction(() => {
      for (const row of rows) take({ ...row, args: JSON.parse(String(row.args)) as unknown } as unknown as ChainEvent);
      this.#db.prepare("INSERT OR REPLACE INTO readers VALUES (?, ?)").run(reader, last);
    });
  }

  /** Events of one name whose key has none of the other names yet: what is still open. */
  openEvents(name: string, closedBy: readonly string[]): ChainEvent[] {
    const marks = closedBy.map(() => "?").join(", ");
    const sql = `SELECT block, block_hash AS blockHash, log_index AS logIndex, name, key, args FROM events AS opened
      WHERE name = ? AND NOT EXISTS (SELECT 1 FROM events WHERE key = opened.key AND name IN (${marks}))
      ORDER BY block, log_index`;
    const rows = this.#db.prepare(sql).all(name, ...closedBy);
    return rows.map((row) => ({ ...row, args: JSON.parse(String(row.args)) as unknown }) as ChainEvent);
  }

  /** Binds the worker to one result of a job. A different one is refused for ever. */
  bindResult(job: string, output: string): void {
    this.#bind(job, output, `job ${job}`);
  }

  /** Binds the worker to one trace of a job before the proof court. A different one is refused for ever. */
  bindTrace(job: string, traceRoot: string): void {
    this.#bind(`trace of ${job}`, traceRoot, `the trace of job ${job}`);
  }

  resultOf(job: string): string | undefined {
    return this.#db.prepare("SELECT output FROM results WHERE job = ?").get(job)?.output as string | undefined;
  }

  /** Binds the worker to one vote of a seat and returns it: the first one, whatever is asked later. */
  bindVote(seat: string, vote: JournaledVote): JournaledVote {
    this.#db.prepare("INSERT OR IGNORE INTO votes VALUES (?, ?, ?)").run(seat, vote.output, vote.salt);
    return this.voteOf(seat) ?? vote;
  }

  voteOf(seat: string): JournaledVote | undefined {
    return this.#db.prepare("SELECT output, salt FROM votes WHERE seat = ?").get(seat) as never;
  }

  /** A durable note, such as an audit that was done. */
  note(name: string): string | undefined {
    return this.#db.prepare("SELECT value FROM notes WHERE name = ?").get(name)?.value as string | undefined;
  }

  /** Every note whose name begins with `prefix`, by the rest of its name. */
  notes(prefix: string): Map<string, string> {
    const sql = "SELECT substr(name, ?) AS rest, value FROM notes WHERE name >= ? AND name < ? ORDER BY rowid";
    const rows = this.#db.prepare(sql).all(prefix.length + 1, prefix, `${prefix}\uffff`);
    return new Map(rows.map(({ rest, value }) => [String(rest), String(value)]));
  }

  setNote(name: string, value: string): void {
    this.#db.prepare("INSERT OR REPLACE INTO notes VALUES (?, ?)").run(name, value);
  }

  dropNote(name: string): void {
    this.#db.prepare("DELETE FROM notes WHERE name = ?").run(name);
  }

  /** Records a signed transaction before it is sent. */
  recordTransaction({ hash, nonce, purpose, raw }: SentTransaction): void {
    this.#db
      .prepare(
        // The same bytes once more are open again: a reorganisation took the first back.
        `INSERT INTO transactions (hash, nonce, purpose, raw) VALUES (?, ?, ?, ?)
         ON CONFLICT (hash) DO UPDATE SET outcome = NULL`,
      )
      .run(hash, nonce, purpose, raw);
  }

  /** Transactions without an outcome, by nonce. */
  openTransactions(): SentTransaction[] {
    return this.#db
      .prepare("SELECT hash, nonce, purpose, raw FROM transactions WHERE outcome IS NULL ORDER BY nonce, rowid")
      .all() as never;
  }

  /** The last signed of each nonce from `first` to before `end` for which none is open. */
  settledTransactions(first: number, end: number): SentTransaction[] {
    return this.#db
      .prepare(
        `SELECT hash, nonce, purpose, raw FROM transactions WHERE rowid IN (SELECT max(rowid) FROM transactions
         WHERE nonce >= ? AND nonce < ? GROUP BY nonce HAVING count(*) = count(outcome)) ORDER BY nonce`,
      )
      .all(first, end) as never;
  }

  /** Notes the outcome of every transaction that shares the nonce: one of them was mined or none can be. */
  settleNonce(nonce: number, outcome: string): void {
    this.#db.prepare("UPDATE transactions SET outcome = ? WHERE nonce = ? AND outcome IS NULL").run(outcome, nonce);
  }

  #bind(key: string, output: string, what: string): void {
    this.#db.prepare("INSERT OR IGNORE INTO results VALUES (?, ?)").run(key, output);
    const bound = this.resultOf(key);
    if (bound !== output) {
      throw new WorkerError(`${what} is bound to ${String(bound)}: a second result ${output} is never sent`);
    }
  }

  #transaction(act: () => void): void {
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      act();
      this.#db.exec("COMMIT");
    } catch (error) {
      this.#db.exec("ROLLBACK");
      throw error;
    }
  }
}

/** SQLite's result codes for a file that is none of its own, or no longer. */
const DAMAGED = new Set([11, 26]);

function requireSound(db: DatabaseSync, file: string): void {
  const found = db.prepare("PRAGMA quick_check(1)").get()?.quick_check;
  if (found !== "ok") throw damagedError(file, String(found));
}

function openingError(file: string, error: unknown): WorkerError {
  if (error instanceof WorkerError) return error;
  const { errcode, message } = error as Error & { errcode?: number };
  if (errcode !== undefined && DAMAGED.has(errcode)) return damagedError(file, message, error);
  return new WorkerError(`cannot open ${file}: is another worker using this data folder?`, true, { cause: error });
}

function damagedError(file: string, why: string, cause?: unknown): WorkerError {
  const remedy = "restore a backup, or move it away: the chain is read again, but votes not revealed yet are lost";
  return new WorkerError(`${file} is damaged: ${why}; ${remedy}`, false, { cause });
}
