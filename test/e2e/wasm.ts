import { Operator, Ruling } from "@assay/sdk";
import { expect } from "chai";

import { PROFILE, WINDOW } from "../../scripts/demo/market.js";
import { until } from "../../scripts/demo/settle.js";
import { anvilPath } from "../support/anvil.js";
import type { WorkerScene } from "../support/workers.js";
import { balanceOf, settled, setUpWorkers, upload } from "../support/workers.js";

/** `replyPeriod` and `claimPeriod` of the deployment. */
const PERIOD = 3600n;

describe("The worker and a float32 model for the runtime wasm, on a real node", function () {
  this.timeout(240_000);
  let scene: WorkerScene;

  before(async function () {
    const binary = anvilPath();
    // npm has no anvil for this platform: set ANVIL_PATH to run these tests.
    if (binary === undefined) return this.skip();
    scene = await setUpWorkers(binary, PROFILE.canonical, [
      { name: "honest", roles: ["serve"] },
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

  it("delivers the bits of a direct run, which the auditor has too, and is paid", async () => {
    const { client, model, anvil, market } = scene;
    const { runtime } = model.prepared.profile;
    expect(runtime).to.equal("onnxruntime-web");
    const honest = await buy("honest", 6);
    const delivery = await client.waitForDelivery(honest);
    const own = await model.run(6);
    expect(client.verify(own, model.prepared.outputNames, delivery.outputCommitment)).to.equal(true);

    const before = await balanceOf(scene, market.client.address);
    const wrong = await buy("cheat", 7);
    await settled(scene, wrong);
    const [found] = await casesOf(wrong.id);
    const { ruling } = await market.contracts.disputes.caseOf(found?.args.caseId ?? 0n);
    expect(ruling).to.equal(Ruling.Upheld);
    const { court } = market.contracts;
    const [proof] = await court.queryFilter(court.filters.FraudProven(found?.args.caseId));
    expect(proof?.args.finder).to.equal(scene.worker("auditor").operator.address);
    expect(proof?.args.operator).to.equal(BigInt(Operator.MatMul));
    expect(await balanceOf(scene, market.client.address)).to.equal(before);

    await anvil.passTime(WINDOW + 1n);
    await settled(scene, honest);
    expect(await client.outcomeOf(honest.id)).to.equal("paid");
    expect(await casesOf(honest.id)).to.deep.equal([]);
  });

  it("defends a right result against a challenge with its trace", async () => {
    const { client, market, anvil } = scene;
    const { court, disputes } = market.contracts;
    const terms = await buy("honest", 8);
    const { outputCommitment } = await client.waitForDelivery(terms);
    const caseId = await client.challenge(terms, outputCommitment);
    const posted = () => court.queryFilter(court.filters.TracePosted(caseId));
    await until("the trace is posted", async () => (await posted()).length > 0);
    await anvil.passTime(PERIOD + 1n);
    await settled(scene, terms);
    expect((await disputes.caseOf(caseId)).ruling).to.equal(Ruling.Rejected);
    expect(await client.outcomeOf(terms.id)).to.equal("paid");
  });
});
