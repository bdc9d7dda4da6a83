import { readFileSync } from "node:fs";
import path from "node:path";

import { ChildRunner } from "@assay/provider-worker";
import type { JobTerms } from "@assay/sdk";
import { contentHash, fromNumbers, jobIdText, packBundle, signResult, toTerms, unpackBundle } from "@assay/sdk";
import { expect } from "chai";
import type { Result } from "ethers";
import { formatEther, id, parseEther, ZeroHash } from "ethers";

import type { Chain, Json } from "./support.js";
import { DELAY, json, MODEL_FILE, refusal, rows, run, SAMPLE_FILE, startChain, startStore, WINDOW } from "./support.js";

const ADMIN = 0;
const OWNER = 1;
const PROVIDER = 2;
const OPERATOR = 3;
const CLIENT = 4;
const CHALLENGER = 5;
const JURORS = [6, 7, 8];
const DURATION = 300;
const MODEL = 1n;
const UNBONDING = 21 * 86_400;

describe("The tasks over the life of a market", function () {
  this.timeout(60_000);
  let chain: Chain;
  let store: Awaited<ReturnType<typeof startStore>>;
  let runner: ChildRunner;

  before(async () => {
    chain = await startChain();
    store = await startStore(chain.folder);
    runner = await ChildRunner.start(MODEL_FILE, { timeoutMs: 20_000, memoryMb: 1000 });
  });
  after(async () => {
    runner.stop();
    await store.stop();
    await chain.stop();
  });

  const file = (name: string) => path.join(chain.folder, name);
  const request = async () =>
    json("job:request", {
      model: MODEL,
      provider: chain.addressOf(PROVIDER),
      token: "pay",
      input: SAMPLE_FILE,
      account: CLIENT,
    });

  /** The id of the job requested as the first, second, ... of this life. */
  async function nth(number: number): Promise<bigint> {
    const { market } = chain.contracts;
    const event = (await market.queryFilter(market.filters.JobRequested())).at(number - 1);
    if (!event) throw new Error(`fewer than ${number} jobs were requested`);
    return event.args.jobId;
  }
  const textOf = async (...numbers: number[]) =>
    Promise.all(numbers.map(async (number) => jobIdText(await nth(number))));

  async function termsOf(job: bigint): Promise<JobTerms> {
    const { market } = chain.contracts;
    const [event] = await market.queryFilter(market.filters.JobRequested(job));
    if (!event) throw new Error(`no job ${jobIdText(job)}`);
    return toTerms(event.args.terms as unknown as Result);
  }

  /** What a worker does: takes the input from its store, runs the model, keeps the output and delivers. */
  async function deliver(job: bigint): Promise<string> {
    const terms = await termsOf(job);
    const kept = await store.store.getBundle(terms.inputCommitment);
    if (!kept) throw new Error("the input is not in the store");
    const output = packBundle(await runner.run(kept.tensors), runner.outputs);
    await store.store.putBundle(output);
    await chain.contracts.market.connect(chain.signer(OPERATOR)).submit(terms, output.root, "");
    return output.root;
  }

  async function fund(account: number, amount: string, token: string): Promise<void> {
    await json("dev:mint", { amount, token, account });
  }

  describe("model owner", () => {
    it("writes golden vectors on this machine and registers the model with them", async () => {
      const golden = await json("model:golden", { file: MODEL_FILE, input: SAMPLE_FILE, save: file("golden") });
      const registered = await json("model:register", {
        file: MODEL_FILE,
        golden: file("golden"),
        input: "x:float32[1,64]",
        output: "probabilities:float32[1,10];label:int64[1]",
        royalty: "5",
        workUnits: "6464",
        licence: "CC-BY-4.0",
        modelUri: "file:///models/digits.onnx",
        goldenUri: "file:///models/golden.safetensors",
        account: OWNER,
      });
      expect(registered).to.include({ model: 1, goldenHash: golden.goldenHash });
      expect(await json("model:show", { model: MODEL })).to.include({
        fileHash: contentHash(readFileSync(MODEL_FILE)),
        goldenHash: contentHash(readFileSync(file("golden"))),
        owner: chain.addressOf(OWNER),
        royalty: "5",
        profile: "Jury",
        judgedBy: "jury: sound under an honest majority of jurors only",
        deprecated: false,
      });
    });

    it("moves the files and sees it in the register", async () => {
      await json("model:uris", { model: MODEL, modelUri: "https://models.example/digits.onnx", account: OWNER });
      expect(await json("model:show", { model: MODEL })).to.include({
        modelUri: "https://models.example/digits.onnx",
        goldenUri: "file:///models/golden.safetensors",
        graphCommitment: ZeroHash,
      });
    });

    it("retires a model for good, and the list says so", async () => {
      const again = { file: MODEL_FILE, golden: file("golden"), input: "x:float32[1,64]", output: "label:int64[1]" };
      const uris = { licence: "MIT", modelUri: "file:///a", goldenUri: "file:///b" };
      await json("model:register", { ...again, ...uris, workUnits: "1", parent: "1", account: OWNER });
      await json("model:deprecate", { model: 2n, account: OWNER });
      const deprecated = (await rows("model:list")).map((row) => row.deprecated);
      expect(deprecated).to.deep.equal([false, true]);
    });
  });

  describe("provider", () => {
    it("registers, bonds stake and makes an offer that clients find", async () => {
      const { endpoint } = store;
      const operator = chain.addressOf(OPERATOR);
      await json("provider:register", { endpoint, operator, capacity: "4", account: PROVIDER });
      await fund(PROVIDER, "100", "stake");
      const staked = await json("stake:deposit", { amount: "90", account: PROVIDER });
      expect(staked).to.include({ deposited: "90.0", bonded: "90.0" });
      await offer(PROVIDER, "2");
      expect(await rows("provider:list")).to.deep.include({
        provider: chain.addressOf(PROVIDER),
        endpoint,
        capacity: 4,
        draining: false,
        freeStake: "90.0",
      });
      const [found] = await rows("provider:list", { model: "1" });
      expect(found).to.include({ price: "2.0", stake: "10.0", maxDuration: DURATION, freeStake: "90.0" });
    });

    it("changes operator, payout and endpoint one at a time", async () => {
      await json("provider:operator", { operator: chain.addressOf(PROVIDER), account: PROVIDER });
      await json("provider:operator", { operator: chain.addressOf(OPERATOR), account: PROVIDER });
      await json("provider:payout", { payout: chain.addressOf(OWNER), account: PROVIDER });
      await json("provider:payout", { payout: chain.addressOf(PROVIDER), account: PROVIDER });
      await json("provider:endpoint", { endpoint: store.endpoint, encryptionKey: "0x0102", account: PROVIDER });
      expect(await json("provider:show", { account: PROVIDER })).to.include({
        operator: chain.addressOf(OPERATOR),
        payout: chain.addressOf(PROVIDER),
        endpoint: store.endpoint,
        capacity: 4,
        encryptionKey: "0x0102",
      });
    });

    it("sends ether for gas to its operator", async () => {
      const before = await chain.provider.getBalance(chain.addressOf(OPERATOR));
      const funded = await json("provider:fund", { amount: "0.5", account: PROVIDER });
      expect(funded).to.include({
        operator: chain.addressOf(OPERATOR),
        balance: formatEther(before + parseEther("0.5")),
      });
    });

    it("drains by its operator, which clients are told, and resumes", async () => {
      await json("provider:drain", { provider: chain.addressOf(PROVIDER), account: OPERATOR });
      expect(await json("provider:show", { account: PROVIDER })).to.include({ draining: true });
      await json("provider:drain", { provider: chain.addressOf(PROVIDER), resume: true, account: OPERATOR });
      expect(await json("provider:show", { account: PROVIDER })).to.include({ draining: false });
    });

    it("takes an offer back", async () => {
      await json("provider:offer", { ...terms("3"), model: MODEL, token: "stake", account: PROVIDER });
      expect((await rows("provider:list", { model: "1" })).map(({ price }) => price)).to.deep.equal(["2.0", "3.0"]);
      await json("provider:remove-offer", { model: MODEL, token: "stake", account: PROVIDER });
      expect((await rows("provider:list", { model: "1" })).map(({ price }) => price)).to.deep.equal(["2.0"]);
    });
  });

  describe("client", () => {
    it("has a sample input at hand: the first test sample of the digits", () => {
      const { names, tensors } = unpackBundle(readFileSync(SAMPLE_FILE));
      expect(names).to.deep.equal(["x"]);
      const samples = readFileSync(path.join(path.dirname(SAMPLE_FILE), "digits.test.x.f32"));
      expect(Buffer.from(tensors.get("x")?.data ?? []).equals(samples.subarray(0, 4 * 64))).to.equal(true);
    });

    it("prepays, and gives part of the balance to another account", async () => {
      await fund(CLIENT, "50.5", "pay");
      const deposited = await json("escrow:deposit", { amount: "50.5", token: "pay", account: CLIENT });
      expect(deposited).to.include({ deposited: "50.5", balance: "50.5" });
      const to = chain.addressOf(CHALLENGER);
      const moved = await json("escrow:transfer", { amount: "0.5", token: "pay", to, account: CLIENT });
      expect(moved).to.include({ transferred: "0.5", balance: "50.0" });
    });

    it("requests a job: the input goes to the provider, the price is held", async () => {
      const requested = await request();
      const [job] = await textOf(1);
      expect(requested).to.include({ job, price: "2.0", stake: "10.0", protocolFee: "2.5" });
      expect(await store.store.getBundle(String(requested.inputCommitment))).not.to.equal(undefined);
      expect(await balanceOf(CLIENT, "pay")).to.equal("48.0");
      const shown = await json("job:show", { job: await nth(1) });
      expect(shown).to.include({ status: "Requested", outcome: null, outputCommitment: null, case: null });
      expect(shown.executionDeadline).to.equal(shown.phaseEnd);
      expect(await json("stake:show", { account: PROVIDER })).to.include({ locked: "10.0", free: "80.0" });
    });

    it("gets the result, checked against what was delivered, and saves it", async () => {
      const outputCommitment = await deliver(await nth(1));
      const result = await json("job:result", { job: await nth(1), save: file("output") });
      expect(result).to.include({ outputCommitment, verified: true, saved: file("output") });
      expect(labelIn(result)).to.deep.equal([1]);
      expect(unpackBundle(readFileSync(file("output"))).root).to.equal(outputCommitment);
      expect(await json("job:show", { job: await nth(1) })).to.include({ status: "Submitted", outputCommitment });
    });

    it("refuses a result that is not what the provider committed to", async () => {
      await request();
      const wrong = id("nothing in the store");
      const planted = packBundle(new Map([["label", fromNumbers("int64", [1], [7])]]), ["label"]);
      await store.store.putBundle(planted);
      const market = chain.contracts.market.connect(chain.signer(OPERATOR));
      await market.submit(await termsOf(await nth(2)), wrong, `${store.endpoint}/tensors/${planted.root}`);
      expect(await refusal("job:result", { job: await nth(2) })).to.match(
        /holds 0x[0-9a-f]{64}, not 0x[0-9a-f]{64} as delivered/,
      );
    });

    it("waits for the result in one command", async () => {
      const waiting = json("job:request", {
        model: MODEL,
        provider: chain.addressOf(PROVIDER),
        token: "pay",
        input: SAMPLE_FILE,
        wait: true,
        account: CLIENT,
      });
      const { market } = chain.contracts;
      const requested = async () => (await market.queryFilter(market.filters.JobRequested())).length;
      while ((await requested()) < 3) await new Promise((done) => setTimeout(done, 50));
      await deliver(await nth(3));
      const bought = await waiting;
      const [job] = await textOf(3);
      expect(bought).to.include({ job, status: "Submitted", verified: true });
      expect(labelIn(bought)).to.deep.equal([1]);
    });

    it("says how long it waited for a result that did not come", async () => {
      const sent = { model: MODEL, provider: chain.addressOf(PROVIDER), token: "pay", input: SAMPLE_FILE };
      const message = await refusal("job:request", { ...sent, wait: true, timeout: "1", account: CLIENT });
      const [job] = await textOf(4);
      expect(message).to.equal(`job ${job} was not delivered within 1 s: see job:show ${job}`);
    });

    it("names a place for the input instead, which must be in the form that workers read", async () => {
      const { names, tensors } = unpackBundle(readFileSync(SAMPLE_FILE));
      expect(names).to.deep.equal(["x"]);
      const packed = await json("job:pack", { model: MODEL, input: SAMPLE_FILE, save: file("packed") });
      expect(unpackBundle(readFileSync(file("packed"))).root).to.equal(packed.inputCommitment);
      expect(packBundle(tensors, names).root).to.equal(packed.inputCommitment);
      const requested = await json("job:request", {
        model: MODEL,
        provider: chain.addressOf(PROVIDER),
        token: "pay",
        input: file("packed"),
        inputUri: "https://inputs.example/packed",
        account: CLIENT,
      });
      const shown = await json("job:show", { job: BigInt(requested.job as string) });
      expect(shown).to.include({ inputUri: "https://inputs.example/packed", inputCommitment: packed.inputCommitment });
    });

    it("lists jobs by client, provider and status", async () => {
      const client = chain.addressOf(CLIENT);
      const ids = async (filter: Record<string, string>) => (await rows("job:list", filter)).map(({ job }) => job);
      expect(await ids({ client })).to.deep.equal(await textOf(1, 2, 3, 4, 5));
      expect(await ids({ client, status: "submitted" })).to.deep.equal(await textOf(1, 2, 3));
      expect(await ids({ provider: chain.addressOf(PROVIDER), status: "Requested" })).to.deep.equal(await textOf(4, 5));
      expect(await ids({ provider: client })).to.deep.equal([]);
    });

    it("is refunded when the provider declines", async () => {
      expect(await json("job:decline", { job: await nth(5), account: OPERATOR })).to.include({
        status: "Settled",
        outcome: "refunded",
        price: "2.0",
      });
      expect(await balanceOf(CLIENT, "pay")).to.equal("42.0");
    });

    it("is refunded when nobody delivers, and not before the deadline", async () => {
      const [job] = await textOf(4);
      expect(await refusal("job:expire", { job: await nth(4) })).to.equal(
        `job ${job} is Requested, and this takes one that is Expired: see job:show ${job}`,
      );
      await json("dev:advance", { seconds: String(DURATION + 1) });
      expect(await json("job:show", { job: await nth(4) })).to.include({ status: "Expired" });
      expect(await json("job:expire", { job: await nth(4) })).to.include({ status: "Settled", outcome: "refunded" });
      expect(await balanceOf(CLIENT, "pay")).to.equal("44.0");
    });
  });

  describe("settlement", () => {
    it("pays after the challenge window and not before, splits the earnings, and releases the stake", async () => {
      const [first] = await textOf(1);
      expect(await refusal("job:finalise", { job: await nth(1) })).to.equal(
        `job ${first} is Submitted, and this takes one that is Finalisable: see job:show ${first}`,
      );
      expect(await refusal("job:collect", { job: await nth(1) })).to.contain(
        "the job is not paid, or its earnings were collected",
      );
      await json("dev:advance", { seconds: String(WINDOW + 1) });
      for (const job of [await nth(1), await nth(2), await nth(3)]) {
        expect(await json("job:finalise", { job })).to.include({ status: "Settled", outcome: "paid" });
      }
      expect(await json("job:collect", { job: await nth(1) })).to.include({
        earned: "5.55",
        royalty: "0.3",
        fee: "0.15",
        stakeReleased: "30.0",
        payout: chain.addressOf(PROVIDER),
        modelOwner: chain.addressOf(OWNER),
      });
    });

    it("lets each withdraw what is theirs", async () => {
      const part = await json("escrow:withdraw", { amount: "5", token: "pay", account: PROVIDER });
      expect(part).to.include({ withdrawn: "5.0", balance: "0.55" });
      const to = chain.addressOf(CHALLENGER);
      const rest = await json("escrow:withdraw", { amount: "all", token: "pay", to, account: PROVIDER });
      expect(rest).to.include({ withdrawn: "0.55", balance: "0.0", to });
      expect(await balanceOf(PROVIDER, "pay", "wallet")).to.equal("5.0");
      expect(await balanceOf(CHALLENGER, "pay", "wallet")).to.equal("0.55");
    });

    it("lets a worker push earnings only to an owner who allows it", async () => {
      const push = { token: "pay", of: chain.addressOf(OWNER), account: OPERATOR };
      expect(await refusal("escrow:sweep", push)).to.contain("escrow:allow-sweep");
      await json("escrow:allow-sweep", { account: OWNER });
      expect(await json("escrow:sweep", push)).to.include({ swept: "0.3" });
      await json("escrow:allow-sweep", { off: true, account: OWNER });
      expect(await json("escrow:show", { account: OWNER })).to.include({ sweepAllowed: false });
    });
  });

  describe("dispute", () => {
    const right = id("right");
    const wrong = id("wrong");

    before(async () => {
      for (const juror of JURORS) {
        await json("provider:register", { endpoint: "http://juror.example", account: juror });
        await fund(juror, "100", "stake");
        await json("stake:deposit", { amount: "100", account: juror });
        await offer(juror, "9");
        await json("jury:enrol", { model: MODEL, account: juror });
      }
      await fund(CHALLENGER, "5", "stake");
      await json("escrow:deposit", { amount: "5", token: "stake", account: CHALLENGER });
      await request();
      await chain.contracts.market.connect(chain.signer(OPERATOR)).submit(await termsOf(await nth(6)), wrong, "");
    });

    it("opens a case for a bond", async () => {
      const pool = await rows("jury:pool", { model: MODEL });
      expect(pool.length).to.equal(3);
      for (const juror of pool) expect(juror).to.include({ locks: 4, openSeats: 0 });
      const opened = await json("dispute:challenge", { job: await nth(6), account: CHALLENGER });
      expect(opened).to.include({ case: 1, bond: "1.0", stake: "10.0", outputCommitment: wrong });
      expect(await json("job:show", { job: await nth(6) })).to.include({ status: "Disputed", case: 1 });
      const [job] = await textOf(6);
      expect(await rows("dispute:list")).to.deep.equal([
        { case: 1, job, challenger: chain.addressOf(CHALLENGER), ruling: "None", juryPhase: "Draw" },
      ]);
      expect(await balanceOf(CHALLENGER, "stake")).to.equal("4.0");
    });

    it("draws a jury once the seed is known", async () => {
      expect(await refusal("jury:draw", { case: 1n })).to.contain("wait for that block and two more");
      await json("dev:advance", { seconds: "1" });
      const drawn = await json("jury:draw", { case: 1n });
      expect(drawn.drawn).to.equal(true);
      expect(new Set(drawn.jurors as string[])).to.deep.equal(new Set(JURORS.map((juror) => chain.addressOf(juror))));
      expect(await json("jury:show", { case: 1n })).to.include({ phase: "Commit", ruling: "None" });
    });

    it("counts votes, carries out the ruling and pays the jurors", async () => {
      await vote();
      const seats = (await json("jury:show", { case: 1n })).seats as Json[];
      expect(seats.map((seat) => seat.vote)).to.deep.equal(["Differs", "Differs", "Differs"]);
      expect(await refusal("jury:draw", { case: 1n })).to.equal(
        "the jury of case 1 is in phase Count, and this takes one in phase Draw: see jury:show 1",
      );
      expect(await refusal("dispute:resolve", { case: 1n })).to.contain("the arbiter has not decided yet");
      expect(await json("jury:close", { case: 1n })).to.include({ ruling: "Upheld", revealed: 3, penalties: "0.0" });
      expect(await refusal("jury:pay", { case: 1n })).to.contain("dispute:resolve");
      expect(await json("dispute:resolve", { case: 1n })).to.include({
        ruling: "Upheld",
        slashed: "10.0",
        finderReward: "4.0",
        arbiterReward: "0.5",
        treasuryAmount: "5.5",
        bondReturned: "1.0",
        finder: chain.addressOf(CHALLENGER),
      });
      const paid = (await json("jury:pay", { case: 1n })).paid as Json[];
      const total = paid.reduce((sum, { amount }) => sum + parseEther(String(amount)), 0n);
      expect(total).to.equal(parseEther("0.5"));
      expect(await json("job:show", { job: await nth(6) })).to.include({ status: "Settled", outcome: "refunded" });
      expect(await json("dispute:show", { case: 1n })).to.include({ ruling: "Upheld", juryPhase: "Closed" });
    });

    it("gives the bond and the reward as balances that are withdrawn like any other", async () => {
      const out = await json("escrow:withdraw", { amount: "all", token: "stake", account: CHALLENGER });
      expect(out).to.include({ withdrawn: "9.0" });
    });

    it("asks for a new seed when nobody drew while the last one was known", async () => {
      await request();
      await chain.contracts.market.connect(chain.signer(OPERATOR)).submit(await termsOf(await nth(7)), wrong, "");
      await json("escrow:deposit", { amount: "1", token: "stake", account: CHALLENGER });
      await json("dispute:challenge", { job: await nth(7), account: CHALLENGER });
      await chain.provider.send("hardhat_mine", ["0x110"]);
      expect(await json("jury:draw", { case: 2n })).to.include({ drawn: false });
      await json("dev:advance", { seconds: "1" });
      expect(await json("jury:draw", { case: 2n })).to.include({ drawn: true });
    });

    it("convicts a provider by a second result that it signed, without a bond", async () => {
      await request();
      const terms = await termsOf(await nth(8));
      const operator = chain.signer(OPERATOR);
      await chain.contracts.market.connect(operator).submit(terms, wrong, "");
      const { chainId } = await chain.provider.getNetwork();
      const domain = { chainId, disputes: await chain.contracts.disputes.getAddress() };
      const { signature } = await signResult(operator, domain, { jobId: terms.id, outputCommitment: right });
      const given = { job: await nth(8), signed: right, account: CHALLENGER };
      expect(await refusal("dispute:equivocation", given)).to.contain("--signature is missing");
      expect(await refusal("dispute:equivocation", { ...given, signature: "0x1234" })).to.contain("can have signed");
      const proven = await json("dispute:equivocation", { ...given, signature });
      expect(proven).to.include({ case: 3, delivered: wrong, ruling: "Upheld", slashed: "10.0", bondReturned: "0.0" });
      expect(await json("job:show", { job: await nth(8) })).to.include({ status: "Settled", outcome: "refunded" });
      const explained = await json("dispute:explain", { case: 3n });
      expect(explained).to.include({ judgedBy: "nobody: a second signature convicts at once", ruling: "Upheld" });
      expect(explained.proof).to.include({ kind: "second signature", signed: right });
    });

    it("lets a juror leave the pool", async () => {
      await json("jury:leave", { model: MODEL, account: JURORS[0] ?? 0 });
      expect((await rows("jury:pool", { model: MODEL })).length).to.equal(2);
    });

    async function vote(): Promise<void> {
      const { jury } = chain.contracts;
      for (const index of JURORS) {
        const juror = chain.signer(index);
        await jury.connect(juror).commitVote(1n, juror, await jury.commitmentOf(1n, juror, right, id("salt")));
      }
      for (const index of JURORS) {
        const juror = chain.signer(index);
        await jury.connect(juror).revealVote(1n, juror, right, id("salt"));
      }
    }
  });

  describe("stake", () => {
    it("leaves after the unbonding period, and says when until then", async () => {
      const unbonding = await json("stake:unbond", { amount: "20", account: PROVIDER });
      expect(unbonding).to.include({ unbonding: "20.0", bonded: "50.0" });
      const shown = await json("stake:show", { account: PROVIDER });
      expect(shown).to.include({ unbonding: "20.0", withdrawable: "0.0" });
      expect(shown.nextWithdrawalAt).to.equal(unbonding.withdrawableFrom);
      expect(await refusal("stake:withdraw", { account: PROVIDER })).to.contain("ProviderStaking_NothingToWithdraw");
      await json("dev:advance", { seconds: String(UNBONDING) });
      expect(await json("stake:show", { account: PROVIDER })).to.include({ withdrawable: "20.0" });
      expect(await json("stake:withdraw", { account: PROVIDER })).to.include({ withdrawn: "20.0" });
    });
  });

  describe("administration", () => {
    it("pauses at once, and allows jobs again after the delay", async () => {
      expect(await json("market:pause", { account: ADMIN })).to.include({ state: "carried out" });
      const provider = chain.addressOf(PROVIDER);
      const job = { model: MODEL, provider, token: "pay", input: SAMPLE_FILE, account: CLIENT };
      expect(await refusal("job:request", job)).to.contain("new jobs are paused; exits still work");
      expect(await json("market:unpause", { account: ADMIN })).to.include({ state: "scheduled" });
      expect(await refusal("market:unpause", { account: ADMIN })).to.contain("run the task again then");
      await json("dev:advance", { seconds: String(DELAY) });
      expect(await json("market:unpause", { account: ADMIN })).to.include({ state: "carried out" });
      expect(await json("market:status")).to.include({ paused: false });
    });

    it("moves every parameter in two steps", async () => {
      const treasury = chain.addressOf(OWNER);
      const { stakeToken, valueCaps } = await json("market:status");
      const payToken = String((valueCaps as Json[]).find(({ token }) => token !== stakeToken)?.token);
      const changes = [
        ["market:set-fee", { percent: "1.25" }],
        ["market:set-window", { seconds: "120" }],
        ["market:set-min-stake", { amount: "2.5" }],
        ["market:set-cap", { profile: "Jury", token: "pay", amount: "7.5" }],
        ["market:set-treasury", { treasury }],
      ] as const;
      for (const [name, given] of changes) expect(await json(name, given)).to.include({ state: "scheduled" });
      const scheduled = (await json("market:status")).scheduledChanges as Json[];
      expect(scheduled.map(({ change }) => change)).to.deep.equal([
        "setProtocolFee(125)",
        "setChallengeWindow(120)",
        "setMinJobStake(2500000000000000000)",
        `setCap(4, ${payToken}, 7500000000000000000)`,
        `setTreasury(${treasury})`,
      ]);
      await json("dev:advance", { seconds: String(DELAY) });
      for (const [name, given] of changes) expect(await json(name, given)).to.include({ state: "carried out" });
      const status = await json("market:status");
      expect(status).to.include({ protocolFee: "1.25", challengeWindow: 120, minJobStake: "2.5", treasury });
      expect(status.scheduledChanges).to.deep.equal([]);
      const caps = (status.valueCaps as Json[]).filter(({ token }) => token === payToken);
      expect(caps.map(({ profile, cap }) => [profile, cap])).to.deep.equal([
        ["Tolerance", "1000.0"],
        ["Jury", "7.5"],
      ]);
    });

    it("lets an offer cost the cap and no more", async () => {
      const offer = { model: MODEL, token: "pay", stake: "10", maxDuration: "300", account: PROVIDER };
      expect(await refusal("provider:offer", { ...offer, price: "7.6" })).to.match(
        /^ProviderRegistry_PriceAboveCap\(.*cap 7500000000000000000\): results of such a model are not proven exactly/,
      );
    });

    it("closes no offer within the cap", async () => {
      const { offers } = await json("provider:list", { model: String(MODEL) });
      const [first] = offers as { provider: string; token: string }[];
      if (!first) throw new Error("nobody offers the model");
      const refused = await refusal("provider:close-offer", {
        provider: first.provider,
        token: first.token,
        model: MODEL,
      });
      expect(refused).to.match(/^ProviderRegistry_PriceWithinCap\(.*only its provider takes it back$/);
    });

    it("takes a scheduled change back", async () => {
      await json("market:set-fee", { percent: "5" });
      expect(await json("market:set-fee", { percent: "5", cancel: true })).to.include({ state: "cancelled" });
      expect((await json("market:status")).scheduledChanges).to.deep.equal([]);
      expect(await refusal("market:set-fee", { percent: "5", cancel: true })).to.contain("there is nothing to cancel");
    });

    it("shows the whole market", async () => {
      const status = await json("market:status");
      expect(status).to.include({ network: "localhost", models: 2, providers: 4, jobs: 8, cases: 3, jurySize: 3 });
      expect(status.roles).to.deep.include({ role: "guardian", account: chain.addressOf(ADMIN), delay: 0 });
      expect(status.addresses).to.include({ market: await chain.contracts.market.getAddress() });
      expect(status.juryPools).to.deep.include({ model: 1, jurors: 2 });
      const { escrow, staking, STAKE_TOKEN } = await holdings();
      const held = (status.holdings as Json[]).find(({ token }) => token === STAKE_TOKEN);
      expect(held).to.deep.equal({ token: STAKE_TOKEN, escrow, staking });
    });
  });

  describe("output for people", () => {
    it("has the same facts as key and value, or as a table", async () => {
      const shown = await run("job:show", { job: await nth(1) });
      expect(shown).to.match(/^job +0x[0-9a-f]{64}\nstatus +Settled\noutcome +paid\n/);
      expect(shown).to.match(/^price +2\.0 TUSD$/m);
      const [, head, , first] = (await run("job:list")).split("\n");
      expect(head).to.match(/job.*status.*phase end.*model.*client.*provider.*price/);
      expect(first).to.match(/0x[0-9a-f]{64} .*Settled.*2\.0 TUSD/);
    });

    it("says that there is nothing to list", async () => {
      expect(await run("job:list", { client: chain.addressOf(ADMIN) })).to.equal("no jobs");
    });

    it("cannot be made to steer the terminal by what others put on the chain", async () => {
      const endpoint = "http://juror.example/\u001b[2J";
      const [juror] = JURORS;
      await chain.contracts.providers.connect(chain.signer(juror ?? 0)).setEndpoint(endpoint, "0x", 1);
      expect(await run("provider:show", { account: juror ?? 0 })).not.to.contain("\u001b");
    });
  });

  const terms = (price: string) => ({ price, stake: "10", maxDuration: String(DURATION) });

  async function offer(account: number, price: string): Promise<void> {
    await json("provider:offer", { ...terms(price), model: MODEL, token: "pay", account });
  }

  async function balanceOf(account: number, token: string, where: "escrow" | "wallet" = "escrow") {
    const { balances } = await json("escrow:show", { token, account });
    return (balances as Json[])[0]?.[where];
  }

  async function holdings() {
    const { staking } = chain.contracts;
    const STAKE_TOKEN = await staking.STAKE_TOKEN();
    const [held] = (await json("escrow:show", { of: await chain.contracts.escrow.getAddress(), token: "stake" }))
      .balances as Json[];
    const [bonded] = (await json("escrow:show", { of: await staking.getAddress(), token: "stake" })).balances as Json[];
    return { STAKE_TOKEN, escrow: held?.wallet, staking: bonded?.wallet };
  }
});

function labelIn(result: Json): unknown {
  return (result.tensors as Json[]).find(({ name }) => name === "label")?.values;
}
