import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

import {
  commitTrace,
  contentHash,
  fromFloat32Array,
  packBundle,
  parseSafetensors,
  serialiseSafetensors,
  signResult,
} from "@assay/sdk";
import type { Tensor } from "@assay/sdk";
import { expect } from "chai";
import { ContractFactory, id as ethersId, toBeHex } from "ethers";

import { prepare } from "../../tasks/actions/prepare.js";
import { readCourtModel } from "../../tasks/support/courtModel.js";
import { findJob } from "../../tasks/support/jobs.js";
import { exactScalar } from "../../tasks/support/tensors.js";
import type { Chain, Json } from "./support.js";
import { json, refusal, run, startChain, startStore } from "./support.js";

const [OWNER, PROVIDER, OPERATOR, CLIENT, CHALLENGER] = [1, 2, 3, 4, 5];
const MODEL = 1n;
const MODELS = path.resolve(import.meta.dirname, "../../models");
/** Written by a node whose output is no output of the model. */
const TENSOR = 3;

/** A contract that passes on what it is called with. */
function relayTo(address: string): string {
  const runtime = `365f5f375f5f365f5f73${address.slice(2)}5af100`;
  return `0x60218060095f395ff3${runtime}`;
}

describe("The tasks of the proof court", function () {
  this.timeout(120_000);
  let chain: Chain;
  let store: Awaited<ReturnType<typeof startStore>>;
  let registered: Json;

  const file = (name: string) => path.join(chain.folder, name);
  const prepared = (name: string) => path.join(chain.folder, "prepared", name);
  const onnx = () => ({ file: prepared("model.onnx") });

  before(async () => {
    chain = await startChain();
    store = await startStore(chain.folder);
    const options = {
      dim: "N=1",
      stripSoftmax: true,
      argMaxOfLogits: true,
      tolerance: false,
      runtime: "native",
      golden: "2",
      json: true,
    };
    await silent(() =>
      prepare({ ...options, file: path.join(MODELS, "digits_mlp_int8_static.onnx"), out: prepared("") }),
    );
    registered = await json("model:register", registration());
    await json("provider:register", {
      endpoint: store.endpoint,
      operator: chain.addressOf(OPERATOR),
      account: PROVIDER,
    });
    await fund(PROVIDER, "100", "stake");
    await json("stake:deposit", { amount: "90", account: PROVIDER });
    const offer = { model: MODEL, token: "pay", price: "2", stake: "10", maxDuration: "300" };
    await json("provider:offer", { ...offer, account: PROVIDER });
    await fund(CLIENT, "100", "pay");
    await json("escrow:deposit", { amount: "100", token: "pay", account: CLIENT });
    await fund(CHALLENGER, "20", "stake");
    await json("escrow:deposit", { amount: "20", token: "stake", account: CHALLENGER });
    const x = new Float32Array(new Uint8Array(readFileSync(path.join(MODELS, "digits.test.x.f32"))).buffer).slice(
      0,
      64,
    );
    writeFileSync(file("input"), packBundle(new Map([["x", fromFloat32Array(x, [1, 64])]]), ["x"]).bytes);
    await json("court:run", { ...onnx(), tolerance: false, input: file("input"), save: file("honest") });
    writeFileSync(file("tampered"), tampered(readFileSync(file("honest"))));
  });
  after(async () => {
    await store.stop();
    await chain.stop();
  });

  const registration = (changes: Record<string, string> = {}) => ({
    file: prepared("model.onnx"),
    golden: prepared("golden.safetensors"),
    manifest: prepared("manifest.json"),
    workUnits: "6464",
    licence: "CC-BY-4.0",
    modelUri: "file:///model.onnx",
    goldenUri: "file:///golden.safetensors",
    account: OWNER,
    ...changes,
  });

  async function fund(account: number, amount: string, token: string): Promise<void> {
    await json("dev:mint", { amount, token, account });
  }

  /** A delivered job under challenge, whose provider ran what the trace file says. */
  async function challenged(trace: string): Promise<{ job: bigint; case: bigint }> {
    const request = { model: MODEL, provider: chain.addressOf(PROVIDER), token: "pay", input: file("input") };
    const { job } = await json("job:request", { ...request, account: CLIENT });
    const id = BigInt(String(job));
    const { terms } = await findJob({ contracts: chain.contracts } as never, id, 0);
    const { outputRoot } = commitTrace(
      await readCourtModel(prepared("model.onnx")),
      tensorsOf(readFileSync(file(trace))),
    );
    await chain.contracts.market.connect(chain.signer(OPERATOR)).submit(terms, outputRoot, "");
    const opened = await json("dispute:challenge", { job: id, account: CHALLENGER });
    return { job: id, case: BigInt(String(opened.case)) };
  }

  async function wait(seconds: number): Promise<void> {
    await json("dev:advance", { seconds: String(seconds) });
  }

  /** A case that ended by a proof made straight to the court. */
  async function convicted(): Promise<void> {
    const { case: id } = await challenged("tampered");
    const mine = { case: id, ...onnx(), input: file("input"), account: CHALLENGER };
    const theirs = { case: id, ...onnx(), trace: file("tampered"), account: OPERATOR };
    await json("court:trace", theirs);
    await json("court:prove", { ...mine, demand: true });
    await json("court:answer", theirs);
    await json("court:prove", mine);
  }

  it("registers what model:prepare wrote: profile, graph and signatures of the manifest", async () => {
    const manifest = JSON.parse(readFileSync(prepared("manifest.json"), "utf8")) as { commitment: string };
    expect(registered).to.include({
      profile: "Exact",
      graphCommitment: manifest.commitment,
      fileHash: contentHash(readFileSync(prepared("model.onnx"))),
    });
    expect(await json("model:show", { model: MODEL })).to.include({
      input: "x:float32[1,64]",
      output: "logits:float32[1,10];label:int64[1]",
      judgedBy: "proof court: one honest party is enough",
    });
  });

  it("registers no file under the manifest of another, and no other profile", async () => {
    const other = registration({ file: path.join(MODELS, "digits_mlp_fp32.onnx") });
    expect(await refusal("model:register", other)).to.match(/^--manifest does not fit .* files\.prepared$/);
    expect(await refusal("model:register", registration({ profile: "Canonical" }))).to.match(
      /^--profile is Canonical: --manifest is of profile Exact/,
    );
  });

  async function registerFloats(tolerance: boolean): Promise<Json> {
    const out = path.join(chain.folder, tolerance ? "tolerance" : "canonical");
    const options = {
      dim: "N=1",
      stripSoftmax: true,
      argMaxOfLogits: true,
      tolerance,
      runtime: "native",
      golden: "1",
      json: true,
    };
    await silent(() => prepare({ ...options, file: path.join(MODELS, "breast_cancer_mlp_fp32.onnx"), out }));
    const names = { file: "model.onnx", golden: "golden.safetensors", manifest: "manifest.json" };
    const files = Object.fromEntries(Object.entries(names).map(([key, name]) => [key, path.join(out, name)]));
    return json("model:register", registration(files));
  }

  it("says what a model of profile Tolerance lets pass, where it is registered and where it is shown", async () => {
    const { model, profile, letsPass } = await registerFloats(true);
    expect(profile).to.equal("Tolerance");
    expect(letsPass).to.include("a decision between two that are close can be turned");
    expect(await json("model:show", { model: BigInt(String(model)) })).to.include({
      judgedBy: `proof court: one honest party is enough; it lets pass ${String(letsPass)}`,
    });
  });

  it("says of a canonical model on what kind of machine one honest party is enough", async () => {
    const { model, letsPass } = await registerFloats(false);
    expect(letsPass).to.equal(undefined);
    expect(await json("model:show", { model: BigInt(String(model)) })).to.include({
      profile: "Canonical",
      judgedBy:
        "proof court: one honest party is enough, on a processor that adds in the graph's order: any, if the file names the runtime wasm",
    });
  });

  it("convicts a provider step by step, and explains the case before and after its end", async () => {
    const { case: id } = await challenged("tampered");
    const mine = { case: id, ...onnx(), input: file("input"), account: CHALLENGER };
    expect(await json("dispute:explain", { case: id })).to.include({
      judgedBy: "proof court",
      profile: "Exact",
      ruling: "None",
      state: "the provider has to post its trace",
    });
    expect(await refusal("court:prove", mine)).to.match(/has posted no trace yet/);

    const theirs = { case: id, ...onnx(), trace: file("tampered"), account: OPERATOR };
    const { traceRoot, tensors } = await json("court:trace", theirs);
    expect(await refusal("court:prove", mine)).to.match(/^tensor 3 differs, level 0 index 0 of it is not shown/);
    expect((await json("court:prove", { ...mine, demand: true })).demanded).to.deep.equal({
      tensor: TENSOR,
      level: 0,
      index: 0,
    });
    const asked = await json("dispute:explain", { case: id });
    expect(asked).to.include({
      traceRoot,
      tensors,
      state: "the provider has to answer 1 demand",
      acquittedAfter: null,
    });
    expect((asked.demands as Json[])[0]).to.include({ tensor: TENSOR, answer: "open", answeredIn: null });
    expect(await refusal("court:silence", { case: id })).to.match(/NotOverdue.*wait until the deadline has passed$/);

    const { answered } = await json("court:answer", theirs);
    expect((answered as Json[])[0]).to.include({ tensor: TENSOR, shown: "leaf" });
    expect(await refusal("court:answer", theirs)).to.match(/^no demand of case \d+ is open/);
    expect(await json("court:prove", mine)).to.include({ proven: true, kind: "fraud", element: 0 });

    const before = await json("dispute:explain", { case: id });
    expect(before).to.include({ courtRuling: "Upheld", ruling: "None", acquittedAfter: null });
    await json("dispute:resolve", { case: id });
    const paid = (await json("court:collect", { case: id })).paid as Json[];
    expect(paid.map(({ to }) => to)).to.deep.equal([chain.addressOf(CHALLENGER)]);
    expect((await json("court:collect", { case: id })).paid).to.deep.equal([]);

    const ended = await json("dispute:explain", { case: id });
    expect(ended.proof).to.deep.equal(before.proof);
    expect(ended.demands).to.deep.equal(before.demands);
    expect(ended).to.include({ ruling: "Upheld", slashed: "10.0", finder: chain.addressOf(CHALLENGER) });
    const [honest, wrong] = [file("honest"), file("tampered")].map((name) => firstValue(readFileSync(name)));
    expect(ended.proof).to.include({
      kind: "fraud",
      claimed: wrong,
      correct: honest,
      finder: chain.addressOf(CHALLENGER),
    });
    expect((ended.demands as Json[])[0]).to.include({ answer: "leaf" });
    const text = await run("dispute:explain", { case: id });
    expect(text).to.match(/convicted: an element contradicts its operands/);
    expect(text).to.contain(`${String(wrong)}`);
  });

  it("explains a proof made through another contract by what the court says alone", async () => {
    const { court } = chain.contracts;
    const challenger = chain.signer(CHALLENGER);
    const [, { case: id }] = [await convicted(), await challenged("tampered")];
    await json("court:trace", { case: id, ...onnx(), trace: file("tampered"), account: OPERATOR });
    const [proven] = await court.queryFilter(court.filters.FraudProven());
    const { data } = (await proven?.getTransaction()) ?? {};
    const relay = await new ContractFactory([], relayTo(await court.getAddress()), challenger).deploy();
    const call = data?.replace(/^(0x.{8}).{64}/, (_, selector: string) => selector + toBeHex(id, 32).slice(2));
    await (await challenger.sendTransaction({ to: await relay.getAddress(), data: call ?? "0x" })).wait();
    const { proof } = await json("dispute:explain", { case: id });
    expect(proof).to.include({ kind: "fraud", finder: await relay.getAddress(), element: 0 });
    expect(proof).not.to.have.any.keys("claimed", "correct", "operands");
  });

  it("explains a case that a second signature ended before the court did", async () => {
    const { job, case: id } = await challenged("tampered");
    const { chainId } = await chain.provider.getNetwork();
    const domain = { chainId, disputes: await chain.contracts.disputes.getAddress() };
    const signed = ethersId("another result");
    const { signature } = await signResult(chain.signer(OPERATOR), domain, { jobId: job, outputCommitment: signed });
    await json("dispute:equivocation", { job, signed, signature, account: CLIENT });
    const explained = await json("dispute:explain", { case: id });
    expect(explained).to.include({
      judgedBy: "proof court",
      state: "convicted: the provider signed another result than it delivered",
      finder: chain.addressOf(CHALLENGER),
    });
    expect(explained.proof).to.include({ kind: "second signature", signed, shownBy: chain.addressOf(CLIENT) });
  });

  it("shows the sign of a zero: one of the wrong sign convicts", () => {
    expect([-0, 0].map((zero) => exactScalar(zero).text)).to.deep.equal(["-0", "0"]);
    expect(JSON.stringify([-0, 0, 1.5, 2n ** 60n, NaN].map(exactScalar))).to.equal(
      '["-0",0,1.5,"1152921504606846976","NaN"]',
    );
  });

  it("finds nothing to prove in an honest trace, and acquits its provider", async () => {
    const { case: id } = await challenged("honest");
    await json("court:trace", { case: id, ...onnx(), input: file("input"), account: PROVIDER });
    const mine = { case: id, ...onnx(), trace: file("honest"), account: CHALLENGER };
    expect(await refusal("court:prove", mine)).to.match(/is that of your run: nothing to prove$/);
    const { demanded } = await json("court:demand", {
      ...{ case: id, ...onnx(), account: CHALLENGER },
      tensor: String(TENSOR),
    });
    expect(demanded).to.include({ tensor: TENSOR });
    await json("court:answer", { case: id, ...onnx(), trace: file("honest"), account: OPERATOR });
    await wait(3600 * 2);
    const explained = await json("dispute:explain", { case: id });
    expect(explained).to.include({ courtRuling: "Rejected", state: "acquitted: nobody proved anything in time" });
    expect(explained.proof).to.equal(null);
    expect(await refusal("court:collect", { case: id })).to.match(/NotOver/);
    await json("dispute:resolve", { case: id });
    const paid = (await json("court:collect", { case: id })).paid as Json[];
    expect(paid.map(({ to }) => to)).to.deep.equal([chain.addressOf(PROVIDER)]);
  });

  it("convicts a provider that does not answer, and says so", async () => {
    const { case: id } = await challenged("tampered");
    await json("court:trace", { case: id, ...onnx(), trace: file("tampered"), account: OPERATOR });
    const mine = { case: id, ...onnx(), trace: file("honest"), account: CHALLENGER };
    await json("court:prove", { ...mine, demand: true });
    await wait(3601);
    expect(((await json("dispute:explain", { case: id })).demands as Json[])[0]).to.include({ answer: "late" });
    expect(await json("court:silence", { case: id })).to.include({
      finder: chain.addressOf(CHALLENGER),
      tensor: TENSOR,
    });
    const explained = await json("dispute:explain", { case: id });
    expect(explained).to.include({ state: "convicted: a demand was not answered in time" });
    expect(explained.proof).to.include({ kind: "silence", tensor: TENSOR });
  });

  it("refuses files that are not of the case", async () => {
    const { case: id } = await challenged("honest");
    const given = { case: id, ...onnx(), account: OPERATOR };
    expect(await refusal("court:trace", given)).to.equal("--input or --trace is missing: see --help");
    const raw = { ...given, file: path.join(MODELS, "digits_mlp_int8_static.onnx"), input: file("input") };
    expect(await refusal("court:trace", raw)).to.match(/^the model cannot be judged by proof/);
    const cancer = path.join(MODELS, "breast_cancer_mlp_int8_static.onnx");
    const options = {
      dim: "N=1",
      stripSoftmax: true,
      argMaxOfLogits: true,
      tolerance: false,
      runtime: "native",
      golden: "1",
      json: true,
    };
    await silent(() => prepare({ ...options, file: cancer, out: file("other") }));
    const other = { ...given, file: path.join(file("other"), "model.onnx"), input: file("input") };
    expect(await refusal("court:trace", other)).to.match(/^--file is not model 1: its graph is 0x/);
    const zeros = packBundle(new Map([["x", fromFloat32Array(new Float32Array(64), [1, 64])]]), ["x"]);
    writeFileSync(file("zeros"), zeros.bytes);
    expect(await refusal("court:trace", { ...given, input: file("zeros") })).to.match(/^--input is not of job \d+/);
    expect(await refusal("court:trace", { ...given, trace: file("input") })).to.match(/it has no tensor 0 of/);
    expect(await refusal("court:demand", { ...given, tensor: "0" })).to.match(
      /^--tensor is 0: nodes write tensors 1 to/,
    );
    expect(await refusal("court:trace", { ...given, input: file("input"), account: CLIENT })).to.match(
      /NotProvider.*only the provider of the case or its operator key/,
    );
  });
});

function tensorsOf(bytes: Uint8Array): Tensor[] {
  const { tensors } = parseSafetensors(bytes);
  return [...tensors.entries()].sort(([a], [b]) => Number(a) - Number(b)).map(([, tensor]) => tensor);
}

/** The same run with one wrong byte in the middle. */
function tampered(bytes: Uint8Array): Uint8Array {
  const named = tensorsOf(bytes).map((tensor, i): [string, Tensor] => {
    const data = new Uint8Array(tensor.data);
    if (i === TENSOR) data[0] = (data[0] ?? 0) ^ 1;
    return [String(i), { ...tensor, data }];
  });
  return serialiseSafetensors(new Map(named));
}

/** The first byte of the tensor that is tampered with, as the number it stands for. */
function firstValue(bytes: Uint8Array): number | undefined {
  return tensorsOf(bytes)[TENSOR]?.data[0];
}

/** Runs something that prints. */
async function silent(work: () => Promise<unknown>): Promise<void> {
  const log = console.log;
  console.log = () => undefined;
  try {
    await work();
  } finally {
    console.log = log;
  }
}
