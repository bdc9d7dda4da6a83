import { expect } from "chai";

import { COURT_PERIOD, RULING } from "../support/assemble.js";
import { settle } from "../support/cases.js";
import { at, networkHelpers, OFFER, STAKE } from "../support/fixture.js";
import type { CourtModel, Tensor } from "@assay/sdk";
import { answerDemand, Evidence, toHex } from "@assay/sdk";
import { WIDE, wideModel } from "../support/graphs.js";
import type { Part } from "../support/cases.js";
import {
  accusationsOf,
  accuse,
  answer,
  deliver,
  demand,
  marketOf,
  openCase,
  postTrace,
  rootsOf,
  runOf,
} from "../support/proofs.js";

const EXACT = 1;
/** Levels of hashes above the leaves of a tensor of 65,537 to 16,777,216 leaves. */
const LEVELS = 3n;

describe("The proof court's time", function () {
  this.timeout(300_000);
  let model: CourtModel;
  let sample: Tensor;

  before(async () => {
    ({ model, sample } = await wideModel(65_537));
  });

  const deepMarket = () => marketOf(model, EXACT);

  it("suffices for the deepest tensor, challenged in the last second, though everybody takes all of theirs", async () => {
    const market = await networkHelpers.loadFixture(deepMarket);
    const given = await runOf(model, sample, { tensor: WIDE, byte: 4 * 65_530 });
    const terms = await deliver(market, given);
    const windowEnd = await market.market.phaseEndOf(terms.id);
    await at(windowEnd);
    const opened = await openCase(market, terms, given);
    const { caseId } = opened;
    expect((await market.court.courtCaseOf(caseId)).windowEnd).to.equal(windowEnd);
    let time = windowEnd + COURT_PERIOD;
    await at(time);
    await postTrace(market, given, opened);

    const own = given.honest.tensors[WIDE];
    const shownFrom = given.posted.tensors[WIDE];
    if (!own || !shownFrom) throw new Error("no such tensor");
    const evidence = new Evidence(WIDE, own);
    const parts: Part[] = [];
    let next = evidence.next();
    for (; "ask" in next; next = evidence.next()) {
      time += COURT_PERIOD;
      await at(time);
      await demand(market, given, caseId, next.ask);
      time += COURT_PERIOD;
      await at(time);
      await answer(market, given, caseId, next.ask);
      const shown = answerDemand(shownFrom, next.ask);
      if (shown.kind === "leaf") evidence.addLeaf(next.ask.index, toHex(shown.leaf));
      else evidence.addChildren(next.ask, shown.children);
      parts.push(next.ask);
    }
    expect(parts.map(({ level }) => BigInt(level))).to.deep.equal([LEVELS, 2n, 1n, 0n]);
    const [accusation] = accusationsOf(given, { tensor: WIDE, evidence, found: next.found });
    if (!accusation) throw new Error("nothing to accuse");
    time += COURT_PERIOD;
    await at(time);
    await accuse(market, caseId, accusation);
    expect(time).to.equal(windowEnd + (LEVELS + 2n) * 2n * COURT_PERIOD);
    expect(await settle(market, terms, caseId, parts)).to.equal(RULING.upheld);
    expect(await market.staking.bondedOf(market.provider)).to.equal(STAKE - OFFER.stake);
  });
});
