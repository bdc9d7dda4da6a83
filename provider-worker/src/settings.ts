import { readFileSync } from "node:fs";
import path from "node:path";

import { isAddress } from "ethers";
import { z } from "zod";

import { WorkerError } from "./errors.js";

const address = z.string().refine((value) => isAddress(value), "is no address");
const positive = z.number().int().positive();
const modelId = z.union([z.string().regex(/^\d+$/, "is no model id"), z.number().int().positive()]).transform(BigInt);

/** Everything a worker can be told. Unknown names are refused, so that a misspelt one does not pass for its default. */
export const settingsSchema = z.strictObject({
  /** JSON-RPC endpoint of the chain. */
  rpcUrl: z.url(),
  chainId: positive,
  /** File with the addresses, such as Ignition's `deployed_addresses.json`. */
  deployment: z.string().min(1),
  /** The provider this worker works for. */
  provider: address,
  roles: z.array(z.enum(["serve", "juror", "audit"])).min(1),
  /** Models to judge; serving follows the provider's offers. */
  models: z.array(modelId).default([]),
  keystore: z.string().min(1),
  /** File with the keystore's password; the environment variable ASSAY_PASSWORD goes before it. */
  passwordFile: z.string().min(1).optional(),
  dataDir: z.string().min(1),
  startBlock: z.number().int().nonnegative().default(0),
  confirmations: z.number().int().nonnegative().default(2),
  pollMs: positive.default(2000),
  chunkBlocks: positive.default(2000),
  overlapBlocks: z.number().int().nonnegative().default(5),
  maxFeeGwei: z.number().positive().default(200),
  concurrency: positive.default(2),
  collectEverySeconds: z.number().int().nonnegative().default(3600),
  content: z
    .strictObject({
      host: z.string().default("127.0.0.1"),
      port: z.number().int().min(0).max(65_535).default(8600),
    })
    .prefault({}),
  fetch: z
    .strictObject({
      fileRoots: z.array(z.string()).default([]),
      allowPrivate: z.boolean().default(false),
      timeoutMs: positive.default(30_000),
    })
    .prefault({}),
  limits: z
    .strictObject({
      modelBytes: positive.default(500_000_000),
      inputBytes: positive.default(50_000_000),
      outputBytes: positive.default(50_000_000),
      storeBytes: positive.default(10_000_000_000),
      fileBytes: positive.default(20_000_000_000),
      runners: positive.default(4),
      inferenceMs: positive.default(60_000),
      inferenceMb: positive.default(2048),
    })
    .prefault({}),
  /** A listener for Prometheus, on this machine only unless told otherwise; port 0 is none. */
  metrics: z
    .strictObject({
      host: z.string().default("127.0.0.1"),
      port: z.number().int().min(0).max(65_535).default(0),
    })
    .prefault({}),
  audit: z.strictObject({ sampleRate: z.number().min(0).max(1).default(0.1) }).prefault({}),
  shutdownMs: positive.default(10_000),
  logLevel: z.enum(["fatal", "error", "warn", "info", "debug", "trace", "silent"]).default("info"),
});

export type WorkerSettings = z.infer<typeof settingsSchema>;

/** Settings from the environment: what a service manager likes to set. They go before the file's. */
const ENVIRONMENT: Readonly<Record<string, string>> = {
  ASSAY_RPC_URL: "rpcUrl",
  ASSAY_KEYSTORE: "keystore",
  ASSAY_PASSWORD_FILE: "passwordFile",
  ASSAY_DATA_DIR: "dataDir",
  ASSAY_DEPLOYMENT: "deployment",
  ASSAY_LOG_LEVEL: "logLevel",
};
const PATHS = ["deployment", "keystore", "passwordFile", "dataDir"] as const;

/**
 * Reads and checks settings; paths are relative to the settings file. Throws one `WorkerError` that names every
 * problem at once.
 */
export function loadSettings(file: string, environment: NodeJS.ProcessEnv): WorkerSettings {
  let values: unknown;
  try {
    values = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    // V8 quotes what it cannot parse, and that may be a secret.
    const why = (error as Error).message.replace(/, (\.{3})?".*/s, " in JSON");
    throw new WorkerError(`cannot read settings from ${file}: ${why}`);
  }
  const set = Object.entries(ENVIRONMENT).flatMap(([variable, name]) => {
    const value = environment[variable];
    return value === undefined ? [] : [[name, value] as const];
  });
  const parsed = settingsSchema.safeParse({ ...(values as object), ...Object.fromEntries(set) });
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path: at, message }) => `  ${at.join(".") || "settings"}: ${message}`);
    throw new WorkerError(`${file} has ${problems.length} problem(s):\n${problems.join("\n")}`);
  }
  const settings = parsed.data;
  for (const name of PATHS) {
    const value = settings[name];
    if (value !== undefined) settings[name] = path.resolve(path.dirname(file), value);
  }
  settings.fetch.fileRoots = settings.fetch.fileRoots.map((root) => path.resolve(path.dirname(file), root));
  return settings;
}
