import { expect } from "chai";

import { RULING } from "../support/assemble.js";
import { forge, settle, tracedCase } from "../support/cases.js";
import { at, networkHelpers, OFFER, refused, STAKE } from "../support/fixture.js";
import { accusationsOf, accuse, answer, demand, evidenceOf, provenMarket, run } from "../support/proofs.js";

describe("A provider that commits to what no honest party would", function () {
  this.timeout(120_000);
  const load = () => networkHelpers.loadFixture(provenMarket);

  for (const bytes of [0, 32, 96, 1023, 1025, 2048]) {
    it(`a leaf of ${String(bytes)} bytes: cannot show it, and is convicted for its silence`, async () => {
      const market = await load();
      const part = { tensor: 6, level: 0, index: 0 };
      const given = forge(await run(3), part.tensor, [new Uint8Array(bytes).fill(7)]);
      const { terms, caseId } = await tracedCase(market, given);
      await demand(market, given, caseId, part);
      await expect(answer(market, given, caseId, part)).to.be.revertedWithCustomError(
        market.court,
        "TensorCommitment_WrongLeafLength",
      );
      const { deadline } = await market.court.demandOf(caseId, part);
      await at(deadline + 1n);
      await market.court.proveSilence(caseId, part);
      expect(await settle(market, terms, caseId, [part])).to.equal(RULING.upheld);
      expect(await market.staking.bondedOf(market.provider)).to.equal(STAKE - OFFER.stake);
    });
  }
});
