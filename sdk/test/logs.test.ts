import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";

import type { Log } from "ethers";

import { LOG_RANGE, newestLog, readInRanges } from "../src/logs.js";

const FILTER = { address: "0x00000000000000000000000000000000000000AA", topics: [] };

describe("The newest log", () => {
  /** Blocks with a log. */
  let blocks: number[];
  /** Ranges asked for, first and last block. */
  let asked: [number, number][];
  let refuse: (size: number) => Error | undefined;
  const source = {
    // eslint-disable-next-line @typescript-eslint/require-await -- a node's answer, or its refusal, is a promise
    getLogs: async ({ fromBlock, toBlock }: { fromBlock: number; toBlock: number }) => {
      asked.push([fromBlock, toBlock]);
      const refused = refuse(toBlock - fromBlock + 1);
      if (refused) throw refused;
      const found = blocks.filter((block) => block >= fromBlock && block <= toBlock);
      return found.map((blockNumber) => ({ blockNumber }) as Log);
    },
  };
  beforeEach(() => {
    blocks = [];
    asked = [];
    refuse = () => undefined;
  });
  const newest = async (from: number, to: number) => (await newestLog(source, FILTER, { from, to }))?.blockNumber;

  it("is found without reading older blocks", async () => {
    blocks = [7, 95_000, 96_000];
    assert.equal(await newest(0, 100_000), 96_000);
    assert.deepEqual(asked, [[90_001, 100_000]]);
  });

  it("is looked for down to the first block and no further, in ranges that endpoints accept", async () => {
    blocks = [4];
    assert.equal(await newest(5, 25_000), undefined);
    assert.deepEqual(asked, [
      [15_001, 25_000],
      [5001, 15_000],
      [5, 5000],
    ]);
    assert.ok(asked.every(([first, last]) => last - first < LOG_RANGE));
  });

  it("is the one in the last block, or in the first", async () => {
    blocks = [5, 25_000];
    assert.equal(await newest(0, 25_000), 25_000);
    assert.equal(await newest(5, 24_999), 5);
  });

  it("is not looked for where there is no block", async () => {
    assert.equal(await newest(8, 7), undefined);
    assert.deepEqual(asked, []);
  });

  for (const refusal of [
    "query exceeds max block range 1000",
    "server response 413 Payload Too Large",
    "block range is too wide",
    "query returned more than 10000 results",
    "eth_getLogs is limited to a 1000 range",
    "exceed maximum block range: 1000",
  ]) {
    it(`is found where an endpoint says "${refusal}": by half the range`, async () => {
      blocks = [12_345];
      refuse = (size) => (size > 1000 ? new Error(refusal) : undefined);
      assert.equal(await newest(0, 15_000), 12_345);
      assert.deepEqual(
        asked.slice(0, 5).map(([first, last]) => last - first + 1),
        [10_000, 5000, 2500, 1250, 625],
      );
    });
  }

  it("is looked for in large ranges again once the blocks that were refused are read", async () => {
    blocks = [5];
    refuse = () =>
      asked.at(-1)?.[1] === 100_000 && asked.length < 6 ? new Error("more than 10000 results") : undefined;
    assert.equal(await newest(0, 100_000), 5);
    assert.deepEqual(
      asked.slice(5, 12).map(([first, last]) => last - first + 1),
      [313, 626, 1252, 2504, 5008, 10_000, 10_000],
    );
    assert.ok(asked.every(([first, last]) => last - first < LOG_RANGE));
  });

  it("is looked for in smaller ranges whatever number the refused request had", async () => {
    blocks = [12_345];
    const request = 'payload={ "id": 429, "jsonrpc": "2.0", "method": "eth_getLogs", "params": [ { "limit": 1 } ] }';
    const message = `could not coalesce error (error={ "message": "block range is too wide" }, ${request}, code=UNKNOWN_ERROR)`;
    refuse = (size) => (size > 1000 ? new Error(message) : undefined);
    assert.equal(await newest(0, 15_000), 12_345);
  });

  for (const failure of [
    "connect ECONNREFUSED",
    "429 Too Many Requests",
    "daily request limit exceeded: rate limited",
    "daily limit exceeded",
    "compute units limit reached",
    "your monthly quota is over its limit",
    "request limit reached",
    "limited to 25 requests per second",
  ]) {
    it(`is not looked for in smaller ranges because of "${failure}"`, async () => {
      refuse = () => new Error(failure);
      await assert.rejects(newest(0, 15_000), { message: failure });
      assert.equal(asked.length, 1);
    });
  }

  it("is looked for in smaller ranges where an endpoint takes too long", async () => {
    blocks = [12_345];
    refuse = (size) => (size > 1000 ? new Error("request timeout") : undefined);
    assert.equal(await newest(0, 15_000), 12_345);
    refuse = () => new Error("request timeout");
    await assert.rejects(newest(0, 15_000), /no answer for the logs of blocks 14688 to 15000/);
  });

  it("is given up where an endpoint refuses even one block", async () => {
    refuse = () => new Error("block range is too wide");
    await assert.rejects(newest(0, 15_000), /too wide/);
    assert.deepEqual(asked.at(-1), [15_000, 15_000]);
  });
});

describe("All logs of a range of blocks", () => {
  let asked: [number, number][];
  let refuse: (size: number) => Error | undefined;
  beforeEach(() => {
    asked = [];
    refuse = () => undefined;
  });
  const blocks = [0, 1, 9999, 10_000, 20_000, 35_000, 41_234];
  const all = (from: number, to: number) =>
    readInRanges(
      // eslint-disable-next-line @typescript-eslint/require-await -- a node's answer, or its refusal, is a promise
      async (first, last) => {
        asked.push([first, last]);
        const refused = refuse(last - first + 1);
        if (refused) throw refused;
        return blocks.filter((block) => block >= first && block <= last);
      },
      { from, to },
    );

  it("are read by one request where the endpoint takes it", async () => {
    assert.deepEqual(await all(0, 41_234), blocks);
    assert.equal(asked.length, 1);
  });

  it("are each read once and in order where it takes small ranges only", async () => {
    refuse = (size) => (size > 3000 ? new Error("block range is too wide") : undefined);
    assert.deepEqual(await all(0, 41_234), blocks);
    assert.deepEqual(asked[1], [0, 9999]);
  });

  for (const [what, failure] of [
    ["says nothing in time", Object.assign(new Error("request timeout"), { code: "TIMEOUT" })],
    ["times out behind a proxy", new Error("server response 504 Gateway Timeout")],
    ["gives up by itself", new Error("query timeout exceeded")],
    ["has no time left", new Error("context deadline exceeded")],
    ["drops the connection", Object.assign(new Error("socket hang up"), { code: "ECONNRESET" })],
    ["closes it", new TypeError("fetch failed", { cause: new Error("other side closed") })],
  ] as const) {
    it(`are read in smaller ranges from an endpoint that ${what} where it is asked for too much`, async () => {
      refuse = (size) => (size > 3000 ? failure : undefined);
      assert.deepEqual(await all(0, 41_234), blocks);
      const sizes = asked.map(([first, last]) => last - first + 1);
      assert.deepEqual(sizes.slice(0, 5), [41_235, 10_000, 5000, 2500, 2500]);
      // What took too long is not asked for again.
      assert.ok(sizes.slice(3).every((size) => size <= 2500));
    });
  }

  it("are given up, by the name of what failed, where an endpoint answers no range in time", async () => {
    const failure = new Error("request timeout");
    refuse = () => failure;
    await assert.rejects(all(0, 41_234), (error: Error) => {
      assert.match(error.message, /no answer for the logs of blocks 0 to 624, .* 6 tries.*: request timeout/);
      assert.equal(error.cause, failure);
      return true;
    });
    assert.equal(asked.length, 6);
  });

  it("are asked for again, so many times, where it is one block that takes too long", async () => {
    refuse = () => (asked.length < 4 ? new Error("request timeout") : undefined);
    assert.deepEqual(await all(1, 1), [1]);
    refuse = () => new Error("request timeout");
    asked = [];
    await assert.rejects(all(1, 1), /request timeout/);
    assert.equal(asked.length, 6);
  });

  it("begin and end with the blocks that were asked for", async () => {
    refuse = (size) => (size > 7 ? new Error("query exceeds max block range 7") : undefined);
    assert.deepEqual(await all(1, 9999), [1, 9999]);
    assert.deepEqual(await all(2, 9998), []);
  });

  it("are none where there is no block", async () => {
    assert.deepEqual(await all(8, 7), []);
    assert.deepEqual(asked, []);
  });

  it("are not read in part: what else fails, and one block that is refused, end the search", async () => {
    refuse = (size) => {
      if (size > 3000) return new Error("block range is too wide");
      return asked.length > 5 ? new Error("connect ECONNREFUSED") : undefined;
    };
    await assert.rejects(all(0, 41_234), /ECONNREFUSED/);
    refuse = () => new Error("block range is too wide");
    await assert.rejects(all(0, 41_234), /too wide/);
    assert.deepEqual(asked.at(-1), [0, 0]);
  });
});
