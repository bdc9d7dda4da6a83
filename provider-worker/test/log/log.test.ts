import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { createLog } from "../../src/log.js";
import { redact, secretsOf } from "../../src/redact.js";

const API_KEY = "k3yk3yk3yk3yk3yk3yk3y";

describe("The log", () => {
  const logged = (secrets: string[], act: (log: ReturnType<typeof createLog>) => void): string => {
    let text = "";
    act(createLog("info", secrets, { write: (line) => (text += line) }));
    return text;
  };

  it("blanks what is named like a secret, also inside other things", () => {
    const text = logged([], (log) => {
      log.info({ privateKey: "hidden-a", password: "hidden-b", secret: "hidden-c", mnemonic: "hidden-d" }, "top");
      log.info(
        { wallet: { privateKey: "hidden-e", address: "0x1" }, parts: { wallet: { password: "hidden-f" } } },
        "in",
      );
    });
    assert.ok(!text.includes("hidden"), text);
    assert.ok(text.includes("0x1"));
  });

  it("blanks the key in an RPC URL wherever it turns up, such as in an error of the RPC client", () => {
    const secrets = secretsOf(`https://mainnet.example.org/v2/${API_KEY}`);
    const error = Object.assign(new Error(`no answer from /v2/${API_KEY}`), { info: { requestUrl: `x/${API_KEY}` } });
    const text = logged(secrets, (log) => {
      log.warn({ err: error }, `step failed at ${API_KEY}`);
    });
    assert.ok(!text.includes(API_KEY), text);
    assert.match(text, /no answer from \/v2\/\*\*\*/);
  });

  it("says its level by name, one JSON object a line", () => {
    const text = logged([], (log) => {
      log.debug("not this");
      log.warn({ job: "5" }, "this");
    });
    const { level, job, msg } = JSON.parse(text) as Record<string, unknown>;
    assert.deepEqual({ level, job, msg }, { level: "warn", job: "5", msg: "this" });
  });
});

describe("Redaction", () => {
  it("knows where RPC services take keys", () => {
    for (const url of [
      `https://mainnet.example.org/v2/${API_KEY}`,
      `https://rpc.example.org/?apikey=${API_KEY}&x=1`,
      `https://user:${API_KEY}@rpc.example.org/`,
      `wss://rpc.example.org/ws/${API_KEY}#here`,
    ]) {
      assert.deepEqual(secretsOf(url), [API_KEY], url);
    }
  });

  it("leaves hosts and plain paths alone", () => {
    for (const url of ["http://127.0.0.1:8545", "https://ethereum-mainnet.rpc.example.org/rpc/v1"]) {
      assert.deepEqual(secretsOf(url), [], url);
    }
  });

  it("blanks every occurrence", () => {
    assert.equal(redact("a SECRET and a SECRET", ["SECRET"]), "a *** and a ***");
  });
});
