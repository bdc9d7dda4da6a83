import type { DestinationStream, Logger } from "pino";
import pino from "pino";

import { redact } from "./redact.js";

const NAMES = ["privateKey", "password", "secret", "mnemonic"];

/** Structured logs on standard output; anything named like a secret is blanked, and so is each of `secrets`. */
export function createLog(level: string, secrets: readonly string[] = [], destination?: DestinationStream): Logger {
  return pino(
    {
      level,
      redact: { paths: NAMES.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: "***" },
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: (line) => redact(line, secrets) },
    },
    destination ?? pino.destination(1),
  );
}
