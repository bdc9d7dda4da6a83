/** Version of the schema below, in the file's `user_version`. A file without any tables has 0, and so has one of before. */
export const VERSION = 2;

/** What ends an event that opens something. Whatever is not here opens nothing. */
export const ENDINGS = {
  JobRequested: ["JobPaid", "JobRefunded"],
  ResultSubmitted: ["JobPaid", "JobRefunded"],
  CaseOpened: ["CaseResolved"],
  // Whatever happens after one of these changes nothing: the provider is convicted, or the case is over.
  CourtCaseOpened: ["CaseResolved", "FraudProven", "MalformedLeafProven", "SilenceProven"],
  // The deposits of drawn jurors are free only once the jury is closed, also where the case was resolved without it.
  JuryCaseOpened: ["JuryCaseClosed"],
  JurorsDrawn: ["JuryCaseClosed"],
  AuditCommitted: ["AuditClosed"],
} as const satisfies Record<string, readonly string[]>;

export type Opening = keyof typeof ENDINGS;

/** The provider that an event is about, as the index of its open ones has it. */
export const PROVIDER = "lower(json_extract(args, '$.provider'))";

/** What is looked for at each look, as its index has it: what nobody ever ends adds up, and is not read each time. */
export const OPEN_DELIVERY = "name = 'ResultSubmitted' AND ended IS NULL";
export const CHALLENGEABLE_UNTIL = "CAST(json_extract(args, '$.challengeableUntil') AS INTEGER)";
export const OPEN_REQUEST = "name = 'JobRequested' AND ended IS NULL";
export const WITH_STAKE = "json_extract(args, '$.terms.stake') <> '0'";

/**
 * `ended` of an event is null while what it opened is open, then the block of the first event that ended it; an event
 * that opens nothing ends in its own block. Ids are never given twice, so that a reader misses nothing. A followed event
 * is read up to the newest checkpoint, but for the blocks of its gap, which is none where it ends before it begins.
 */
export const SCHEMA = `
  CREATE TABLE IF NOT EXISTS identity (chain TEXT NOT NULL, genesis TEXT NOT NULL, market TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS checkpoints (block INTEGER PRIMARY KEY, hash TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    block INTEGER NOT NULL, block_hash TEXT NOT NULL, log_index INTEGER NOT NULL,
    name TEXT NOT NULL, key TEXT NOT NULL, args TEXT NOT NULL, ended INTEGER,
    deadline INTEGER AS (CAST(json_extract(args, '$.terms.executionDeadline') AS INTEGER)) VIRTUAL,
    job TEXT AS (json_extract(args, '$.jobId')) VIRTUAL,
    UNIQUE (block_hash, log_index)) STRICT;
  CREATE INDEX IF NOT EXISTS events_by_key ON events (key, name);
  CREATE INDEX IF NOT EXISTS events_open ON events (name, block, log_index) WHERE ended IS NULL;
  CREATE INDEX IF NOT EXISTS events_open_of ON events (name, ${PROVIDER}, block, log_index) WHERE ended IS NULL;
  CREATE INDEX IF NOT EXISTS events_challengeable ON events (name, ${CHALLENGEABLE_UNTIL}) WHERE ${OPEN_DELIVERY};
  CREATE INDEX IF NOT EXISTS events_deliverable ON events (${PROVIDER}, deadline) WHERE ${OPEN_REQUEST};
  CREATE INDEX IF NOT EXISTS events_staked ON events (${PROVIDER}, deadline) WHERE ${OPEN_REQUEST} AND ${WITH_STAKE};
  CREATE INDEX IF NOT EXISTS events_by_deadline ON events (deadline) WHERE name = 'JobRequested';
  CREATE INDEX IF NOT EXISTS events_cases ON events (job) WHERE name = 'CaseOpened';
  CREATE TABLE IF NOT EXISTS followed (
    name TEXT PRIMARY KEY, gap_from INTEGER NOT NULL, gap_to INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS readers (reader TEXT PRIMARY KEY, row INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS results (job TEXT PRIMARY KEY, output TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS votes (seat TEXT PRIMARY KEY, output TEXT NOT NULL, salt TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value TEXT NOT NULL, about TEXT) STRICT;
  CREATE INDEX IF NOT EXISTS notes_about ON notes (about) WHERE about IS NOT NULL;
  CREATE TABLE IF NOT EXISTS transactions (
    hash TEXT PRIMARY KEY, nonce INTEGER NOT NULL, purpose TEXT NOT NULL, raw TEXT NOT NULL,
    outcome TEXT) STRICT;
  CREATE INDEX IF NOT EXISTS transactions_open ON transactions (nonce) WHERE outcome IS NULL;
  CREATE INDEX IF NOT EXISTS transactions_by_nonce ON transactions (nonce);
`;

const OPENINGS = Object.entries(ENDINGS);
const quoted = (names: readonly string[]) => names.map((name) => `'${name}'`).join(", ");

/** Sets when the openings of one name ended; those of one key where `key` is true. */
export const endedSql = (opening: Opening, key: boolean): string =>
  `UPDATE events SET ended = (SELECT min(ending.block) FROM events AS ending
   WHERE ending.key = events.key AND ending.name IN (${quoted(ENDINGS[opening])}))
   WHERE ${key ? "key = ? AND " : ""}name = '${opening}'`;

/** Whether an event opens something, and which openings it may end. */
export const opens = (name: string): name is Opening => Object.hasOwn(ENDINGS, name);
export const endedBy = (name: string): Opening[] =>
  OPENINGS.filter(([, endings]) => (endings as readonly string[]).includes(name)).map(
    ([opening]) => opening as Opening,
  );

/**
 * From a file that had no version: events get ids and ends, notes what they are about. Nothing is noted as followed, so all
 * of it is read again, which brings nothing twice.
 */
export const FROM_UNVERSIONED = `
  DROP INDEX events_by_key;
  DROP INDEX transactions_open;
  ALTER TABLE events RENAME TO unversioned;
  ALTER TABLE notes ADD COLUMN about TEXT;
  ${SCHEMA}
  INSERT INTO events (id, block, block_hash, log_index, name, key, args, ended)
    SELECT rowid, block, block_hash, log_index, name, key, args, block FROM unversioned ORDER BY rowid;
  DROP TABLE unversioned;
  ${OPENINGS.map(([opening]) => endedSql(opening as Opening, false)).join(";\n")};
`;

/** What journals of version 1 followed, all of it without a gap. Jobs were forgotten in them: it must not be read again. */
const FOLLOWED_FIRST = [
  ...["JobRequested", "ResultSubmitted", "JobPaid", "JobRefunded", "JobDisputed", "JuryCaseOpened"],
  ...["SeedRequestedAgain", "JurorsDrawn", "JuryCaseClosed", "CaseOpened", "CaseResolved", "CourtCaseOpened"],
  ...["TracePosted", "PartDemanded", "ChildrenRevealed", "LeafRevealed", "FraudProven", "MalformedLeafProven"],
  ...["SilenceProven", "RewardForwarded"],
];

/** From the first version to the second, which knows what it followed. */
export const FROM_FIRST = `
  ${SCHEMA}
  INSERT INTO followed VALUES ${FOLLOWED_FIRST.map((name) => `('${name}', 0, -1)`).join(", ")};
`;

/**
 * Jobs that nothing can happen to any more, with their deadline. Two different results are never possible after this:
 * the market takes no delivery after the deadline that is in the terms, and the job's id is the hash of the terms.
 * Delivered ones stay until they are settled, and those with a case or an audit until all of it has ended and was paid.
 */
export const OVER = `
  SELECT key FROM events AS request
  WHERE name = 'JobRequested' AND deadline < :deadline AND block <= :block
    AND (ended <= :block OR (ended IS NULL AND NOT EXISTS (
      SELECT 1 FROM events WHERE key = request.key AND name = 'ResultSubmitted')))
    AND NOT EXISTS (
      SELECT 1 FROM events AS opened JOIN events AS part ON part.key = opened.key
      WHERE opened.name = 'CaseOpened' AND opened.job = request.key
        AND (part.ended IS NULL OR part.ended > :block
          OR EXISTS (SELECT 1 FROM notes WHERE name = 'unpaid ' || opened.key)))
    AND NOT EXISTS (SELECT 1 FROM events AS audit
      WHERE audit.key = request.key AND audit.name = 'AuditCommitted' AND (audit.ended IS NULL OR audit.ended > :block))
  ORDER BY deadline LIMIT :most`;
