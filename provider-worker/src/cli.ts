import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";

import { AssayError, decodeRevert, loadDeployment } from "@assay/sdk";
import { Command, CommanderError } from "commander";

import { rpcProvider } from "./chain/rpc.js";
import { diagnose } from "./doctor.js";
import { WorkerError } from "./errors.js";
import { createKeystore, openKeystore, readPassword } from "./keystore.js";
import { createLog } from "./log.js";
import type { Redact } from "./redact.js";
import { redactor } from "./redact.js";
import type { WorkerSettings } from "./settings.js";
import { loadSettings } from "./settings.js";
import { readStatus } from "./status.js";
import { Worker } from "./worker.js";

/** Exit codes: fine, failed, misconfigured, try again later. */
const EXIT = { ok: 0, failed: 1, usage: 64, temporary: 75 } as const;

/** Where `init` lets Prometheus look. */
const METRICS_PORT = 9464;

/** What a connection that may work later fails with. */
const CONNECTION_ERRORS = [
  "ECONNREFUSED",
  "ECONNRESET",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ETIMEDOUT",
  "TIMEOUT",
  "SERVER_ERROR",
];

/** Hides what is not to be shown; known once the settings are read. */
let redact: Redact = (text) => text;

const program = new Command("assay-worker")
  .description("Serves, audits and judges inference for the Assay marketplace")
  .option("-s, --settings <file>", "settings file", "assay-worker.json")
  .exitOverride();

program
  .command("init")
  .description("writes an encrypted key and a settings file to start from; overwrites nothing")
  .action(async () => {
    const file = settingsFile();
    const folder = path.dirname(file);
    const keystore = path.join(folder, "operator.keystore.json");
    for (const kept of [file, keystore]) {
      if (existsSync(kept)) throw new WorkerError(`${kept} exists already: edit it, or name another with --settings`);
    }
    mkdirSync(folder, { recursive: true });
    const passwordFile = process.env.ASSAY_PASSWORD === undefined ? path.join(folder, "password") : undefined;
    if (passwordFile !== undefined && !existsSync(passwordFile)) {
      writeFileSync(passwordFile, randomBytes(24).toString("base64url"), { mode: 0o600 });
    }
    const operator = await createKeystore(keystore, readPassword(process.env, passwordFile));
    const settings = {
      rpcUrl: "http://127.0.0.1:8545",
      chainId: 31337,
      deployment: "deployed_addresses.json",
      provider: operator,
      roles: ["serve", "juror"],
      models: [],
      keystore: "operator.keystore.json",
      ...(passwordFile !== undefined && { passwordFile: "password" }),
      dataDir: "data",
      metrics: { port: METRICS_PORT },
    };
    writeFileSync(file, `${JSON.stringify(settings, null, 2)}\n`, { flag: "wx" });
    say(`operator key ${operator}\nsettings     ${file}`);
    say("Next: set provider, deployment and rpcUrl, register the operator key, then assay-worker doctor.");
  });

program
  .command("doctor")
  .description("checks everything a worker needs, and says what to do about what is wrong")
  .action(async () => {
    const settings = readSettings();
    const provider = rpcProvider(settings.rpcUrl, settings.chainId);
    try {
      const findings = await diagnose(settings, process.env, provider);
      for (const { ok, works, what, remedy } of findings)
        say(ok ? `ok    ${what}` : `${works ? "warn " : "WRONG"} ${what}: ${remedy}`);
      if (findings.some(({ ok, works }) => !ok && !works)) process.exitCode = EXIT.failed;
    } finally {
      provider.destroy();
    }
  });

program
  .command("start")
  .description("works until SIGINT or SIGTERM")
  .action(async () => {
    const settings = readSettings();
    const deployment = loadDeployment(settings.deployment);
    const wallet = await openKeystore(settings.keystore, readPassword(process.env, settings.passwordFile));
    const stop = new AbortController();
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.once(signal, () => {
        stop.abort();
      });
    }
    await new Worker({ settings, deployment, wallet, log: createLog(settings.logLevel, redact) }).run(stop.signal);
    // An RPC request under way would keep the process for as long as the node likes.
    process.exit(EXIT.ok);
  });

program
  .command("status")
  .description("what the provider has and owes on chain; of an auditor alone, its operator")
  .option("--json", "for machines")
  .action(async ({ json }: { json?: true }) => {
    const settings = readSettings();
    const provider = rpcProvider(settings.rpcUrl, settings.chainId);
    try {
      const status = await readStatus(settings, provider);
      if (json) say(JSON.stringify(status));
      else for (const [name, value] of Object.entries(status)) say(`${name.padEnd(10)} ${String(value)}`);
    } finally {
      provider.destroy();
    }
  });

function settingsFile(): string {
  return path.resolve(program.opts<{ settings: string }>().settings);
}

function readSettings(): WorkerSettings {
  const settings = loadSettings(settingsFile(), process.env);
  redact = redactor(settings.rpcUrl);
  return settings;
}

function say(text: string): void {
  console.log(redact(text));
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof WorkerError) return error.retryable ? EXIT.temporary : EXIT.usage;
  if (error instanceof AssayError) return EXIT.usage;
  const { code } = error as { code?: unknown };
  return CONNECTION_ERRORS.some((known) => known === code) ? EXIT.temporary : EXIT.failed;
}

try {
  await program.parseAsync();
} catch (thrown) {
  const error = decodeRevert(thrown);
  // Commander says itself what it refuses.
  if (!(error instanceof CommanderError)) {
    console.error(redact(error instanceof Error ? error.message : String(error)));
  }
  process.exitCode = exitCodeOf(error);
}
