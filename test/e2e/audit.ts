import type { JobTerms } from "@assay/sdk";
import { AuditFinding, Ruling } from "@assay/sdk";
import { expect } from "chai";

import { PROFILE } from "../../scripts/demo/market.js";
import { until } from "../../scripts/demo/settle.js";
import { anvilPath } from "../support/anvil.js";
import { AUDITS } from "../support/assemble.js";
import type { WorkerScene } from "../support/workers.js";
import { bondsOf, settled, setUpWorkers, upload } from "../support/workers.js";

const WINDOW = 7200n;
/** Longer than workers wait for one another. */
const PATIENCE = 30n;

describe("Drawn audits on a real node", function () {
  this.timeout(300_000);
  let scene: WorkerScene;

  before(async function () {
    const binary = anvilPath();
    // npm has no anvil for this platform: set ANVIL_PATH to run these tests.
    if (binary === undefined) return this.skip();
    const parts = [
      { name: "honest", roles: ["serve"] },
      { name: "cheat", roles: ["serve"], cheats: true },
      { name: "auditor", roles: ["audit"], tickets: 2 },
    ];
    // Every other job is drawn.
    const changed = { challengeWindow: WINDOW, auditRateBps: 5000n };
    scene = await setUpWorkers(binary, PROFILE.exact, parts, changed);
    await until("the auditor has its tickets", async () => (await ticketsOf()) === 2n);
  });

  after(async () => {
    // `scene` is not there if the tests were skipped.
    await (scene as WorkerScene | undefined)?.tidy();
  });

  const office = () => scene.market.contracts.audits;
  const ticketsOf = async () => (await office().membershipOf(scene.modelId, scene.provider("auditor"))).tickets;
  const paidTo = (name: string) => bondsOf(scene, scene.provider(name));
  const clock = async () => BigInt((await scene.market.provider.getBlock("latest"))?.timestamp ?? 0);

  /** A delivered job whose audit the client paid for. */
  const booked = async (provider: string, sample: number, keeper?: string): Promise<JobTerms> => {
    const terms = await scene.client.request(await upload(scene, provider, sample, keeper));
    await (await office().book(terms)).wait();
    await scene.client.waitForDelivery(terms);
    return terms;
  };
  /** Lets time pass until the auditor has opened the next round and recorded its seed, by itself. */
  const drawn = async (): Promise<bigint> => {
    const round = (await office().lastRound()) + 1n;
    await scene.anvil.passTime(AUDITS.roundPeriod + PATIENCE);
    await until("the seed is asked for", async () => (await office().lastRound()) === round);
    await until("the seed is recorded", async () => {
      await scene.anvil.passTime(5n);
      return (await office().roundOf(round)).recordedAt > 0n;
    });
    return round;
  };
  const taken = async ({ id }: JobTerms, round: bigint) => {
    const turn = await office().turnOf(id, round, scene.provider("auditor"), await ticketsOf());
    const now = await clock();
    if (turn > now) await scene.anvil.passTime(turn - now);
    await until("the job is taken", async () => (await committed(id)).length > 0);
  };
  const committed = (job: bigint) => office().queryFilter(office().filters.AuditCommitted(job));
  const revealed = (job: bigint) => office().queryFilter(office().filters.AuditRevealed(job));
  const opened = (job: bigint) => until("the commitment is opened", async () => (await revealed(job)).length > 0);
  const closed = async (job: bigint) => {
    const closings = () => office().queryFilter(office().filters.AuditClosed(job));
    await until("the audit is closed", async () => (await closings()).length > 0);
    return (await closings())[0]?.args;
  };

  it("runs a booked audit between two honest workers, from the seed to the pay, with nobody's help", async () => {
    const before = await paidTo("auditor");
    const terms = await booked("honest", 3);
    await taken(terms, await drawn());
    await opened(terms.id);
    const { answer, finding } = await office().auditOf(terms.id);
    expect(finding).to.equal(AuditFinding.Agrees);
    expect(answer).to.equal((await revealed(terms.id))[0]?.args.traceRoot);

    await scene.anvil.passTime(WINDOW + 1n);
    await settled(scene, terms);
    expect(await scene.client.outcomeOf(terms.id)).to.equal("paid");
    const end = await closed(terms.id);
    expect(end?.paid).to.equal(AUDITS.auditPay);
    expect(await paidTo("auditor")).to.equal(before + AUDITS.auditPay);
    expect(await ticketsOf()).to.equal(2n);
  });

  it("takes drawn jobs out of the model's fund, and leaves the others alone", async () => {
    const fund = AUDITS.auditPay;
    await (await office().fund(scene.modelId, fund)).wait();
    let drawnJob: JobTerms | undefined;
    const others: JobTerms[] = [];
    while (!drawnJob) {
      const terms = await scene.client.request(await upload(scene, "honest", 2));
      await scene.client.waitForDelivery(terms);
      const round = await drawn();
      if (!(await office().isDrawn(terms.id, round))) others.push(terms);
      else {
        drawnJob = terms;
        await taken(terms, round);
      }
    }
    expect(await office().fundOf(scene.modelId)).to.equal(0n);
    await opened(drawnJob.id);
    await scene.anvil.passTime(WINDOW + 1n);
    const end = await closed(drawnJob.id);
    expect([end?.finding, end?.paid]).to.deep.equal([AuditFinding.Agrees, fund]);
    for (const { id } of others) expect(await committed(id)).to.deep.equal([]);
  });

  it("is killed before and after each of its steps, and commits, opens and is paid once", async () => {
    const [auditor, honest] = [scene.worker("auditor"), scene.worker("honest")];
    const restart = async () => {
      await auditor.stop("SIGKILL");
      await auditor.start();
    };
    const before = await paidTo("auditor");
    const terms = await booked("honest", 4, "cheat");
    await restart();
    const round = await drawn();
    await restart();
    // The provider's answer is held back, so that the auditor dies between its commitment and its reveal.
    await honest.stop("SIGKILL");
    await taken(terms, round);
    await auditor.stop("SIGKILL");
    await honest.start();
    await until("the provider answers", async () => BigInt(await office().answerOf(terms.id)) !== 0n);
    await auditor.start();
    await opened(terms.id);
    await restart();
    await scene.anvil.passTime(WINDOW + 1n);
    const end = await closed(terms.id);
    expect([end?.finding, end?.paid]).to.deep.equal([AuditFinding.Agrees, AUDITS.auditPay]);
    expect(await committed(terms.id)).to.have.lengthOf(1);
    expect(await revealed(terms.id)).to.have.lengthOf(1);
    expect(await paidTo("auditor")).to.equal(before + AUDITS.auditPay);
    expect(await ticketsOf()).to.equal(2n);
  });

  it("commits against a wrong result, challenges and convicts it, and is paid for both", async () => {
    const { disputes, court } = scene.market.contracts;
    const operator = scene.worker("auditor").operator.address;
    const before = { pay: await paidTo("auditor"), bonds: await bondsOf(scene, operator) };
    const terms = await booked("cheat", 5);
    await taken(terms, await drawn());
    await settled(scene, terms);
    const caseId = await disputes.caseOfJob(terms.id);
    expect((await disputes.caseOf(caseId)).ruling).to.equal(Ruling.Upheld);
    const [proof] = await court.queryFilter(court.filters.FraudProven(caseId));
    expect(proof?.args.finder).to.equal(operator);
    expect(await scene.client.outcomeOf(terms.id)).to.equal("refunded");
    const end = await closed(terms.id);
    expect([end?.finding, end?.upheld, end?.paid]).to.deep.equal([AuditFinding.Differs, true, AUDITS.auditPay]);
    expect(await paidTo("auditor")).to.equal(before.pay + AUDITS.auditPay);
    await until("the finder has its share", async () => (await bondsOf(scene, operator)) > before.bonds);
    expect(await ticketsOf()).to.equal(2n);
  });
});
