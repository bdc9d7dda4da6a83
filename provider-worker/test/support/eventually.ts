import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

/** So long a busy machine may take for what a quick one does at once. */
export const PATIENCE_MS = 60_000;
const PAUSE_MS = 10;

/** Resolves once something holds that another process or the system brings about. */
export async function eventually(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (performance.now() > end) assert.fail(`not within ${PATIENCE_MS} ms: ${what}`);
    await sleep(PAUSE_MS);
  }
}

/** What a promise gives, or a failure that says what did not come. */
export async function inTime<T>(what: string, promise: Promise<T>): Promise<T> {
  const late = new AbortController();
  const timeout = sleep(PATIENCE_MS, undefined, { signal: late.signal }).then(() =>
    assert.fail(`not within ${PATIENCE_MS} ms: ${what}`),
  );
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    late.abort();
    await timeout.catch(() => undefined);
  }
}
