import { expect } from "chai";
import type { CourtModel } from "@assay/sdk";
import { firstContradiction, initHash } from "@assay/sdk";

import { RULING } from "../support/assemble.js";
import type { LongSum } from "../support/longSums.js";
import { callsFor, infinities, integers, longCase, pooling, product } from "../support/longSums.js";

/** EIP-7825. */
const MOST_GAS = 1n << 24n;

describe("ProofCourt, sums too long for one transaction", function () {
  this.timeout(600_000);
  before(initHash);

  const SUMS: readonly (readonly [string, () => LongSum, CourtModel["profile"]["kind"], number])[] = [
    ["a convolution of 65,536 products of bytes", integers, "Exact", 3],
    ["a mean of 50,176 numbers in any order", pooling, "Tolerance", 3],
    ["a mean of 50,176 infinities in any order", infinities, "Tolerance", 3],
    ["16,384 products of float32, bit for bit", product, "Canonical", 2],
  ];
  for (const [what, make, kind, least] of SUMS) {
    it(`convicts by ${what}, over several transactions, each within the limit`, async () => {
      const opened = await longCase(make(), true);
      const { market, caseId, model, trace, tensor, accusation } = opened;
      expect(model.profile.kind).to.equal(kind);
      expect(firstContradiction(model, trace)).to.deep.equal({ tensor, element: 0 });
      const all = (await callsFor(opened, accusation)) ?? [];
      expect(all.length).to.be.at.least(least);
      const to = await market.court.getAddress();
      for (const [sent, { data }] of all.entries()) {
        // What is left follows from what the court has.
        if (sent === 1) expect(await callsFor(opened, accusation)).to.deep.equal(all.slice(1));
        expect((await market.court.rulingOf(caseId))[0]).to.equal(RULING.none);
        const receipt = await (await market.challenger.sendTransaction({ to, data })).wait();
        expect(receipt?.gasUsed).to.be.lessThan(MOST_GAS);
      }
      expect(await market.court.rulingOf(caseId)).to.deep.equal([RULING.upheld, market.challenger.address]);
    });

    it(`finds no call against an honest provider of ${what}`, async () => {
      const opened = await longCase(make(), false);
      expect(opened.accusation.parts.length).to.be.greaterThan(0);
      expect(await callsFor(opened, opened.accusation)).to.equal(undefined);
    });
  }
});
