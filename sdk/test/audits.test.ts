import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";

import { id } from "ethers";

import { auditCommitment, auditTurn, isDrawn } from "../src/index.js";

interface Vector {
  name: string;
  statement: Record<"chainId" | "audits" | "jobId" | "auditor" | "outputCommitment" | "traceRoot" | "salt", string>;
  commitment: string;
}

const FILE = path.resolve(import.meta.dirname, "../../test/vectors/audits.json");
const vectors = JSON.parse(readFileSync(FILE, "utf8")) as Vector[];
const SEED = id("seed");

describe("an auditor's commitment", () => {
  for (const { name, statement, commitment } of vectors) {
    it(`is that of the vectors: ${name}`, () => {
      const numbers = { chainId: BigInt(statement.chainId), jobId: BigInt(statement.jobId) };
      assert.equal(auditCommitment({ ...statement, ...numbers }), commitment);
    });
  }
});

describe("a draw", () => {
  const jobs = Array.from({ length: 2_000 }, (_, i) => ({ id: BigInt(id(`job ${i}`)) }));
  const drawn = (rate: bigint) => jobs.filter((job) => isDrawn(job, SEED, rate)).length;

  it("draws none at a rate of nothing, and all at one whole", () => {
    assert.equal(drawn(0n), 0);
    assert.equal(drawn(10_000n), jobs.length);
  });

  it("draws about its rate, and at a higher rate what a lower one draws", () => {
    // Four standard deviations on either side of 5 % of 2,000.
    assert.ok(Math.abs(drawn(500n) - 100) < 40);
    for (const job of jobs) if (isDrawn(job, SEED, 500n)) assert.ok(isDrawn(job, SEED, 501n));
  });
});

describe("a turn", () => {
  const auditor = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
  const other = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC";
  const turn = (jobId: bigint, who: string, tickets: number) =>
    auditTurn({ jobId, seed: SEED, auditor: who, tickets, recordedAt: 1_000n, commitPeriod: 2n ** 40n });

  it("lies in the first half of the commit period", () => {
    for (let job = 0n; job < 200n; job++) {
      const at = turn(job, auditor, 1);
      assert.ok(at >= 1_000n && at < 1_000n + 2n ** 39n);
    }
  });

  it("comes first as often as an auditor has tickets", () => {
    const JOBS = 2_000;
    let first = 0;
    for (let job = 0; job < JOBS; job++) if (turn(BigInt(job), auditor, 3) < turn(BigInt(job), other, 1)) first++;
    // Three tickets of four: 1,500, give or take four standard deviations.
    assert.ok(Math.abs(first - 1_500) < 78);
  });
});
