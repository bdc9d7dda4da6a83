import { rmSync } from "node:fs";
import type { StatementSync } from "node:sqlite";
import { DatabaseSync } from "node:sqlite";

import { WorkerError } from "../errors.js";

/** Something on a shelf: the bytes it counts for, and when it was used last, in milliseconds since 1970. */
export interface Entry {
  readonly name: string;
  readonly bytes: number;
  readonly used: number;
}

/** SQLite's primary result codes of a file that is of another version, damaged or no database. */
const USELESS: readonly number[] = [1, 11, 26];

/** What is lost with the power is found again: nothing waits for the disk. */
const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  CREATE TABLE IF NOT EXISTS entries (
    name TEXT PRIMARY KEY, bytes INTEGER NOT NULL, used INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS entries_by_use ON entries (used, name);
`;

const STATEMENTS = {
  bytesOf: "SELECT bytes FROM entries WHERE name = ?",
  set: "INSERT OR REPLACE INTO entries VALUES (?, ?, ?)",
  add: "INSERT OR IGNORE INTO entries VALUES (?, ?, ?)",
  touch: "UPDATE entries SET used = ? WHERE name = ?",
  remove: "DELETE FROM entries WHERE name = ?",
  oldest: "SELECT name, bytes, used FROM entries WHERE (used, name) > (?, ?) ORDER BY used, name LIMIT ?",
};
type Statements = Record<keyof typeof STATEMENTS, StatementSync>;

/** What lies on a shelf, by name and by age. It says only what the folder says, so a useless one is begun anew. */
export class ShelfIndex {
  readonly #db: DatabaseSync;
  readonly #statements: Statements;
  #bytes: number;
  #newest: number;

  constructor(
    file: string,
    /** Milliseconds since 1970. */
    private readonly now: () => number = Date.now,
  ) {
    const { db, statements, bytes, newest } = open(file);
    this.#db = db;
    this.#statements = statements;
    this.#bytes = bytes;
    this.#newest = newest;
  }

  /** All that is here counts for. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes that something counts for; undefined if it is not here. */
  bytesOf(name: string): number | undefined {
    const row = this.#statements.bytesOf.get(name);
    return row && Number(row.bytes);
  }

  /** Adds something, or what it counts for now, as the newest. */
  set(name: string, bytes: number): void {
    const before = this.bytesOf(name) ?? 0;
    this.#statements.set.run(name, bytes, this.#tick());
    this.#bytes += bytes - before;
  }

  /** Adds what was found in the folder and is not known yet. */
  addFound(entries: readonly Entry[]): void {
    let added = 0;
    this.#db.exec("BEGIN");
    try {
      for (const { name, bytes, used } of entries) {
        if (this.#statements.add.run(name, bytes, Math.floor(used)).changes === 1) added += bytes;
      }
      this.#db.exec("COMMIT");
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw error;
    }
    this.#bytes += added;
  }

  /** Makes something the newest, the last to go. */
  touch(name: string): void {
    this.#statements.touch.run(this.#tick(), name);
  }

  remove(name: string): void {
    const bytes = this.bytesOf(name) ?? 0;
    this.#statements.remove.run(name);
    this.#bytes -= bytes;
  }

  /** Some entries, the oldest first, that come after one of them. */
  oldest(count: number, after?: Entry): Entry[] {
    const rows = this.#statements.oldest.all(after?.used ?? -1, after?.name ?? "", count);
    return rows.map(({ name, bytes, used }) => ({ name: String(name), bytes: Number(bytes), used: Number(used) }));
  }

  close(): void {
    this.#db.close();
  }

  /** Two things are never as old as each other, whatever the clock says. */
  #tick(): number {
    this.#newest = Math.max(this.#newest + 1, this.now());
    return this.#newest;
  }
}

interface Opened {
  db: DatabaseSync;
  statements: Statements;
  bytes: number;
  newest: number;
}

/** Of a file that SQLite opens although something in it is wrong. */
class DamageError extends Error {
  readonly errcode = 11;
}

function open(file: string): Opened {
  try {
    return begin(file);
  } catch (error) {
    const { errcode = 0, message } = error as Error & { errcode?: number };
    if (!USELESS.includes(errcode & 0xff)) {
      const remedy = "make its folder and itself writable for the worker's user, on a disk with room, then start again";
      throw new WorkerError(`cannot use ${file}: ${remedy} (${message})`, true, { cause: error });
    }
    for (const each of [file, `${file}-wal`, `${file}-shm`]) rmSync(each, { force: true });
    return begin(file);
  }
}

function begin(file: string): Opened {
  const db = new DatabaseSync(file);
  try {
    db.exec(SCHEMA);
    // Reads all of it: what is damaged shows here.
    const check = db.prepare("PRAGMA quick_check(1)").get()?.quick_check;
    if (check !== "ok") throw new DamageError(String(check));
    const row = db.prepare("SELECT sum(bytes) AS bytes, max(used) AS newest FROM entries").get();
    const prepared = Object.entries(STATEMENTS).map(([name, sql]) => [name, db.prepare(sql)]);
    const statements = Object.fromEntries(prepared) as Statements;
    return { db, statements, bytes: Number(row?.bytes ?? 0), newest: Number(row?.newest ?? 0) };
  } catch (error) {
    db.close();
    throw error;
  }
}
