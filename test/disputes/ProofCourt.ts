import type { Part, TraceCommitment } from "@assay/sdk";
import {
  decodeAccusation,
  explainClaim,
  fromNumbers,
  nextStep,
  prepareModel,
  proveLeaf,
  toHex,
  toTypedArray,
} from "@assay/sdk";
import { expect } from "chai";
import { ZeroAddress, ZeroHash } from "ethers";

import { inProcess } from "../../provider-worker/test/support/inProcessRuntime.js";
import { onnxFile } from "../../sdk/test/support/onnxModel.js";
import { ProofCourt__factory } from "../../sdk/src/typechain/index.js";
import { BOND, COURT_PERIOD, GAS_VALUE, HOUR, MAX_RESOLUTION, RULING } from "../support/assemble.js";
import { quietUntil, tracedCase, waitForRuling } from "../support/cases.js";
import { at, ethers, networkHelpers, now, OFFER, PREPAID, refused, STAKE, STATUS } from "../support/fixture.js";
import {
  accusationsOf,
  accuse,
  answer,
  deliver,
  demand,
  demandFees,
  digDown,
  evidenceOf,
  marketOf,
  openCase,
  postTrace,
  preparedDigits,
  provenMarket,
  run,
  runOf,
} from "../support/proofs.js";
import { PROFILES } from "../support/verdict.js";

describe("ProofCourt", function () {
  this.timeout(120_000);
  const load = () => networkHelpers.loadFixture(provenMarket);

  it("is not deployed with a verifier that has no code", async () => {
    const { deployer, disputes, models, providers, escrow, audits, stakeToken, stranger } = await load();
    const deployed = new ProofCourt__factory(deployer).deploy(
      ...([disputes, models, providers, escrow, audits, stakeToken] as const),
      { reply: COURT_PERIOD, claim: COURT_PERIOD },
      GAS_VALUE,
      [stranger],
    );
    const court = ProofCourt__factory.connect(ZeroAddress, deployer);
    await refused(deployed, court, "ProofCourt_NoCode", 1n, stranger.address);
  });

  it("is not deployed with an audit office that has no code: no provider could post a trace", async () => {
    const { deployer, disputes, models, providers, escrow, stakeToken, stranger } = await load();
    const deployed = new ProofCourt__factory(deployer).deploy(
      ...([disputes, models, providers, escrow, stranger, stakeToken] as const),
      { reply: COURT_PERIOD, claim: COURT_PERIOD },
      GAS_VALUE,
      [],
    );
    const court = ProofCourt__factory.connect(ZeroAddress, deployer);
    await refused(deployed, court, "ProofCourt_NoAudits", stranger.address);
  });

  it("takes cases from nobody but DisputeManager, none of a model without a graph, and each for a window that it can end after", async () => {
    const { court, disputes, stranger, provider, modelId } = await load();
    const facts = {
      ...{ jobId: 1n, modelId, provider, client: stranger, challenger: stranger },
      ...{ inputCommitment: ZeroHash, outputCommitment: ZeroHash, challengeableUntil: 0n },
    };
    await refused(court.connect(stranger).openCase(1n, facts), court, "ProofCourt_NotDisputes", stranger.address);
    const manager = await disputes.getAddress();
    await networkHelpers.impersonateAccount(manager);
    await networkHelpers.setBalance(manager, 10n ** 18n);
    const asManager = court.connect(await ethers.getSigner(manager));
    const unknown = modelId + 1n;
    await refused(asManager.openCase(1n, { ...facts, modelId: unknown }), court, "ProofCourt_NoGraph", unknown);
    await asManager.openCase(1n, facts);

    // A window is cut where the case would not end in time; a shorter one is that of the job.
    const latest = MAX_RESOLUTION - HOUR - 10n * COURT_PERIOD;
    for (const [caseId, lasts] of [latest - 1n, latest, latest + 1n, MAX_RESOLUTION].entries()) {
      const time = (await now()) + 1n;
      await at(time);
      await asManager.openCase(caseId, { ...facts, challengeableUntil: time + lasts });
      const { windowEnd, movedAt } = await court.courtCaseOf(caseId);
      expect([movedAt, windowEnd]).to.deep.equal([time, time + (lasts < latest ? lasts : latest)]);
    }
  });

  it("convicts a wrong element behind the sign of a zero, which convicts nobody", async () => {
    // Of -0 processors make either zero.
    const file = onnxFile({
      nodes: [
        { op: "Relu", inputs: ["x"], outputs: ["r"] },
        { op: "Add", inputs: ["r", "one"], outputs: ["y"] },
      ],
      inputs: { x: ["float32", [1, 4]] },
      outputs: { y: undefined },
      constants: { one: fromNumbers("float32", [], [1]) },
    });
    const { model } = await prepareModel(file, {}, inProcess);
    const market = await marketOf(model, PROFILES.Canonical);
    const [relu, sum] = [1, 2];
    const x = fromNumbers("float32", [1, 4], [-0, 1, -2, 3]);
    const given = await runOf(model, x, { tensor: relu, byte: 3, by: 0x80 }, { tensor: sum, byte: 0 });
    const { caseId } = await tracedCase(market, given);
    const shown = new Map<string, string>();
    const roots = given.posted.tensors.map(({ header }) => header.merkleRoot);
    const key = ({ tensor: index, index: leaf }: Part) => `${index} ${leaf}`;
    for (;;) {
      const step = nextStep(model, given.honest, roots, {
        children: () => undefined,
        leaf: (part) => shown.get(key(part)),
      });
      if (step.kind === "nothing") throw new Error("nothing was found");
      if (step.kind === "accuse") {
        expect(step.accusation.provenance.nodeIndex).to.equal(sum - model.inputNames.length);
        await accuse(market, caseId, step.accusation);
        break;
      }
      for (const part of step.parts) {
        await demand(market, given, caseId, part);
        await answer(market, given, caseId, part);
        const committed = given.posted.tensors[part.tensor];
        if (committed) shown.set(key(part), toHex(proveLeaf(committed, part.index).leaf));
      }
    }
    expect((await market.court.rulingOf(caseId)).ruling).to.equal(RULING.upheld);
  });

  it("convicts a wrong byte in any tensor, whoever it is that proves it", async () => {
    const { model } = await preparedDigits();
    for (let tensor = model.inputNames.length; tensor < model.tensors.length; tensor++) {
      const market = await load();
      const given = await run(3, { tensor, byte: 0 });
      const { terms, caseId } = await tracedCase(market, given);
      const dug = await digDown(market, given, caseId);
      expect(dug.tensor).to.equal(tensor);
      const [accusation] = accusationsOf(given, dug);
      if (!accusation) throw new Error(`nothing to say against tensor ${String(tensor)}`);
      await accuse(market, caseId, accusation);
      expect(await market.court.rulingOf(caseId)).to.deep.equal([RULING.upheld, market.challenger.address]);
      await market.disputes.resolve(caseId, terms);
      expect(await market.staking.bondedOf(market.provider)).to.equal(STAKE - OFFER.stake);
      expect(await market.escrow.balanceOf(market.payToken, market.client)).to.equal(PREPAID);
    }
  });

  it("tells claimed and right value of a conviction from its transaction alone", async () => {
    const { model } = await preparedDigits();
    for (let tensor = model.inputNames.length; tensor < model.tensors.length; tensor++) {
      const market = await load();
      const given = await run(3, { tensor, byte: 0 });
      const { caseId } = await tracedCase(market, given);
      const [accusation] = accusationsOf(given, await digDown(market, given, caseId));
      if (!accusation) throw new Error(`nothing to say against tensor ${String(tensor)}`);
      const sent = await accuse(market, caseId, accusation);
      const { claim } = decodeAccusation(sent.data) ?? {};
      expect(claim).to.deep.equal(accusation.claim);
      const { element } = accusation.claim;
      const valueIn = ({ tensors }: TraceCommitment) => {
        const committed = tensors[tensor];
        return committed && toTypedArray(committed.tensor)[element];
      };
      const { claimed, correct } = explainClaim(accusation.claim);
      expect([claimed, correct]).to.deep.equal([valueIn(given.posted), valueIn(given.honest)]);
      expect(claimed).not.to.equal(correct);
    }
  });

  it("finds no fraud in an honest run, and pays its provider when everybody had their time", async () => {
    const market = await load();
    const given = await run(5);
    const { terms, caseId } = await tracedCase(market, given);
    await refused(
      market.disputes.resolve(caseId, terms),
      market.disputes,
      "DisputeManager_NotYetRuled",
      caseId,
      (await market.disputes.caseOf(caseId)).openedAt + 7n * 24n * 3600n,
    );
    await waitForRuling(market, caseId);
    await market.disputes.resolve(caseId, terms);
    expect(await market.market.statusOf(terms.id)).to.equal(STATUS.settled);
    expect((await market.market.earnedOf({ ...terms })).amount).to.equal(OFFER.price);
    expect(await market.staking.bondedOf(market.provider)).to.equal(STAKE);
  });

  it("refuses an accusation against an honest element", async () => {
    const market = await load();
    // The first node reads and writes element by element: its neighbours are in the same leaves.
    const given = await run(5, { tensor: 1, byte: 0 });
    const { caseId } = await tracedCase(market, given);
    const [accusation] = accusationsOf(given, await digDown(market, given, caseId));
    if (!accusation) throw new Error("nothing to accuse");
    const honest = { ...accusation, claim: { ...accusation.claim, element: 1 } };
    await refused(accuse(market, caseId, honest), market.court, "ProofCourt_NoContradiction", caseId);
  });

  it("convicts a provider that posts no trace, and not one second early", async () => {
    const market = await load();
    const given = await run(3);
    const terms = await deliver(market, given);
    const opened = await openCase(market, terms, given);
    const { openedAt } = await market.disputes.caseOf(opened.caseId);
    await at(openedAt + COURT_PERIOD);
    await networkHelpers.mine();
    expect((await market.court.rulingOf(opened.caseId))[0]).to.equal(RULING.none);
    await at(openedAt + COURT_PERIOD + 1n);
    await networkHelpers.mine();
    expect((await market.court.rulingOf(opened.caseId))[0]).to.equal(RULING.upheld);
    await refused(postTrace(market, given, opened), market.court, "ProofCourt_Over", opened.caseId);
    await market.disputes.resolve(opened.caseId, terms);
    expect(await market.staking.bondedOf(market.provider)).to.equal(STAKE - OFFER.stake);
  });

  it("convicts a provider that does not show what it committed to", async () => {
    const market = await load();
    const given = await run(3, { tensor: 6, byte: 2 });
    const { caseId } = await tracedCase(market, given);
    const part = { tensor: 6, level: 0, index: 0 };
    await demand(market, given, caseId, part);
    const { deadline } = await market.court.demandOf(caseId, part);
    await at(deadline);
    const early = market.court.proveSilence(caseId, part);
    await refused(early, market.court, "ProofCourt_NotOverdue", caseId, Object.values(part), deadline);
    await at(deadline + 1n);
    await market.court.proveSilence(caseId, part);
    expect(await market.court.rulingOf(caseId)).to.deep.equal([RULING.upheld, market.challenger.address]);
    await refused(answer(market, given, caseId, part), market.court, "ProofCourt_Over", caseId);
  });

  it("takes no trace of another input, another output or another model", async () => {
    const market = await load();
    const given = await run(3);
    const other = await run(4);
    const terms = await deliver(market, given);
    const opened = await openCase(market, terms, given);
    const call = postTrace(market, other, opened);
    await refused(call, market.court, "ProofCourt_InputMismatch", other.posted.inputRoot, given.posted.inputRoot);
    const graph = { ...given.model.graph, nodeCount: given.model.graph.nodeCount - 1 };
    const wrongModel = { ...given, model: { ...given.model, graph } };
    await expect(postTrace(market, wrongModel, opened)).to.be.revertedWithCustomError(
      market.court,
      "ProofCourt_GraphMismatch",
    );
  });

  it("lets a stranger prove what a sham challenger keeps quiet about", async () => {
    const market = await load();
    const given = await run(3, { tensor: 9, byte: 0 });
    const { caseId } = await tracedCase(market, given);
    const asStranger = { ...market, challenger: market.stranger };
    const [accusation] = accusationsOf(given, await digDown(asStranger, given, caseId));
    if (!accusation) throw new Error("nothing to accuse");
    await accuse(asStranger, caseId, accusation);
    expect(await market.court.rulingOf(caseId)).to.deep.equal([RULING.upheld, market.stranger.address]);
  });

  it("gives the fees of demands to a provider that was right, and back where it was wrong", async () => {
    for (const tamper of [undefined, { tensor: 6, byte: 1 }]) {
      const market = await load();
      const given = await run(3, tamper);
      const { terms, caseId } = await tracedCase(market, given);
      const part = { tensor: 6, level: 0, index: 0 };
      await demand(market, given, caseId, part);
      await answer(market, given, caseId, part);
      if (tamper) {
        const [accusation] = accusationsOf(given, evidenceOf(given, part));
        if (!accusation) throw new Error("nothing to accuse");
        await accuse(market, caseId, accusation);
      } else await waitForRuling(market, caseId);
      await market.disputes.resolve(caseId, terms);
      const to = tamper ? market.challenger : market.provider;
      const before = await market.escrow.balanceOf(market.stakeToken, to);
      await market.court.payDemandFee(caseId, part);
      expect(await market.escrow.balanceOf(market.stakeToken, to)).to.equal(before + demandFees(given, part));
      const again = market.court.payDemandFee(caseId, part);
      await refused(again, market.court, "ProofCourt_NotDemanded", caseId, Object.values(part));
      // Nothing is kept for the court, which has nobody to pay.
      expect((await market.disputes.caseOf(caseId)).arbiterReward).to.equal(0n);
      const [resolved] = await market.disputes.queryFilter(market.disputes.filters.CaseResolved(caseId));
      const { slashed, finderReward, treasuryAmount, bondToProvider } = resolved?.args ?? {};
      if (tamper) expect(treasuryAmount).to.equal((slashed ?? 0n) - (finderReward ?? 0n));
      else expect(bondToProvider).to.equal(BOND);
    }
  });

  it("does not end before the challenge window does", async () => {
    const market = await load();
    const given = await run(3);
    const { caseId } = await tracedCase(market, given);
    await at(await quietUntil(market, caseId));
    await networkHelpers.mine();
    expect((await market.court.rulingOf(caseId))[0]).to.equal(RULING.none);
    await at((await now()) + 1n);
    await networkHelpers.mine();
    expect((await market.court.rulingOf(caseId))[0]).to.equal(RULING.rejected);
  });
});
