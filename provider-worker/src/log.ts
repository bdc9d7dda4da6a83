import type { Logger } from "pino";
import pino from "pino";

/** Structured logs on standard output; anything named like a secret is blanked. */
export function createLog(level: string): Logger {
  return pino({
    level,
    redact: { paths: ["privateKey", "password", "secret", "*.privateKey", "*.password", "*.secret"], censor: "***" },
    formatters: { level: (label) => ({ level: label }) },
  });
}
