import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { AssayClient, packBundle, Ruling } from "@assay/sdk";
import type { JobRequest, JobTerms } from "@assay/sdk";
import { expect } from "chai";

import type { DemoMarket } from "../../scripts/demo/market.js";
import {
  fundBonds,
  JOB_STAKE,
  joinProvider,
  PRICE,
  registerModel,
  startMarket,
  WINDOW,
} from "../../scripts/demo/market.js";
import type { DemoModel } from "../../scripts/demo/models.js";
import { labelOf, loadModels, sameTensors } from "../../scripts/demo/models.js";
import { until } from "../../scripts/demo/settle.js";
import type { DemoWorker } from "../../scripts/demo/workers.js";
import { freePort, prepareWorker } from "../../scripts/demo/workers.js";
import { Anvil, anvilPath } from "../support/anvil.js";
import { STATUS } from "../support/fixture.js";

const JOB_SECONDS = 300n;

/** A market on a real node with workers that are processes of their own. */
interface Scene {
  anvil: Anvil;
  market: DemoMarket;
  client: AssayClient;
  model: DemoModel;
  modelId: bigint;
  workers: DemoWorker[];
  cheat: DemoWorker;
  auditor: DemoWorker;
  /** Providers: the workers', in order, then the cheat. */
  providers: string[];
  tidy: () => Promise<void>;
}

async function setUp(binary: string): Promise<Scene> {
  const folder = mkdtempSync(path.join(tmpdir(), "assay-e2e-"));
  const anvil = await Anvil.start(binary);
  const market = await startMarket(anvil.rpcUrl, folder);
  const [model, ...others] = await loadModels();
  if (!model) throw new Error("no model");
  for (const other of others) other.stop();
  const modelId = await registerModel(market, model, folder);

  const start = async (name: string, roles: string[], cheats = false, index?: number) => {
    const provider = index === undefined ? undefined : market.people[index];
    const models = roles.includes("juror") ? [modelId] : [];
    const port = await freePort();
    const plan = { name, roles, models, port, cheats, ...(provider && { provider: provider.address }) };
    const worker = await prepareWorker(market, folder, plan);
    if (provider) await joinProvider(market, provider, worker.operator.address, worker.endpoint, [modelId]);
    else await fundBonds(market, worker.operator.address);
    await worker.start();
    return worker;
  };
  const workers: DemoWorker[] = [];
  for (let i = 0; i < 4; i++) workers.push(await start(`worker-${i}`, ["serve", "juror"], false, i));
  const cheat = await start("cheat", ["serve"], true, 4);
  const auditor = await start("auditor", ["audit"]);
  await fundBonds(market, market.client.address);
  await until("the workers sit in the jury pool", async () => {
    return (await market.contracts.jury.poolOf(modelId)).length === workers.length;
  });
  return {
    anvil,
    market,
    client: new AssayClient({ deployment: market.deployment, signer: market.client, pollInterval: 100 }),
    model,
    modelId,
    workers,
    cheat,
    auditor,
    providers: market.people.slice(0, 5).map(({ address }) => address),
    async tidy() {
      for (const worker of [...workers, cheat, auditor]) await worker.stop();
      model.stop();
      await market.stop();
      await anvil.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

describe("The worker on a real node", function () {
  this.timeout(180_000);
  let scene: Scene;

  before(async function () {
    const binary = anvilPath();
    // npm has no anvil for this platform: set ANVIL_PATH to run these tests.
    if (binary === undefined) return this.skip();
    scene = await setUp(binary);
  });

  after(async () => {
    // `scene` is not there if the tests were skipped.
    await (scene as Scene | undefined)?.tidy();
  });

  /** Uploads a sample to a provider's store; the order is not paid yet. */
  async function upload(provider: number, sample: number): Promise<JobRequest> {
    const { client, market, model, modelId, providers } = scene;
    const address = providers[provider] ?? "";
    const x = model.samples[sample]?.x;
    if (!x) throw new Error(`no sample ${sample}`);
    const input = packBundle(new Map([["x", x]]), ["x"]);
    await client.upload(address, input);
    return {
      provider: address,
      modelId,
      inputCommitment: input.root,
      token: market.payTokenAddress,
      maxPrice: PRICE,
      minStake: JOB_STAKE,
      deliverBy: 2n ** 48n - 1n,
      inputUri: "",
    };
  }

  const buy = async (provider: number, sample: number) => scene.client.request(await upload(provider, sample));
  const statusOf = (terms: JobTerms) => scene.market.contracts.market.statusOf(terms.id);
  const balanceOf = (account: string) => scene.market.contracts.escrow.balanceOf(scene.market.payTokenAddress, account);
  const bondsOf = (account: string) => scene.market.contracts.escrow.balanceOf(scene.market.stakeToken, account);
  const settled = (terms: JobTerms) =>
    until(`job ${terms.id} is settled`, async () => (await statusOf(terms)) === STATUS.settled);
  const submissions = (terms: JobTerms) => {
    const { market } = scene.market.contracts;
    return market.queryFilter(market.filters.ResultSubmitted(terms.id));
  };

  it("delivers what a direct run gives, finalises and collects by itself", async () => {
    const { client, model, anvil, providers } = scene;
    const before = await balanceOf(providers[0] ?? "");
    const terms = await buy(0, 3);
    const delivery = await client.waitForDelivery(terms);
    const { tensors } = await client.result(terms, delivery);
    expect(sameTensors(tensors, await model.run(3))).to.equal(true);
    expect(labelOf(tensors)).to.equal(model.samples[3]?.label);

    await anvil.passTime(WINDOW + 1n);
    await settled(terms);
    expect(await client.outcomeOf(terms.id)).to.equal("paid");
    await until("the earnings are collected", async () => (await balanceOf(providers[0] ?? "")) > before);
    const fees = (PRICE * terms.protocolFeeBps) / 10_000n + (PRICE * 500n) / 10_000n;
    expect((await balanceOf(providers[0] ?? "")) - before).to.equal(PRICE - fees);
  });

  it("leaves a job alone that expired while it was away", async () => {
    const { client, market, workers, anvil } = scene;
    const before = await balanceOf(market.client.address);
    const order = await upload(0, 4);
    await workers[0]?.stop();
    const late = await client.request(order);
    await anvil.passTime(JOB_SECONDS + 1n);
    await workers[0]?.start();
    // Delivered after the late one was read.
    await client.waitForDelivery(await buy(0, 5));
    expect(await statusOf(late)).to.equal(STATUS.expired);
    await client.expire(late);
    expect(await client.outcomeOf(late.id)).to.equal("refunded");
    expect(await submissions(late)).to.have.lengthOf(0);
    expect(await balanceOf(market.client.address)).to.equal(before - PRICE);
  });

  it("has a wrong result challenged, judged and refunded with nobody's help", async () => {
    const { client, market, providers } = scene;
    const { disputes, staking } = market.contracts;
    const cheat = providers[4] ?? "";
    const before = { client: await balanceOf(market.client.address), stake: await staking.bondedOf(cheat) };
    const terms = await buy(4, 6);
    await settled(terms);
    expect(await client.outcomeOf(terms.id)).to.equal("refunded");
    const ruling = (await disputes.caseOf(await disputes.caseOfJob(terms.id))).ruling;
    expect(ruling).to.equal(Ruling.Upheld);
    expect(await balanceOf(market.client.address)).to.equal(before.client);
    expect(await staking.bondedOf(cheat)).to.equal(before.stake - terms.stake);
  });

  it("has a right result confirmed: the challenger loses the bond and the provider is paid", async () => {
    const { client, market, providers } = scene;
    const { disputes, staking } = market.contracts;
    const before = { bonds: await bondsOf(market.client.address), stake: await staking.bondedOf(providers[1] ?? "") };
    const terms = await buy(1, 7);
    const { outputCommitment } = await client.waitForDelivery(terms);
    const caseId = await client.challenge(terms, outputCommitment);
    await settled(terms);
    expect((await disputes.caseOf(caseId)).ruling).to.equal(Ruling.Rejected);
    expect(await client.outcomeOf(terms.id)).to.equal("paid");
    expect(await bondsOf(market.client.address)).to.equal(before.bonds - (await disputes.CHALLENGE_BOND()));
    expect(await staking.bondedOf(providers[1] ?? "")).to.equal(before.stake);
  });

  it("sends the very transaction it had signed when it is killed before the result is mined", async () => {
    const { workers, anvil, client, market } = scene;
    const worker = workers[2];
    if (!worker) throw new Error("no third worker");
    const order = await upload(2, 8);
    await anvil.holdBlocks("all");
    const requested = client.request(order);
    await until("the request waits", async () => (await anvil.pendingOf(market.client.address)).length > 0);
    await anvil.mine();
    const terms = await requested;
    await until("the result waits", async () => (await anvil.pendingOf(worker.operator.address)).length > 0);
    const [signed] = await anvil.pendingOf(worker.operator.address);
    await worker.stop("SIGKILL");
    await anvil.forgetPending();
    expect(await anvil.pendingOf(worker.operator.address)).to.deep.equal([]);
    await anvil.releaseBlocks();

    await worker.start();
    await client.waitForDelivery(terms);
    const sent = await submissions(terms);
    expect(sent.map(({ transactionHash }) => transactionHash)).to.deep.equal([signed]);
    await anvil.passTime(WINDOW + 1n);
    await settled(terms);
    expect(await client.outcomeOf(terms.id)).to.equal("paid");
  });

  it("delivers the same result again after a reorganisation of depth 3 took it back", async () => {
    const { anvil, client, market } = scene;
    const [order, next] = [await upload(3, 9), await upload(3, 10)];
    await anvil.holdBlocks("but for transactions");
    const terms = await client.request(order);
    const first = await client.waitForDelivery(terms);
    const [taken] = await submissions(terms);
    // Whoever delivers the next job has read the block of this delivery.
    await client.waitForDelivery(await client.request(next));
    const depth = (await market.provider.getBlockNumber()) - (taken?.blockNumber ?? 0) + 1;
    expect(depth).to.be.at.least(3);
    await anvil.holdBlocks("all");
    await anvil.reorg(depth);
    expect(await statusOf(terms)).to.equal(STATUS.requested);
    await anvil.forgetPending();
    await anvil.releaseBlocks();

    const again = await client.waitForDelivery(terms);
    const sent = await submissions(terms);
    expect(sent).to.have.lengthOf(1);
    expect(sent[0]?.blockHash).not.to.equal(taken?.blockHash);
    expect(again.outputCommitment).to.equal(first.outputCommitment);
    await anvil.passTime(WINDOW + 1n);
    await settled(terms);
    expect(await client.outcomeOf(terms.id)).to.equal("paid");
  });
});
