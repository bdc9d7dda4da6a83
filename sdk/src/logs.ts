import type { Log } from "ethers";

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
  let size = LOG_RANGE;
  for (let last = to; last >= from;) {
    const first = Math.max(from, last - size + 1);
    try {
      const newest = (await source.getLogs({ ...filter, fromBlock: first, toBlock: last })).at(-1);
      if (newest) return newest;
      last = first - 1;
      // What was too much may have been that part of the chain alone.
      size = Math.min(LOG_RANGE, 2 * size);
    } catch (error) {
      if (first === last || !isTooMuch(error)) throw error;
      size = Math.ceil((last - first + 1) / 2);
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
  let size = to - from + 1;
  for (let first = from; first <= to;) {
    const last = Math.min(to, first + size - 1);
    try {
      for (const log of await read(first, last)) found.push(log);
      first = last + 1;
      size = Math.min(LOG_RANGE, 2 * size);
    } catch (error) {
      if (first === last || !isTooMuch(error)) throw error;
      size = Math.min(LOG_RANGE, Math.ceil((last - first + 1) / 2));
    }
  }
  return found;
}

/** Limits of what a caller may ask for in a time: a smaller range changes nothing. */
const QUOTA =
  /\b429\b|too many requests|rate.?limit|requests? (count|limit)|per (second|minute|hour|day|month)|daily|monthly|quota|credits|compute units/i;

/** Whether an endpoint refuses a range for its size, or for what it holds. Each says so in words of its own. */
function isTooMuch(error: unknown): boolean {
  // Without the request that ethers quotes: its id may be any number.
  const message = (error instanceof Error ? error.message : String(error)).replace(/payload=\{.*?\}(?=,|\)|$)/gs, "");
  if (QUOTA.test(message)) return false;
  return /\b413\b|range|too (large|wide|many)|more than \d+ (results|logs)|limit/i.test(message);
}
