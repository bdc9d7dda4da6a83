import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";

import type { ChainEvent } from "../../src/jobs/journal.js";
import { Journal } from "../../src/jobs/journal.js";

const DAY = 86_400;
const DEADLINE = 1_000_000;
const LATE = DEADLINE + 31 * DAY;
/** Deep enough for whatever happened in the first blocks to be final. */
const DEEP = 25_000;

describe("The journal forgets", () => {
  let journal: Journal;
  let index: number;
  beforeEach(() => {
    journal = new Journal(":memory:");
    index = 0;
  });
  afterEach(() => {
    journal.close();
  });
  const event = (block: number, name: string, key: string, args: Record<string, unknown> = {}): ChainEvent => ({
    ...{ block, blockHash: `hash ${block}`, logIndex: index++, name, key, args },
  });
  const requested = (block: number, job: string, deadline = DEADLINE) =>
    event(block, "JobRequested", job, { jobId: job, terms: { executionDeadline: String(deadline) } });
  const scan = (block: number, ...events: ChainEvent[]) => {
    journal.advance(events, { block, hash: `hash ${block}` }, block - 10_000);
  };
  /** A job's whole life, in the first blocks. */
  const life = (job: string) => [requested(1, job), event(2, "ResultSubmitted", job), event(3, "JobPaid", job)];
  const isKept = (job: string) => journal.events("JobRequested", job).length > 0;

  it("a job that is paid, long ago and deep in the chain, with its result, trace and notes", () => {
    scan(3, ...life("7"));
    journal.bindResult("7", "0xaa");
    journal.bindTrace("7", "0xbb");
    journal.setNote("audited 7", "right", "7");
    journal.setNote("pot 1", "0x01");
    scan(DEEP);
    assert.equal(journal.prune(LATE), 1);
    for (const name of ["JobRequested", "ResultSubmitted", "JobPaid"]) assert.deepEqual(journal.events(name, "7"), []);
    assert.equal(journal.resultOf("7"), undefined);
    assert.equal(journal.resultOf("trace of 7"), undefined);
    assert.equal(journal.note("audited 7"), undefined);
    assert.equal(journal.note("pot 1"), "0x01");
    assert.equal(journal.prune(LATE), 0);
  });

  it("a request that nobody ever delivered, whether refunded or not", () => {
    scan(3, requested(1, "7"), requested(1, "8"), event(3, "JobRefunded", "8"));
    scan(DEEP);
    assert.equal(journal.prune(LATE), 2);
  });

  it("no job whose deadline is less than thirty days ago: somebody may still ask about it", () => {
    scan(3, ...life("7"));
    scan(DEEP);
    journal.prune(DEADLINE + 30 * DAY);
    assert.ok(isKept("7"));
    journal.prune(DEADLINE + 30 * DAY + 1);
    assert.ok(!isKept("7"));
  });

  it("no job whose end a rollback could take back, so that it stays bound to its result on the other branch", () => {
    scan(3, requested(1, "7"));
    scan(19_000, event(15_000, "ResultSubmitted", "7"), event(19_000, "JobPaid", "7"));
    journal.bindResult("7", "0xaa");
    scan(DEEP);
    assert.equal(journal.prune(LATE), 0);
    journal.rollBack(19_000);
    assert.deepEqual(
      journal.openEvents("JobRequested").map(({ key }) => key),
      ["7"],
    );
    assert.throws(() => {
      journal.bindResult("7", "0xbb");
    }, /a second result 0xbb is never sent/);
  });

  it("no delivered job that is not settled: its provider is still to be paid", () => {
    scan(3, requested(1, "7"), event(2, "ResultSubmitted", "7"));
    scan(DEEP);
    assert.equal(journal.prune(LATE), 0);
  });

  it("no deadline so far away that it never comes", () => {
    scan(3, requested(1, "7", Number.MAX_SAFE_INTEGER), event(3, "JobRefunded", "7"));
    scan(3, event(1, "JobRequested", "8", { terms: { executionDeadline: "9".repeat(60) } }));
    scan(DEEP);
    assert.equal(journal.prune(LATE), 0);
  });

  it("no job whose audit nobody closed: a commitment without its salt costs a ticket", () => {
    scan(3, ...life("7"), event(3, "AuditCommitted", "7"), event(3, "TraceAnswered", "7"));
    journal.setNote("audit statement of 7", "what was found, and its salt", "7");
    scan(DEEP);
    assert.equal(journal.prune(LATE), 0);
    scan(DEEP + 1, event(DEEP + 1, "AuditClosed", "7"));
    assert.equal(journal.prune(LATE), 0);
    scan(2 * DEEP);
    assert.equal(journal.prune(LATE), 1);
    assert.equal(journal.note("audit statement of 7"), undefined);
    assert.deepEqual(journal.events("AuditCommitted", "7"), []);
  });

  describe("a job in dispute", () => {
    beforeEach(() => {
      scan(3, ...life("7"), event(2, "CaseOpened", "5", { jobId: "7" }), event(2, "CourtCaseOpened", "5"));
      scan(3, event(2, "PartDemanded", "5"));
      journal.setNote("prosecution of 5", "the result is right", "5");
    });

    it("together with its case, once that is resolved", () => {
      scan(4, event(4, "CaseResolved", "5"));
      scan(DEEP);
      assert.equal(journal.prune(LATE), 1);
      for (const name of ["CaseOpened", "CourtCaseOpened", "PartDemanded", "CaseResolved"]) {
        assert.deepEqual(journal.events(name, "5"), []);
      }
      assert.equal(journal.note("prosecution of 5"), undefined);
    });

    it("not before its case is resolved", () => {
      scan(DEEP);
      assert.equal(journal.prune(LATE), 0);
      assert.ok(isKept("7"));
    });

    it("not before everyone in its case is paid", () => {
      scan(4, event(4, "CaseResolved", "5"));
      journal.setNote("unpaid 5", "yes", "5");
      scan(DEEP);
      assert.equal(journal.prune(LATE), 0);
      journal.removeNote("unpaid 5");
      assert.equal(journal.prune(LATE), 1);
    });

    it("not before its jury is closed, whatever was ruled without it", () => {
      scan(4, event(3, "JuryCaseOpened", "5"), event(4, "CaseResolved", "5"));
      scan(DEEP);
      assert.equal(journal.prune(LATE), 0);
    });
  });

  it("no offer of a model that has the number of a case", () => {
    scan(3, ...life("7"), event(1, "OfferSet", "5"), event(2, "CaseOpened", "5", { jobId: "7" }));
    scan(4, event(4, "CaseResolved", "5"));
    scan(DEEP);
    assert.equal(journal.prune(LATE), 1);
    assert.equal(journal.events("OfferSet", "5").length, 1);
  });

  it("no vote, and no note that is about nothing", () => {
    scan(3, ...life("7"));
    journal.bindVote("case 5, round 0, job 7", { output: "0xaa", salt: "0x5a" });
    scan(DEEP);
    journal.prune(LATE);
    assert.equal(journal.voteOf("case 5, round 0, job 7")?.salt, "0x5a");
  });

  it("nothing that a reader has not had, and nothing that comes later", () => {
    const taken: string[] = [];
    const take = () => {
      journal.takeNew("settle", "JobPaid", ({ key }) => taken.push(key));
      return taken.splice(0);
    };
    scan(3, ...life("7"));
    assert.deepEqual(take(), ["7"]);
    scan(DEEP);
    journal.prune(LATE);
    // The number of the last row that is gone must not be given to another.
    scan(DEEP + 1, event(DEEP + 1, "JobPaid", "8"));
    assert.deepEqual(take(), ["8"]);
  });

  it("transactions of long ago, but none without an outcome", () => {
    const sent = (nonce: number) => ({ nonce, hash: `hash ${nonce}`, purpose: "submit", raw: "raw" });
    for (const nonce of [0, 1, 2, 10_001]) journal.recordTransaction(sent(nonce));
    for (const nonce of [0, 2, 10_001]) journal.settleNonce(nonce, "mined");
    journal.prune(LATE);
    const nonces = (transactions: readonly { nonce: number }[]) => transactions.map(({ nonce }) => nonce);
    assert.deepEqual(nonces(journal.settledTransactions(0, 10_002)), [2, 10_001]);
    assert.deepEqual(nonces(journal.openTransactions()), [1]);
  });

  it("so much that its file gets smaller again, and the work of a look does not grow with what was", () => {
    const folder = mkdtempSync(path.join(tmpdir(), "assay-pruning-"));
    const file = path.join(folder, "journal.sqlite");
    journal.close();
    journal = new Journal(file);
    const jobs = Array.from({ length: 2000 }, (_, i) => `job ${i} ${"x".repeat(100)}`);
    scan(3, ...jobs.flatMap(life), ...life("open").slice(0, 2));
    scan(DEEP);
    journal.close();
    const before = statSync(file).size;
    journal = new Journal(file);
    while (journal.prune(LATE) > 0);
    assert.deepEqual(
      journal.openEvents("ResultSubmitted").map(({ key }) => key),
      ["open"],
    );
    journal.close();
    const after = statSync(file).size;
    rmSync(folder, { recursive: true });
    journal = new Journal(":memory:");
    assert.ok(after < before / 4, `${before} bytes became ${after}`);
  });
});
