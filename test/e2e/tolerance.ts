import { Operator, Ruling } from "@assay/sdk";
import { expect } from "chai";

import { labelOf } from "../../scripts/demo/models.js";
import { PROFILE, WINDOW } from "../../scripts/demo/market.js";
import { until } from "../../scripts/demo/settle.js";
import { anvilPath } from "../support/anvil.js";
import type { WorkerScene } from "../support/workers.js";
import { balanceOf, settled, setUpWorkers, upload } from "../support/workers.js";

/** `replyPeriod` and `claimPeriod` of the deployment. */
const PERIOD = 3600n;

describe("The worker and a model whose sums may be taken in any order, on a real node", function () {
  this.timeout(180_000);
  let scene: WorkerScene;

  before(async function () {
    const binary = anvilPath();
    // npm has no anvil for this platform: set ANVIL_PATH to run these tests.
    if (binary === undefined) return this.skip();
    scene = await setUpWorkers(binary, PROFILE.tolerance, [
      { name: "elsewhere", roles: ["serve"], elsewhere: true },
      { name: "cheat", roles: ["serve"], cheats: true },
      { name: "auditor", roles: ["audit"] },
    ]);
  });

  after(async () => {
    // `scene` is not there if the tests were skipped.
    await (scene as WorkerScene | undefined)?.tidy();
  });

  const buy = async (provider: string, sample: number) => scene.client.request(await upload(scene, provider, sample));
  const casesOf = async (id: bigint) => {
    const { disputes } = scene.market.contracts;
    return disputes.queryFilter(disputes.filters.CaseOpened(undefined, id));
  };

  it("pays an honest provider with other bytes, and has a cheat convicted meanwhile", async () => {
    const { client, market, model, anvil } = scene;
    const { court } = market.contracts;
    const honest = await buy("elsewhere", 6);
    const delivery = await client.waitForDelivery(honest);
    const { tensors } = await client.result(honest, delivery);
    const own = await model.run(6);
    expect(labelOf(tensors)).to.equal(labelOf(own));
    expect(client.verify(own, model.prepared.outputNames, delivery.outputCommitment)).to.equal(false);

    const before = await balanceOf(scene, market.client.address);
    const wrong = await buy("cheat", 7);
    await settled(scene, wrong);
    const [found] = await casesOf(wrong.id);
    const caseId = found?.args.caseId ?? 0n;
    expect((await market.contracts.disputes.caseOf(caseId)).ruling).to.equal(Ruling.Upheld);
    const [proof] = await court.queryFilter(court.filters.FraudProven(caseId));
    expect(proof?.args.finder).to.equal(scene.worker("auditor").operator.address);
    expect(proof?.args.operator).to.equal(BigInt(Operator.ToleranceMatMul));
    expect(await balanceOf(scene, market.client.address)).to.equal(before);

    await anvil.passTime(WINDOW + 1n);
    await settled(scene, honest);
    expect(await client.outcomeOf(honest.id)).to.equal("paid");
    expect(await casesOf(honest.id)).to.deep.equal([]);
  });

  it("lets nobody gain who challenges an honest provider for its rounding", async () => {
    const { client, market, anvil } = scene;
    const { court, disputes } = market.contracts;
    const terms = await buy("elsewhere", 8);
    const { outputCommitment } = await client.waitForDelivery(terms);
    const caseId = await client.challenge(terms, outputCommitment);
    const posted = () => court.queryFilter(court.filters.TracePosted(caseId));
    await until("the trace is posted", async () => (await posted()).length > 0);
    await anvil.passTime(PERIOD + 1n);
    await settled(scene, terms);
    expect((await disputes.caseOf(caseId)).ruling).to.equal(Ruling.Rejected);
    // The auditor fetches the output, sees that rounding explains it, and pays for nothing.
    expect(await court.queryFilter(court.filters.PartDemanded(caseId))).to.deep.equal([]);
    expect(await client.outcomeOf(terms.id)).to.equal("paid");
  });
});
