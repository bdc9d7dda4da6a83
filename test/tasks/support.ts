import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { Checker, ContentServer, ContentStore } from "@assay/provider-worker";
import { connect, loadDeployment } from "@assay/sdk";
import { config, network, tasks } from "hardhat";

import LocalModule from "../../ignition/modules/Local.js";
import { useConnection } from "../../tasks/support/connection.js";

/** Unlike any chain that a developer may have deployed to: Ignition keeps its records by this id. */
const CHAIN_ID = 77_031_337;
const ROOT = path.resolve(import.meta.dirname, "../..");
const HARDHAT = path.join(ROOT, "node_modules/hardhat/dist/src/cli.js");
export const MODEL_FILE = path.join(ROOT, "models/digits_mlp_fp32.onnx");
export const SAMPLE_FILE = path.join(ROOT, "models/digits.sample.safetensors");
export const WINDOW = 600;
export const DELAY = 60;
/** Audits that end inside such a window. */
const AUDITS = {
  auditRoundPeriod: 20,
  auditCommitPeriod: 60,
  auditAnswerPeriod: 60,
  auditRevealPeriod: 40,
  auditChallengePeriod: 60,
};

type Arguments = Record<string, string | number | bigint | boolean>;
export type Json = Record<string, unknown>;

/** A bond that test accounts can afford, and a value of gas that it covers. */
const BOND = { challengeBond: 10n ** 18n, gasValue: 5n * 10n ** 10n };

/** A chain behind JSON-RPC with the system deployed by Ignition, and a folder for files. */
export async function startChain() {
  const server = await network.createServer({ network: "default", override: { chainId: CHAIN_ID } }, "127.0.0.1", 0);
  const { port } = await server.listen();
  const rpcUrl = `http://127.0.0.1:${port}`;
  const connection = await network.create({ network: "localhost", override: { url: rpcUrl } as never });
  const records = path.join(config.paths.ignition, "deployments", `chain-${CHAIN_ID}`);
  rmSync(records, { recursive: true, force: true });
  await connection.ignition.deploy(LocalModule, {
    deploymentId: `chain-${CHAIN_ID}`,
    parameters: { Assay: { challengeWindow: WINDOW, parameterDelay: DELAY, ...BOND, ...AUDITS } },
  });
  useConnection(connection);
  const deployment = loadDeployment(path.join(records, "deployed_addresses.json"));
  const accounts = await connection.ethers.getSigners();
  const folder = mkdtempSync(path.join(tmpdir(), "assay-tasks-"));
  return {
    rpcUrl,
    records,
    folder,
    provider: connection.ethers.provider,
    addresses: accounts.map(({ address }) => address),
    contracts: connect(deployment, connection.ethers.provider),
    signer(index: number) {
      const account = accounts[index];
      if (!account) throw new Error(`the chain has no account ${index}`);
      return account;
    },
    addressOf(index: number) {
      return this.signer(index).address;
    },
    async stop() {
      useConnection(undefined);
      await connection.close();
      await server.close();
      for (const used of [records, folder]) rmSync(used, { recursive: true, force: true });
    },
  };
}

export type Chain = Awaited<ReturnType<typeof startChain>>;

/** A provider's content store, as its worker serves it. */
export async function startStore(folder: string) {
  const nothing = { own: new Set<string>(), others: new Set<string>() };
  const shelf = { maxBytes: 10_000_000, needed: () => nothing };
  const checker = new Checker();
  const store = new ContentStore(path.join(folder, "content"), { tensors: shelf, files: shelf }, checker);
  const server = new ContentServer(store, { host: "127.0.0.1", port: 0, maxUploadBytes: 1_000_000 });
  const endpoint = `http://127.0.0.1:${await server.start()}`;
  const stop = async () => {
    await Promise.all([server.stop(), checker.stop()]);
    store.close();
  };
  return { store, endpoint, stop };
}

/** Runs a task in this process and returns what it printed. */
export async function run(name: string, given: Arguments = {}): Promise<string> {
  const lines: string[] = [];
  const log = console.log;
  console.log = (line: string) => lines.push(line);
  try {
    await tasks.getTask(name).run(given);
  } finally {
    console.log = log;
  }
  return lines.join("\n");
}

/** Runs a task with `--json` and returns the object, which must be all it printed. */
export async function json(name: string, given: Arguments = {}): Promise<Json> {
  return JSON.parse(await run(name, { ...given, json: true })) as Json;
}

/** The rows of a listing. */
export async function rows(name: string, given: Arguments = {}): Promise<Json[]> {
  const [listed] = Object.values(await json(name, given));
  return listed as Json[];
}

/** Why a task refused. */
export async function refusal(name: string, given: Arguments = {}): Promise<string> {
  try {
    await run(name, given);
  } catch (error) {
    if (error instanceof Error && "pluginId" in error) return error.message;
    throw error;
  }
  throw new Error(`${name} was not refused`);
}

/** The real command line, in a process of its own. */
export async function commandLine(chain: Pick<Chain, "rpcUrl">, ...words: string[]) {
  const env = { ...process.env, ASSAY_RPC_URL: chain.rpcUrl, CI: undefined };
  const child = spawn(process.execPath, [HARDHAT, ...words, "--network", "localhost"], { cwd: ROOT, env });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr };
}
