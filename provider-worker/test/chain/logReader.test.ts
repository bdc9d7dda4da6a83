import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { beforeEach, describe, it } from "node:test";

import type { LogReaderOptions } from "../../src/chain/logReader.js";
import { LogReader } from "../../src/chain/logReader.js";
import { Journal } from "../../src/jobs/journal.js";
import { FakeChain, logAt, OURS, timeOf, toEvent } from "../support/fakeChain.js";
import { Random } from "../support/random.js";

const OPTIONS: LogReaderOptions = {
  addresses: [OURS],
  startBlock: 1,
  confirmations: 0,
  chunkBlocks: 100,
  overlapBlocks: 0,
  events: [{ name: "Happened", topic: "happened" }],
  decode: toEvent,
};

/** The second log of each block is another event. */
const OFFERED = { name: "OfferSet", topic: "offered" };
const BOTH: Partial<LogReaderOptions> = {
  events: [...OPTIONS.events, OFFERED],
  decode: (log) => ({ ...toEvent(log), name: log.index === 0 ? "Happened" : OFFERED.name }),
};
const FIRST: Partial<LogReaderOptions> = { decode: (log) => (log.index === 0 ? toEvent(log) : undefined) };

describe("The log reader", () => {
  let chain: FakeChain;
  let journal: Journal;
  beforeEach(() => {
    chain = new FakeChain();
    journal = new Journal(":memory:");
  });
  const readerWith = (options: Partial<LogReaderOptions> = {}) =>
    new LogReader(chain, journal, { ...OPTIONS, ...options });
  const read = () => journal.events("Happened");
  const assertAllRead = (upTo = chain.head) => {
    assert.deepEqual(read(), chain.eventsUpTo(upTo));
  };

  it("reads from its start block in ranges no larger than its chunk", async () => {
    chain.mineMany(25);
    assert.equal(await readerWith({ startBlock: 4, chunkBlocks: 10 }).poll(), true);
    assert.deepEqual(chain.asked, [
      { fromBlock: 4, toBlock: 13 },
      { fromBlock: 14, toBlock: 23 },
      { fromBlock: 24, toBlock: 25 },
    ]);
    assert.deepEqual(read(), chain.eventsUpTo(25).slice(3));
  });

  it("says whether there was anything new, and asks for no logs if not", async () => {
    chain.mine();
    const reader = readerWith();
    assert.equal(await reader.poll(), true);
    assert.equal(await reader.poll(), false);
    assert.equal(chain.asked.length, 1);
  });

  it("leaves a block alone until it has its confirmations", async () => {
    chain.mineMany(10);
    const reader = readerWith({ confirmations: 3 });
    await reader.poll();
    assertAllRead(7);
    chain.mine();
    await reader.poll();
    assertAllRead(8);
  });

  it("tells the time of what it has read, not of the chain's newest block", async () => {
    chain.mineMany(10);
    const reader = readerWith({ confirmations: 3 });
    assert.equal(reader.readUntil, 0);
    await reader.poll();
    assert.equal(reader.readUntil, timeOf(7));
    chain.mine();
    assert.equal(reader.readUntil, timeOf(7));
    await reader.poll();
    assert.equal(reader.readUntil, timeOf(8));
  });

  it("does not tell the time of what a reorganisation took back", async () => {
    chain.mineMany(10);
    const reader = readerWith();
    await reader.poll();
    chain.reorg(3);
    chain.beforeAnswer = (call) => {
      if (call === "logs") throw new Error("no answer");
    };
    await assert.rejects(reader.poll(), /no answer/);
    assert.equal(reader.readUntil, 0);
    chain.beforeAnswer = () => undefined;
    await reader.poll();
    assert.equal(reader.readUntil, timeOf(10));
  });

  it("waits where the chain is younger than start block and confirmations", async () => {
    chain.mineMany(2);
    assert.equal(await readerWith({ confirmations: 5 }).poll(), false);
    assert.equal(journal.checkpoint(), undefined);
  });

  it("finds logs that the node left out at its head, once, by reading the newest blocks again", async () => {
    chain.lateBlocks = 2;
    chain.mineMany(5);
    const reader = readerWith({ overlapBlocks: 3 });
    await reader.poll();
    assertAllRead(3);
    chain.lateBlocks = 0;
    chain.mine();
    await reader.poll();
    assertAllRead();
    assert.deepEqual(chain.asked.at(-1), { fromBlock: 3, toBlock: 6 });
  });

  it("never reads before its start block, also where it reads again", async () => {
    chain.mineMany(5);
    const reader = readerWith({ startBlock: 5, overlapBlocks: 3 });
    await reader.poll();
    chain.mine();
    await reader.poll();
    assert.deepEqual(
      chain.asked.map(({ fromBlock }) => fromBlock),
      [5, 5],
    );
  });

  it("asks for half as much after each refusal, and for more again when it is answered", async () => {
    chain.mineMany(100);
    chain.maxRange = 30;
    const reader = readerWith();
    for (let i = 0; i < 2; i++) await assert.rejects(reader.poll(), /max block range/);
    // 25 blocks pass; the next try is for 50 and is refused, and so on: it gets there all the same.
    for (let i = 0; i < 10 && read().length < 100; i++) await reader.poll().catch(() => undefined);
    assertAllRead();
    const sizes = chain.asked.map(({ fromBlock, toBlock }) => toBlock - fromBlock + 1);
    assert.deepEqual(sizes.slice(0, 5), [100, 50, 25, 50, 25]);
  });

  it("reads on, and nothing less of it again, where the node gives no more than one block at once", async () => {
    chain.mineMany(10);
    const reader = readerWith({ overlapBlocks: 5 });
    await reader.poll();
    chain.maxRange = 1;
    chain.mineMany(3);
    chain.asked.length = 0;
    for (let i = 0; i < 20; i++) await reader.poll().catch(() => undefined);
    assertAllRead();
    const blocks = chain.asked.filter(({ fromBlock, toBlock }) => fromBlock === toBlock).map(({ toBlock }) => toBlock);
    assert.equal(Math.min(...blocks), 6);
  });

  it("reads one event after another where the node does not give all logs of a block", async () => {
    chain.mine(2);
    chain.mostTopics = 1;
    const reader = readerWith(BOTH);
    await reader.poll();
    assert.deepEqual(
      [...journal.events("Happened"), ...journal.events(OFFERED.name)].map(({ logIndex }) => logIndex),
      [0, 1],
    );
    assert.deepEqual(chain.topics, [["happened"], ["offered"]]);
  });

  it("goes down to single blocks and no further", async () => {
    chain.mineMany(3);
    chain.maxRange = 0;
    const reader = readerWith({ chunkBlocks: 4 });
    for (let i = 0; i < 5; i++) await assert.rejects(reader.poll());
    assert.deepEqual(chain.asked.at(-1), { fromBlock: 1, toBlock: 1 });
  });

  it("keeps what it read while the node is behind its cursor", async () => {
    chain.mineMany(10);
    const reader = readerWith();
    await reader.poll();
    const before = read();
    chain.drop(4);
    await assert.rejects(reader.poll(), {
      retryable: true,
      message: /behind block 10 read before: it is syncing, or its chain was started anew and needs another dataDir/,
    });
    assert.deepEqual(read(), before);
  });

  it("does not move past a block the node cannot show", async () => {
    chain.mineMany(3);
    const reader = readerWith();
    chain.getBlock = () => Promise.resolve(null);
    await assert.rejects(reader.poll(), { retryable: true, message: /does not know block 3/ });
    assert.equal(journal.checkpoint(), undefined);
  });

  it("does not forget because the node cannot show the block at the cursor", async () => {
    chain.mineMany(3);
    const reader = readerWith();
    await reader.poll();
    chain.getBlock = () => Promise.resolve(null);
    await assert.rejects(reader.poll(), { retryable: true });
    assertAllRead();
  });

  for (const depth of [1, 2, 3, 5, 8, 12]) {
    it(`goes back to the last good checkpoint and no further after a reorganisation of ${depth}`, async () => {
      const reader = readerWith();
      for (let i = 0; i < 12; i++) {
        chain.mine();
        await reader.poll();
      }
      chain.reorg(depth);
      chain.asked.length = 0;
      await reader.poll();
      assertAllRead();
      assert.deepEqual(chain.asked, [{ fromBlock: 13 - depth, toBlock: 12 }]);
    });
  }

  describe("on a chain that is another one as far down as it can tell", () => {
    const poll = async (blocks: number) => {
      chain.mineMany(blocks);
      await readerWith({ chunkBlocks: 1000 }).poll();
    };

    it("says so instead of forgetting more than 10,000 blocks", async () => {
      await poll(5);
      await poll(10_500);
      const before = read();
      chain.reorg(chain.head);
      await assert.rejects(readerWith().poll(), {
        retryable: true,
        message: /no block that was read before is on the node's chain, from 5 to 10505: .* another dataDir/,
      });
      assert.deepEqual(read(), before);
    });

    it("begins again at the first block that it ever read up to, if that is still there", async () => {
      await poll(5);
      await poll(10_500);
      chain.reorg(chain.head - 5);
      chain.asked.length = 0;
      await readerWith({ chunkBlocks: 20_000 }).poll();
      assertAllRead();
      assert.deepEqual(chain.asked, [{ fromBlock: 6, toBlock: 10_505 }]);
    });

    it("begins again at its start block where it has not read far", async () => {
      await poll(5);
      await poll(20);
      chain.reorg(chain.head);
      await readerWith().poll();
      assertAllRead();
    });

    it("forgets nothing before it was asked whether this is the journal's chain", async () => {
      await poll(5);
      const before = read();
      chain.reorg(2);
      const requireChain = () => Promise.reject(new Error("of another chain"));
      await assert.rejects(readerWith({ requireChain }).poll(), /of another chain/);
      assert.deepEqual(read(), before);
    });
  });

  it("forgets a log whose transaction is on no block any more", async () => {
    const reader = readerWith();
    chain.mineMany(3);
    await reader.poll();
    chain.reorg(2, 0);
    await reader.poll();
    assert.equal(read().length, 1);
    assertAllRead();
  });

  it("believes no log of another contract, of a block it did not ask for, or of another branch", async () => {
    chain.mineMany(5);
    chain.lies = [
      logAt(3, chain.hashOf(3), 9, "0x00000000000000000000000000000000000000bb"),
      logAt(99, "later", 0),
      logAt(0, "genesis", 0),
      logAt(5, "another branch", 0),
    ];
    await readerWith().poll();
    assertAllRead();
  });

  it("knows its contracts whatever the case of their addresses", async () => {
    chain.mine();
    await readerWith({ addresses: [OURS.toLowerCase()] }).poll();
    assertAllRead();
  });

  it("stores nothing where the chain changes between the logs and the block they end at", async () => {
    chain.mineMany(6);
    const reader = readerWith();
    let given = false;
    chain.beforeAnswer = (call) => {
      if (given && call === "block") {
        given = false;
        chain.reorg(3);
      } else if (call === "logs") given = true;
    };
    await assert.rejects(reader.poll(), { retryable: true, message: /changed/ });
    assert.deepEqual(read(), []);
    chain.beforeAnswer = () => undefined;
    await reader.poll();
    assertAllRead();
  });

  it("notices that the chain changed between two chunks", async () => {
    chain.mineMany(20);
    const reader = readerWith({ chunkBlocks: 10 });
    let ranges = 0;
    chain.beforeAnswer = (call) => {
      if (call === "logs" && ranges++ === 1) chain.reorg(12);
    };
    await reader.poll().catch(() => undefined);
    await reader.poll();
    assertAllRead();
  });

  it("goes on after a restart where it was", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "assay-reader-"));
    const file = path.join(folder, "journal.sqlite");
    chain.mineMany(8);
    journal = new Journal(file);
    await readerWith().poll();
    journal.close();

    chain.mineMany(2);
    chain.asked.length = 0;
    journal = new Journal(file);
    await readerWith().poll();
    assert.deepEqual(chain.asked, [{ fromBlock: 9, toBlock: 10 }]);
    assertAllRead();
    journal.close();
    rmSync(folder, { recursive: true });
  });

  describe("an event that it did not follow before", () => {
    const offers = () => journal.events(OFFERED.name).map(({ blockHash }) => blockHash);
    const happened = () => read().map(({ blockHash }) => blockHash);
    const hashes = (from: number, to = chain.head) =>
      Array.from({ length: to - from + 1 }, (_, i) => chain.hashOf(from + i));
    const mineBoth = (blocks: number) => {
      for (let i = 0; i < blocks; i++) chain.mine(2);
    };
    /** A journal that has read so many blocks without it. */
    const readWithout = async (blocks: number) => {
      for (let i = 0; i < blocks; i++) {
        mineBoth(1);
        await readerWith(FIRST).poll();
      }
      chain.asked.length = 0;
    };

    it("is read in older blocks too, the newest first, once", async () => {
      await readWithout(25);
      const reader = readerWith({ ...BOTH, chunkBlocks: 10 });
      await reader.poll();
      assert.deepEqual(offers(), []);
      await reader.readOlder();
      assert.deepEqual(chain.asked, [
        { fromBlock: 16, toBlock: 25 },
        { fromBlock: 6, toBlock: 15 },
        { fromBlock: 1, toBlock: 5 },
      ]);
      assert.deepEqual(chain.topics, [["offered"], ["offered"], ["offered"]]);
      assert.deepEqual([offers(), happened()], [hashes(1), hashes(1)]);
      await readerWith(BOTH).readOlder();
      assert.equal(chain.asked.length, 3);
    });

    it("is read in a few older ranges at a time, and in new blocks before them", async () => {
      await readWithout(25);
      mineBoth(1);
      const reader = readerWith({ ...BOTH, chunkBlocks: 1 });
      await reader.poll();
      assert.deepEqual(offers(), hashes(26));
      await reader.readOlder();
      assert.deepEqual(offers(), hashes(16));
    });

    it("is read on where it was after the worker was killed, also out of a journal of version 1", async () => {
      const folder = mkdtempSync(path.join(tmpdir(), "assay-reader-"));
      const file = path.join(folder, "journal.sqlite");
      const reopen = (sql = "") => {
        journal.close();
        const database = new DatabaseSync(file);
        database.exec(sql);
        database.close();
        journal = new Journal(file);
      };
      journal = new Journal(file);
      const first = { ...FIRST, events: [{ name: "JobRequested", topic: "requested" }] };
      mineBoth(25);
      await readerWith(first).poll();
      reopen("DROP TABLE followed; PRAGMA user_version = 1");

      const followed = { ...BOTH, events: [...first.events, OFFERED], chunkBlocks: 2 };
      await readerWith(followed).poll();
      await readerWith(followed).readOlder();
      assert.deepEqual(offers(), hashes(6));
      reopen();
      chain.asked.length = 0;
      await readerWith(followed).poll();
      await readerWith(followed).readOlder();
      assert.deepEqual(chain.asked[0], { fromBlock: 4, toBlock: 5 });
      assert.deepEqual([offers(), happened()], [hashes(1), hashes(1)]);
      journal.close();
      rmSync(folder, { recursive: true });
    });

    for (const depth of [3, 12, 20]) {
      it(`is read as the chain has it after a reorganisation of ${depth} in the middle`, async () => {
        await readWithout(20);
        const reader = readerWith({ ...BOTH, chunkBlocks: 1 });
        await reader.poll();
        await reader.readOlder();
        assert.deepEqual(offers(), hashes(11));
        chain.reorg(depth, 2);
        await reader.poll();
        await reader.readOlder();
        assert.deepEqual([offers(), happened()], [hashes(1), hashes(1)]);
      });
    }

    it("is not noted as read where the chain changes meanwhile, or the node refuses", async () => {
      await readWithout(5);
      const reader = readerWith(BOTH);
      await reader.poll();
      chain.maxRange = 0;
      await assert.rejects(reader.readOlder(), /max block range/);
      chain.maxRange = Infinity;
      chain.beforeAnswer = (call) => {
        if (call !== "logs") return;
        chain.beforeAnswer = () => undefined;
        chain.reorg(2, 2);
      };
      await assert.rejects(reader.readOlder(), { retryable: true, message: /changed/ });
      assert.deepEqual(offers(), []);
      await reader.poll();
      await reader.readOlder();
      await reader.readOlder();
      assert.deepEqual(offers(), hashes(1));
    });

    it("is read from before the start block where it holds longer, also once all was forgotten", async () => {
      const options = { ...BOTH, startBlock: 10, events: [...OPTIONS.events, { ...OFFERED, from: 4 }] };
      mineBoth(15);
      const reader = readerWith(options);
      for (let i = 0; i < 2; i++) {
        await reader.poll();
        await reader.readOlder();
        assert.deepEqual([offers(), happened()], [hashes(4), hashes(10)]);
        chain.reorg(15, 2);
      }
    });

    it("keeps its own first block where it is read together with others", async () => {
      const names = ["Happened", OFFERED.name, "Late"];
      const decode: LogReaderOptions["decode"] = (log) => ({
        ...toEvent(log),
        name: names[log.index] ?? assert.fail(),
      });
      for (let i = 0; i < 15; i++) chain.mine(3);
      await readerWith(FIRST).poll();
      const late = { name: "Late", topic: "late", from: 12 };
      const reader = readerWith({ decode, events: [...OPTIONS.events, OFFERED, late] });
      await reader.poll();
      await reader.readOlder();
      assert.deepEqual([offers(), happened()], [hashes(1), hashes(1)]);
      assert.deepEqual(
        journal.events("Late").map(({ block }) => block),
        [12, 13, 14, 15],
      );
    });

    it("is read again from the beginning where it was not followed for a while", async () => {
      mineBoth(3);
      await readerWith(BOTH).poll();
      mineBoth(3);
      await readerWith(FIRST).poll();
      assert.deepEqual(offers(), hashes(1, 3));
      await readerWith(BOTH).poll();
      await readerWith(BOTH).readOlder();
      assert.deepEqual(offers(), hashes(1));
    });
  });

  it("has exactly the canonical chain's events, whatever happens to chain and node on the way", async () => {
    for (let seed = 1; seed <= 200; seed++) {
      chain = new FakeChain();
      journal = new Journal(":memory:");
      await liveThrough(new Random(seed));
      assert.deepEqual(read(), chain.eventsUpTo(chain.head), `seed ${seed}`);
      journal.close();
    }
  });

  /** A random life: blocks, reorganisations at any moment, late logs and refusals; then a calm end. */
  async function liveThrough(random: Random): Promise<void> {
    const overlapBlocks = random.below(4);
    const options = { chunkBlocks: 1 + random.below(6), overlapBlocks };
    let reader = readerWith(options);
    const happen = () => {
      if (random.chance(15)) chain.reorg(1 + random.below(Math.min(8, chain.head + 1)), random.below(3));
      if (random.chance(20)) chain.mine(random.below(3));
    };
    for (let step = 0; step < 40; step++) {
      chain.mine(random.below(3));
      chain.beforeAnswer = random.chance(50) ? happen : () => undefined;
      chain.lateBlocks = random.below(overlapBlocks + 1);
      chain.maxRange = random.chance(15) ? 2 : Infinity;
      if (random.chance(10)) reader = readerWith(options);
      await reader.poll().catch(() => undefined);
    }
    chain.beforeAnswer = () => undefined;
    chain.lateBlocks = 0;
    chain.maxRange = Infinity;
    chain.mine();
    await reader.poll();
  }
});
