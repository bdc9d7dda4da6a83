import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

import type { Addresses, BundleFile } from "@assay/sdk";
import { CONTRACT_NAMES, jobIdText, packBundle } from "@assay/sdk";
import { encryptKeystoreJson, Wallet } from "ethers";
import pino from "pino";

import { freePort } from "../../../scripts/demo/workers.js";
import { followedEvents } from "../../src/chain/events.js";
import { LEAST_BYTES } from "../../src/content/shelf.js";
import { sha256 } from "../../src/content/store.js";
import { JournalError } from "../../src/errors.js";
import { Journal } from "../../src/jobs/journal.js";
import { writeGolden } from "../../src/models/golden.js";
import type { StartRunner } from "../../src/models/modelCache.js";
import { Defend } from "../../src/roles/defend.js";
import { Juror } from "../../src/roles/juror.js";
import { Serve } from "../../src/roles/serve.js";
import { settingsSchema } from "../../src/settings.js";
import type { WorkerParts } from "../../src/worker.js";
import { Worker } from "../../src/worker.js";
import { eventually, inTime } from "../support/eventually.js";
import { blockOf, FakeRpc } from "../support/fakeRpc.js";
import { floats } from "../support/fakeRunner.js";
import { address, gate, hash, NOW, Scene } from "../support/scene.js";

const DEPLOYMENT = Object.fromEntries(CONTRACT_NAMES.map((name, i) => [name, address(0xc0 + i)])) as Addresses;
const CLI = fileURLToPath(new URL("../../bin/assay-worker.js", import.meta.url));
const KEY = `0x${"4b".repeat(32)}`;
const PASSWORD = "correct horse battery staple";
const API_KEY = "k3yk3yk3yk3yk3yk3yk3y";
const HEAD = 9;
const VECTOR = { inputs: new Map([["x", floats(1)]]), outputs: new Map([["y", floats(2)]]) };
const SPEC = {
  ...{ fileHash: hash(0xf11e), goldenHash: hash(0x901d), graphCommitment: hash(0), profile: 4, workUnits: 1n },
  ...{ royaltyBps: 0, parentId: 0n, inputSignature: "", outputSignature: "", licence: "", modelUri: "", goldenUri: "" },
};

describe("The worker", () => {
  let folder: string;
  let rpc: FakeRpc;
  let metricsPort: number;
  before(async () => {
    rpc = new FakeRpc(DEPLOYMENT);
    await rpc.start(`/v2/${API_KEY}`);
  });
  after(() => rpc.stop());
  beforeEach(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "assay-worker-"));
    metricsPort = await freePort();
    rpc.answers = {
      eth_chainId: "0x7a69",
      eth_getCode: "0x00",
      eth_getBalance: "0x64",
      eth_blockNumber: `0x${HEAD.toString(16)}`,
      eth_getBlockByNumber: blockOf(HEAD, NOW),
      eth_getLogs: [],
    };
    rpc.silent.clear();
    rpc.calls = { "jury.poolOf": [[address(0xa11ce)]] };
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });
  const values = () => ({
    rpcUrl: rpc.url,
    chainId: 31337,
    deployment: path.join(folder, "deployed.json"),
    provider: address(0xa11ce),
    roles: ["serve", "juror", "audit"],
    models: [1],
    keystore: path.join(folder, "key.json"),
    dataDir: path.join(folder, "data"),
    pollMs: 1,
    confirmations: 0,
    content: { port: 0 },
    metrics: { port: metricsPort },
  });

  /** Runs a worker until it has made its first steps, and gives its log once it has stopped. */
  async function live(act: (contentPort: number) => Promise<void>, more: Partial<WorkerParts> = {}): Promise<string> {
    let log = "";
    const stop = new AbortController();
    const worker = new Worker({
      settings: settingsSchema.parse(values()),
      deployment: DEPLOYMENT,
      wallet: new Wallet(KEY),
      log: pino({ level: "info" }, { write: (line: string) => (log += line) }),
      ...more,
    });
    let ready: (port: number) => void = () => undefined;
    const started = new Promise<number>((resolve) => (ready = resolve));
    const ended = worker.run(stop.signal, ready);
    try {
      const early = ended.then(() => assert.fail("it ended by itself"));
      await Promise.race([started.then(act), early]);
    } finally {
      stop.abort();
      await ended.catch(() => undefined);
    }
    return log;
  }

  it("begins to read at the deployment's block", async () => {
    await live(() => rpc.until("eth_getBalance", 2), { deployment: { ...DEPLOYMENT, block: 7 } });
    assert.deepEqual(
      rpc.lastParams.get("eth_getLogs")?.map((filter) => (filter as { fromBlock: string }).fromBlock),
      ["0x7"],
    );
  });

  describe("with the journal of a worker that followed less", () => {
    beforeEach(() => {
      const journal = new Journal(path.join(folder, "data", "journal.sqlite"));
      journal.advance([], { block: HEAD, hash: String(blockOf(HEAD, NOW).hash) }, 0);
      journal.close();
    });

    it("reads what is missing, from the deployment's block on", async () => {
      await live(() => rpc.until("eth_getBalance", 2), { deployment: { ...DEPLOYMENT, block: 7 } });
      const [filter] = rpc.lastParams.get("eth_getLogs") as [
        { fromBlock: string; toBlock: string; topics: string[][] },
      ];
      assert.deepEqual([filter.fromBlock, filter.toBlock], ["0x7", `0x${HEAD.toString(16)}`]);
      const topics = followedEvents(7).map(({ topic }) => topic);
      assert.deepEqual(filter.topics, [topics.sort()]);
      const journal = new Journal(path.join(folder, "data", "journal.sqlite"));
      assert.deepEqual(journal.gaps(), []);
      journal.close();
    });

    it("goes on without what the node does not give, and says so", async () => {
      rpc.answers.eth_getLogs = undefined;
      const log = await live(() => rpc.until("eth_getBalance", 3));
      assert.match(log, /"msg":"older events not read yet"/);
      assert.doesNotMatch(log, /step failed/);
    });
  });

  it("reads the chain, measures itself, serves its store, and lets go of everything when it stops", async () => {
    let store = "";
    const log = await live(async (port) => {
      store = `http://127.0.0.1:${port}/health`;
      assert.equal((await fetch(store)).status, 200);
      // Asked for a second time, so the first step is through.
      await rpc.until("eth_getBalance", 2);
      const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
      for (const line of ["assay_read_block 9", "assay_lag_blocks 0", "assay_operator_balance_wei 100"]) {
        assert.ok(text.includes(`${line}\n`), line);
      }
    });
    assert.match(
      log,
      /"roles":\["defend","answerAudits","serve","settle","juror","closeAudits","buyTickets","recordSeeds","takeAudits","spotCheck","prosecute","resolve"\]/,
    );
    assert.match(log, /"msg":"stopped"/);
    await assert.rejects(fetch(store));
    await assert.rejects(fetch(`http://127.0.0.1:${metricsPort}/metrics`));
    const journal = new Journal(path.join(folder, "data", "journal.sqlite"));
    assert.equal(journal.checkpoint()?.block, HEAD);
    journal.close();
  });

  it("removes the copies of models that a worker left which was killed", async () => {
    const left = path.join(folder, "data", "scratch", "assay-model-left");
    mkdirSync(left, { recursive: true });
    writeFileSync(path.join(left, "model.onnx"), "a whole model");
    await live(() => {
      assert.equal(existsSync(left), false);
      return Promise.resolve();
    });
  });

  it("does not show its metrics to those its content store is for", async () => {
    await live(async (port) => {
      assert.equal((await fetch(`http://127.0.0.1:${port}/metrics`)).status, 404);
    });
  });

  it("goes on after a step that failed", async () => {
    delete rpc.answers.eth_blockNumber;
    const log = await live(async () => {
      await rpc.until("eth_blockNumber", 2);
      rpc.answers.eth_blockNumber = `0x${HEAD.toString(16)}`;
      await rpc.until("eth_getBalance", 1);
    });
    assert.match(log, /step failed: trying again/);
  });

  it("does what is due also while its node gives no logs", async (test) => {
    delete rpc.answers.eth_getLogs;
    const defends = test.mock.method(Defend.prototype, "tick");
    const log = await live(() => eventually("it defends", () => defends.mock.callCount() > 0));
    assert.match(log, /gives no logs of blocks 0 to 9.*new events not read yet/);
  });

  it("keeps no role from its duties because another one cannot look", async (test) => {
    test.mock.method(Serve.prototype, "tick", () => Promise.reject(new Error("cannot look")));
    const votes = test.mock.method(Juror.prototype, "tick");
    const log = await live(() => eventually("it votes", () => votes.mock.callCount() > 0));
    assert.match(log, /"role":"serve".*cannot look.*step failed: trying again/);
  });

  it("does not work on a chain or a deployment that is not the one its settings say", async () => {
    rpc.answers.eth_chainId = "0x1";
    await assert.rejects(
      live(() => Promise.resolve()),
      /is chain 1, settings say 31337/,
    );
    rpc.answers.eth_chainId = "0x7a69";
    rpc.answers.eth_getCode = "0x";
    await assert.rejects(
      live(() => Promise.resolve()),
      /no market at/,
    );
  });

  it("does not work with the journal of a chain that was started anew since", async () => {
    const settled = () => Promise.resolve();
    await live(settled);
    rpc.answers.eth_getBlockByNumber = blockOf(HEAD + 1, NOW);
    await assert.rejects(live(settled), {
      name: "JournalError",
      retryable: false,
      message:
        /is about chain 31337 with first block 0x0+9 .* lead to chain 31337 with first block 0x0+a .* another dataDir/,
    });
    rpc.answers.eth_getBlockByNumber = blockOf(HEAD, NOW);
    await live(settled);
  });

  it("forgets jobs of long ago, but none because a node says that it is later than it is", async () => {
    const file = path.join(folder, "data", "journal.sqlite");
    const head = 30_000;
    const { hash } = blockOf(head, NOW) as { hash: string };
    const [old, recent] = [1000, Math.floor(Date.now() / 1000) - 60];
    const before = new Journal(file);
    const life = [old, recent].flatMap((deadline, i) =>
      ["JobRequested", "ResultSubmitted", "JobPaid"].map((name, block) => ({
        ...{ block, blockHash: `hash ${block}`, logIndex: i, name, key: String(deadline) },
        args: { provider: address(0xb0b), terms: { executionDeadline: String(deadline) } },
      })),
    );
    before.advance(life, { block: head, hash }, 0);
    before.bindResult(String(recent), "0xaa");
    before.close();
    const inAHundredYears = recent + 100 * 365 * 86_400;
    Object.assign(rpc.answers, {
      eth_blockNumber: `0x${head.toString(16)}`,
      eth_getBlockByNumber: blockOf(head, inAHundredYears),
    });
    await live(() => rpc.until("eth_getBalance", 2));
    const after = new Journal(file);
    assert.deepEqual(after.events("JobRequested", String(old)), []);
    assert.equal(after.events("JobRequested", String(recent)).length, 1);
    assert.equal(after.resultOf(String(recent)), "0xaa");
    after.close();
  });

  it("keeps the input of a job of its own until it has read a block after the job's window, whatever the newest block", async () => {
    const bundles = Array.from({ length: 12 }, (_, i) => packBundle(new Map([["x", floats(i)]]), ["x"]));
    const [input = assert.fail(), ...flood] = bundles;
    const block = blockOf(HEAD, 1_000_000) as { hash: string };
    rpc.answers.eth_getBlockByNumber = block;
    const scene = new Scene();
    const { id } = scene.requested(1, { provider: address(0xa11ce), inputCommitment: input.root });
    scene.submitted(1, hash(7), { provider: address(0xa11ce) });
    const before = new Journal(path.join(folder, "data", "journal.sqlite"));
    const life = ["JobRequested", "ResultSubmitted"].flatMap((name) => scene.journal.events(name, jobIdText(id)));
    before.advance(life, { block: HEAD, hash: block.hash }, 0);
    before.close();
    const limits = { storeBytes: 3 * LEAST_BYTES, inputBytes: LEAST_BYTES, outputBytes: LEAST_BYTES };
    const settings = settingsSchema.parse({ ...values(), roles: ["juror"], models: [], limits });
    await live(
      async (port) => {
        const uri = ({ root }: { root: string }) => `http://127.0.0.1:${port}/tensors/${root}`;
        const isHere = async () => (await fetch(uri(input), { method: "HEAD" })).status === 200;
        let strangers = 0;
        const put = async (each: BundleFile) => {
          const headers = { "x-forwarded-for": `198.51.100.${++strangers}` };
          return (await fetch(uri(each), { method: "PUT", body: Buffer.from(each.bytes), headers })).status;
        };
        await rpc.until("eth_getBalance", 2);
        for (const each of [input, ...flood.slice(0, 5)]) assert.equal(await put(each), 201);
        assert.ok(await isHere());
        rpc.answers.eth_blockNumber = `0x${(HEAD + 1).toString(16)}`;
        await rpc.until("eth_getBalance", 2);
        for (const each of flood.slice(5)) assert.equal(await put(each), 201);
        assert.equal(await isHere(), false);
      },
      { settings },
    );
  });

  it("looks through its content store again after its node gave no answer", async () => {
    const files = path.join(folder, "data", "content", "files");
    mkdirSync(files, { recursive: true });
    for (let i = 0; i < 9; i++) writeFileSync(path.join(files, hash(i).slice(2)), "x");
    const limits = { fileBytes: 3 * LEAST_BYTES, modelBytes: LEAST_BYTES };
    const settings = settingsSchema.parse({ ...values(), limits });
    const log = await live(
      async () => {
        await rpc.until("eth_getBalance", 2);
        assert.equal(readdirSync(files).length, 9);
        rpc.calls["models.specOf"] = [SPEC];
        rpc.answers.eth_getBlockByNumber = blockOf(HEAD, NOW + 10);
        await eventually("the oldest files are gone", () => readdirSync(files).length <= 3);
      },
      { settings },
    );
    assert.match(log, /specOf.*"msg":"content store not looked through yet"/);
  });

  it("ends when its journal fails, instead of going on without it", async (test) => {
    const failure = new JournalError("cannot write the journal: the disk is full", true);
    let broken = 0;
    const failed = live(async () => {
      await rpc.until("eth_getBalance", 1);
      test.mock.method(Journal.prototype, "checkpoint", () => {
        broken++;
        throw failure;
      });
      await new Promise(() => undefined);
    });
    await assert.rejects(failed, (error) => error === failure);
    assert.equal(broken, 1);
  });

  it("stops at once while a model is loaded, and the load ends", async () => {
    const [model, golden] = [new TextEncoder().encode("a model"), writeGolden([VECTOR])];
    writeFileSync(path.join(folder, "model.onnx"), model);
    writeFileSync(path.join(folder, "golden.safetensors"), golden);
    const spec = {
      ...SPEC,
      ...{ fileHash: sha256(model), goldenHash: sha256(golden) },
      modelUri: pathToFileURL(path.join(folder, "model.onnx")).href,
      goldenUri: pathToFileURL(path.join(folder, "golden.safetensors")).href,
    };
    rpc.calls["models.specOf"] = [spec];
    const begun = gate<AbortSignal>();
    const startRunner: StartRunner = (_file, _limits, _hash, signal) => {
      begun.open(signal);
      return new Promise(() => undefined);
    };
    // So long would it wait for what does not end.
    const settings = settingsSchema.parse({ ...values(), fetch: { fileRoots: [folder] }, shutdownMs: 600_000 });
    const ended = live(async () => void (await begun.promise), { startRunner, settings });
    assert.match(await inTime("the worker stops", ended), /"msg":"stopped"/);
    assert.equal((await begun.promise).aborted, true);
  });

  it("stops at once while its node does not answer", async () => {
    let stopped = 0;
    await live(async () => {
      rpc.silent.add("eth_getBlockByNumber");
      await rpc.until("eth_getBlockByNumber", 1);
      stopped = performance.now();
    });
    // An RPC request alone would take longer.
    assert.ok(performance.now() - stopped < 10_000);
  });

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    it(`as a program ends with 0 on ${signal}, and never printed a secret`, async (test) => {
      writeFileSync(path.join(folder, "settings.json"), JSON.stringify({ ...values(), logLevel: "trace" }));
      writeFileSync(path.join(folder, "deployed.json"), JSON.stringify(DEPLOYMENT));
      const wallet = { address: new Wallet(KEY).address, privateKey: KEY };
      const keystore = await encryptKeystoreJson(wallet, PASSWORD, { scrypt: { N: 2 } });
      writeFileSync(path.join(folder, "key.json"), keystore, { mode: 0o600 });
      const { PATH, NODE_V8_COVERAGE } = process.env;
      delete rpc.answers.eth_getLogs;
      const child = spawn(process.execPath, [CLI, "--settings", path.join(folder, "settings.json"), "start"], {
        env: { PATH, NODE_V8_COVERAGE, ASSAY_PASSWORD: PASSWORD },
      });
      test.after(() => child.kill("SIGKILL"));
      let printed = "";
      child.stdout.on("data", (chunk: Buffer) => (printed += chunk.toString()));
      child.stderr.on("data", (chunk: Buffer) => (printed += chunk.toString()));
      const closed = once(child, "close");
      await Promise.race([rpc.until("eth_getLogs", 3), closed]);
      // An RPC request that gets no answer must not keep it.
      rpc.silent.add("eth_getLogs");
      await Promise.race([rpc.until("eth_getLogs", 1), closed]);
      const told = performance.now();
      child.kill(signal);
      assert.deepEqual(await inTime("the program ends", closed), [0, null], printed);
      assert.ok(performance.now() - told < 10_000);
      assert.match(printed, /new events not read yet/);
      for (const secret of [PASSWORD, KEY.slice(2), API_KEY]) assert.ok(!printed.includes(secret), printed);
    });
  }
});
