import assert from "node:assert/strict";
import type { Server } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";

import { Wallet } from "ethers";

import { AssayError, downloadResult, jobIdText, signerOfResult, signResult } from "../src/index.js";

const DOMAIN = { chainId: 31_337n, disputes: `0x${"12".repeat(20)}` };
const OUTPUT = `0x${"ab".repeat(32)}`;

describe("A signed result", () => {
  const wallet = Wallet.createRandom();

  it("names its signer, on its chain and for its contract only", async () => {
    const signed = await signResult(wallet, DOMAIN, { jobId: 7n, outputCommitment: OUTPUT });
    assert.equal(signerOfResult(DOMAIN, signed), wallet.address);
    assert.notEqual(signerOfResult({ ...DOMAIN, chainId: 1n }, signed), wallet.address);
    assert.notEqual(signerOfResult({ ...DOMAIN, disputes: wallet.address }, signed), wallet.address);
    assert.notEqual(signerOfResult(DOMAIN, { ...signed, jobId: 8n }), wallet.address);
  });

  it("is refused with a reason where the signature is none", () => {
    const signed = { jobId: 7n, outputCommitment: OUTPUT, signature: "0x1234" };
    assert.throws(() => signerOfResult(DOMAIN, signed), AssayError);
  });

  describe("from a provider", () => {
    let server: Server;
    let base: string;
    let status: number;
    let body: string;
    let asked: string | undefined;

    before(async () => {
      server = createServer((request, response) => {
        asked = request.url;
        response.writeHead(status).end(body);
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });
    after(() => server.close());

    it("is asked for by the job's id", async () => {
      status = 200;
      body = JSON.stringify({ outputCommitment: OUTPUT, signature: "0x12", jobId: "another" });
      const found = await downloadResult(`${base}/`, 7n);
      assert.deepEqual(found, { jobId: 7n, outputCommitment: OUTPUT, signature: "0x12" });
      assert.equal(asked, `/results/${jobIdText(7n)}`);
    });

    it("may not be there yet", async () => {
      [status, body] = [404, "not here"];
      assert.equal(await downloadResult(base, 7n), undefined);
    });

    for (const [what, answer] of [
      ["no JSON", "<html>"],
      ["nothing", "null"],
      ["a list", "[]"],
      ["no commitment", JSON.stringify({ outputCommitment: "0x12", signature: "0x12" })],
      ["no signature", JSON.stringify({ outputCommitment: OUTPUT, signature: 7 })],
      ["more than a result", `"${"a".repeat(20_000)}"`],
    ] as const) {
      it(`is refused where it is ${what}`, async () => {
        [status, body] = [200, answer];
        await assert.rejects(downloadResult(base, 7n), AssayError);
      });
    }

    it("is refused where the provider fails", async () => {
      [status, body] = [500, "failed"];
      await assert.rejects(downloadResult(base, 7n), /answered 500/);
    });
  });
});
