import { Ruling, signResult } from "@assay/sdk";
import type { JobTerms } from "@assay/sdk";
import { expect } from "chai";
import { id } from "ethers";

import { PRICE, PROFILE, WINDOW } from "../../scripts/demo/market.js";
import { labelOf, sameTensors } from "../../scripts/demo/models.js";
import { until } from "../../scripts/demo/settle.js";
import { anvilPath } from "../support/anvil.js";
import { STATUS } from "../support/fixture.js";
import type { WorkerScene } from "../support/workers.js";
import { balanceOf, bondsOf, settled, setUpWorkers, upload } from "../support/workers.js";

const JOB_SECONDS = 300n;
const JURORS = ["worker-0", "worker-1", "worker-2", "worker-3"];

describe("The worker on a real node", function () {
  this.timeout(180_000);
  let scene: WorkerScene;

  before(async function () {
    const binary = anvilPath();
    // npm has no anvil for this platform: set ANVIL_PATH to run these tests.
    if (binary === undefined) return this.skip();
    scene = await setUpWorkers(binary, PROFILE.jury, [
      ...JURORS.map((name) => ({ name, roles: ["serve", "juror"] })),
      { name: "cheat", roles: ["serve"], cheats: true },
      { name: "auditor", roles: ["audit"] },
    ]);
    await until("the workers sit in the jury pool", async () => {
      return (await scene.market.contracts.jury.poolOf(scene.modelId)).length === JURORS.length;
    });
  });

  after(async () => {
    // `scene` is not there if the tests were skipped.
    await (scene as WorkerScene | undefined)?.tidy();
  });

  const buy = async (provider: string, sample: number) => scene.client.request(await upload(scene, provider, sample));
  const statusOf = (terms: JobTerms) => scene.market.contracts.market.statusOf(terms.id);
  const submissions = (terms: JobTerms) => {
    const { market } = scene.market.contracts;
    return market.queryFilter(market.filters.ResultSubmitted(terms.id));
  };

  it("delivers what a direct run gives, finalises and collects by itself", async () => {
    const { client, model, anvil } = scene;
    const provider = scene.provider("worker-0");
    const before = await balanceOf(scene, provider);
    const terms = await buy("worker-0", 3);
    const delivery = await client.waitForDelivery(terms);
    const { tensors } = await client.result(terms, delivery);
    expect(sameTensors(tensors, await model.run(3))).to.equal(true);
    expect(labelOf(tensors)).to.equal(model.samples[3]?.label);
    expect(await client.signedResult(terms)).to.include({ outputCommitment: delivery.outputCommitment });

    await anvil.passTime(WINDOW + 1n);
    await settled(scene, terms);
    expect(await client.outcomeOf(terms.id)).to.equal("paid");
    await until("the earnings are collected", async () => (await balanceOf(scene, provider)) > before);
    const fees = (PRICE * terms.protocolFeeBps) / 10_000n + (PRICE * 500n) / 10_000n;
    expect((await balanceOf(scene, provider)) - before).to.equal(PRICE - fees);
  });

  it("delivers no job that expired while it was away, but refunds it, which frees its stake", async () => {
    const { client, market, anvil } = scene;
    const { staking } = market.contracts;
    const provider = scene.provider("worker-0");
    const worker = scene.worker("worker-0");
    const before = await balanceOf(scene, market.client.address);
    const order = await upload(scene, "worker-0", 4);
    await worker.stop();
    const locked = await staking.lockedOf(provider);
    const late = await client.request(order);
    await anvil.passTime(JOB_SECONDS + 1n);
    await worker.start();
    await settled(scene, late);
    expect(await client.outcomeOf(late.id)).to.equal("refunded");
    expect(await submissions(late)).to.have.lengthOf(0);
    expect(await balanceOf(scene, market.client.address)).to.equal(before);
    expect(await staking.lockedOf(provider)).to.equal(locked);
  });

  it("has a wrong result challenged, judged and refunded with nobody's help", async () => {
    const { client, market } = scene;
    const { disputes, staking } = market.contracts;
    const cheat = scene.provider("cheat");
    const before = { client: await balanceOf(scene, market.client.address), stake: await staking.bondedOf(cheat) };
    const terms = await buy("cheat", 6);
    await settled(scene, terms);
    expect(await client.outcomeOf(terms.id)).to.equal("refunded");
    const ruling = (await disputes.caseOf(await disputes.caseOfJob(terms.id))).ruling;
    expect(ruling).to.equal(Ruling.Upheld);
    expect(await balanceOf(scene, market.client.address)).to.equal(before.client);
    expect(await staking.bondedOf(cheat)).to.equal(before.stake - terms.stake);
  });

  it("answers for each result with a signature, which convicts a provider whose key signed another", async () => {
    const { client, market } = scene;
    const { disputes, staking } = market.contracts;
    const provider = scene.provider("worker-2");
    const stake = await staking.slashableOf(provider);
    const terms = await buy("worker-2", 8);
    const { outputCommitment } = await client.waitForDelivery(terms);
    const answered = await client.signedResult(terms);
    if (!answered) throw new Error("no result is signed");
    // What was delivered, signed, convicts nobody.
    const same = await client.proveEquivocation(terms, outputCommitment, answered).catch((error: unknown) => error);
    expect(String(same)).to.contain("DisputeManager_SameResult");
    const domain = { chainId: market.chainId, disputes: await disputes.getAddress() };
    const other = { jobId: terms.id, outputCommitment: id("another result") };
    const signed = await signResult(scene.worker("worker-2").operator, domain, other);
    const caseId = await client.proveEquivocation(terms, outputCommitment, signed);
    expect((await disputes.caseOf(caseId)).ruling).to.equal(Ruling.Upheld);
    expect(await client.outcomeOf(terms.id)).to.equal("refunded");
    expect(await staking.slashableOf(provider)).to.equal(stake - terms.stake);
  });

  it("has a right result confirmed: the challenger loses the bond and the provider is paid", async () => {
    const { client, market } = scene;
    const { disputes, staking } = market.contracts;
    const provider = scene.provider("worker-1");
    const before = { bonds: await bondsOf(scene, market.client.address), stake: await staking.bondedOf(provider) };
    const terms = await buy("worker-1", 7);
    const { outputCommitment } = await client.waitForDelivery(terms);
    const caseId = await client.challenge(terms, outputCommitment);
    await settled(scene, terms);
    expect((await disputes.caseOf(caseId)).ruling).to.equal(Ruling.Rejected);
    expect(await client.outcomeOf(terms.id)).to.equal("paid");
    expect(await bondsOf(scene, market.client.address)).to.equal(before.bonds - (await disputes.CHALLENGE_BOND()));
    expect(await staking.bondedOf(provider)).to.equal(before.stake);
  });

  it("sends the very transaction it had signed when it is killed before the result is mined", async () => {
    const { anvil, client, market } = scene;
    const worker = scene.worker("worker-2");
    const order = await upload(scene, "worker-2", 8);
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
    await settled(scene, terms);
    expect(await client.outcomeOf(terms.id)).to.equal("paid");
  });

  it("delivers the same result again after a reorganisation of depth 3 took it back", async () => {
    const { anvil, client, market } = scene;
    const [order, next] = [await upload(scene, "worker-3", 9), await upload(scene, "worker-3", 10)];
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
    await settled(scene, terms);
    expect(await client.outcomeOf(terms.id)).to.equal("paid");
  });
});
