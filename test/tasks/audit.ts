import { toTerms } from "@assay/sdk";
import { expect } from "chai";
import type { Result } from "ethers";
import { id, MaxUint256, parseEther } from "ethers";

import { MODEL_SPEC } from "../support/fixture.js";
import type { Chain } from "./support.js";
import { DELAY, json, refusal, run, startChain } from "./support.js";

const [ADMIN, OWNER, PROVIDER, AUDITOR, CLIENT] = [0, 1, 2, 3, 4];
const MODEL = 1n;
const EXACT = 1n;
const OUTPUT = id("output");
const FINDING = { traceRoot: id("trace"), salt: id("salt") };

describe("The tasks of audits", function () {
  this.timeout(60_000);
  let chain: Chain;

  before(async () => {
    chain = await startChain();
    const { models } = chain.contracts;
    await models.connect(chain.signer(OWNER)).register({ ...MODEL_SPEC, profile: EXACT, graphCommitment: id("graph") });
    for (const account of [PROVIDER, AUDITOR]) {
      await json("provider:register", { endpoint: "http://provider.example", account });
      await json("dev:mint", { amount: "100", token: "stake", account });
      await json("stake:deposit", { amount: "100", account });
      await json("provider:offer", {
        model: MODEL,
        token: "pay",
        price: "2",
        stake: "10",
        maxDuration: "300",
        account,
      });
    }
    for (const token of ["stake", "pay"]) {
      await json("dev:mint", { amount: "50", token, account: CLIENT });
      await json("escrow:deposit", { amount: "50", token, account: CLIENT });
    }
  });
  after(() => chain.stop());

  /** A job that the provider delivered, by its id. */
  async function delivered(): Promise<bigint> {
    const { market } = chain.contracts;
    const token = (await chain.contracts.providers.queryFilter(chain.contracts.providers.filters.OfferSet()))[0];
    const sent = await market.connect(chain.signer(CLIENT)).request({
      provider: chain.addressOf(PROVIDER),
      modelId: MODEL,
      inputCommitment: id("input"),
      token: token?.args.token ?? "",
      maxPrice: MaxUint256 >> 128n,
      minStake: 0n,
      deliverBy: 2n ** 48n - 1n,
      inputUri: "",
    });
    await sent.wait();
    const event = (await market.queryFilter(market.filters.JobRequested())).at(-1);
    if (!event) throw new Error("no job was requested");
    await market.connect(chain.signer(PROVIDER)).submit(toTerms(event.args.terms as unknown as Result), OUTPUT, "");
    return event.args.jobId;
  }

  /** Opens the next round and records its seed. */
  async function seeded(): Promise<void> {
    await json("dev:advance", { seconds: "20" });
    expect(await json("audit:seed")).to.include({ seed: null });
    expect(await refusal("audit:seed")).to.contain("wait for a few blocks, then audit:seed");
    await json("dev:advance", { seconds: "1" });
    expect((await json("audit:seed")).seed).to.match(/^0x/);
  }

  it("enrol an auditor, and give its tickets back", async () => {
    const account = { account: AUDITOR };
    expect(await json("audit:enrol", { model: MODEL, tickets: "3", ...account })).to.include({ tickets: 3 });
    expect(await json("audit:leave", { model: MODEL, ...account })).to.include({ freed: 3, tickets: 0 });
    expect(await refusal("audit:enrol", { model: MODEL, tickets: "9", ...account })).to.contain("give 1 to 8");
    await json("audit:enrol", { model: MODEL, tickets: "1", ...account });
  });

  it("say which stake makes honesty pay, and at which rate a stake does", async () => {
    const job = { model: MODEL, fee: "0.05", cost: "0.02", gain: "50", stake: "1770" };
    const unfunded = await json("audit:quote", job);
    expect(unfunded).to.include({ auditRate: "0", stake: null, rateForStake: "5" });
    await json("audit:fund", { model: MODEL, amount: "5", account: CLIENT });
    const quoted = await json("audit:quote", job);
    expect(quoted.auditRate).to.equal("5");
    expect(parseEther(String(quoted.stake)) / 10n ** 18n).to.equal(1769n);
    expect(parseEther(String(quoted.stakeIfBooked)) / 10n ** 18n).to.equal(9n);
    expect(await refusal("audit:quote", { model: MODEL, cost: "1" })).to.contain("--fee is missing");
  });

  it("lead an audit from the booking to the pay", async () => {
    const job = await delivered();
    expect(await json("audit:book", { job, account: CLIENT })).to.include({ booked: true, paid: "0.5" });
    const early = await refusal("audit:commit", { job, ...FINDING, account: AUDITOR });
    expect(early).to.contain("nobody has asked for the seed");
    await seeded();
    const before = await json("audit:status", { job, account: AUDITOR });
    expect(before).to.include({ phase: "None", round: 1, bookedBy: chain.addressOf(CLIENT), auditor: null });
    await json("dev:advance", { seconds: "30" });
    const committed = await json("audit:commit", { job, ...FINDING, account: AUDITOR });
    expect(committed).to.include({ auditor: chain.addressOf(AUDITOR) });
    const tooEarly = await refusal("audit:reveal", { job, ...FINDING, account: AUDITOR });
    expect(tooEarly).to.contain("is in phase Answer, and this takes one in phase Reveal: see audit:status");
    await json("audit:answer", { job, traceRoot: FINDING.traceRoot, account: PROVIDER });
    const revealed = await json("audit:reveal", { job, ...FINDING, account: AUDITOR });
    expect(revealed).to.include({ finding: "Agrees" });
    expect(await json("audit:status", { job })).to.include({ phase: "Wait", providerTrace: FINDING.traceRoot });
    await json("dev:advance", { seconds: "600" });
    const closed = await json("audit:close", { job });
    expect(closed).to.include({ finding: "Agrees", provenWrong: false, paid: "0.5" });
    const { balances } = await json("escrow:show", { token: "stake", account: AUDITOR });
    expect(balances).to.have.nested.property("[0].escrow", "0.5");
  });

  it("give a booking back that no auditor took", async () => {
    const job = await delivered();
    await json("audit:book", { job, account: CLIENT });
    await json("dev:advance", { seconds: "601" });
    expect(await json("audit:refund", { job })).to.include({ booker: chain.addressOf(CLIENT), refunded: "0.5" });
    expect(await run("audit:status", { job })).to.match(/^round +-$/m);
  });

  it("schedule another audit rate, show it, and carry it out once its delay is over", async () => {
    const given = { percent: "7.5", account: ADMIN };
    expect(await json("audit:set-rate", given)).to.include({ change: "setAuditRate(750)", state: "scheduled" });
    const { scheduledChanges } = await json("market:status");
    expect(scheduledChanges).to.have.nested.property("[0].change", "setAuditRate(750)");
    await json("dev:advance", { seconds: String(DELAY) });
    expect(await json("audit:set-rate", given)).to.include({ state: "carried out" });
    expect(await chain.contracts.audits.auditRateBps()).to.equal(750n);
    expect(await refusal("audit:set-rate", { percent: "51", account: ADMIN })).to.contain("give 0 % to 50 %");
    expect(await refusal("audit:set-rate", { percent: "1", account: OWNER })).to.contain("may not call setAuditRate");
  });
});
