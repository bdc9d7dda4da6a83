import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";

import { WorkerError } from "../../src/errors.js";
import { loadSettings } from "../../src/settings.js";

const LEAST = {
  rpcUrl: "http://127.0.0.1:8545",
  chainId: 31337,
  deployment: "deployed.json",
  provider: "0x00000000000000000000000000000000000000aa",
  roles: ["serve"],
  keystore: "keys/operator.json",
  dataDir: "data",
};

describe("Settings", () => {
  let folder: string;
  let file: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), "assay-settings-"));
    file = path.join(folder, "worker.json");
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });
  const loadText = (text: string, environment: NodeJS.ProcessEnv = {}) => {
    writeFileSync(file, text);
    return loadSettings(file, environment);
  };
  const load = (values: object, environment?: NodeJS.ProcessEnv) => loadText(JSON.stringify(values), environment);
  const problemsOf = (act: () => unknown): string => {
    try {
      act();
    } catch (error) {
      assert.ok(error instanceof WorkerError);
      assert.equal(error.retryable, false);
      return error.message;
    }
    return assert.fail("the settings were accepted");
  };

  it("need little", () => {
    const settings = load(LEAST);
    assert.equal(settings.confirmations, 2);
    assert.deepEqual(settings.content, { host: "127.0.0.1", port: 8600 });
    assert.deepEqual(settings.metrics, { host: "127.0.0.1", port: 0 });
    assert.equal(settings.fetch.allowPrivate, false);
    assert.deepEqual(settings.models, []);
  });

  it("take model ids as numbers and as strings, however large", () => {
    assert.deepEqual(load({ ...LEAST, models: [1, "2", "123456789012345678901234567890"] }).models, [
      1n,
      2n,
      123456789012345678901234567890n,
    ]);
  });

  it("name every bad value at once, by its path", () => {
    const message = problemsOf(() =>
      load({
        rpcUrl: "nowhere",
        chainId: 0,
        deployment: "",
        provider: "0x1234",
        roles: ["serve", "mine"],
        models: ["one", -1],
        keystore: 5,
        startBlock: -1,
        pollMs: 1.5,
        maxFeeGwei: 0,
        concurrency: 0,
        content: { port: 70_000 },
        fetch: { timeoutMs: 0, fileRoots: [7] },
        limits: { inferenceMb: -5 },
        metrics: { port: -1 },
        audit: { sampleRate: 1.1 },
        logLevel: "loud",
      }),
    );
    const named = message.split("\n").slice(1);
    for (const name of [
      "rpcUrl",
      "chainId",
      "deployment",
      "provider",
      "roles.1",
      "models.0",
      "models.1",
      "keystore",
      "dataDir",
      "startBlock",
      "pollMs",
      "maxFeeGwei",
      "concurrency",
      "content.port",
      "fetch.timeoutMs",
      "fetch.fileRoots.0",
      "limits.inferenceMb",
      "metrics.port",
      "audit.sampleRate",
      "logLevel",
    ]) {
      assert.equal(named.filter((line) => line.startsWith(`  ${name}: `)).length, 1, `${name} in\n${message}`);
    }
    assert.match(message, /has 20 problem\(s\)/);
    assert.ok(message.startsWith(file));
  });

  it("name the models that audit tickets are for, or hold none", () => {
    assert.deepEqual(load(LEAST).audit, { sampleRate: 0.1, tickets: 0, models: [] });
    assert.deepEqual(load({ ...LEAST, audit: { tickets: 2, models: ["7"] } }).audit.models, [7n]);
    const message = problemsOf(() => load({ ...LEAST, audit: { tickets: 2 } }));
    assert.match(message, /1 problem\(s\):\n {2}audit.models: name the models to hold tickets for$/);
    assert.match(
      problemsOf(() => load({ ...LEAST, audit: { tickets: 9, models: [7] } })),
      /audit.tickets: 9 is more than 8/,
    );
  });

  for (const [url, problem] of [
    ["ws://127.0.0.1:8545", "ws: is not spoken: name the endpoint's http: address"],
    ["wss://rpc.example.org/key", "wss: is not spoken: name the endpoint's https: address"],
    ["ftp://rpc.example.org/", "ftp: is not spoken: use https: or http:"],
    ["file:///etc/passwd", "file: is not spoken: use https: or http:"],
    ["rpc.example.org", "Invalid URL"],
  ] as const) {
    it(`refuse ${url} as rpcUrl, and say what to use`, () => {
      const message = problemsOf(() => load({ ...LEAST, rpcUrl: url }));
      assert.equal(message, `${file} has 1 problem(s):\n  rpcUrl: ${problem}`);
    });
  }

  for (const [name, bound, values] of [
    ["pollMs", 600_000, { pollMs: 600_001 }],
    ["confirmations", 10_000, { confirmations: 10_001 }],
    ["chunkBlocks", 1_000_000, { chunkBlocks: 1_000_001 }],
    ["overlapBlocks", 10_000, { overlapBlocks: 10_001 }],
    ["maxFeeGwei", 1_000_000, { maxFeeGwei: 1_000_001 }],
    ["concurrency", 256, { concurrency: 257 }],
    ["collectEverySeconds", 2_592_000, { collectEverySeconds: 2_592_001 }],
    ["shutdownMs", 600_000, { shutdownMs: 600_001 }],
    ["fetch.timeoutMs", 3_600_000, { fetch: { timeoutMs: 3_600_001 } }],
    ["limits.modelBytes", 2_147_483_647, { limits: { modelBytes: 2_147_483_648 } }],
    ["limits.inputBytes", 2_147_483_647, { limits: { inputBytes: 2_147_483_648 } }],
    ["limits.outputBytes", 2_147_483_647, { limits: { outputBytes: 2_147_483_648 } }],
    ["limits.storeBytes", 10 ** 15, { limits: { storeBytes: 10 ** 15 + 1 } }],
    ["limits.fileBytes", 10 ** 15, { limits: { fileBytes: 10 ** 15 + 1 } }],
    ["limits.runners", 1000, { limits: { runners: 1001 } }],
    ["limits.inferenceMs", 86_400_000, { limits: { inferenceMs: 86_400_001 } }],
    ["limits.inferenceMb", 1_048_576, { limits: { inferenceMb: 1_048_577 } }],
  ] as const) {
    it(`refuse a ${name} of more than ${bound}, and name both`, () => {
      const message = problemsOf(() => load({ ...LEAST, ...values }));
      assert.equal(message, `${file} has 1 problem(s):\n  ${name}: ${bound + 1} is more than ${bound}`);
    });
  }

  it("refuse a content store without room for what one job brings, and say what to change", () => {
    const limits = { inputBytes: 20_000, outputBytes: 16_385, storeBytes: 40_959, modelBytes: 1, fileBytes: 32_767 };
    const message = problemsOf(() => load({ ...LEAST, pollMs: 0, limits }));
    assert.deepEqual(message.split("\n").slice(1), [
      "  pollMs: 0 is less than 1",
      "  limits.storeBytes: 40959 has no room for the largest input and output of one job, 40960 bytes on disk: " +
        "raise it, or lower limits.inputBytes or limits.outputBytes",
      "  limits.fileBytes: 32767 has no room for the largest model with its golden vectors, 32768 bytes on disk: " +
        "raise it, or lower limits.modelBytes",
    ]);
    assert.equal(load({ ...LEAST, limits: { ...limits, storeBytes: 40_960, fileBytes: 32_768 } }).pollMs, 2000);
  });

  it("count no more golden vectors than a model may have", () => {
    const limits = { modelBytes: 100_000_000, fileBytes: 164_003_839 };
    assert.match(
      problemsOf(() => load({ ...LEAST, limits })),
      /limits.fileBytes: .* 164003840 bytes on disk/,
    );
    assert.equal(load({ ...LEAST, limits: { ...limits, fileBytes: 164_003_840 } }).limits.modelBytes, 100_000_000);
  });

  it("name what is too small, with its bound", () => {
    const message = problemsOf(() => load({ ...LEAST, pollMs: 0, maxFeeGwei: 0 }));
    assert.match(message, /pollMs: 0 is less than 1\n {2}maxFeeGwei: 0 is less than 0.000001/);
  });

  it("refuse names they do not know, so that a misspelt one does not pass for its default", () => {
    assert.match(
      problemsOf(() => load({ ...LEAST, confirmation: 12 })),
      /"confirmation"/,
    );
    assert.match(
      problemsOf(() => load({ ...LEAST, metrics: { prot: 1 } })),
      /metrics: .*"prot"/,
    );
  });

  it("refuse a worker with nothing to do", () => {
    assert.match(
      problemsOf(() => load({ ...LEAST, roles: [] })),
      /roles/,
    );
  });

  it("come from the environment before the file", () => {
    const settings = load(LEAST, {
      ASSAY_RPC_URL: "https://rpc.example.org/",
      ASSAY_KEYSTORE: "/keys/other.json",
      ASSAY_PASSWORD_FILE: "/run/secrets/password",
      ASSAY_DATA_DIR: "/var/lib/assay",
      ASSAY_DEPLOYMENT: "/etc/assay/deployed.json",
      ASSAY_LOG_LEVEL: "debug",
      UNRELATED: "x",
    });
    assert.equal(settings.rpcUrl, "https://rpc.example.org/");
    assert.equal(settings.keystore, "/keys/other.json");
    assert.equal(settings.passwordFile, "/run/secrets/password");
    assert.equal(settings.dataDir, "/var/lib/assay");
    assert.equal(settings.deployment, "/etc/assay/deployed.json");
    assert.equal(settings.logLevel, "debug");
  });

  it("are checked wherever they come from", () => {
    assert.match(
      problemsOf(() => load(LEAST, { ASSAY_RPC_URL: "nowhere", ASSAY_LOG_LEVEL: "loud" })),
      /has 2 problem\(s\):\n {2}rpcUrl: .*\n {2}logLevel: /,
    );
  });

  it("have paths relative to their own file", () => {
    const settings = load({ ...LEAST, passwordFile: "../password", fetch: { fileRoots: ["models", "/srv/models"] } });
    assert.equal(settings.deployment, path.join(folder, "deployed.json"));
    assert.equal(settings.keystore, path.join(folder, "keys/operator.json"));
    assert.equal(settings.dataDir, path.join(folder, "data"));
    assert.equal(settings.passwordFile, path.join(path.dirname(folder), "password"));
    assert.deepEqual(settings.fetch.fileRoots, [path.join(folder, "models"), "/srv/models"]);
  });

  it("say which file cannot be read, or is no JSON, or no object", () => {
    const missing = path.join(folder, "missing.json");
    assert.match(
      problemsOf(() => loadSettings(missing, {})),
      /cannot read settings from .*missing\.json: ENOENT/,
    );
    assert.match(
      problemsOf(() => loadText("{ rpcUrl: 1 }")),
      /worker\.json: .*JSON/,
    );
    for (const text of ["null", "[]", '"text"', "5"]) {
      assert.match(
        problemsOf(() => loadText(text)),
        /problem\(s\)/,
        text,
      );
    }
  });

  it("never show a value, which may be a secret in the wrong place", () => {
    const secret = "hunter2hunter2";
    for (const text of [
      `{ "password": "${secret}" }`,
      `{ "password": "${secret}", }`,
      `{ "password": ${secret} }`,
      `${secret}`,
      JSON.stringify({
        ...LEAST,
        rpcUrl: secret,
        provider: secret,
        roles: [secret],
        logLevel: secret,
        models: [secret],
      }),
    ]) {
      const message = problemsOf(() => loadText(text));
      assert.ok(!message.includes("hunter2"), message);
    }
  });
});
