import type { CourtModel, JobTerms, Part } from "@assay/sdk";
import { metaHeader, nodesTree, Operator, Ruling, traceFactsOf } from "@assay/sdk";
import { expect } from "chai";

import { PROFILE } from "../../scripts/demo/market.js";
import { until } from "../../scripts/demo/settle.js";
import { anvilPath } from "../support/anvil.js";
import type { WorkerScene } from "../support/workers.js";
import { balanceOf, bondsOf, settled, setUpWorkers, upload } from "../support/workers.js";

/** `replyPeriod` and `claimPeriod` of the deployment. */
const PERIOD = 3600n;

describe("The worker before the proof court on a real node", function () {
  this.timeout(180_000);
  let scene: WorkerScene;

  before(async function () {
    const binary = anvilPath();
    // npm has no anvil for this platform: set ANVIL_PATH to run these tests.
    if (binary === undefined) return this.skip();
    scene = await setUpWorkers(binary, PROFILE.exact, [
      { name: "honest", roles: ["serve"] },
      { name: "cheat", roles: ["serve"], cheats: true },
      { name: "auditor", roles: ["audit"] },
    ]);
  });

  after(async () => {
    // `scene` is not there if the tests were skipped.
    await (scene as WorkerScene | undefined)?.tidy();
  });

  const court = () => scene.market.contracts.court;
  const buy = async (provider: string, sample: number, keeper?: string) =>
    scene.client.request(await upload(scene, provider, sample, keeper));
  const happened = (what: string, count: () => Promise<unknown[]>) =>
    until(what, async () => (await count()).length > 0);
  const opened = async ({ id }: JobTerms): Promise<bigint> => {
    const { disputes } = scene.market.contracts;
    await happened("the result is challenged", () => disputes.queryFilter(disputes.filters.CaseOpened(undefined, id)));
    return disputes.caseOfJob(id);
  };
  const traced = (id: bigint) =>
    happened("the trace is posted", () => court().queryFilter(court().filters.TracePosted(id)));
  const asked = (id: bigint) =>
    happened("a part is demanded", () => court().queryFilter(court().filters.PartDemanded(id)));
  const shown = (id: bigint) =>
    happened("the part is shown", () => court().queryFilter(court().filters.LeafRevealed(id)));
  const rulingOf = async (id: bigint) => (await scene.market.contracts.disputes.caseOf(id)).ruling;
  /** What a case leaves behind: nothing of it stays with the court. */
  const emptied = () =>
    until("the court kept nothing", async () => (await bondsOf(scene, scene.market.deployment.court)) === 0n);

  /** The client challenges a result, right or not, and may ask for parts itself. */
  const challenge = async (terms: JobTerms) => {
    const { outputCommitment } = await scene.client.waitForDelivery(terms);
    return scene.client.challenge(terms, outputCommitment);
  };
  const demand = async (caseId: bigint, model: CourtModel, part: Part) => {
    const nodeIndex = part.tensor - model.inputNames.length;
    const meta = model.tensors[part.tensor];
    if (!meta) throw new Error(`no tensor ${part.tensor}`);
    const [posted] = await court().queryFilter(court().filters.TracePosted(caseId));
    const facts = traceFactsOf(model.graph, posted?.args.roots ?? []);
    const words = [model.nodes[nodeIndex] as never, nodesTree(model.nodes).proof(nodeIndex)] as const;
    await (await court().demand(caseId, facts, part, ...words, metaHeader(meta) as never)).wait();
  };

  it("has a wrong result convicted by one element, refunded and slashed, with nobody's help", async () => {
    const { market, client, model } = scene;
    const { staking } = market.contracts;
    const [cheat, auditor] = [scene.provider("cheat"), scene.worker("auditor").operator.address];
    const before = {
      client: await balanceOf(scene, market.client.address),
      stake: await staking.bondedOf(cheat),
      auditor: await bondsOf(scene, auditor),
    };
    const terms = await buy("cheat", 6);
    await settled(scene, terms);
    const caseId = await opened(terms);
    expect(await rulingOf(caseId)).to.equal(Ruling.Upheld);
    const [proof] = await court().queryFilter(court().filters.FraudProven(caseId));
    expect(proof?.args.finder).to.equal(auditor);
    // The cheat raised one logit, the sum of the last layer: the label follows from it.
    expect(proof?.args.operator).to.equal(BigInt(Operator.Add));
    expect(proof?.args.element).to.equal(BigInt(((model.samples[6]?.label ?? 0) + 1) % 10));

    expect(await client.outcomeOf(terms.id)).to.equal("refunded");
    expect(await balanceOf(scene, market.client.address)).to.equal(before.client);
    expect(await staking.bondedOf(cheat)).to.equal(before.stake - terms.stake);
    await emptied();
    expect(await bondsOf(scene, auditor)).to.be.greaterThan(before.auditor);
  });

  it("has a right result confirmed: the challenger loses bond and fee, the provider is paid", async () => {
    const { market, client, model, anvil } = scene;
    const { disputes, staking } = market.contracts;
    const honest = scene.provider("honest");
    const before = { client: await bondsOf(scene, market.client.address), stake: await staking.bondedOf(honest) };
    const earned = await bondsOf(scene, honest);
    const terms = await buy("honest", 7);
    const caseId = await challenge(terms);
    await traced(caseId);
    const part = { tensor: 1, level: 0, index: 0 };
    await demand(caseId, model.prepared, part);
    await shown(caseId);
    await anvil.passTime(PERIOD + 1n);
    await settled(scene, terms);
    expect(await rulingOf(caseId)).to.equal(Ruling.Rejected);
    expect(await client.outcomeOf(terms.id)).to.equal("paid");
    await emptied();
    const [meta] = model.prepared.tensors.slice(part.tensor);
    if (!meta) throw new Error("no such tensor");
    const cost = (await disputes.CHALLENGE_BOND()) + (await court().demandFeeOf(part, metaHeader(meta) as never));
    expect(await bondsOf(scene, market.client.address)).to.equal(before.client - cost);
    expect(await bondsOf(scene, honest)).to.be.greaterThan(earned);
    expect(await staking.bondedOf(honest)).to.equal(before.stake);
  });

  it("defends a right result through the death of its provider's worker, before the trace and before the answer", async () => {
    const { client, model, anvil } = scene;
    const worker = scene.worker("honest");
    const terms = await buy("honest", 8);
    await client.waitForDelivery(terms);
    await worker.stop("SIGKILL");
    const caseId = await challenge(terms);
    await worker.start();
    await traced(caseId);
    await worker.stop("SIGKILL");
    await demand(caseId, model.prepared, { tensor: 2, level: 0, index: 0 });
    await worker.start();
    await shown(caseId);
    expect(await court().queryFilter(court().filters.TracePosted(caseId))).to.have.lengthOf(1);
    await anvil.passTime(PERIOD + 1n);
    await settled(scene, terms);
    expect(await rulingOf(caseId)).to.equal(Ruling.Rejected);
  });

  it("convicts through the death of the auditor's worker, before the demand and before the proof", async () => {
    const [auditor, cheat] = [scene.worker("auditor"), scene.worker("cheat")];
    const terms = await buy("cheat", 9);
    const caseId = await opened(terms);
    await auditor.stop("SIGKILL");
    await traced(caseId);
    // A result that can be fetched is not demanded.
    await cheat.stop("SIGKILL");
    await auditor.start();
    await asked(caseId);
    await auditor.stop("SIGKILL");
    await cheat.start();
    await shown(caseId);
    await auditor.start();
    await settled(scene, terms);
    expect(await rulingOf(caseId)).to.equal(Ruling.Upheld);
    expect(await court().queryFilter(court().filters.PartDemanded(caseId))).to.have.lengthOf(1);
    const { disputes } = scene.market.contracts;
    const cases = await disputes.queryFilter(disputes.filters.CaseOpened(undefined, terms.id));
    expect(cases).to.have.lengthOf(1);
  });

  it("convicts by time a provider that posts no trace", async () => {
    const { client, market, anvil } = scene;
    const before = await balanceOf(scene, market.client.address);
    const cheat = scene.worker("cheat");
    const terms = await buy("cheat", 10, "honest");
    await client.waitForDelivery(terms);
    await cheat.stop("SIGKILL");
    const caseId = await opened(terms);
    await anvil.passTime(PERIOD + 1n);
    await settled(scene, terms);
    await cheat.start();
    expect(await rulingOf(caseId)).to.equal(Ruling.Upheld);
    expect(await court().queryFilter(court().filters.TracePosted(caseId))).to.deep.equal([]);
    expect(await balanceOf(scene, market.client.address)).to.equal(before);
  });

  it("convicts by time a provider that posts a trace and shows nothing of it", async () => {
    const { market, anvil } = scene;
    const [cheat, auditor] = [scene.worker("cheat"), scene.worker("auditor")];
    const before = await balanceOf(scene, market.client.address);
    const terms = await buy("cheat", 11, "honest");
    const caseId = await opened(terms);
    await auditor.stop("SIGKILL");
    await traced(caseId);
    await cheat.stop("SIGKILL");
    await auditor.start();
    await asked(caseId);
    await anvil.passTime(PERIOD + 1n);
    await settled(scene, terms);
    expect(await rulingOf(caseId)).to.equal(Ruling.Upheld);
    const [silence] = await court().queryFilter(court().filters.SilenceProven(caseId));
    expect(silence?.args.finder).to.equal(auditor.operator.address);
    expect(await balanceOf(scene, market.client.address)).to.equal(before);
  });
});
