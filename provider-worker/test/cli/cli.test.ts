import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import type { Addresses } from "@assay/sdk";
import { connect, CONTRACT_NAMES } from "@assay/sdk";
import { encryptKeystoreJson, getAddress, VoidSigner, Wallet, ZeroAddress } from "ethers";

import { TraceFile } from "../../src/court/traceFile.js";
import { FakeRpc } from "../support/fakeRpc.js";
import { address } from "../support/scene.js";

/** On what was built: reading the sources takes as long as a run. */
const CLI = fileURLToPath(new URL("../../bin/assay-worker.js", import.meta.url));
const DEPLOYMENT = Object.fromEntries(CONTRACT_NAMES.map((name, i) => [name, address(0xc0 + i)])) as Addresses;
const PASSWORD = "correct horse battery staple";
const KEY = `0x${"4b".repeat(32)}`;
const OPERATOR = new Wallet(KEY).address;
const PROVIDER = address(0xa11ce);
const posix = { skip: process.platform === "win32" && "it has no mode bits" };
const API_KEY = "k3yk3yk3yk3yk3yk3yk3y";

let folder: string;
before(() => {
  folder = mkdtempSync(path.join(tmpdir(), "assay-cli-"));
});
after(() => {
  rmSync(folder, { recursive: true });
});

/** Runs the program as a shell would. */
function run(args: string[], environment: NodeJS.ProcessEnv = {}) {
  return new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
    const { PATH, NODE_V8_COVERAGE } = process.env;
    const child = spawn(process.execPath, [CLI, ...args], {
      env: { PATH, NODE_V8_COVERAGE, ...environment },
      // A program that hangs fails its test, not the whole run.
      timeout: 120_000,
      killSignal: "SIGKILL",
    });
    let out = "";
    let err = "";
    child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
    child.on("close", (code) => {
      resolve({ code, out, err });
    });
  });
}

describe("assay-worker init", () => {
  it("writes settings and a key of its own to start from, and a second time changes nothing", async () => {
    const home = path.join(folder, "init");
    const file = path.join(home, "assay-worker.json");
    const first = await run(["--settings", file, "init"]);
    assert.equal(first.code, 0, first.err);
    const settings = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
    assert.match(first.out, new RegExp(`operator key ${String(settings.provider)}`));
    assert.deepEqual(settings.metrics, { port: 9464 });
    const keystore = path.join(home, "operator.keystore.json");
    for (const secret of [keystore, path.join(home, "password")]) assert.equal(statSync(secret).mode & 0o777, 0o600);

    const written = [file, keystore, path.join(home, "password")].map((each) => readFileSync(each, "utf8"));
    const second = await run(["--settings", file, "init"]);
    assert.equal(second.code, 64);
    assert.match(second.err, /exists already/);
    rmSync(file);
    const third = await run(["--settings", file, "init"]);
    assert.equal(third.code, 64);
    assert.match(third.err, /operator\.keystore\.json exists/);
    writeFileSync(file, written[0] ?? "");
    assert.deepEqual(
      [file, keystore, path.join(home, "password")].map((each) => readFileSync(each, "utf8")),
      written,
    );
    assert.equal(`${first.out}${first.err}`.includes(written[2] ?? ""), false);
  });

  it("makes no new password for a key that is there already", async () => {
    const home = mkdtempSync(path.join(folder, "kept-"));
    writeFileSync(path.join(home, "operator.keystore.json"), "{}");
    const { code } = await run(["-s", path.join(home, "worker.json"), "init"]);
    assert.equal(code, 64);
    assert.equal(existsSync(path.join(home, "password")), false);
  });
});

describe("assay-worker", () => {
  let rpc: FakeRpc;
  let home: string;
  let file: string;
  before(async () => {
    rpc = new FakeRpc(DEPLOYMENT);
    await rpc.start(`/v2/${API_KEY}`);
  });
  after(() => rpc.stop());
  beforeEach(async () => {
    home = mkdtempSync(path.join(folder, "home-"));
    file = path.join(home, "worker.json");
    const keystore = await encryptKeystoreJson({ address: OPERATOR, privateKey: KEY }, PASSWORD, { scrypt: { N: 2 } });
    writeFileSync(path.join(home, "key.json"), keystore, { mode: 0o600 });
    writeFileSync(path.join(home, "deployed.json"), JSON.stringify(DEPLOYMENT));
    settings();
    rpc.answers = { eth_chainId: "0x7a69", eth_getCode: "0x00", eth_getBalance: "0x1" };
    rpc.reverts = {};
    rpc.calls = {
      "providers.providerOf": [[OPERATOR, 1, 5, false, PROVIDER, "http://127.0.0.1", "0x"]],
      "providers.operatorOf": [OPERATOR],
      "staking.freeOf": [90n],
      "staking.bondedOf": [100n],
      "staking.unbondingOf": [0n],
      "staking.lockedOf": [10n],
      "staking.STAKE_TOKEN": [address(0x57)],
      "jury.JUROR_LOCK": [20n],
      "jury.SILENT_SEATS": [4n],
      "jury.membershipOf": [[0n, 0n, false]],
      "jury.poolOf": [[OPERATOR]],
      "audits.TICKET_LOCK": [5n],
      "audits.membershipOf": [[1, 0, 0]],
      "disputes.CHALLENGE_BOND": [7n],
      "escrow.balanceOf": [7n],
      "court.REPLY_PERIOD": [3600n],
      "providers.offerOf": [[5n, 2n, 60]],
    };
  });
  function settings(more: object = {}) {
    const values = {
      rpcUrl: rpc.url,
      chainId: 31337,
      deployment: "deployed.json",
      provider: PROVIDER,
      roles: ["serve", "juror", "audit"],
      models: [1],
      keystore: "key.json",
      dataDir: "data",
      ...more,
    };
    writeFileSync(file, JSON.stringify(values));
  }
  /** What the registry says of a provider it does not know. */
  const notRegistered = () => ({
    "providers.providerOf": connect(DEPLOYMENT, new VoidSigner(ZeroAddress)).providers.interface.encodeErrorResult(
      "ProviderRegistry_NotRegistered",
      [PROVIDER],
    ),
  });
  /** What a worker wrote down that ran here: seconds for each result of the model that is offered. */
  const traced = (seconds: number) => {
    mkdirSync(path.join(home, "data"), { recursive: true });
    new TraceFile(path.join(home, "data", "traces.json")).note(1n, { seconds, tokens: [address(0x70)] });
  };
  const lineWith = (out: string, begin: string) => out.split("\n").find((line) => line.startsWith(begin)) ?? "";
  const worker = (...args: string[]) => run(["--settings", file, ...args], { ASSAY_PASSWORD: PASSWORD });

  describe("doctor", () => {
    it("finds nothing wrong where nothing is", async () => {
      const { code, out } = await worker("doctor");
      assert.equal(code, 0, out);
      const lines = out.trim().split("\n");
      assert.equal(lines.length, 10);
      for (const line of lines) assert.match(line, /^ok /);
      assert.ok(!out.includes(API_KEY));
    });

    it("reports everything that is wrong, each with the way out", async () => {
      rpc.answers.eth_getBalance = "0x0";
      rpc.calls["providers.providerOf"] = [[OPERATOR, 1, 0, false, PROVIDER, "", "0x"]];
      rpc.calls["providers.operatorOf"] = [PROVIDER];
      rpc.calls["staking.freeOf"] = [79n];
      rpc.calls["escrow.balanceOf"] = [6n];
      const { code, out } = await worker("doctor");
      assert.equal(code, 1);
      const wrong = out.split("\n").filter((line) => line.startsWith("WRONG"));
      assert.equal(wrong.length, 5, out);
      for (const [i, remedy] of [
        /registered: register it: provider:register/,
        /operator key .*: set it with provider:operator/,
        /gas: send some to 0x/,
        /80 free stake .* of 1 juror pool\(s\): 1 missing: stake:deposit/,
        /bond in the escrow: deposit stake tokens/,
      ].entries()) {
        assert.match(wrong[i] ?? "", remedy);
      }
    });

    it("asks a juror for what is missing to its deposits, for each model", async () => {
      settings({ roles: ["juror"], models: [1, 2, 3] });
      rpc.calls["staking.freeOf"] = [100n];
      const { code, out } = await worker("doctor");
      assert.equal(code, 1);
      assert.match(out, /WRONG 240 free stake for the deposits of 3 juror pool\(s\): 140 missing: stake:deposit/);

      // Displaced, with one lock of each deposit slashed: returning takes what is missing.
      rpc.calls["jury.membershipOf"] = [[3n, 0n, false]];
      rpc.calls["staking.freeOf"] = [59n];
      assert.match((await worker("doctor")).out, /WRONG 60 free stake .*: 1 missing/);
      // In all three pools it needs no more, whatever is left of its deposits.
      rpc.calls["jury.poolOf"] = [[OPERATOR, PROVIDER]];
      rpc.calls["staking.freeOf"] = [0n];
      assert.equal((await worker("doctor")).code, 0);
    });

    it("asks a drawn auditor for what is missing to its tickets, of each model", async () => {
      settings({ roles: ["audit"], audit: { tickets: 3, models: [1, 2] } });
      rpc.calls["staking.freeOf"] = [19n];
      const { code, out } = await worker("doctor");
      assert.equal(code, 1);
      assert.match(out, /WRONG 20 free stake for audit tickets of 2 model\(s\): 1 missing: stake:deposit/);
      rpc.calls["staking.freeOf"] = [20n];
      assert.equal((await worker("doctor")).code, 0);
      rpc.calls["audits.membershipOf"] = [[8, 0, 0]];
      rpc.calls["staking.freeOf"] = [0n];
      assert.match((await worker("doctor")).out, /ok {4}0 free stake for audit tickets/);
    });

    it("asks an auditor without tickets for gas and a bond, and no provider", async () => {
      settings({ roles: ["audit"], provider: OPERATOR });
      rpc.reverts = notRegistered();
      rpc.calls["providers.operatorOf"] = [ZeroAddress];
      const { code, out } = await worker("doctor");
      assert.equal(code, 0, out);
      assert.match(out, /ok {4}operator has gas\nok {4}operator has a bond in the escrow/);

      for (const more of [{ roles: ["audit"], audit: { tickets: 1, models: [1] } }, { roles: ["audit", "juror"] }]) {
        settings({ ...more, provider: OPERATOR });
        assert.match((await worker("doctor")).out, /WRONG provider .* registered: register it/);
      }
    });

    it("asks who only serves for stake, however little", async () => {
      settings({ roles: ["serve"] });
      rpc.calls["staking.freeOf"] = [0n];
      assert.match((await worker("doctor")).out, /WRONG provider has free stake: deposit stake: stake:deposit/);
      rpc.calls["staking.freeOf"] = [1n];
      assert.equal((await worker("doctor")).code, 0);
    });

    it("warns of more stake than the worker could answer for, with numbers and what to do, and fails nobody for it", async () => {
      settings({ roles: ["serve"] });
      traced(36);
      const fit = await worker("doctor");
      assert.match(fit.out, /ok {4}stake for 50 jobs of model 1 at once, 50 could be taken on \(36\.00 s each/);

      traced(45);
      const { code, out } = await worker("doctor");
      assert.equal(code, 0);
      const warning = lineWith(out, "warn  ");
      assert.match(
        warning,
        /stake for 50 jobs of model 1 at once, 40 are taken on \(45\.00 s each, in half of 3600 s\)/,
      );
      assert.match(warning, /: the others wait: raise the offer's stake to 3, or unbond 20$/);

      traced(1801);
      assert.match(
        lineWith((await worker("doctor")).out, "warn  "),
        /not one could be traced in time: remove the offer/,
      );
    });

    it("warns of a setting that takes on more than could be answered for, and of one that takes on less than there is stake for", async () => {
      traced(45);
      settings({ roles: ["serve"], limits: { openResults: 41 } });
      const risky = lineWith((await worker("doctor")).out, "warn  ");
      assert.match(
        risky,
        /41 taken by limits\.openResults, 40 could be traced in time .*: lower limits\.openResults to 40$/,
      );
      settings({ roles: ["serve"], limits: { openResults: 10 } });
      const idle = lineWith((await worker("doctor")).out, "warn  ");
      assert.match(idle, /10 are taken on by limits\.openResults: the others wait: raise .* to 10, or unbond 80$/);
    });

    it("says nothing of that where a model has no offer, or none that locks stake, or nothing is known of it", async () => {
      settings({ roles: ["serve"] });
      const { out } = await worker("doctor");
      traced(45);
      for (const offer of [
        [5n, 2n, 0],
        [5n, 0n, 60],
      ]) {
        rpc.calls["providers.offerOf"] = [offer];
        assert.equal((await worker("doctor")).out, out);
      }
      writeFileSync(path.join(home, "data", "traces.json"), '{"1":');
      assert.equal((await worker("doctor")).out, out);
    });

    it("asks for what the worker's roles need and no more", async () => {
      settings({ roles: ["serve"] });
      rpc.calls["escrow.balanceOf"] = [0n];
      assert.equal((await worker("doctor")).code, 0);
    });

    it("names a wrong chain, and a deployment that is not there, without guessing at what follows from it", async () => {
      rpc.answers.eth_chainId = "0x1";
      const chain = await worker("doctor");
      assert.equal(chain.code, 1);
      assert.match(chain.out, /WRONG chain 31337 at .*: check rpcUrl and chainId/);
      assert.equal(chain.out.match(/WRONG/g)?.length, 1);

      rpc.answers.eth_chainId = "0x7a69";
      rpc.answers.eth_getCode = "0x";
      rpc.calls = {};
      const market = await worker("doctor");
      assert.match(market.out, /WRONG market at .*: check deployment/);
      assert.equal(market.out.match(/WRONG/g)?.length, 1);
    });

    it("reports every file that is wrong, and the chain all the same", async () => {
      writeFileSync(path.join(home, "deployed.json"), "{}");
      writeFileSync(path.join(home, "key.json"), "{}", { mode: 0o600 });
      const { code, out } = await worker("doctor");
      assert.equal(code, 1);
      assert.match(out, /WRONG deployment .*lacks addresses/);
      assert.match(out, /WRONG keystore .*wrong password, or no keystore/);
      assert.match(out, /ok {4}chain 31337/);
    });

    it("says of a password file that others can read what to do, as start does", posix, async () => {
      writeFileSync(path.join(home, "password"), PASSWORD, { mode: 0o600 });
      settings({ passwordFile: "password" });
      assert.equal((await run(["-s", file, "doctor"])).code, 0);
      chmodSync(path.join(home, "password"), 0o644);
      const doctor = await run(["-s", file, "doctor"]);
      assert.equal(doctor.code, 1);
      assert.match(doctor.out, /WRONG keystore .*password can be read by others: chmod 600/);
      const start = await run(["-s", file, "start"]);
      assert.equal(start.code, 64);
      assert.match(start.err, /password can be read by others: chmod 600/);
    });

    it("reports every bad setting at once", async () => {
      settings({ chainId: -1, roles: [], pollMs: 0 });
      const { code, err } = await worker("doctor");
      assert.equal(code, 64);
      assert.match(err, /3 problem\(s\)/);
    });
  });

  describe("status", () => {
    const STATUS = {
      provider: PROVIDER,
      operator: OPERATOR,
      draining: false,
      bonded: "100",
      unbonding: "0",
      locked: "10",
      free: "90",
    };

    it("shows what the provider has and owes, one line each", async () => {
      const { code, out } = await worker("status");
      assert.equal(code, 0);
      assert.deepEqual(
        out.trim().split("\n"),
        Object.entries(STATUS).map(([name, value]) => `${name.padEnd(10)} ${String(value)}`),
      );
    });

    it("shows machines one JSON object", async () => {
      const { code, out } = await worker("status", "--json");
      assert.equal(code, 0);
      assert.deepEqual(JSON.parse(out), STATUS);
    });

    it("warns of more stake than the worker could answer for", async () => {
      traced(45);
      const { code, out } = await worker("status", "--json");
      assert.equal(code, 0);
      const { warning, ...rest } = JSON.parse(out) as Record<string, unknown>;
      assert.deepEqual(rest, STATUS);
      assert.match(String(warning), /^stake for 50 jobs of model 1 at once, 40 are taken on .* to 3, or unbond 20$/);
      traced(36);
      assert.deepEqual(JSON.parse((await worker("status", "--json")).out), STATUS);
    });

    it("shows an auditor without tickets its operator's bond and gas; the keystore says whose", async () => {
      settings({ roles: ["audit"], provider: OPERATOR });
      rpc.reverts = notRegistered();
      const { code, out, err } = await run(["-s", file, "status", "--json"]);
      assert.equal(code, 0, err);
      assert.deepEqual(JSON.parse(out), { operator: OPERATOR, bond: "7", gas: "1" });
      writeFileSync(path.join(home, "key.json"), "{}", { mode: 0o600 });
      const keyless = await worker("status");
      assert.equal(keyless.code, 64);
      assert.match(keyless.err, /key\.json does not say its address/);
    });

    it("says that a provider is not registered, and what to do", async () => {
      rpc.reverts = notRegistered();
      const { code, err } = await worker("status");
      assert.equal(code, 64);
      assert.equal(
        err.trim(),
        `ProviderRegistry_NotRegistered(provider ${getAddress(PROVIDER)}): register the provider first`,
      );
    });

    it("needs no key", async () => {
      rmSync(path.join(home, "key.json"));
      assert.equal((await run(["-s", file, "status"])).code, 0);
    });

    it("says try again later where the node cannot be reached, and does not show its key", async () => {
      settings({ rpcUrl: `http://127.0.0.1:1/v2/${API_KEY}` });
      const { code, err } = await worker("status");
      assert.equal(code, 75, err);
      assert.match(err, /ECONNREFUSED/);
      assert.ok(!err.includes(API_KEY));
    });
  });

  describe("start", () => {
    it("does not start on another chain than its settings say", async () => {
      rpc.answers.eth_chainId = "0x1";
      const { code, err } = await worker("start");
      assert.equal(code, 64);
      assert.match(err, /is chain 1, settings say 31337/);
      assert.ok(!err.includes(API_KEY));
    });

    it("does not start without a market", async () => {
      rpc.answers.eth_getCode = "0x";
      const { code, err } = await worker("start");
      assert.equal(code, 64);
      assert.match(err, /no market at/);
    });

    it("asks for a password it is not given", async () => {
      const { code, err } = await run(["-s", file, "start"]);
      assert.equal(code, 64);
      assert.match(err, /set ASSAY_PASSWORD or passwordFile/);
    });
  });

  for (const [what, args, says] of [
    ["an option it does not know", ["status", "--xml"], /unknown option '--xml'/],
    ["a command it does not know", ["mine"], /unknown command 'mine'/],
    ["an option without its value", ["status", "--settings"], /argument missing/],
  ] as const) {
    it(`refuses ${what}`, async () => {
      const { code, err } = await run([...args]);
      assert.equal(code, 64);
      assert.match(err, says);
    });
  }

  it("says where settings should be that are not there", async () => {
    const { code, err } = await run(["-s", path.join(home, "none.json"), "status"]);
    assert.equal(code, 64);
    assert.match(err, /cannot read settings from .*none\.json/);
  });

  it("helps", async () => {
    const { code, out } = await run(["--help"]);
    assert.equal(code, 0);
    for (const command of ["init", "doctor", "start", "status"]) assert.match(out, new RegExp(`^ +${command}`, "m"));
  });
});
