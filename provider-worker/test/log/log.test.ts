import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { createLog } from "../../src/log.js";
import type { Redact } from "../../src/redact.js";
import { redactor } from "../../src/redact.js";

const API_KEY = "k3yk3yk3yk3yk3yk3yk3y";

describe("The log", () => {
  const logged = (redact: Redact | undefined, act: (log: ReturnType<typeof createLog>) => void): string => {
    let text = "";
    act(createLog("info", redact, { write: (line) => (text += line) }));
    return text;
  };

  it("blanks what is named like a secret, also inside other things", () => {
    const text = logged(undefined, (log) => {
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
    const redact = redactor(`https://mainnet.example.org/v2/${API_KEY}`);
    const error = Object.assign(new Error(`no answer from /v2/${API_KEY}`), { info: { requestUrl: `x/${API_KEY}` } });
    const text = logged(redact, (log) => {
      log.warn({ err: error }, `step failed at ${API_KEY}`);
    });
    assert.ok(!text.includes(API_KEY), text);
    assert.match(text, /no answer from \*\*\*/);
  });

  it("says its level by name, one JSON object a line", () => {
    const text = logged(undefined, (log) => {
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
      `https://rpc.example.org/ws/${API_KEY}#here`,
    ]) {
      assert.equal(redactor(url)(`refused: ${API_KEY}${API_KEY}`), "refused: ******", url);
    }
  });

  it("leaves hosts alone, and every text where nothing is a key", () => {
    for (const url of ["http://127.0.0.1:8545", "https://ethereum-mainnet.rpc.example.org/"]) {
      const text = `chain 1 at ${url}, block 8545, see /rpc/v1 and https://example.org/a?b=c`;
      assert.equal(redactor(url)(text), text);
    }
  });

  it("leaves the sentence that a URL stands in as it was", () => {
    const url = `https://rpc.example.org/v2/${API_KEY}`;
    const text = (shown: string) => `chain 1 at ${shown}: check rpcUrl ('${shown}', ${shown}; see ${shown}.`;
    assert.equal(redactor(url)(text(url)), text("https://rpc.example.org/***"));
    assert.equal(redactor(url)(text(`${url}/eth`)), text("https://rpc.example.org/***"));
  });

  it("hides credentials in any URL", () => {
    assert.equal(redactor("http://127.0.0.1:8545")("at ftp://me:x@host/a"), "at ftp://***@host/a");
  });

  /** What the worker says anyway. */
  const UNRELATED = [
    '{"level":"info","time":1795247232214,"job":"1","outcome":"mined","msg":"delivered"}',
    "a b c d 1 12 abc ab1 k3y5 https://example.org/models/1/abc?page=12#top /srv/a1b2/assay.json 0xab1c",
    "provider has free stake: deposit stake: stake:deposit",
  ].join("\n");

  for (const key of ["a", "12", "abc", "ab1c", "k3y5!", "p%40s5", "x'y\""]) {
    for (const [where, url] of [
      ["a password", `https://u:${key}@rpc.example.org/`],
      ["a user", `https://${key}@rpc.example.org/`],
      ["a path", `https://rpc.example.org:8443/v2/${key}`],
      ["a short path", `https://rpc.example.org/${key}`],
      ["a query", `https://rpc.example.org/?key=${key}&net=eth`],
    ] as const) {
      it(`hides ${JSON.stringify(key)} as ${where}, and leaves other text alone`, () => {
        const redact = redactor(url);
        const { href, host, username, password, pathname, search } = new URL(url);
        const path = pathname + search;
        const credentials = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`);
        const said = [
          `${url} is chain 1`,
          `(request={ "url": "${href}" })`,
          JSON.stringify({ requestUrl: url, other: href }),
          ...(path === "/" ? [] : [`no answer from ${host}${path}`, `POST ${path} answered 401`]),
          ...(search ? [`bad query ${search.slice(1)}`] : []),
          ...(username
            ? [`authorization: Basic ${credentials.toString("base64")}`, `as ${username}:${password}.`]
            : []),
        ];
        for (const text of said) {
          const clean = redact(text);
          assert.ok(clean.includes("***"), clean);
          for (const hidden of [url, href, path === "/" ? url : path, `:${key}@`, `key=${key}`, `/${key}`]) {
            assert.ok(!clean.includes(hidden), `${clean} has ${hidden}`);
          }
          if (username) assert.ok(!clean.includes(credentials.toString("base64")), clean);
        }
        assert.equal(redact(UNRELATED), UNRELATED);
      });
    }
  }
});
