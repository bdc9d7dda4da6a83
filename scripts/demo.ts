/**
 * A whole marketplace in one run: chain, contracts, three honest workers, one that cheats, an auditor, and a client
 * that buys an inference for each of over 200 real test samples. Ends with tables, or with `--json` in one line.
 * Exits with an error if any fact that should hold does not.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

import { AssayClient } from "@assay/sdk";

import type { People } from "./demo/books.js";
import { conservation } from "./demo/books.js";
import { gasOfBlocks } from "./demo/gas.js";
import { startChain } from "./demo/chain.js";
import type { DemoMarket } from "./demo/market.js";
import { fundBonds, joinProvider, registerModel, startMarket } from "./demo/market.js";
import type { DemoModel } from "./demo/models.js";
import { labelOf, loadModels } from "./demo/models.js";
import { Progress } from "./demo/progress.js";
import type { Order } from "./demo/purchase.js";
import { buy, buyAll } from "./demo/purchase.js";
import type { Report } from "./demo/report.js";
import { falseFacts, toJson, toTables } from "./demo/report.js";
import { earningsByProvider, waitForRulings, waitForSettlement } from "./demo/settle.js";
import type { DemoWorker } from "./demo/workers.js";
import { freePort, prepareWorker } from "./demo/workers.js";

const SAMPLES: Readonly<Record<string, number>> = { digits: 140, breast_cancer: 70 };
const HONEST = 3;
/** Samples of the first model that the client also buys from the cheat. */
const CHEATED = [0, 1];
const AT_ONCE = 24;

interface Scene {
  market: DemoMarket;
  client: AssayClient;
  models: { model: DemoModel; modelId: bigint }[];
  workers: DemoWorker[];
  auditor: DemoWorker;
  cheat: string;
  honest: string[];
}

const { values: options } = parseArgs({ options: { json: { type: "boolean", default: false } } });
const progress = new Progress(process.stderr);
const cleanUp: (() => Promise<void>)[] = [];

async function setUp(folder: string): Promise<Scene> {
  progress.step("starting a chain and deploying the contracts through Ignition");
  const chain = await startChain();
  cleanUp.push(chain.stop);
  const market = await startMarket(chain.rpcUrl, folder);
  cleanUp.push(() => market.stop());

  progress.step("preparing and registering the digits and breast cancer models with their graphs");
  const models = [];
  for (const model of await loadModels()) {
    cleanUp.push(() => Promise.resolve(model.stop()));
    models.push({ model, modelId: await registerModel(market, model, folder) });
  }
  const ids = models.map(({ modelId }) => modelId);

  progress.step(`starting ${HONEST} honest workers, one that cheats and an auditor, each a process of its own`);
  const workers: DemoWorker[] = [];
  const providers = market.people.slice(0, HONEST + 1);
  for (const [i, provider] of providers.entries()) {
    const cheats = i === HONEST;
    const worker = await prepareWorker(market, folder, {
      name: cheats ? "cheat" : `honest-${i + 1}`,
      provider: provider.address,
      roles: ["serve"],
      models: [],
      port: await freePort(),
      cheats,
    });
    await joinProvider(market, provider, worker.operator.address, worker.endpoint, cheats ? ids.slice(0, 1) : ids);
    workers.push(worker);
  }
  const auditor = await prepareWorker(market, folder, {
    name: "auditor",
    roles: ["audit"],
    models: [],
    port: await freePort(),
    cheats: false,
  });
  await fundBonds(market, auditor.operator.address);
  for (const worker of [...workers, auditor]) cleanUp.push(() => worker.stop());
  await Promise.all([...workers, auditor].map((worker) => worker.start()));

  const addresses = providers.map(({ address }) => address);
  const honest = addresses.slice(0, HONEST);
  const client = new AssayClient({ deployment: market.deployment, signer: market.client, pollInterval: 250 });
  return { market, client, models, workers, auditor, cheat: addresses[HONEST] ?? "", honest };
}

/** One order for each sample, spread over the honest providers. */
function honestOrders({ models, honest }: Scene): Order[] {
  return models.flatMap(({ model, modelId }) =>
    Array.from({ length: SAMPLES[model.name] ?? 0 }, (_, sample) => ({
      model,
      modelId,
      sample,
      provider: honest[sample % honest.length] ?? "",
    })),
  );
}

async function play(scene: Scene): Promise<{ report: Report; wrong: string[] }> {
  const { market, client, models, cheat, honest } = scene;
  const firstBlock = (await market.provider.getBlockNumber()) + 1;
  const order = (purchase: Order) => buy(client, market, purchase);

  const orders = honestOrders(scene);
  const right = await buyAll(orders, AT_ONCE, order, (done) => {
    progress.count("bought from honest providers", done, orders.length);
  });

  progress.step(`buying ${CHEATED.length} inferences from the provider that cheats`);
  const first = models.slice(0, 1);
  const cheatOrders = first.flatMap((of) => CHEATED.map((sample) => ({ ...of, sample, provider: cheat })));
  const cheated = await buyAll(cheatOrders, CHEATED.length, order, () => undefined);

  progress.step("the auditor challenges, the cheat posts its trace, the auditor finds the wrong element and proves it");
  const disputes = await waitForRulings(market, cheated);

  progress.step("the challenge window passes; workers finalise and collect");
  await waitForSettlement(market, [...right, ...cheated]);
  for (const worker of [...scene.workers, scene.auditor]) await worker.stop();

  progress.step("counting: accuracy against labels and direct runs, gas of every call, every wei");
  const direct = new Map<string, number>();
  for (const { model, sample } of right) {
    const correct = labelOf(await model.run(sample)) === model.samples[sample]?.label;
    direct.set(model.name, (direct.get(model.name) ?? 0) + Number(correct));
  }
  const report: Report = {
    jobs: orders.length + cheatOrders.length,
    right,
    models: models.map(({ model }) => model),
    direct,
    earnings: await earningsByProvider(market),
    names: new Map([...honest.map((address, i): [string, string] => [address, `honest-${i + 1}`]), [cheat, "cheat"]]),
    disputes,
    gas: await gasOfBlocks(market, firstBlock, await market.provider.getBlockNumber()),
    conservation: await conservation(market, peopleOf(scene)),
    // Since this process began.
    seconds: performance.now() / 1000,
  };
  return { report, wrong: falseFacts(report, cheated) };
}

/** Whoever can hold a token. */
function peopleOf({ market, workers, auditor }: Scene): People {
  const { deployer, treasury, modelOwner, client, people, deployment } = market;
  return new Map([
    ...Object.entries({ deployer, treasury, modelOwner, client }).map(([who, { address }]) => [who, address] as const),
    ...people.map(({ address }, i) => [`person ${i}`, address] as const),
    ...[...workers, auditor].map(({ name, operator }) => [name, operator.address] as const),
    ["court", deployment.court] as const,
    ["disputes", deployment.disputes] as const,
  ]);
}

async function main(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), "assay-demo-"));
  try {
    const { report, wrong } = await play(await setUp(folder));
    console.log(toTables(report));
    for (const fact of wrong) console.error(`WRONG: ${fact}`);
    if (options.json) console.log(toJson(report));
    if (wrong.length > 0) throw new Error(`${wrong.length} fact(s) that should hold do not`);
    rmSync(folder, { recursive: true });
  } catch (error) {
    console.error(`the workers' logs are in ${folder}`);
    throw error;
  } finally {
    for (const act of cleanUp.reverse()) await act();
  }
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    void Promise.allSettled(cleanUp.map((act) => act())).then(() => process.exit(130));
  });
}
await main();
