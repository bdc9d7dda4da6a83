import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";

import { expect } from "chai";
import { CONTRACT_NAMES, fromFloat32Array, fromNumbers, packBundle } from "@assay/sdk";

import { onnxFile } from "../../sdk/test/support/onnxModel.js";
import type { Chain } from "./support.js";
import { json, MODEL_FILE, refusal, SAMPLE_FILE, startChain, startStore } from "./support.js";

const OWNER = 1;
const PROVIDER = 2;
const CLIENT = 4;
const MODEL = 1n;

describe("A task that cannot do what it is asked", function () {
  this.timeout(30_000);
  let chain: Chain;
  let store: Awaited<ReturnType<typeof startStore>>;
  let registration: Record<string, string | number>;

  before(async () => {
    chain = await startChain();
    store = await startStore(chain.folder);
    await json("model:golden", { file: MODEL_FILE, input: SAMPLE_FILE, save: file("golden") });
    registration = {
      file: MODEL_FILE,
      golden: file("golden"),
      input: "x:float32[1,64]",
      output: "probabilities:float32[1,10];label:int64[1]",
      workUnits: "6464",
      licence: "CC-BY-4.0",
      modelUri: "https://models.example/digits.onnx",
      goldenUri: "https://models.example/golden.safetensors",
      account: OWNER,
    };
    await json("model:register", registration);
    await json("provider:register", { endpoint: store.endpoint, account: PROVIDER });
    await json("dev:mint", { amount: "50", token: "stake", account: PROVIDER });
    await json("stake:deposit", { amount: "50", account: PROVIDER });
    await json("provider:offer", { ...OFFER, account: PROVIDER });
    await json("dev:mint", { amount: "10", token: "pay", account: CLIENT });
  });
  after(async () => {
    await store.stop();
    await chain.stop();
  });

  const OFFER = { model: MODEL, token: "pay", price: "2", stake: "10", maxDuration: "300" };
  const file = (name: string) => path.join(chain.folder, name);
  const randomModel = () => {
    const name = file("random.onnx");
    const inputs = { x: ["float32", [1, 64]] } as const;
    const nodes = [{ op: "RandomUniformLike", inputs: ["x"], outputs: ["y"] }];
    writeFileSync(name, onnxFile({ nodes, inputs, outputs: { y: undefined } }));
    return name;
  };
  const job = () => ({
    model: MODEL,
    provider: chain.addressOf(PROVIDER),
    token: "pay",
    input: SAMPLE_FILE,
    account: CLIENT,
  });
  const deposit = { amount: "1", token: "pay", account: CLIENT };
  const bundle = (name: string, dims: number[]) => {
    const tensor = fromFloat32Array(new Float32Array(dims.reduce((a, b) => a * b)), dims);
    const written = file(`${name}-${dims.join("x")}`);
    writeFileSync(written, packBundle(new Map([[name, tensor]]), [name]).bytes);
    return written;
  };

  const cases: [
    what: string,
    task: string,
    given: () => Record<string, string | number | bigint | boolean>,
    says: RegExp,
  ][] = [
    [
      "an amount that is no number",
      "escrow:deposit",
      () => ({ ...deposit, amount: "1,5" }),
      /^amount is "1,5": give TUSD, such as 1\.5/,
    ],
    [
      "an amount finer than the token",
      "escrow:deposit",
      () => ({ ...deposit, amount: `0.${"1".repeat(19)}` }),
      /of 18 decimals at most$/,
    ],
    ["a negative amount", "stake:deposit", () => ({ amount: "-1" }), /^amount is "-1": give ASSAY/],
    [
      "an amount beyond what contracts hold",
      "stake:unbond",
      () => ({ amount: "9".repeat(30) }),
      /^amount is \d+: value out-of-bounds/,
    ],
    [
      "no amount of tokens",
      "stake:unbond",
      () => ({ amount: "0" }),
      /ProviderStaking_ZeroAmount\(\): give an amount above zero/,
    ],
    ["a token that is missing", "escrow:deposit", () => ({ amount: "1" }), /^--token is missing: see --help$/],
    [
      "a token that is no address",
      "escrow:deposit",
      () => ({ ...deposit, token: "TUSD" }),
      /^--token is "TUSD": give an address/,
    ],
    [
      "an address that is no token",
      "escrow:deposit",
      () => ({ ...deposit, token: chain.addressOf(0) }),
      /is no ERC-20 token on this network: give the address of one, or stake$/,
    ],
    [
      "more tokens than the wallet holds",
      "escrow:deposit",
      () => ({ ...deposit, amount: "11" }),
      /^ERC20InsufficientBalance\(.*the account holds fewer tokens/,
    ],
    [
      "more than the balance holds",
      "escrow:withdraw",
      () => ({ ...deposit, account: PROVIDER }),
      /^PaymentEscrow_InsufficientBalance\(.*deposit into the escrow first$/,
    ],
    [
      "a receiver with a typing error",
      "escrow:transfer",
      () => ({ ...deposit, to: "0x12" }),
      /^--to is "0x12": give an address of 20 bytes as 0x…$/,
    ],
    [
      "an account that the network lacks",
      "stake:show",
      () => ({ account: 99 }),
      /^--account is 99: network localhost has accounts 0 to 19$/,
    ],
    [
      "a deployment file that is not there",
      "market:status",
      () => ({ deployment: "/nowhere.json" }),
      /^cannot read the deployment \/nowhere\.json: deploy first/,
    ],
    [
      "a deployment file of something else",
      "market:status",
      () => ({ deployment: file("other.json") }),
      /lacks addresses: authority \(Assay#AccessManager\)/,
    ],
    [
      "a deployment that this network does not have",
      "market:status",
      () => ({ deployment: file("elsewhere.json") }),
      /^no market is at 0x1{40} on network localhost: choose the network with --network$/,
    ],
    [
      "an endpoint that is no URL",
      "provider:endpoint",
      () => ({ endpoint: "worker:80", account: PROVIDER }),
      /^endpoint is "worker:80": give a URL such as/,
    ],
    [
      "a key that is no hex",
      "provider:endpoint",
      () => ({ endpoint: "http://a", encryptionKey: "abc", account: PROVIDER }),
      /^--encryption-key is "abc": give bytes as 0x…$/,
    ],
    [
      "a second registration",
      "provider:register",
      () => ({ endpoint: "http://a", account: PROVIDER }),
      /AlreadyRegistered.*provider:operator/,
    ],
    [
      "somebody who is no provider",
      "provider:show",
      () => ({ account: CLIENT }),
      /NotRegistered.*register the provider first$/,
    ],
    [
      "an offer with less stake than the market asks for",
      "provider:offer",
      () => ({ ...OFFER, stake: "0.5", account: PROVIDER }),
      /^--stake is 0\.5: the market asks for 1\.0 ASSAY at least$/,
    ],
    [
      "an offer that takes too long",
      "provider:offer",
      () => ({ ...OFFER, maxDuration: "999999", account: PROVIDER }),
      /DurationOutOfBounds.*give a --max-duration of 1 to cap seconds$/,
    ],
    [
      "a stranger's drain",
      "provider:drain",
      () => ({ provider: chain.addressOf(PROVIDER) }),
      /NotAllowed.*choose the provider or its operator with --account$/,
    ],
    [
      "a model nobody registered",
      "model:show",
      () => ({ model: 9n }),
      /^ModelRegistry_UnknownModel\(modelId 9\): see model:list$/,
    ],
    [
      "a stranger's deprecation",
      "model:deprecate",
      () => ({ model: MODEL }),
      /NotOwner.*choose the owner with --account$/,
    ],
    [
      "a model to be judged by proof without its graph",
      "model:register",
      () => ({ ...registration, profile: "Exact" }),
      /^--profile is Exact: such a model needs its graph: give the --manifest that model:prepare writes/,
    ],
    [
      "a manifest that is none",
      "model:register",
      () => ({ ...registration, manifest: SAMPLE_FILE }),
      /^--manifest does not fit file and --golden: the manifest is no JSON$/,
    ],
    [
      "a profile that does not exist",
      "model:register",
      () => ({ ...registration, profile: "Perfect" }),
      /^--profile is "Perfect": give one of None, Exact/,
    ],
    [
      "a royalty above the cap",
      "model:register",
      () => ({ ...registration, royalty: "21" }),
      /RoyaltyAboveCap.*give a lower royalty/,
    ],
    [
      "a signature that is none",
      "model:register",
      () => ({ ...registration, input: "x" }),
      /^--input has "x": give name:dtype\[dims\]/,
    ],
    [
      "golden vectors of another shape",
      "model:register",
      () => ({ ...registration, input: "x:float32[1,65]" }),
      /^x is float32\[1,64\]: the model takes float32\[1,65\]$/,
    ],
    [
      "golden vectors that are none",
      "model:register",
      () => ({ ...registration, golden: SAMPLE_FILE }),
      /^--golden holds no golden vectors: "x" is no name/,
    ],
    [
      "a model whose results are random",
      "model:register",
      () => ({ ...registration, file: randomModel() }),
      /^file has a RandomUniformLike: nobody can judge random results/,
    ],
    [
      "a model that is no ONNX file",
      "model:register",
      () => ({ ...registration, file: SAMPLE_FILE }),
      /^not an ONNX file/,
    ],
    [
      "a model that is no file",
      "model:register",
      () => ({ ...registration, file: "/nowhere.onnx" }),
      /^file is "\/nowhere\.onnx": ENOENT/,
    ],
    [
      "an input that is no safetensors file",
      "job:request",
      () => ({ ...job(), input: MODEL_FILE }),
      /^--input is ".*", which is no safetensors file/,
    ],
    [
      "an input without the model's tensor",
      "job:request",
      () => ({ ...job(), input: bundle("y", [1, 64]) }),
      /it has no tensor x$/,
    ],
    [
      "an input of another shape",
      "job:request",
      () => ({ ...job(), input: bundle("x", [1, 63]) }),
      /^x is float32\[1,63\]: the model takes float32\[1,64\]$/,
    ],
    [
      "an input that no worker could read from a URI",
      "job:request",
      () => ({ ...job(), input: file("bare"), inputUri: "https://inputs.example" }),
      /no worker can read it from a URI; write it with job:pack$/,
    ],
    [
      "a provider without an offer",
      "job:request",
      () => ({ ...job(), provider: chain.addressOf(CLIENT) }),
      /NoOffer.*the provider has no offer for this model and token$/,
    ],
    [
      "a price below the offer's",
      "job:request",
      () => ({ ...job(), maxPrice: "1.5" }),
      /PriceAboveMax.*raise it or ask another provider$/,
    ],
    [
      "a deadline the offer does not meet",
      "job:request",
      () => ({ ...job(), within: "10" }),
      /DeadlineTooLate.*the provider takes longer/,
    ],
    ["a job that cannot be paid", "job:request", job, /InsufficientBalance.*deposit into the escrow first$/],
    [
      "a job nobody requested",
      "job:show",
      () => ({ job: 9n }),
      /^no job 0x0{63}9 was requested since block 0: see job:list$/,
    ],
    [
      "a status that does not exist",
      "job:list",
      () => ({ status: "Lost" }),
      /^--status is "Lost": give one of Settled, Requested/,
    ],
    [
      "a case nobody opened",
      "dispute:show",
      () => ({ case: 9n }),
      /^DisputeManager_UnknownCase\(caseId 9\): see dispute:list$/,
    ],
    ["a jury nobody called", "jury:show", () => ({ case: 9n }), /^case 9 is before no jury: see dispute:list$/],
    ["a juror without an offer", "jury:enrol", () => ({ model: MODEL, account: 0 }), /NoOffer.*provider:offer$/],
    [
      "a fee above the cap, before it is scheduled",
      "market:set-fee",
      () => ({ percent: "5.01" }),
      /^percent is 5\.01 %: give 0 % to 5 %$/,
    ],
    [
      "a window out of bounds, before it is scheduled",
      "market:set-window",
      () => ({ seconds: "59" }),
      /^seconds is 59: give 60 to 604800$/,
    ],
    [
      "a cap for what is proven exactly",
      "market:set-cap",
      () => ({ profile: "Exact", token: "pay", amount: "1" }),
      /^profile is Exact: only Tolerance and Jury have a cap$/,
    ],
    [
      "a treasury that is nobody",
      "market:set-treasury",
      () => ({ treasury: `0x${"0".repeat(40)}` }),
      /fees need an account$/,
    ],
    [
      "a parameter that the caller may not set",
      "market:set-fee",
      () => ({ percent: "1", account: CLIENT }),
      /may not call setProtocolFee\(100\): choose a holder of the role/,
    ],
  ];

  before(() => {
    writeFileSync(file("other.json"), "{}");
    const elsewhere = Object.fromEntries(CONTRACT_NAMES.map((name) => [name, `0x${"1".repeat(40)}`]));
    writeFileSync(file("elsewhere.json"), JSON.stringify(elsewhere));
    const bare = packBundle(new Map([["x", fromNumbers("float32", [1, 64], new Array<number>(64).fill(0))]]), ["x"]);
    // The same tensors in a file that does not say in what order they were committed.
    writeFileSync(file("bare"), withoutMetadata(bare.bytes));
  });

  for (const [what, task, given, says] of cases) {
    it(`${task} refuses ${what} in one line that says the way out`, async () => {
      const message = await refusal(task, given());
      expect(message).to.match(says);
      expect(message).not.to.contain("\n");
    });
  }

  it("job:result tells that there is no result yet", async () => {
    await json("escrow:deposit", { amount: "2", token: "pay", account: CLIENT });
    const { job: id } = await json("job:request", job());
    expect(await refusal("job:result", { job: BigInt(String(id)) })).to.equal(
      `job ${String(id)} is Requested: it was not delivered, so there is no result`,
    );
  });

  it("job:request shows what a store answers as one line that cannot steer the terminal", async () => {
    const hostile = createServer((_, response) => response.writeHead(500).end("no\u001b[2J\nspace"));
    hostile.listen(0, "127.0.0.1");
    await once(hostile, "listening");
    const endpoint = `http://127.0.0.1:${(hostile.address() as AddressInfo).port}`;
    await json("provider:endpoint", { endpoint, account: PROVIDER });
    await json("escrow:deposit", { amount: "2", token: "pay", account: CLIENT });
    expect(await refusal("job:request", job())).to.match(/refused the upload: 500 no�\[2J�space$/);
    hostile.closeAllConnections();
    hostile.close();
  });

  it("provider:list goes on when somebody's token has more decimals than anybody can read", async () => {
    const strange = `0x${"5".repeat(40)}`;
    // Whatever is asked: 200, which is also the offset of an empty string.
    await chain.provider.send("hardhat_setCode", [strange, "0x60c85f526101005ff3"]);
    await chain.contracts.providers.connect(chain.signer(PROVIDER)).setOffer(MODEL, strange, 0n, 10n ** 18n, 60n);
    const { offers } = await json("provider:list", { model: "1" });
    expect((offers as { price: string }[]).map(({ price }) => price)).to.deep.equal(["2.0", "0"]);
  });

  it("job:request pays nothing when the provider's store is down", async () => {
    await json("provider:endpoint", { endpoint: "http://127.0.0.1:1", account: PROVIDER });
    await json("escrow:deposit", { amount: "2", token: "pay", account: CLIENT });
    expect(await refusal("job:request", job())).to.match(/^cannot reach http:\/\/127\.0\.0\.1:1\/tensors\//);
    const { balances } = await json("escrow:show", { token: "pay", account: CLIENT });
    expect(balances).to.have.nested.property("[0].escrow", "4.0");
  });
});

function withoutMetadata(file: Uint8Array): Uint8Array {
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length))) as Record<string, unknown>;
  delete header.__metadata__;
  const json = new TextEncoder().encode(JSON.stringify(header));
  const size = new Uint8Array(8);
  new DataView(size.buffer).setBigUint64(0, BigInt(json.length), true);
  return Buffer.concat([size, json, file.subarray(8 + length)]);
}
