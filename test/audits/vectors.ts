import type { AuditStatement } from "@assay/sdk";
import { AUDIT_TAG, auditCommitment } from "@assay/sdk";
import { expect } from "chai";
import { id, ZeroHash } from "ethers";

import vectors from "../vectors/audits.json" with { type: "json" };
import { AuditOffice__factory } from "../../sdk/src/typechain/index.js";
import { auditedMarket } from "../support/audits.js";
import { ethers, networkHelpers } from "../support/fixture.js";

const WORDS = [ZeroHash, `0x${"ff".repeat(32)}`, id("a word")];

describe("Commitments of auditors", () => {
  const load = () => networkHelpers.loadFixture(auditedMarket);

  it("are the same in Solidity and in TypeScript", async () => {
    const { audits, first, second } = await load();
    const { chainId } = await ethers.provider.getNetwork();
    const office = await audits.getAddress();
    expect(await audits.AUDIT_TAG()).to.equal(AUDIT_TAG);
    for (const jobId of [0n, 7n, 2n ** 256n - 1n]) {
      for (const auditor of [first.provider.address, second.provider.address]) {
        for (const [i, traceRoot] of WORDS.entries()) {
          const [outputCommitment, salt] = [WORDS[(i + 1) % 3] ?? "", WORDS[(i + 2) % 3] ?? ""];
          const statement = { chainId, audits: office, jobId, auditor, outputCommitment, traceRoot, salt };
          expect(await audits.commitmentOf(jobId, auditor, outputCommitment, traceRoot, salt)).to.equal(
            auditCommitment(statement),
          );
        }
      }
    }
  });

  for (const { name, statement, commitment } of vectors) {
    it(`are those of the vectors: ${name}`, async () => {
      const { jobId, auditor, outputCommitment, traceRoot, salt } = statement;
      const { audits, deployer } = await load();
      expect(auditCommitment(toStatement(statement))).to.equal(commitment);
      // The code of this office, at the address of the vector.
      await networkHelpers.setCode(statement.audits, await ethers.provider.getCode(audits));
      const there = AuditOffice__factory.connect(statement.audits, deployer);
      expect(await there.commitmentOf(jobId, auditor, outputCommitment, traceRoot, salt)).to.equal(commitment);
    });
  }
});

function toStatement(given: (typeof vectors)[number]["statement"]): AuditStatement {
  return { ...given, chainId: BigInt(given.chainId), jobId: BigInt(given.jobId) };
}
