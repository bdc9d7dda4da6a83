import type { Log } from "ethers";

import { AssayError } from "./errors.js";

/** Most blocks in one request: what public RPC endpoints accept. */
export const LOG_RANGE = 10_000;

/** The one call that is made of a provider. */
export interface LogSource {
  getLogs(filter: LogFilter & { fromBlock: number; toBlock: number }): Promise<readonly Log[]>;
}

/** Logs of one contract; a list of topics at one place means any of them. */
export interface LogFilter {
  address: string;
  topics: (string | string[])[];
}

export interface BlockRange {
  from: number;
  to: number;
}

/** The newest log in a range of blocks, undefined if there is none. Older blocks are read only until it is found. */
export async function newestLog(
  source: LogSource,
  filter: LogFilter,
  { from, to }: BlockRange,
): Promise<Log | undefined> {
  const size = new RangeSize(LOG_RANGE);
  for (let last = to; last >= from;) {
    const first = Math.max(from, last - size.blocks + 1);
    try {
      const newest = (await source.getLogs({ ...filter, fromBlock: first, toBlock: last })).at(-1);
      if (newest) return newest;
      last = first - 1;
      size.succeeded();
    } catch (error) {
      size.failed(error, { from: first, to: last });
    }
  }
  return undefined;
}

/** All that `read` finds in a range of blocks, oldest first: by one request, or by as many as the endpoint makes of it. */
export async function readInRanges<T>(
  read: (fromBlock: number, toBlock: number) => Promise<readonly T[]>,
  { from, to }: BlockRange,
): Promise<T[]> {
  const found: T[] = [];
  const size = new RangeSize(to - from + 1);
  for (let first = from; first <= to;) {
    const last = Math.min(to, first + size.blocks - 1);
    try {
      for (const log of await read(first, last)) found.push(log);
      first = last + 1;
      size.succeeded();
    } catch (error) {
      size.failed(error, { from: first, to: last });
    }
  }
  return found;
}

/** Ranges on end for which an endpoint may take too long. */
const TRIES = 6;

/** How many blocks to ask for next. */
class RangeSize {
  #most = LOG_RANGE;
  #tries = 0;

  constructor(public blocks: number) {}

  /** What was too much may have been that part of the chain alone. */
  succeeded(): void {
    this.#tries = 0;
    this.blocks = Math.min(this.#most, 2 * this.blocks);
  }

  /** Throws where no smaller range helps. */
  failed(error: unknown, { from, to }: BlockRange): void {
    const isLate = takesTooLong(error);
    if (!isLate && (from === to || !isTooMuch(error))) throw error;
    if (isLate && ++this.#tries === TRIES) throw noAnswer(error, { from, to });
    this.blocks = Math.min(LOG_RANGE, Math.ceil((to - from + 1) / 2));
    // A refusal costs nothing, waiting does: such a range is not tried again.
    if (isLate) this.#most = this.blocks;
  }
}

function noAnswer(error: unknown, { from, to }: BlockRange): AssayError {
  const blocks = `no answer for the logs of blocks ${from} to ${to}`;
  return new AssayError(`${blocks}, the last of ${TRIES} tries with ever fewer of them: ${textOf(error)}`, {
    cause: error,
  });
}

/** Limits of what a caller may ask for in a time: a smaller range changes nothing. */
const QUOTA =
  /\b429\b|too many requests|rate.?limit|requests? (count|limit)|per (second|minute|hour|day|month)|daily|monthly|quota|credits|compute units/i;

/** Whether an endpoint refuses a range for its size, or for what it holds. Each says so in words of its own. */
function isTooMuch(error: unknown): boolean {
  const message = textOf(error);
  if (QUOTA.test(message)) return false;
  return /\b413\b|range|too (large|wide|many)|more than \d+ (results|logs)|limit/i.test(message);
}

/** Whether an endpoint, or what is between, gave up on an answer without a word about the range. */
function takesTooLong(error: unknown): boolean {
  const message = textOf(error);
  if (QUOTA.test(message)) return false;
  const gaveUp = /time(d|s)?[ _-]?out|deadline exceeded|\b(408|502|504|524)\b/i;
  const dropped = /ECONNRESET|EPIPE|socket hang up|other side closed|connection (was )?(closed|reset)|terminated/i;
  return gaveUp.test(message) || dropped.test(message);
}

/** What an error and its causes say, without the request that ethers quotes: its id may be any number. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error ? ` (${String(error.code)})` : "";
  const cause = error.cause === undefined ? "" : `: ${textOf(error.cause)}`;
  return `${error.message.replace(/payload=\{.*?\}(?=,|\)|$)/gs, "")}${code}${cause}`;
}
