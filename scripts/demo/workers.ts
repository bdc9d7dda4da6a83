import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, openSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { createKeystore } from "@assay/provider-worker";
import type { HDNodeWallet } from "ethers";
import { Wallet } from "ethers";

import type { DemoMarket } from "./market.js";

const ROOT = path.resolve(import.meta.dirname, "../..");
const PASSWORD = "demo password";
const READY_MS = 60_000;
const STOP_MS = 15_000;

export interface DemoWorker {
  name: string;
  operator: HDNodeWallet;
  endpoint: string;
  start(): Promise<void>;
  /** Ends the process and waits for its end. `SIGKILL` gives it no time to tidy up. */
  stop(signal?: "SIGTERM" | "SIGKILL"): Promise<void>;
}

export interface WorkerPlan {
  name: string;
  /** None for a worker that only audits. */
  provider?: string;
  roles: string[];
  models: bigint[];
  port: number;
  cheats: boolean;
  /** Computes as a processor does that adds in another order. */
  elsewhere?: boolean;
  /** Tickets for drawn audits of the models. Who has some looks at no other jobs. */
  tickets?: number;
}

/** A worker of its own process, settings, key, data folder and log file. */
export async function prepareWorker(market: DemoMarket, folder: string, plan: WorkerPlan): Promise<DemoWorker> {
  const home = path.join(folder, plan.name);
  mkdirSync(home, { recursive: true });
  const operator = Wallet.createRandom();
  await createKeystore(path.join(home, "operator.keystore.json"), PASSWORD, operator.privateKey);
  const settings = {
    rpcUrl: market.rpcUrl,
    chainId: Number(market.chainId),
    deployment: market.deploymentFile,
    provider: plan.provider ?? operator.address,
    roles: plan.roles,
    models: plan.models.map(String),
    keystore: "operator.keystore.json",
    dataDir: "data",
    confirmations: 0,
    pollMs: 300,
    concurrency: 4,
    collectEverySeconds: 5,
    content: { port: plan.port },
    fetch: { fileRoots: [folder], allowPrivate: true },
    audit: plan.tickets ? { sampleRate: 0, tickets: plan.tickets, models: plan.models.map(String) } : { sampleRate: 1 },
  };
  const settingsFile = path.join(home, "settings.json");
  writeFileSync(settingsFile, JSON.stringify(settings, null, 2));
  await (await market.deployer.sendTransaction({ to: operator.address, value: 10n ** 20n })).wait();

  const endpoint = `http://127.0.0.1:${plan.port}`;
  let child: ChildProcess | undefined;
  return {
    name: plan.name,
    operator,
    endpoint,
    async start() {
      const log = openSync(path.join(home, "log.jsonl"), "a");
      const falsifies = plan.cheats || plan.elsewhere;
      const how = plan.elsewhere ? ["rounding"] : [];
      const command = falsifies
        ? ["--import", "tsx", path.join(ROOT, "provider-worker/test/support/cheatingWorker.ts"), settingsFile, ...how]
        : [path.join(ROOT, "provider-worker/bin/assay-worker.js"), "--settings", settingsFile, "start"];
      child = spawn(process.execPath, command, {
        cwd: ROOT,
        env: { PATH: process.env.PATH, ASSAY_PASSWORD: PASSWORD },
        stdio: ["ignore", log, log],
      });
      await waitForHealth(plan.name, endpoint, child);
    },
    async stop(signal = "SIGTERM") {
      if (!child || child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill(signal);
      const late = setTimeout(() => child?.kill("SIGKILL"), STOP_MS);
      await ended;
      clearTimeout(late);
    },
  };
}

/** A port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

async function waitForHealth(name: string, endpoint: string, child: ChildProcess): Promise<void> {
  for (const until = Date.now() + READY_MS; Date.now() < until;) {
    if (child.exitCode !== null) throw new Error(`worker ${name} ended with code ${child.exitCode}: see its log`);
    const answer = await fetch(`${endpoint}/health`).catch(() => undefined);
    if (answer?.ok) return;
    await sleep(200);
  }
  throw new Error(`worker ${name} did not start within ${READY_MS / 1000} s: see its log`);
}
