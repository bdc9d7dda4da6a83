import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { Ruling } from "@assay/sdk";
import { id, ZeroAddress } from "ethers";

import type { Call } from "../../src/chain/submitter.js";
import { Journal } from "../../src/jobs/journal.js";
import { createLog } from "../../src/log.js";
import { Resolve } from "../../src/roles/resolve.js";
import type { RoleContext } from "../../src/roles/role.js";

const REVEAL = 3n;
const COUNT = 4n;

/** What a worker without a seat sends for an open case that has no ruling yet. */
async function sentIn(phase: bigint): Promise<string[]> {
  const journal = new Journal(":memory:");
  const event = { block: 1, blockHash: id("block"), logIndex: 0, name: "CaseOpened", key: "3", args: { jobId: "7" } };
  journal.advance([event], { block: 1, hash: id("block") }, 0);
  const sent: string[] = [];
  const jury = {
    rulingOf: () => Promise.resolve([Ruling.None, ZeroAddress]),
    phaseOf: () => Promise.resolve(phase),
    getAddress: () => Promise.resolve(ZeroAddress),
    interface: { encodeFunctionData: (name: string) => name },
  };
  const submitter = {
    send: ({ data }: Call) => {
      sent.push(data);
      return Promise.resolve("mined");
    },
  };
  const log = createLog("silent");
  await new Resolve({ contracts: { jury }, journal, submitter, log } as unknown as RoleContext).tick();
  await new Promise((resolve) => setImmediate(resolve));
  journal.close();
  return sent;
}

describe("A worker that resolves", () => {
  it("counts the votes of a case whose jurors are all gone", async () => {
    assert.deepEqual(await sentIn(COUNT), ["close"]);
  });

  it("leaves a case alone while its jurors may act", async () => {
    assert.deepEqual(await sentIn(REVEAL), []);
  });
});
