import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { JobStatus, TensorError } from "@assay/sdk";
import { id, ZeroAddress } from "ethers";

import type { Call } from "../../src/chain/submitter.js";
import { WorkerError } from "../../src/errors.js";
import { Journal } from "../../src/jobs/journal.js";
import { createLog } from "../../src/log.js";
import type { RoleContext } from "../../src/roles/role.js";
import { Serve } from "../../src/roles/serve.js";

const PROVIDER = "0x0000000000000000000000000000000000000001";
const TERMS = {
  id: "7",
  client: ZeroAddress,
  provider: PROVIDER,
  operator: PROVIDER,
  modelId: "1",
  inputCommitment: id("input"),
  token: ZeroAddress,
  price: "1",
  stake: "1",
  executionDeadline: "1000",
  challengeWindow: "60",
  protocolFeeBps: "0",
};

/** What a worker sends for one requested job whose execution fails with this error. */
async function sentAfter(error: Error): Promise<string[]> {
  const journal = new Journal(":memory:");
  const args = { provider: PROVIDER, terms: TERMS, inputUri: "" };
  const event = { block: 1, blockHash: id("block"), logIndex: 0, name: "JobRequested", key: "7", args };
  journal.advance([event], { block: 1, hash: id("block") }, 0);
  const sent: string[] = [];
  const market = {
    statusOf: () => Promise.resolve(JobStatus.Requested),
    getAddress: () => Promise.resolve(ZeroAddress),
    interface: { encodeFunctionData: (name: string) => name },
  };
  const context = {
    contracts: { market },
    journal,
    submitter: {
      send: ({ data }: Call) => {
        sent.push(data);
        return Promise.resolve("mined");
      },
    },
    executor: { execute: () => Promise.reject(error) },
    provider: PROVIDER,
    operator: PROVIDER,
    log: createLog("silent"),
  } as unknown as RoleContext;
  await new Serve(context, 1).tick(0);
  await new Promise((resolve) => setImmediate(resolve));
  journal.close();
  return sent;
}

describe("A worker that serves", () => {
  it("declines a job that can never be done", async () => {
    assert.deepEqual(await sentAfter(new WorkerError("no such input")), ["decline"]);
  });

  it("declines a job whose input is no bundle of tensors", async () => {
    assert.deepEqual(await sentAfter(new TensorError("BAD_FILE", "shorter than its length field")), ["decline"]);
  });

  it("sends nothing while the reason may pass", async () => {
    assert.deepEqual(await sentAfter(new WorkerError("no answer", true)), []);
  });
});
