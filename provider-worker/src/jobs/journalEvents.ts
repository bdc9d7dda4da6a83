import { Kept } from "../kept.js";
import type { JournalFile } from "./journalFile.js";
import type { Opening } from "./journalSchema.js";
import {
  CHALLENGEABLE_UNTIL,
  endedBy,
  endedSql,
  OPEN_DELIVERY,
  OPEN_REQUEST,
  opens,
  PROVIDER,
  WITH_STAKE,
} from "./journalSchema.js";

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

/** Blocks, both ends included, in which an event was not looked for. */
export interface Gap {
  name: string;
  from: number;
  to: number;
}

const EVENT = "block, block_hash AS blockHash, log_index AS logIndex, name, key, args";

/** Bytes of decoded events kept in memory, whatever each has: how long events are is up to strangers. */
const KEPT_BYTES = 64_000_000;

const DELIVERY = "ResultSubmitted";

/** The part of the journal that follows the chain: how far it was read, and the events that were found. */
export class JournalEvents {
  readonly #db: JournalFile;
  /** By row, which is never given twice. Every look asks for all that is open, of which little is new. */
  readonly #decoded = new Kept<ChainEvent>(KEPT_BYTES);

  constructor(db: JournalFile) {
    this.#db = db;
  }

  /** The newest checkpoint, undefined before the first scan. */
  checkpoint(): Checkpoint | undefined {
    return this.#db.get("SELECT block, hash FROM checkpoints ORDER BY block DESC LIMIT 1") as Checkpoint | undefined;
  }

  /** Every checkpoint that is kept, oldest first. */
  checkpoints(): Checkpoint[] {
    return this.#db.all("SELECT block, hash FROM checkpoints ORDER BY block") as unknown as Checkpoint[];
  }

  /** Writes what a scan found and moves the cursor, in one transaction. The first checkpoint of all is always kept. */
  advance(events: readonly ChainEvent[], to: Checkpoint, keepFrom: number): void {
    this.#db.transaction(() => {
      this.#store(events);
      this.#db.run("INSERT OR REPLACE INTO checkpoints VALUES (?, ?)", to.block, to.hash);
      const forget = "DELETE FROM checkpoints WHERE block < ? AND block > (SELECT min(block) FROM checkpoints)";
      this.#db.run(forget, keepFrom);
    });
  }

  /**
   * Notes which events are followed from now on. One that is new was not looked for between `from`, the first block that
   * can matter for it, and the cursor, or `startBlock` where nothing was read yet: that is its gap.
   */
  follow(events: readonly { name: string; from: number }[], startBlock: number): void {
    const known = new Set(this.#db.all("SELECT name FROM followed").map(({ name }) => String(name)));
    if (known.size === events.length && events.every(({ name }) => known.has(name))) return;
    const names = new Set(events.map(({ name }) => name));
    const read = this.checkpoint()?.block ?? startBlock - 1;
    this.#db.transaction(() => {
      for (const name of known) if (!names.has(name)) this.#db.run("DELETE FROM followed WHERE name = ?", name);
      for (const { name, from } of events)
        this.#db.run("INSERT OR IGNORE INTO followed VALUES (?, ?, ?)", name, from, read);
    });
  }

  /** What is still to be read, the newest first. */
  gaps(): Gap[] {
    const sql = `SELECT name, gap_from AS "from", gap_to AS "to" FROM followed WHERE gap_from <= gap_to ORDER BY gap_to DESC`;
    return this.#db.all(sql) as unknown as Gap[];
  }

  /** Writes what was found of these events from block `from` to the ends of their gaps, which now end before it. */
  fillGaps(events: readonly ChainEvent[], names: readonly string[], from: number): void {
    this.#db.transaction(() => {
      this.#store(events);
      for (const name of names) this.#db.run("UPDATE followed SET gap_to = ? WHERE name = ?", from - 1, name);
    });
  }

  #store(events: readonly ChainEvent[]): void {
    for (const event of events) this.#insert(event);
    for (const { name, key } of events) {
      for (const opening of opens(name) ? [name] : endedBy(name)) this.#db.run(endedSql(opening, true), key);
    }
  }

  #insert({ block, blockHash, logIndex, name, key, args }: ChainEvent): void {
    const sql = `INSERT OR IGNORE INTO events (block, block_hash, log_index, name, key, args, ended)
      VALUES (?, ?, ?, ?, ?, ?, ?)`;
    const ended = opens(name) ? null : block;
    this.#db.run(sql, block, blockHash, logIndex, name, key, JSON.stringify(args), ended);
  }

  /** Forgets checkpoint `block` and every event after the checkpoint before it; what those ended is open again. */
  rollBack(block: number): void {
    this.#db.transaction(() => {
      this.#db.run("DELETE FROM checkpoints WHERE block >= ?", block);
      const last = this.checkpoint()?.block ?? -1;
      this.#db.run("DELETE FROM events WHERE block > ?", last);
      this.#db.run("UPDATE events SET ended = NULL WHERE ended > ?", last);
      // Above the cursor everything is read again; where there is none, all of it is.
      if (last < 0) this.#db.run("DELETE FROM followed");
      else this.#db.run("UPDATE followed SET gap_to = min(gap_to, ?)", last);
    });
  }

  /** Events of one name, oldest first, about one key or all. */
  events(name: string, key?: string): ChainEvent[] {
    const sql = `SELECT id FROM events WHERE name = ? ${key === undefined ? "" : "AND key = ?"} ORDER BY block, log_index`;
    return this.#read(sql, ...(key === undefined ? [name] : [name, key]));
  }

  /** Hands a reader each event of one name once, as far as it is not rolled back: what it notes of it is durable. */
  takeNew(reader: string, name: string, take: (event: ChainEvent) => void): void {
    const from = Number(this.#db.get("SELECT row FROM readers WHERE reader = ?", reader)?.row ?? 0);
    const last = Number(this.#db.get("SELECT max(id) AS last FROM events")?.last ?? 0);
    if (last <= from) return;
    // The plus keeps SQLite from reading every event of the name: only the new ones, whatever their name, are looked at.
    const events = this.#read("SELECT id FROM events WHERE id > ? AND +name = ? ORDER BY id", from, name);
    this.#db.transaction(() => {
      for (const event of events) take(event);
      this.#db.run("INSERT OR REPLACE INTO readers VALUES (?, ?)", reader, last);
    });
  }

  /** Events of one name whose key nothing ended, and that has none of the other names yet: what is still open. */
  openEvents(name: Opening, closedBy: readonly string[] = []): ChainEvent[] {
    return this.#read(openSql(closedBy, ""), name, ...closedBy);
  }

  /** Those of them about one provider. Strangers' events are as long as they like: none of them is read. */
  openEventsOf(provider: string, name: Opening, closedBy: readonly string[] = []): ChainEvent[] {
    const sql = openSql(closedBy, `AND ${PROVIDER} = ?`);
    return this.#read(sql, name, ...closedBy, provider.toLowerCase());
  }

  /** Deliveries that may be challenged at this time or later, that nobody settled and that have none of these yet. */
  challengeable(time: number, closedBy: readonly string[]): ChainEvent[] {
    return this.#read(openWhere(`${OPEN_DELIVERY} AND ${CHALLENGEABLE_UNTIL} >= ?`, closedBy), time, ...closedBy);
  }

  /** Requests that a provider may deliver at this time or later, and did not yet. */
  deliverable(provider: string, time: number): ChainEvent[] {
    const sql = openWhere(`${OPEN_REQUEST} AND ${PROVIDER} = ? AND deadline >= ?`, [DELIVERY]);
    return this.#read(sql, provider.toLowerCase(), time, DELIVERY);
  }

  /** Requests that lock stake of a provider, which were to be delivered before this time and were not. */
  overdue(provider: string, time: number): ChainEvent[] {
    const sql = openWhere(`${OPEN_REQUEST} AND ${WITH_STAKE} AND ${PROVIDER} = ? AND deadline < ?`, [DELIVERY]);
    return this.#read(sql, provider.toLowerCase(), time, DELIVERY);
  }

  /** Those of them about whose key a note was made. */
  openEventsNoted(name: Opening): ChainEvent[] {
    return this.#read(openSql([], "AND EXISTS (SELECT 1 FROM notes WHERE about = opened.key)"), name);
  }

  /** Events of these names about keys of what is open, oldest first: for all of it at once. */
  eventsOfOpen(opening: Opening, names: readonly string[]): ChainEvent[] {
    const marks = names.map(() => "?").join(", ");
    // Cross: the open ones first, which an index has, then what is about each of their keys.
    const sql = `SELECT part.id FROM events AS opened CROSS JOIN events AS part
      WHERE opened.name = ? AND opened.ended IS NULL AND part.key = opened.key AND part.name IN (${marks})
      ORDER BY part.block, part.log_index`;
    return this.#read(sql, opening, ...names);
  }

  #read(sql: string, ...values: (string | number)[]): ChainEvent[] {
    return this.#db.all(sql, ...values).map(({ id }) => this.#event(Number(id)));
  }

  #event(id: number): ChainEvent {
    const known = this.#decoded.get(String(id));
    if (known) return known;
    const row = this.#db.get(`SELECT ${EVENT} FROM events WHERE id = ?`, id) ?? {};
    const event = toEvent(row);
    this.#decoded.set(String(id), event, String(row.args).length);
    return event;
  }
}

function openSql(closedBy: readonly string[], also: string): string {
  return openWhere("name = ? AND ended IS NULL", closedBy, also);
}

function openWhere(condition: string, closedBy: readonly string[], also = ""): string {
  const marks = closedBy.map(() => "?").join(", ");
  return `SELECT id FROM events AS opened WHERE ${condition}
    AND NOT EXISTS (SELECT 1 FROM events WHERE key = opened.key AND name IN (${marks})) ${also} ORDER BY block, log_index`;
}

function toEvent({ block, blockHash, logIndex, name, key, args }: Record<string, unknown>): ChainEvent {
  return { block, blockHash, logIndex, name, key, args: JSON.parse(String(args)) as unknown } as ChainEvent;
}
