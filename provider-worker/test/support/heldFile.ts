import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";

/**
 * A file that comes only once a test lets it: whoever reads it waits, in the thread that reads. On the test's own thread
 * that would be for ever.
 */
export function heldFile(path: string): { come: (bytes: Uint8Array) => Promise<void> } {
  execFileSync("mkfifo", [path]);
  return { come: (bytes) => writeFile(path, bytes) };
}
