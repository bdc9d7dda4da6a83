import { expect } from "chai";
import { dataLength, Transaction } from "ethers";
import type { CourtModel, Tensor } from "@assay/sdk";
import { firstContradiction, initHash, toTypedArray } from "@assay/sdk";

import { RULING } from "../support/assemble.js";
import { networkHelpers } from "../support/fixture.js";
import type { LongSum } from "../support/longSums.js";
import { callsFor, infinities, integers, longCase, overflowing, pooling, product } from "../support/longSums.js";

/** EIP-7825. */
const MOST_GAS = 1n << 24n;
/** Of a signed transaction: go-ethereum passes on no longer one. */
const MOST_BYTES = 131_072;

describe("ProofCourt, sums too long for one transaction", function () {
  this.timeout(600_000);
  before(initHash);

  const SUMS: readonly (readonly [string, () => LongSum, CourtModel["profile"]["kind"], number])[] = [
    ["a convolution of 32,768 products of bytes", integers, "Exact", 7],
    ["a mean of 50,176 numbers in any order", pooling, "Tolerance", 3],
    ["a mean of 50,176 infinities in any order", infinities, "Tolerance", 3],
    ["14,336 products of float32, bit for bit", product, "Canonical", 2],
  ];
  for (const [what, make, kind, least] of SUMS) {
    it(`convicts by ${what}, over several transactions, each within the limits`, async () => {
      const opened = await longCase(make(), true);
      const { market, caseId, model, trace, tensor, accusation } = opened;
      expect(model.profile.kind).to.equal(kind);
      expect(firstContradiction(model, trace)).to.deep.equal({ tensor, element: 0 });
      const all = (await callsFor(opened, accusation)) ?? [];
      expect(all.length).to.be.at.least(least);
      const to = await market.court.getAddress();
      for (const [i, { data }] of all.entries()) {
        // What is left follows from what the court has.
        if (i === 1) expect(await callsFor(opened, accusation)).to.deep.equal(all.slice(1));
        expect((await market.court.rulingOf(caseId))[0]).to.equal(RULING.none);
        const before = i === 1 ? await networkHelpers.takeSnapshot() : undefined;
        const sent = await market.challenger.sendTransaction({ to, data, gasLimit: MOST_GAS });
        expect((await sent.wait())?.gasUsed).to.be.lessThan(MOST_GAS);
        expect(dataLength(Transaction.from(sent).serialized)).to.be.at.most(MOST_BYTES);
        // So it does where a reorganisation took the second part back.
        await before?.restore();
        if (!before) continue;
        expect(await callsFor(opened, accusation)).to.deep.equal(all.slice(1));
        await market.challenger.sendTransaction({ to, data, gasLimit: MOST_GAS });
      }
      expect(await market.court.rulingOf(caseId)).to.deep.equal([RULING.upheld, market.challenger.address]);
    });

    it(`finds no call against an honest provider of ${what}`, async () => {
      const opened = await longCase(make(), false);
      expect(opened.accusation.parts.length).to.be.greaterThan(0);
      expect(await callsFor(opened, opened.accusation)).to.equal(undefined);
    });
  }

  it("convicts by a sum that overflows its 32 bits between two parts, and not who has what onnxruntime has", async () => {
    const opened = await longCase(overflowing(), true);
    const inParts = opened.accusation.smaller?.();
    expect(inParts?.parts.length).to.equal(1);
    if (!inParts) throw new Error("no parts");
    const to = await opened.market.court.getAddress();
    for (const { data } of (await callsFor(opened, inParts)) ?? []) {
      await opened.market.challenger.sendTransaction({ to, data, gasLimit: MOST_GAS });
    }
    expect(await opened.market.court.rulingOf(opened.caseId)).to.deep.equal([
      RULING.upheld,
      opened.market.challenger.address,
    ]);

    const right = await longCase(overflowing(), false);
    expect(toTypedArray(right.honest[right.tensor] as Tensor)[0]).to.equal(255 * 255 * 50_000 - 2 ** 32);
    const same = right.accusation.smaller?.();
    if (!same) throw new Error("no parts");
    expect(await callsFor(right, same)).to.equal(undefined);
  });
});
