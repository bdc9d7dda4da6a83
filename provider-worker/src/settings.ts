import { readFileSync } from "node:fs";
import path from "node:path";

import { isAddress } from "ethers";
import { z } from "zod";

import { costOf } from "./content/shelf.js";
import { WorkerError } from "./errors.js";
import { MAX_GOLDEN_BYTES } from "./models/golden.js";

const MINUTE_MS = 60_000;
const DAY_SECONDS = 86_400;
/** What protobuf, and so ONNX, can hold; such a file is in memory as a whole. */
const MAX_FILE_BYTES = 2_147_483_647;
const MAX_DISK_BYTES = 10 ** 15;

const address = z.string().refine((value) => isAddress(value), "is no address");
/** A whole number within bounds; what is refused is named with its bound. */
const whole = (least: number, most: number) => bounded(z.number().int(), least, most);
const bounded = (number: z.ZodNumber, least: number, most: number) =>
  number
    .min(least, { error: ({ input }) => `${String(input)} is less than ${least}` })
    .max(most, { error: ({ input }) => `${String(input)} is more than ${most}` });
const port = whole(0, 65_535);
const rpcUrl = z.string().superRefine((value, context) => {
  const problem = problemOfRpcUrl(value);
  if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
});
const modelId = z.union([z.string().regex(/^\d+$/, "is no model id"), z.number().int().positive()]).transform(BigInt);

/** What each shelf of the content store must have room for, and the settings that say how large that is. */
const shelves = [
  {
    name: "storeBytes",
    what: "the largest input and output of one job",
    leastOf: ({ inputBytes, outputBytes }: Sizes) => costOf(inputBytes) + costOf(outputBytes),
    sizes: "limits.inputBytes or limits.outputBytes",
  },
  {
    name: "fileBytes",
    what: "the largest model with its golden vectors",
    leastOf: ({ modelBytes }: Sizes) => costOf(modelBytes) + costOf(Math.min(modelBytes, MAX_GOLDEN_BYTES)),
    sizes: "limits.modelBytes",
  },
] as const;
type Sizes = Record<"modelBytes" | "inputBytes" | "outputBytes", number>;

/** Everything a worker can be told. Unknown names are refused, so that a misspelt one does not pass for its default. */
export const settingsSchema = z.strictObject({
  /** JSON-RPC endpoint of the chain. */
  rpcUrl,
  chainId: whole(1, Number.MAX_SAFE_INTEGER),
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
  startBlock: whole(0, Number.MAX_SAFE_INTEGER).default(0),
  confirmations: whole(0, 10_000).default(2),
  pollMs: whole(1, 10 * MINUTE_MS).default(2000),
  chunkBlocks: whole(1, 1_000_000).default(2000),
  overlapBlocks: whole(0, 10_000).default(5),
  maxFeeGwei: bounded(z.number(), 0.000_001, 1_000_000).default(200),
  concurrency: whole(1, 256).default(2),
  collectEverySeconds: whole(0, 30 * DAY_SECONDS).default(3600),
  content: z
    .strictObject({
      host: z.string().default("127.0.0.1"),
      port: port.default(8600),
    })
    .prefault({}),
  fetch: z
    .strictObject({
      fileRoots: z.array(z.string()).default([]),
      allowPrivate: z.boolean().default(false),
      timeoutMs: whole(1, 60 * MINUTE_MS).default(30_000),
    })
    .prefault({}),
  limits: z
    .strictObject({
      modelBytes: whole(1, MAX_FILE_BYTES).default(500_000_000),
      inputBytes: whole(1, MAX_FILE_BYTES).default(50_000_000),
      outputBytes: whole(1, MAX_FILE_BYTES).default(50_000_000),
      storeBytes: whole(1, MAX_DISK_BYTES).default(10_000_000_000),
      fileBytes: whole(1, MAX_DISK_BYTES).default(20_000_000_000),
      runners: whole(1, 1000).default(4),
      loadMs: whole(1, 24 * 60 * MINUTE_MS).default(300_000),
      inferenceMs: whole(1, 24 * 60 * MINUTE_MS).default(60_000),
      inferenceMb: whole(1, 1_048_576).default(2048),
      /** Runs for the court at once; left out, as many as the machine's cores and memory allow. */
      traces: whole(1, 256).optional(),
      /** Delivered results that may be challenged at once; left out, what this machine can answer for. */
      openResults: whole(1, 10_000_000).optional(),
      courtBytes: whole(1, MAX_DISK_BYTES).default(256_000_000),
    })
    .superRefine((limits, context) => {
      for (const { name, what, leastOf, sizes } of shelves) {
        const least = leastOf(limits);
        if (limits[name] >= least) continue;
        const message = `${limits[name]} has no room for ${what}, ${least} bytes on disk: raise it, or lower ${sizes}`;
        context.addIssue({ code: "custom", path: [name], message });
      }
    })
    .prefault({}),
  /** A listener for Prometheus, on this machine only unless told otherwise; port 0 is none. */
  metrics: z
    .strictObject({
      host: z.string().default("127.0.0.1"),
      port: port.default(0),
    })
    .prefault({}),
  audit: z
    .strictObject({
      sampleRate: z.number().min(0).max(1).default(0.1),
      /** Tickets of drawn audits to hold for each of `models`; one that is held by other means counts as well. */
      tickets: whole(0, 8).default(0),
      models: z.array(modelId).default([]),
    })
    .refine(({ tickets, models }) => tickets === 0 || models.length > 0, {
      path: ["models"],
      error: "name the models to hold tickets for",
    })
    .prefault({}),
  shutdownMs: whole(1, 10 * MINUTE_MS).default(10_000),
  logLevel: z.enum(["fatal", "error", "warn", "info", "debug", "trace", "silent"]).default("info"),
});

export type WorkerSettings = z.infer<typeof settingsSchema>;

/** Whether it works for a registered provider: an auditor that holds no tickets acts for its operator alone. */
export function needsProvider({ roles, audit }: WorkerSettings): boolean {
  return roles.some((role) => role !== "audit") || audit.tickets > 0;
}

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

function problemOfRpcUrl(value: string): string | undefined {
  const protocol = URL.parse(value)?.protocol;
  if (protocol === "http:" || protocol === "https:") return undefined;
  if (protocol === "ws:" || protocol === "wss:") {
    return `${protocol} is not spoken: name the endpoint's ${protocol === "ws:" ? "http:" : "https:"} address`;
  }
  return protocol === undefined ? "Invalid URL" : `${protocol} is not spoken: use https: or http:`;
}
