import { JournalError, WorkerError } from "../errors.js";
import { JournalEvents } from "./journalEvents.js";
import { JournalFile } from "./journalFile.js";
import { OVER } from "./journalSchema.js";

export type { ChainEvent, Checkpoint, Gap } from "./journalEvents.js";

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

/** What a journal is about. The hash of the first block tells a chain that was started anew from the one before. */
export interface Identity {
  chain: string;
  genesis: string;
  market: string;
}

/**
 * Seconds from a job's deadline until it may be forgotten. Longer than any window in which the worker could still be
 * asked about it: at most 7 days to challenge and 7 to resolve, both on chain (`Limits.sol`).
 */
const KEPT_SECONDS = 30 * 86_400;
/** Blocks on top of whatever ended a job: more than a rollback takes back and than the reader reads again. */
const KEPT_BLOCKS = 20_000;
/** Nonces whose signed transactions are kept, to be sent again where a reorganisation takes them back. */
const KEPT_NONCES = 10_000;
/** Jobs forgotten in one go, so that the worker is not held up. */
const FORGOTTEN_AT_ONCE = 200;

/**
 * What the worker saw and what it bound itself to, durable. Events follow the chain and are rolled back with it;
 * results and votes are written before anything is sent and never change, whatever the chain does.
 */
export class Journal extends JournalEvents {
  readonly #db: JournalFile;

  /** Opens or creates the database at `file`; `:memory:` for tests. One process at a time may hold it. */
  constructor(file: string) {
    const db = new JournalFile(file);
    super(db);
    this.#db = db;
  }

  close(): void {
    this.#db.close();
  }

  /** Binds the journal to what it is about, once. Anything else is refused: its events and votes would be mixed up. */
  bindTo(identity: Identity): void {
    const bound = this.#db.get("SELECT chain, genesis, market FROM identity") as Identity | undefined;
    if (!bound) {
      this.#db.run("INSERT INTO identity VALUES (?, ?, ?)", identity.chain, identity.genesis, identity.market);
      return;
    }
    const text = ({ chain, genesis, market }: Identity) =>
      `chain ${chain} with first block ${genesis} and market ${market}`;
    if (text(bound).toLowerCase() === text(identity).toLowerCase()) return;
    throw new JournalError(
      `${this.#db.file} is about ${text(bound)}, but rpcUrl and deployment lead to ${text(identity)}: ` +
        "correct them, or name another dataDir: a chain that was started anew needs a new one",
    );
  }

  /**
   * Forgets some of the jobs that nothing can happen to any more, with their cases, results and notes, and transactions
   * of long ago. `now` must be no later than both the chain's clock and this machine's: a node that lies about the time
   * could else have a result forgotten that a market still takes. Votes stay. Returns how many jobs were forgotten.
   */
  prune(now: number): number {
    const block = (this.checkpoint()?.block ?? 0) - KEPT_BLOCKS;
    const limits = { deadline: Math.floor(now) - KEPT_SECONDS, block, most: FORGOTTEN_AT_ONCE };
    const jobs = this.#db.allNamed(OVER, limits).map(({ key }) => String(key));
    this.#db.transaction(() => {
      for (const job of jobs) this.#forget(job);
      const old = "(SELECT max(nonce) FROM transactions) - ?";
      this.#db.run(`DELETE FROM transactions WHERE nonce <= ${old} AND outcome IS NOT NULL`, KEPT_NONCES);
    });
    if (jobs.length > 0) this.#db.shrink();
    return jobs.length;
  }

  #forget(job: string): void {
    const cases = this.#db.all("SELECT key FROM events WHERE name = 'CaseOpened' AND job = ?", job);
    for (const key of [...cases.map((row) => String(row.key)), job]) {
      // Models and cases are numbered alike.
      this.#db.run("DELETE FROM events WHERE key = ? AND name <> 'OfferSet'", key);
      this.#db.run("DELETE FROM notes WHERE about = ?", key);
    }
    this.#db.run("DELETE FROM results WHERE job IN (?, ?)", job, traceOf(job));
  }

  /** Binds the worker to one result of a job. A different one is refused for ever. */
  bindResult(job: string, output: string): void {
    this.#bind(job, output, `job ${job}`);
  }

  /** Binds the worker to one trace of a job before the proof court. A different one is refused for ever. */
  bindTrace(job: string, traceRoot: string): void {
    this.#bind(traceOf(job), traceRoot, `the trace of job ${job}`);
  }

  resultOf(job: string): string | undefined {
    return this.#db.get("SELECT output FROM results WHERE job = ?", job)?.output as string | undefined;
  }

  /** Binds the worker to one vote of a seat and returns it: the first one, whatever is asked later. */
  bindVote(seat: string, vote: JournaledVote): JournaledVote {
    this.#db.run("INSERT OR IGNORE INTO votes VALUES (?, ?, ?)", seat, vote.output, vote.salt);
    return this.voteOf(seat) ?? vote;
  }

  voteOf(seat: string): JournaledVote | undefined {
    return this.#db.get("SELECT output, salt FROM votes WHERE seat = ?", seat) as JournaledVote | undefined;
  }

  /** A durable note, such as an audit that was done. */
  note(name: string): string | undefined {
    return this.#db.get("SELECT value FROM notes WHERE name = ?", name)?.value as string | undefined;
  }

  /** Every note whose name begins with `prefix`, by the rest of its name. */
  notes(prefix: string): Map<string, string> {
    const sql = "SELECT substr(name, ?) AS rest, value FROM notes WHERE name >= ? AND name < ? ORDER BY rowid";
    const rows = this.#db.all(sql, prefix.length + 1, prefix, `${prefix}\uffff`);
    return new Map(rows.map(({ rest, value }) => [String(rest), String(value)]));
  }

  /** `about`: the job or case with which the note is forgotten; one about nothing stays. */
  setNote(name: string, value: string, about?: string): void {
    this.#db.run("INSERT OR REPLACE INTO notes VALUES (?, ?, ?)", name, value, about ?? null);
  }

  removeNote(name: string): void {
    this.#db.run("DELETE FROM notes WHERE name = ?", name);
  }

  /** Records a signed transaction before it is sent. */
  recordTransaction({ hash, nonce, purpose, raw }: SentTransaction): void {
    // The same bytes once more are open again: a reorganisation took the first back.
    const sql = `INSERT INTO transactions (hash, nonce, purpose, raw) VALUES (?, ?, ?, ?)
      ON CONFLICT (hash) DO UPDATE SET outcome = NULL`;
    this.#db.run(sql, hash, nonce, purpose, raw);
  }

  /** Transactions without an outcome, by nonce. */
  openTransactions(): SentTransaction[] {
    const sql = "SELECT hash, nonce, purpose, raw FROM transactions WHERE outcome IS NULL ORDER BY nonce, rowid";
    return this.#db.all(sql) as unknown as SentTransaction[];
  }

  /** The last signed of each nonce from `first` to before `end` for which none is open. */
  settledTransactions(first: number, end: number): SentTransaction[] {
    const sql = `SELECT hash, nonce, purpose, raw FROM transactions WHERE rowid IN (SELECT max(rowid) FROM transactions
      WHERE nonce >= ? AND nonce < ? GROUP BY nonce HAVING count(*) = count(outcome)) ORDER BY nonce`;
    return this.#db.all(sql, first, end) as unknown as SentTransaction[];
  }

  /** Notes the outcome of every transaction that shares the nonce: one of them was mined or none can be. */
  settleNonce(nonce: number, outcome: string): void {
    this.#db.run("UPDATE transactions SET outcome = ? WHERE nonce = ? AND outcome IS NULL", outcome, nonce);
  }

  #bind(key: string, output: string, what: string): void {
    this.#db.run("INSERT OR IGNORE INTO results VALUES (?, ?)", key, output);
    const bound = this.resultOf(key);
    if (bound !== output) {
      throw new WorkerError(`${what} is bound to ${String(bound)}: a second result ${output} is never sent`);
    }
  }
}

const traceOf = (job: string): string => `trace of ${job}`;
