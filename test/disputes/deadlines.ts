import type { CourtModel, Part, Tensor } from "@assay/sdk";
import { answerDemand, Evidence, toHex } from "@assay/sdk";
import { expect } from "chai";

import { COURT_PERIOD, RULING } from "../support/assemble.js";
import { rulingAt, settle } from "../support/cases.js";
import { at, ethers, networkHelpers, OFFER, refused, STAKE } from "../support/fixture.js";
import { WIDE, wideModel } from "../support/graphs.js";
import type { ProvenMarket } from "../support/proofs.js";
import {
  accusationsOf,
  accuse,
  answer,
  deliver,
  demand,
  marketOf,
  openCase,
  postTrace,
  provenMarket,
  run,
  runOf,
} from "../support/proofs.js";

const EXACT = 1;
/** Levels of hashes above the leaves of a tensor of 65,537 to 16,777,216 leaves. */
const LEVELS = 3n;

const leafOf = (tensor: number) => ({ tensor, level: 0, index: 0 });
const by = (market: ProvenMarket): ProvenMarket => ({ ...market, challenger: market.stranger });

/** Has all transactions mined in the next block. */
async function inOneBlock(sends: (() => Promise<unknown>)[]): Promise<void> {
  await ethers.provider.send("evm_setAutomine", [false]);
  try {
    for (const send of sends) await send();
    await networkHelpers.mine();
  } finally {
    await ethers.provider.send("evm_setAutomine", [true]);
  }
}

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

  it("ends by its bound, however many demands are made in the last second and however late they are answered", async () => {
    const market = await networkHelpers.loadFixture(provenMarket);
    const given = await run(3);
    const terms = await deliver(market, given);
    const windowEnd = await market.market.phaseEndOf(terms.id);
    await at(windowEnd);
    const opened = await openCase(market, terms, given);
    const { caseId } = opened;
    await at(windowEnd + COURT_PERIOD);
    await postTrace(market, given, opened);

    const bound = windowEnd + (LEVELS + 2n) * 2n * COURT_PERIOD;
    const lastDemandAt = bound - 2n * COURT_PERIOD;
    const all = given.model.nodes.map((_, i) => leafOf(given.model.inputNames.length + i));
    const others = [...all];
    // Without a demand the case would be over long before: each keeps it open for the next.
    for (let time = windowEnd + 2n * COURT_PERIOD; time < lastDemandAt; time += 2n * COURT_PERIOD) {
      const part = others.pop();
      if (!part) throw new Error("the model has too few nodes");
      await at(time);
      await demand(market, given, caseId, part);
      await at(time + COURT_PERIOD);
      await answer(market, given, caseId, part);
    }
    const [late, ...atLast] = others;
    if (!late) throw new Error("the model has too few nodes");
    await at(lastDemandAt);
    await inOneBlock(atLast.map((part, i) => () => demand(i % 2 ? by(market) : market, given, caseId, part)));
    expect((await market.court.courtCaseOf(caseId)).pending).to.equal(atLast.length);
    await at(lastDemandAt + 1n);
    const call = demand(market, given, caseId, late);
    await refused(call, market.court, "ProofCourt_TooLate", caseId, lastDemandAt);
    await at(lastDemandAt + COURT_PERIOD);
    await inOneBlock(atLast.map((part) => () => answer(market, given, caseId, part)));
    expect(await rulingAt(market, caseId, bound)).to.equal(RULING.none);
    await at(bound + 1n);
    const asked = all.filter((part) => part !== late);
    expect(await settle(market, terms, caseId, asked)).to.equal(RULING.rejected);
  });
});
