import { jobIdOf } from "@assay/sdk";
import { expect } from "chai";
import { id, parseEther, ZeroAddress } from "ethers";

import { DisputeManager__factory, SilentArbiter__factory } from "../../sdk/src/typechain/index.js";
import { BOND, LONGEST_ARBITER, MAX_RESOLUTION, RULING } from "../support/assemble.js";
import { expectBooksExact } from "../support/books.js";
import type { ArbiterMarket } from "../support/court.js";
import { marketWithArbiter } from "../support/court.js";
import type { Terms } from "../support/fixture.js";
import {
  afterPhase,
  at,
  MODEL_SPEC,
  networkHelpers,
  now,
  OFFER,
  refused,
  requestJob,
  STATUS,
  submitJob,
} from "../support/fixture.js";

describe("DisputeManager", () => {
  const load = () => networkHelpers.loadFixture(marketWithArbiter);
  const bondsOf = (market: ArbiterMarket, account: { address: string }) =>
    market.escrow.balanceOf(market.stakeToken, account.address);

  describe("set up", () => {
    it("needs a bond", async () => {
      const { market, escrow, staking, models, disputes, deployer } = await load();
      const deployed = new DisputeManager__factory(deployer).deploy(market, escrow, staking, models, 0n);
      await refused(deployed, disputes, "DisputeManager_ZeroBond");
    });

    it("knows the contracts it acts on, its bond and its treasury", async () => {
      const { market, escrow, staking, models, disputes, stakeToken, treasury } = await load();
      expect(await disputes.MARKET()).to.equal(market);
      expect(await disputes.ESCROW()).to.equal(escrow);
      expect(await disputes.STAKING()).to.equal(staking);
      expect(await disputes.MODELS()).to.equal(models);
      expect(await disputes.STAKE_TOKEN()).to.equal(stakeToken);
      expect(await disputes.CHALLENGE_BOND()).to.equal(BOND);
      expect(await disputes.treasury()).to.equal(treasury);
    });

    it("A10 gives back less than the whole slash, whoever finder and arbiter are", async () => {
      const { disputes } = await load();
      expect((await disputes.FINDER_BPS()) + (await disputes.ARBITER_BPS())).to.be.lessThan(10_000n);
    });

    it("names the arbiter of a profile once", async () => {
      const { disputes, deployer, arbiter } = await load();
      const own = disputes.connect(deployer);
      await expect(own.setArbiter(1, arbiter)).to.emit(disputes, "ArbiterSet").withArgs(1n, arbiter);
      expect(await disputes.arbiterOf(1)).to.equal(arbiter);
      await refused(own.setArbiter(1, arbiter), disputes, "DisputeManager_ArbiterAlreadySet", 1n, arbiter);
    });

    it("takes arbiters from the deployer only", async () => {
      const { disputes, stranger, arbiter } = await load();
      await refused(disputes.setArbiter(1, arbiter), disputes, "DisputeManager_NotDeployer", stranger);
    });

    it("refuses no arbiter, and one that takes longer than a stake is bound", async () => {
      const { disputes, deployer } = await load();
      const own = disputes.connect(deployer);
      const slow = await new SilentArbiter__factory(deployer).deploy(LONGEST_ARBITER + 1n);
      await refused(own.setArbiter(1, ZeroAddress), disputes, "DisputeManager_ZeroAddress");
      const tooSlow = own.setArbiter(1, slow);
      await refused(tooSlow, disputes, "DisputeManager_ArbiterTooSlow", LONGEST_ARBITER + 1n, LONGEST_ARBITER);
    });
  });

  describe("a challenge", () => {
    it("freezes the job, holds the bond and tells the arbiter the facts", async () => {
      const market = await load();
      const { disputes, arbiter, challenger, provider, client, modelId } = market;
      const terms = await requestJob(market);
      const output = await submitJob(market, terms);
      const before = await bondsOf(market, challenger);
      const time = (await now()) + 5n;
      await at(time);
      await expect(disputes.connect(challenger).challenge(terms, output))
        .to.emit(disputes, "CaseOpened")
        .withArgs(1n, terms.id, challenger, arbiter, BOND, OFFER.stake, output)
        .and.to.emit(market.market, "JobDisputed")
        .withArgs(terms.id, provider, output)
        .and.to.emit(arbiter, "CaseTaken")
        .withArgs(1n, [
          terms.id,
          modelId,
          provider.address,
          client.address,
          challenger.address,
          terms.inputCommitment,
          output,
          await market.market.phaseEndOf(terms.id),
        ]);
      expect(await disputes.caseOf(1n)).to.deep.equal([
        terms.id,
        challenger.address,
        time,
        4n,
        await arbiter.getAddress(),
        RULING.none,
        BOND,
        0n,
      ]);
      expect([await disputes.lastCaseId(), await disputes.caseOfJob(terms.id)]).to.deep.equal([1n, 1n]);
      expect(await market.market.statusOf(terms.id)).to.equal(STATUS.disputed);
      expect(await bondsOf(market, challenger)).to.equal(before - BOND);
      await expectBooksExact(market, { prices: OFFER.price, bonds: BOND });
    });

    it("is possible for anyone with a bond, the client and the provider too", async () => {
      const market = await load();
      for (const who of [market.client, market.provider, market.stranger]) {
        await market.escrow.connect(market.challenger).transfer(market.stakeToken, who, BOND);
        const terms = await requestJob(market);
        const output = await submitJob(market, terms);
        await market.disputes.connect(who).challenge(terms, output);
        expect((await market.disputes.caseOf(await market.disputes.lastCaseId())).challenger).to.equal(who);
      }
    });

    it("costs a bond that must be there", async () => {
      const market = await load();
      const { disputes, escrow, challenger, stakeToken } = market;
      await escrow.connect(challenger).withdraw(stakeToken, challenger, parseEther("100") - BOND + 1n);
      const terms = await requestJob(market);
      const output = await submitJob(market, terms);
      const call = disputes.connect(challenger).challenge(terms, output);
      const error = "PaymentEscrow_InsufficientBalance";
      await refused(call, escrow, error, stakeToken, challenger, BOND - 1n, BOND);
      expect(await market.market.statusOf(terms.id)).to.equal(STATUS.submitted);
    });

    it("is refused for a model of a profile without an arbiter, and for no model", async () => {
      const market = await load();
      const { disputes, models, modelOwner } = market;
      const terms = await requestJob(market);
      const output = await submitJob(market, terms);
      await models.connect(modelOwner).register({ ...MODEL_SPEC, profile: 2, graphCommitment: id("graph") });
      const noArbiter = disputes.challenge({ ...terms, modelId: 2n }, output);
      await refused(noArbiter, disputes, "DisputeManager_NoArbiter", 2n);
      const noModel = disputes.challenge({ ...terms, modelId: 3n }, output);
      await refused(noModel, models, "ModelRegistry_UnknownModel", 3n);
    });

    it("is refused with other terms or for another output", async () => {
      const market = await load();
      const terms = await requestJob(market);
      const output = await submitJob(market, terms);
      const disputes = market.disputes.connect(market.challenger);
      const { none, submitted } = STATUS;
      for (const changed of [
        { ...terms, price: OFFER.price + 1n },
        { ...terms, stake: 0n },
      ]) {
        const call = disputes.challenge(changed, output);
        const unknown = jobIdOf(changed as never);
        await refused(call, market.market, "InferenceMarket_WrongStatus", unknown, none, submitted);
      }
      const other = disputes.challenge(terms, id("other"));
      await refused(other, market.market, "InferenceMarket_OutputMismatch", terms.id, id("other"));
    });

    it("is refused before delivery, twice, and after settlement", async () => {
      const market = await load();
      const disputes = market.disputes.connect(market.challenger);
      const wrongStatus = (terms: Terms, output: string, current: bigint) =>
        refused(
          disputes.challenge(terms, output),
          market.market,
          "InferenceMarket_WrongStatus",
          terms.id,
          current,
          STATUS.submitted,
        );
      const terms = await requestJob(market);
      await wrongStatus(terms, id("output"), STATUS.requested);
      const output = await submitJob(market, terms);
      await disputes.challenge(terms, output);
      await wrongStatus(terms, output, STATUS.disputed);
      await at((await now()) + MAX_RESOLUTION + 1n);
      await disputes.resolve(1n, terms);
      await wrongStatus(terms, output, STATUS.settled);
    });

    for (const [when, seconds, open] of [
      ["one second before the window ends", -1n, true],
      ["in the window's last second", 0n, true],
      ["one second after the window", 1n, false],
    ] as const) {
      it(`is ${open ? "possible" : "refused"} ${when}`, async () => {
        const market = await load();
        const terms = await requestJob(market);
        const output = await submitJob(market, terms);
        await afterPhase(market, terms, seconds);
        const call = market.disputes.connect(market.challenger).challenge(terms, output);
        if (open) await expect(call).to.emit(market.disputes, "CaseOpened");
        else {
          const { finalisable, submitted } = STATUS;
          await refused(call, market.market, "InferenceMarket_WrongStatus", terms.id, finalisable, submitted);
        }
      });
    }
  });
});
