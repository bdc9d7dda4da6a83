import type { DestinationStream, Logger } from "pino";
import pino from "pino";

import type { Redact } from "./redact.js";

const NAMES = ["privateKey", "password", "secret", "mnemonic"];

/** Structured logs on standard output; anything named like a secret is blanked, and so is what `redact` hides. */
export function createLog(level: string, redact?: Redact, destination?: DestinationStream): Logger {
  return pino(
    {
      level,
      redact: { paths: NAMES.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: "***" },
      formatters: { level: (label) => ({ level: label }) },
      ...(redact && { hooks: { streamWrite: redact } }),
    },
    destination ?? pino.destination(1),
  );
}
