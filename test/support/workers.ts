import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import type { JobRequest, JobTerms } from "@assay/sdk";
import { AssayClient, packBundle, tensorsUri } from "@assay/sdk";

import {
  fundBonds,
  JOB_STAKE,
  joinProvider,
  PRICE,
  PROFILE,
  registerModel,
  startMarket,
} from "../../scripts/demo/market.js";
import { loadModels } from "../../scripts/demo/models.js";
import { until } from "../../scripts/demo/settle.js";
import type { DemoWorker } from "../../scripts/demo/workers.js";
import { freePort, prepareWorker } from "../../scripts/demo/workers.js";
import { Anvil } from "./anvil.js";
import { STATUS } from "./fixture.js";

/** A worker of the scene. It works for a provider of its own unless it only audits. */
export interface Part {
  name: string;
  roles: string[];
  cheats?: boolean;
  /** Computes as a processor does that adds in another order. */
  elsewhere?: boolean;
  /** Tickets for drawn audits, which only a provider can hold. */
  tickets?: number;
}

/** A trained network whose sums may be taken in any order. */
const IN_ANY_ORDER = { name: "digits", file: "digits_mlp_fp32.onnx", workUnits: 6464n, tolerance: true };
/** The same network, bit for bit on every processor. */
const BIT_FOR_BIT = { name: "digits", file: "digits_mlp_fp32.onnx", workUnits: 6464n, runtime: "wasm" } as const;

export type WorkerScene = Awaited<ReturnType<typeof setUpWorkers>>;

/** A market for one model on a real node, with workers that are processes of their own. */
export async function setUpWorkers(
  binary: string,
  profile: number,
  parts: readonly Part[],
  changed: Readonly<Record<string, bigint>> = {},
) {
  const folder = mkdtempSync(path.join(tmpdir(), "assay-e2e-"));
  const anvil = await Anvil.start(binary);
  const market = await startMarket(anvil.rpcUrl, folder, changed);
  const [model, ...others] = await loadModels(filesFor(profile));
  if (!model) throw new Error("no model");
  for (const other of others) other.stop();
  const modelId = await registerModel(market, model, folder, profile);

  const workers = new Map<string, DemoWorker>();
  const providers = new Map<string, string>();
  for (const [i, { name, roles, cheats = false, elsewhere = false, tickets = 0 }] of parts.entries()) {
    const provider = roles.includes("serve") || tickets > 0 ? market.people[i] : undefined;
    const models = roles.includes("juror") || tickets > 0 ? [modelId] : [];
    const plan = { name, roles, models, port: await freePort(), cheats, elsewhere, tickets };
    const worker = await prepareWorker(market, folder, { ...plan, ...(provider && { provider: provider.address }) });
    if (provider) await joinProvider(market, provider, worker.operator.address, worker.endpoint, [modelId]);
    if (!roles.includes("serve")) await fundBonds(market, worker.operator.address);
    await worker.start();
    workers.set(name, worker);
    if (provider) providers.set(name, provider.address);
  }
  await fundBonds(market, market.client.address);

  return {
    anvil,
    market,
    model,
    modelId,
    client: new AssayClient({ deployment: market.deployment, signer: market.client, pollInterval: 100 }),
    worker: (name: string) => named(workers, name),
    /** Address of a worker's provider. */
    provider: (name: string) => named(providers, name),
    async tidy() {
      for (const worker of workers.values()) await worker.stop();
      model.stop();
      await market.stop();
      await anvil.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function filesFor(profile: number) {
  if (profile === PROFILE.tolerance) return [IN_ANY_ORDER];
  if (profile === PROFILE.canonical) return [BIT_FOR_BIT];
  return undefined;
}

function named<T>(all: ReadonlyMap<string, T>, name: string): T {
  const found = all.get(name);
  if (found === undefined) throw new Error(`nobody is called ${name}`);
  return found;
}

/**
 * Uploads a sample to the provider's store, or to that of `keeper`, where it stays when the provider is gone. The order
 * is not paid yet.
 */
export async function upload(
  scene: WorkerScene,
  provider: string,
  sample: number,
  keeper = provider,
): Promise<JobRequest> {
  const { client, market, model, modelId } = scene;
  const x = model.samples[sample]?.x;
  if (!x) throw new Error(`no sample ${sample}`);
  const input = packBundle(new Map([["x", x]]), ["x"]);
  await client.upload(scene.provider(keeper), input);
  return {
    provider: scene.provider(provider),
    modelId,
    inputCommitment: input.root,
    token: market.payTokenAddress,
    maxPrice: PRICE,
    minStake: JOB_STAKE,
    deliverBy: 2n ** 48n - 1n,
    inputUri: keeper === provider ? "" : tensorsUri(scene.worker(keeper).endpoint, input.root),
  };
}

export const settled = ({ market }: WorkerScene, { id }: JobTerms): Promise<void> =>
  until(`job ${id} is settled`, async () => (await market.contracts.market.statusOf(id)) === STATUS.settled);

/** What an account has in the escrow to pay with, and in stake tokens. */
export const balanceOf = ({ market }: WorkerScene, account: string): Promise<bigint> =>
  market.contracts.escrow.balanceOf(market.payTokenAddress, account);
export const bondsOf = ({ market }: WorkerScene, account: string): Promise<bigint> =>
  market.contracts.escrow.balanceOf(market.stakeToken, account);
