import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";

import type { ChainEvent } from "../../src/jobs/journal.js";
import { Journal } from "../../src/jobs/journal.js";

const SALT = `0x${"5a".repeat(32)}`;

describe("The journal", () => {
  let folder: string;
  let file: string;
  let journal: Journal;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "assay-journal-"));
    file = path.join(folder, "data", "journal.sqlite");
    journal = new Journal(file);
  });
  afterEach(() => {
    journal.close();
    rmSync(folder, { recursive: true });
  });
  /** What a restart does. */
  const reopen = () => {
    journal.close();
    journal = new Journal(file);
  };
  const event = (block: number, name: string, key: string, args: Record<string, unknown> = {}): ChainEvent => ({
    block,
    blockHash: `hash ${block}`,
    logIndex: name.length,
    name,
    key,
    args,
  });
  /** Stores events as one scan up to a block would. */
  const scan = (block: number, ...events: ChainEvent[]) => {
    journal.advance(events, { block, hash: `hash ${block}` }, 0);
  };
  const keys = (events: readonly ChainEvent[]) => events.map(({ key }) => key);

  describe("binds the worker", () => {
    it("to one result of a job, and says so to whoever brings another", () => {
      journal.bindResult("17", "0xaa");
      journal.bindResult("17", "0xaa");
      assert.throws(() => {
        journal.bindResult("17", "0xbb");
      }, /job 17 is bound to 0xaa: a second result 0xbb is never sent/);
      assert.equal(journal.resultOf("17"), "0xaa");
    });

    it("to that result after a restart and a reorganisation too", () => {
      scan(1);
      scan(2, event(2, "JobRequested", "17"));
      journal.bindResult("17", "0xaa");
      journal.rollBack(2);
      reopen();
      assert.throws(() => {
        journal.bindResult("17", "0xbb");
      }, /never sent/);
      assert.equal(journal.resultOf("17"), "0xaa");
      assert.equal(journal.resultOf("18"), undefined);
    });

    it("to its first vote of a seat, salt and all", () => {
      const first = { output: "0xaa", salt: SALT };
      assert.deepEqual({ ...journal.bindVote("3 1", first) }, first);
      assert.deepEqual({ ...journal.bindVote("3 1", { output: "0xbb", salt: "0x00" }) }, first);
      reopen();
      assert.deepEqual({ ...journal.voteOf("3 1") }, first);
      assert.equal(journal.voteOf("3 2"), undefined);
    });
  });

  describe("follows the chain", () => {
    it("with events in the order of the chain, about one key or all", () => {
      scan(9, event(7, "JobPaid", "2"), event(3, "JobPaid", "1"), event(5, "JobRefunded", "1"));
      assert.deepEqual(keys(journal.events("JobPaid")), ["1", "2"]);
      assert.deepEqual(keys(journal.events("JobPaid", "2")), ["2"]);
      assert.deepEqual(journal.events("JobDisputed"), []);
    });

    it("with what happened to all that is open at once, and not to what has ended", () => {
      scan(3, event(1, "CourtCaseOpened", "1"), event(2, "CourtCaseOpened", "2"), event(3, "CourtCaseOpened", "3"));
      scan(6, event(5, "PartDemanded", "3"), event(4, "TracePosted", "3"), event(6, "TracePosted", "1"));
      scan(8, event(7, "TracePosted", "2"), event(8, "CaseResolved", "1"));
      const found = journal.eventsOfOpen("CourtCaseOpened", ["TracePosted", "PartDemanded"]);
      assert.deepEqual(
        found.map(({ name, key }) => `${name} ${key}`),
        ["TracePosted 3", "PartDemanded 3", "TracePosted 2"],
      );
      assert.deepEqual(keys(journal.eventsOfOpen("CourtCaseOpened", ["PartDemanded"])), ["3"]);
    });

    it("decoding an event once, however long it is, and on another branch again", () => {
      scan(1, event(1, "JobRequested", "1"), event(1, "OfferSet", "2", { uri: "x".repeat(300_000) }));
      scan(2, event(2, "JobPaid", "1", { price: "5" }));
      const [requested, paid] = [journal.events("JobRequested")[0], journal.events("JobPaid")[0]];
      assert.equal(journal.events("JobRequested", "1")[0], requested);
      assert.ok(journal.events("OfferSet")[0] === journal.events("OfferSet")[0]);
      journal.rollBack(2);
      scan(2, event(2, "JobPaid", "1", { price: "6" }));
      assert.equal(journal.events("JobRequested")[0], requested);
      assert.deepEqual([paid?.args, journal.events("JobPaid")[0]?.args], [{ price: "5" }, { price: "6" }]);
    });

    it("decoding again what there is no more room for", () => {
      for (let block = 1; block <= 8; block++)
        scan(block, event(block, "OfferSet", "2", { uri: "x".repeat(9_000_000) }));
      const [first] = journal.events("OfferSet");
      assert.ok(journal.events("OfferSet")[0] !== first);
    });

    it("with the same event only once, however often it is read", () => {
      const paid = event(3, "JobPaid", "1", { price: "5" });
      scan(3, paid);
      scan(4, paid);
      assert.deepEqual(journal.events("JobPaid"), [paid]);
    });

    it("to a reader each event once, and those of another branch again", () => {
      const taken: string[] = [];
      const take = () => {
        journal.takeNew("reader", "JobPaid", ({ key }) => taken.push(key));
        return taken.splice(0);
      };
      scan(1, event(1, "JobPaid", "1"));
      scan(2, event(2, "JobPaid", "2"));
      assert.deepEqual(take(), ["1", "2"]);
      assert.deepEqual(take(), []);
      journal.rollBack(2);
      scan(2, event(2, "JobPaid", "3"));
      scan(3, event(3, "JobPaid", "4"));
      assert.deepEqual(take(), ["3", "4"]);
      assert.throws(() => {
        scan(4, event(4, "JobPaid", "5"));
        journal.takeNew("reader", "JobPaid", ({ key }) => {
          journal.setNote(`seen ${key}`, "yes");
          throw new Error("not now");
        });
      }, /not now/);
      assert.equal(journal.note("seen 5"), undefined);
      assert.deepEqual(take(), ["5"]);
    });

    it("moving cursor and events together or not at all", () => {
      scan(1, event(1, "JobPaid", "1"));
      assert.throws(() => {
        // A bigint cannot be stored as JSON: the second event fails after the first was inserted.
        scan(2, event(2, "JobPaid", "2"), event(2, "JobRefunded", "3", { price: 5n }));
      }, TypeError);
      assert.deepEqual(keys(journal.events("JobPaid")), ["1"]);
      assert.equal(journal.checkpoint()?.block, 1);
      scan(2, event(2, "JobPaid", "2"));
      assert.deepEqual(keys(journal.events("JobPaid")), ["1", "2"]);
    });

    it("back to the checkpoint before the one that is gone", () => {
      scan(2, event(1, "JobPaid", "1"), event(2, "JobPaid", "2"));
      scan(5, event(3, "JobPaid", "3"), event(5, "JobPaid", "5"));
      journal.rollBack(5);
      assert.deepEqual(keys(journal.events("JobPaid")), ["1", "2"]);
      assert.deepEqual({ ...journal.checkpoint() }, { block: 2, hash: "hash 2" });
      journal.rollBack(2);
      assert.deepEqual(journal.events("JobPaid"), []);
      assert.equal(journal.checkpoint(), undefined);
    });

    it("forgetting checkpoints nobody can need, but never the first of all", () => {
      scan(1);
      scan(2);
      journal.advance([], { block: 3, hash: "hash 3" }, 3);
      assert.deepEqual(
        journal.checkpoints().map(({ block }) => block),
        [1, 3],
      );
    });

    it("knowing what is still open", () => {
      scan(
        5,
        event(1, "JobRequested", "1"),
        event(2, "JobRequested", "2"),
        event(3, "JobRequested", "3"),
        event(4, "ResultSubmitted", "1"),
        event(5, "JobRefunded", "2"),
      );
      assert.deepEqual(keys(journal.openEvents("JobRequested", ["ResultSubmitted"])), ["3"]);
      assert.deepEqual(keys(journal.openEvents("JobRequested")), ["1", "3"]);
      assert.deepEqual(keys(journal.openEvents("ResultSubmitted")), ["1"]);
    });

    it("knowing that what ended on another branch is open again, and what ended before is not", () => {
      scan(2, event(1, "JobRequested", "1"), event(2, "JobRequested", "2"), event(2, "JobRefunded", "2"));
      scan(3, event(3, "JobPaid", "1"));
      scan(4, event(4, "JobRefunded", "2"));
      assert.deepEqual(keys(journal.openEvents("JobRequested")), []);
      journal.rollBack(3);
      assert.deepEqual(keys(journal.openEvents("JobRequested")), ["1"]);
    });

    it("knowing what had ended before its beginning was read, where a node left that out at first", () => {
      scan(3, event(3, "JobPaid", "1"));
      scan(4, event(1, "JobRequested", "1"), event(2, "JobRequested", "2"));
      assert.deepEqual(keys(journal.openEvents("JobRequested")), ["2"]);
    });

    it("keeping a jury's case open that was resolved without it: its jurors' deposits wait for its end", () => {
      scan(4, event(1, "CaseOpened", "3"), event(2, "JuryCaseOpened", "3"), event(4, "CaseResolved", "3"));
      assert.deepEqual(keys(journal.openEvents("CaseOpened")), []);
      assert.deepEqual(keys(journal.openEvents("JuryCaseOpened")), ["3"]);
    });
  });

  describe("remembers", () => {
    it("notes, the newest of each name", () => {
      assert.equal(journal.note("audited 5"), undefined);
      journal.setNote("audited 5", "failed");
      journal.setNote("audited 5", "right");
      reopen();
      assert.equal(journal.note("audited 5"), "right");
      journal.removeNote("audited 5");
      assert.equal(journal.note("audited 5"), undefined);
    });

    it("signed transactions until their nonce is used", () => {
      const sent = (nonce: number, hash: string) => ({ nonce, hash, purpose: `submit ${nonce}`, raw: `raw ${hash}` });
      for (const transaction of [sent(8, "c"), sent(7, "a"), sent(7, "b"), sent(7, "a")]) {
        journal.recordTransaction(transaction);
      }
      reopen();
      assert.deepEqual(
        journal.openTransactions().map((transaction) => ({ ...transaction })),
        [sent(7, "a"), sent(7, "b"), sent(8, "c")],
      );
      journal.settleNonce(7, "mined");
      assert.deepEqual(
        journal.openTransactions().map(({ hash }) => hash),
        ["c"],
      );
    });
  });
});
