import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";

import { signerOfResult } from "@assay/sdk";
import { Wallet } from "ethers";

import { SignedResults } from "../../src/content/signedResults.js";
import { Journal } from "../../src/jobs/journal.js";
import { hash } from "../support/scene.js";

const DOMAIN = { chainId: 31_337n, disputes: `0x${"12".repeat(20)}` };

describe("Signed results", () => {
  const wallet = Wallet.createRandom();
  let journal: Journal;
  let signatures: number;
  let results: SignedResults;

  beforeEach(() => {
    journal = new Journal(":memory:");
    signatures = 0;
    const signTypedData: Wallet["signTypedData"] = (...given) => {
      signatures++;
      return wallet.signTypedData(...given);
    };
    results = new SignedResults(journal, { signTypedData }, DOMAIN);
  });

  it("are those that the journal is bound to, by the worker's key", async () => {
    journal.bindResult(hash(1), hash(7));
    const signed = await results.of(hash(1));
    assert.ok(signed);
    assert.deepEqual([signed.jobId, signed.outputCommitment], [1n, hash(7)]);
    assert.equal(signerOfResult(DOMAIN, signed), wallet.address);
  });

  it("are never of a job whose result is not bound yet", async () => {
    assert.equal(await results.of(hash(1)), undefined);
    assert.equal(signatures, 0);
  });

  it("are signed once, however often somebody asks, and only the newest thousand are kept", async () => {
    for (let job = 1; job <= 1001; job++) journal.bindResult(hash(job), hash(7));
    for (let job = 1; job <= 1001; job++) await results.of(hash(job));
    await results.of(hash(1001));
    assert.equal(signatures, 1001);
    await results.of(hash(1));
    assert.equal(signatures, 1002);
  });
});
