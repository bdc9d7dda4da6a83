import { expect } from "chai";
import { id, ZeroHash } from "ethers";

import { JuryArbiter__factory } from "../../sdk/src/typechain/index.js";
import { assemble, HOUR, JUROR_LOCK, LONGEST_ARBITER, POOL_LOCK } from "../support/assemble.js";
import type { Signer } from "../support/fixture.js";
import { at, ethers, networkHelpers, openMarket, populate, refused, requestJob, STAKE } from "../support/fixture.js";
import type { Juror } from "../support/jury.js";
import {
  awaitSeed,
  commit,
  DELIVERED,
  drawnCase,
  expectedJury,
  openedCase,
  OTHER,
  PHASE,
  reveal,
  seatsOf,
  VOTE,
} from "../support/jury.js";

const SEED_BLOCKS = 256n;

/** A jury that waits long enough for a draw to see its seed forgotten, and judges with two of three. */
async function slowDraw() {
  const periods = { draw: 2n * HOUR, commit: HOUR, reveal: HOUR };
  return populate(await assemble({ juryJudges: true, jurySize: 2n, periods }));
}

describe("JuryArbiter", () => {
  const load = () => networkHelpers.loadFixture(openMarket);

  /** The first juror of a drawn case, and a provider that has no seat. */
  async function drawn() {
    const market = await load();
    const judged = await drawnCase(market);
    const [first, second, third] = judged.seats as [Juror, Juror, Juror];
    return { market, ...judged, first, second, third };
  }

  describe("set up", () => {
    for (const [what, periods, size, error, values] of [
      [
        "longer than a resolution may take",
        [LONGEST_ARBITER, 1n, 0n],
        3n,
        "PeriodsTooLong",
        [LONGEST_ARBITER + 1n, LONGEST_ARBITER],
      ],
      ["without seats", [1n, 1n, 1n], 0n, "BadJurySize", [0n, 15n]],
      ["with too many seats", [1n, 1n, 1n], 16n, "BadJurySize", [16n, 15n]],
    ] as const) {
      it(`refuses a jury ${what}`, async () => {
        const { deployer, jury, disputes, escrow, staking, providers, randomness } = await load();
        const [draw, commitTime, revealTime] = periods;
        const clock = { draw, commit: commitTime, reveal: revealTime };
        const factory = new JuryArbiter__factory(deployer);
        const call = factory.deploy(disputes, escrow, staking, providers, randomness, clock, size, JUROR_LOCK);
        await refused(call, jury, `JuryArbiter_${error}`, ...values);
      });
    }

    it("knows its clock, its seats and the contracts it acts on", async () => {
      const { jury, disputes, escrow, staking, providers, randomness, stakeToken } = await load();
      expect(await jury.resolutionPeriod()).to.equal(3n * HOUR);
      expect([await jury.JURY_SIZE(), await jury.QUORUM(), await jury.MAX_JURY()]).to.deep.equal([3n, 2n, 15n]);
      expect(await jury.DISPUTES()).to.equal(disputes);
      expect(await jury.ESCROW()).to.equal(escrow);
      expect(await jury.STAKING()).to.equal(staking);
      expect(await jury.PROVIDERS()).to.equal(providers);
      expect(await jury.RANDOMNESS()).to.equal(randomness);
      expect(await jury.STAKE_TOKEN()).to.equal(stakeToken);
      expect(await jury.VOTE_TAG()).to.equal(id("assay.jury.vote.v1"));
    });

    it("takes cases from its court only", async () => {
      const { jury, stranger, client, provider, challenger, modelId } = await load();
      const facts = {
        jobId: 1n,
        modelId,
        provider,
        client,
        challenger,
        inputCommitment: id("input"),
        outputCommitment: DELIVERED,
        challengeableUntil: 0n,
      };
      await refused(jury.openCase(1n, facts), jury, "JuryArbiter_NotDisputes", stranger);
    });

    it("knows nothing of a case that was not opened", async () => {
      const { jury } = await load();
      expect(await jury.phaseOf(1n)).to.equal(PHASE.none);
      await refused(jury.close(1n), jury, "JuryArbiter_WrongPhase", 1n, PHASE.none, PHASE.count);
    });
  });

  describe("a draw", () => {
    it("waits for the seed", async () => {
      const market = await load();
      const { jury } = market;
      const { caseId, pool, weights } = await openedCase(market);
      const { seedRequest } = await jury.juryCaseOf(caseId);
      expect(await jury.phaseOf(caseId)).to.equal(PHASE.draw);
      await refused(jury.draw(caseId, pool, weights), jury, "JuryArbiter_SeedNotReady", caseId, seedRequest);
      await awaitSeed();
      await jury.draw(caseId, pool, weights);
      expect(await jury.phaseOf(caseId)).to.equal(PHASE.commit);
    });

    it("C14 C16 seats a full jury by seed and stake, nobody twice, each with what it can lose locked", async () => {
      const market = await load();
      const { jury, staking, randomness } = market;
      const { terms, caseId, pool, weights } = await openedCase(market);
      await awaitSeed();
      const sent = jury.draw(caseId, pool, weights);
      await sent;
      const { seedRequest, jurors, commitEnd, revealEnd } = await jury.juryCaseOf(caseId);
      const [seed] = await randomness.seedOf(seedRequest);
      const expected = expectedJury(seed, caseId, pool, weights, 3);
      expect([...jurors]).to.deep.equal(expected);
      expect(new Set(jurors).size).to.equal(3);
      await expect(sent).to.emit(jury, "JurorsDrawn").withArgs(caseId, terms.id, 0n, expected, commitEnd, revealEnd);
      expect(revealEnd - commitEnd).to.equal(HOUR);
      for (const juror of jurors) {
        expect(await staking.lockedOf(juror)).to.equal(POOL_LOCK);
        expect(await jury.membershipOf(terms.modelId, juror)).to.deep.equal([4n, 1n, false]);
        expect(await jury.seatOf(caseId, juror)).to.deep.equal([STAKE, ZeroHash, VOTE.none]);
      }
    });

    it("is made from the pool of the day of the challenge", async () => {
      const market = await load();
      const { jury, modelId } = market;
      const { caseId, pool, weights } = await openedCase(market);
      await awaitSeed();
      for (const [wrongPool, wrongWeights] of [
        [[...pool].reverse(), weights],
        [pool, weights.map((weight) => weight + 1n)],
        [pool.slice(1), weights.slice(1)],
        [[], []],
      ] as const) {
        const call = jury.draw(caseId, [...wrongPool], [...wrongWeights]);
        await refused(call, jury, "JuryArbiter_PoolMismatch", caseId);
      }
      for (const { provider, operator } of market.keys) {
        await jury.connect(operator).leave(modelId, provider);
        await jury.connect(operator).enrol(modelId, provider);
      }
      await jury.draw(caseId, pool, weights);
      expect((await jury.juryCaseOf(caseId)).jurors).to.have.length(3);
    });

    it("is made once", async () => {
      const { market, caseId, pool, weights } = await drawn();
      const again = market.jury.draw(caseId, pool, weights);
      await refused(again, market.jury, "JuryArbiter_WrongPhase", caseId, PHASE.commit, PHASE.draw);
    });

    for (const [when, seconds, open] of [
      ["one second before its period ends", -1n, true],
      ["in its period's last second", 0n, true],
      ["one second after its period", 1n, false],
    ] as const) {
      it(`is ${open ? "possible" : "refused"} ${when}`, async () => {
        const market = await load();
        const { jury } = market;
        const { caseId, pool, weights } = await openedCase(market);
        await awaitSeed();
        await at((await jury.juryCaseOf(caseId)).openedAt + HOUR + seconds);
        const call = jury.draw(caseId, pool, weights);
        if (open) await expect(call).to.emit(jury, "JurorsDrawn");
        else await refused(call, jury, "JuryArbiter_WrongPhase", caseId, PHASE.count, PHASE.draw);
      });
    }

    it("C18 asks for another seed when the first was missed, and not before", async () => {
      const market = await networkHelpers.loadFixture(slowDraw);
      const { jury } = market;
      const { caseId, pool, weights } = await openedCase(market);
      const { seedRequest } = await jury.juryCaseOf(caseId);
      await refused(jury.requestSeedAgain(caseId), jury, "JuryArbiter_SeedNotExpired", caseId, seedRequest);
      await networkHelpers.mine(seedRequest + SEED_BLOCKS - (await latestBlock()) - 1n);
      await refused(jury.requestSeedAgain(caseId), jury, "JuryArbiter_SeedNotExpired", caseId, seedRequest);
      await networkHelpers.mine(2);
      await refused(jury.draw(caseId, pool, weights), jury, "JuryArbiter_SeedNotReady", caseId, seedRequest);
      const next = (await latestBlock()) + 3n;
      await expect(jury.requestSeedAgain(caseId)).to.emit(jury, "SeedRequestedAgain").withArgs(caseId, 1n, next);
      await awaitSeed();
      await jury.draw(caseId, pool, weights);

      const [juror] = (await seatsOf(market, caseId)) as [Juror];
      const { round } = await jury.juryCaseOf(caseId);
      expect(round).to.equal(1n);
      await commit(market, caseId, juror, OTHER);
      const again = jury.requestSeedAgain(caseId);
      await refused(again, jury, "JuryArbiter_WrongPhase", caseId, PHASE.commit, PHASE.draw);
    });

    it("C14 leaves the seat of who left empty, down to an empty jury", async () => {
      for (const leaving of [1, 3]) {
        const market = await load();
        const { jury } = market;
        const { caseId, pool, weights } = await openedCase(market);
        const jurors = market.keys.slice(1).map(({ provider }) => provider);
        for (const juror of jurors.slice(0, leaving)) await jury.connect(juror).leave(market.modelId, juror);
        await awaitSeed();
        await jury.draw(caseId, pool, weights);
        const seated = (await jury.juryCaseOf(caseId)).jurors;
        expect([...seated].sort()).to.deep.equal(
          jurors
            .slice(leaving)
            .map(({ address }) => address)
            .sort(),
        );
        expect(await jury.phaseOf(caseId)).to.equal(leaving === 3 ? PHASE.count : PHASE.commit);
      }
    });

    it("gives nobody who leaves after the seed is known a say in who sits instead", async () => {
      const market = await networkHelpers.loadFixture(slowDraw);
      const { jury, randomness, modelId } = market;
      const { caseId, pool, weights } = await openedCase(market);
      await networkHelpers.mine(3);
      const [seed] = await randomness.seedOf((await jury.juryCaseOf(caseId)).seedRequest);
      const [first, second] = expectedJury(seed, caseId, pool, weights, 2);
      const leaver = market.keys.find(({ provider }) => provider.address === first)?.provider;
      if (!leaver) throw new Error("nobody is drawn");
      await jury.connect(leaver).leave(modelId, leaver);
      await jury.draw(caseId, pool, weights);
      expect([...(await jury.juryCaseOf(caseId)).jurors]).to.deep.equal([second]);
    });

    it("C14 seats a juror whose free stake somebody used up by buying jobs from it", async () => {
      const market = await load();
      const { jury, staking, providers, payToken, modelId } = market;
      const opened = await openedCase(market);
      for (const { provider } of market.keys.slice(1)) {
        await providers.connect(provider).setOffer(modelId, payToken, 1n, STAKE - POOL_LOCK, 60n);
        await requestJob(market, { provider: provider.address });
        expect(await staking.freeOf(provider)).to.equal(0n);
      }
      await awaitSeed();
      await jury.draw(opened.caseId, opened.pool, opened.weights);
      expect((await jury.juryCaseOf(opened.caseId)).jurors).to.have.lengthOf(3);
      // And a challenge after that is heard just the same.
      const { weights } = await openedCase(market);
      expect(weights).to.deep.equal([STAKE, STAKE, STAKE]);
    });
  });

  describe("a commitment", () => {
    for (const who of ["provider", "operator"] as const) {
      it(`comes from the juror's ${who}`, async () => {
        const { market, caseId, first } = await drawn();
        const { jury } = market;
        await expect(jury.connect(first[who]).commitVote(caseId, first.provider, id("vote")))
          .to.emit(jury, "VoteCommitted")
          .withArgs(caseId, first.provider, id("vote"));
        expect((await jury.seatOf(caseId, first.provider)).commitment).to.equal(id("vote"));
        expect((await jury.juryCaseOf(caseId)).committed).to.equal(1n);
      });
    }

    it("comes from nobody else, and from nobody without a seat", async () => {
      const { market, caseId, first, second } = await drawn();
      const { jury, provider, operator } = market;
      const commitFor = (juror: Signer, by: Signer) => jury.connect(by).commitVote(caseId, juror, id("vote"));
      const theirs = commitFor(first.provider, second.operator);
      await refused(theirs, jury, "JuryArbiter_NotAllowed", first.provider, second.operator);
      await refused(commitFor(provider, operator), jury, "JuryArbiter_NotJuror", caseId, provider);
    });

    it("C15 is made once, and is not empty", async () => {
      const { market, caseId, first } = await drawn();
      const own = market.jury.connect(first.operator);
      const empty = own.commitVote(caseId, first.provider, ZeroHash);
      await refused(empty, market.jury, "JuryArbiter_EmptyCommitment");
      await own.commitVote(caseId, first.provider, id("vote"));
      const again = own.commitVote(caseId, first.provider, id("another"));
      await refused(again, market.jury, "JuryArbiter_AlreadyCommitted", caseId, first.provider);
    });

    it("is refused before the draw", async () => {
      const market = await load();
      const { caseId } = await openedCase(market);
      const call = market.jury.connect(market.operator).commitVote(caseId, market.provider, id("vote"));
      await refused(call, market.jury, "JuryArbiter_WrongPhase", caseId, PHASE.draw, PHASE.commit);
    });
  });

  describe("a reveal", () => {
    for (const [what, found, ruling, weights] of [
      ["the output in question", DELIVERED, VOTE.agrees, [STAKE, 0n, 1n]],
      ["another output", OTHER, VOTE.differs, [0n, STAKE, 1n]],
      ["nothing", ZeroHash, VOTE.abstains, [0n, 0n, 0n]],
    ] as const) {
      it(`of ${what} counts as such`, async () => {
        const { market, caseId, seats, first } = await drawn();
        const { jury } = market;
        for (const juror of seats) await commit(market, caseId, juror, found);
        expect(await jury.phaseOf(caseId)).to.equal(PHASE.reveal);
        await expect(reveal(market, caseId, first, found))
          .to.emit(jury, "VoteRevealed")
          .withArgs(caseId, first.provider, found, ruling, STAKE);
        const { weightFor, weightAgainst, voted, revealed } = await jury.juryCaseOf(caseId);
        expect([weightFor, weightAgainst, voted]).to.deep.equal(weights);
        expect(revealed).to.equal(1n);
        expect((await jury.seatOf(caseId, first.provider)).vote).to.equal(ruling);
      });
    }

    it("I18 opens the juror's own commitment of this case, with its output and its salt", async () => {
      const { market, caseId, seats, first, second } = await drawn();
      const { jury } = market;
      for (const juror of seats) await commit(market, caseId, juror, OTHER);
      const open = (juror: Juror, found: string, salt: string) =>
        jury.connect(juror.operator).revealVote(caseId, juror.provider, found, salt);
      for (const [juror, found, salt] of [
        [first, DELIVERED, first.salt],
        [first, OTHER, id("other salt")],
        [second, OTHER, first.salt],
      ] as const) {
        const error = "JuryArbiter_CommitmentMismatch";
        await refused(open(juror, found, salt), jury, error, caseId, juror.provider);
      }
      const theirs = jury.connect(second.operator).revealVote(caseId, first.provider, OTHER, first.salt);
      await refused(theirs, jury, "JuryArbiter_NotAllowed", first.provider, second.operator);
      const { provider, operator } = market;
      const unseated = jury.connect(operator).revealVote(caseId, provider, OTHER, first.salt);
      await refused(unseated, jury, "JuryArbiter_NotJuror", caseId, provider);
    });

    it("C17 opens no commitment that was made for another case", async () => {
      const market = await load();
      const one = await drawnCase(market);
      const two = await drawnCase(market);
      const [juror] = one.seats as [Juror];
      const { jury } = market;
      const copied = await jury.commitmentOf(one.caseId, juror.provider, OTHER, juror.salt);
      for (const { provider, operator } of two.seats) {
        await jury.connect(operator).commitVote(two.caseId, provider, copied);
      }
      const call = jury.connect(juror.operator).revealVote(two.caseId, juror.provider, OTHER, juror.salt);
      await refused(call, jury, "JuryArbiter_CommitmentMismatch", two.caseId, juror.provider);
    });

    it("happens once, and not without a commitment", async () => {
      const { market, caseId, first, second } = await drawn();
      await commit(market, caseId, first, OTHER);
      await at((await market.jury.juryCaseOf(caseId)).commitEnd + 1n);
      await reveal(market, caseId, first, OTHER);
      const again = reveal(market, caseId, first, OTHER);
      await refused(again, market.jury, "JuryArbiter_AlreadyRevealed", caseId, first.provider);
      const uncommitted = reveal(market, caseId, second, OTHER);
      await refused(uncommitted, market.jury, "JuryArbiter_CommitmentMismatch", caseId, second.provider);
    });
  });

  async function latestBlock(): Promise<bigint> {
    return BigInt(await ethers.provider.getBlockNumber());
  }
});
