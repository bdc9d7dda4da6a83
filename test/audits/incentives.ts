import { ModelProfile, quoteAudit } from "@assay/sdk";
import { expect } from "chai";
import { id, parseEther, ZeroAddress } from "ethers";

import { AuditMath__factory, AuditOffice__factory } from "../../sdk/src/typechain/index.js";
import { AUDITS } from "../support/assemble.js";
import { auditedMarket, drawAt, PAY, SURE_WINDOW, TICKET } from "../support/audits.js";
import { networkHelpers, OFFER, refused, registerModel } from "../support/fixture.js";

/** The example of docs/INCENTIVES.md: a job of five cents. */
const JOB = {
  gain: 0n,
  fee: parseEther("0.05"),
  cost: parseEther("0.02"),
  cheatCost: 0n,
  honestBps: 9_000n,
};
const DECEIT = { ...JOB, gain: parseEther("50") };

describe("The incentive inequality", () => {
  const load = () => networkHelpers.loadFixture(auditedMarket);
  const funded = async () => {
    const market = await load();
    await market.audits.connect(market.client).fund(market.modelId, PAY);
    return market;
  };
  const cents = (amount: bigint | undefined) => Number((amount ?? -1n) / 10n ** 14n) / 100;

  it("asks a stake of 13 prices of a provider that could only save its work, at a rate of 5 %", async () => {
    const market = await funded();
    const { rateBps, stake } = await quoteAudit(market, market.modelId, JOB);
    expect(rateBps).to.equal(500n);
    // 0.01775 / 0.027, rounded up to the wei.
    expect(stake).to.equal((parseEther("0.01775") * 1000n + 26n) / 27n);
    expect(cents(stake)).to.equal(65.74);
  });

  it("asks 1,770 for a gain of 50, and 9 if the audit is booked", async () => {
    const market = await funded();
    const { stake, stakeBooked } = await quoteAudit(market, market.modelId, DECEIT);
    expect((stake ?? 0n) / 10n ** 18n).to.equal(1_769n);
    expect(stake).to.be.lessThan(parseEther("1770"));
    expect((stakeBooked ?? 0n) / 10n ** 18n).to.equal(9n);
  });

  it("says which rate a stake needs: the one at which it is asked for", async () => {
    const { audits } = await load();
    expect(await audits.rateFor(JOB, parseEther("0.6575"))).to.deep.equal([true, 500n]);
    expect(await audits.rateFor(JOB, parseEther("0.6573"))).to.deep.equal([true, 501n]);
    expect(await audits.rateFor(DECEIT, parseEther("1770"))).to.deep.equal([true, 500n]);
    expect(await audits.rateFor(DECEIT, parseEther("9.22"))).to.deep.equal([true, 10_000n]);
  });

  it("says when not even an audit of every job is enough, or no stake", async () => {
    const { audits, modelId } = await load();
    expect(await audits.rateFor(DECEIT, parseEther("9.2"))).to.deep.equal([false, 0n]);
    expect((await audits.rateFor({ ...DECEIT, honestBps: 0n }, parseEther("9"))).possible).to.equal(false);
    const { possibleBooked } = await audits.quote(modelId, { ...DECEIT, honestBps: 0n });
    expect(possibleBooked).to.equal(false);
  });

  it("counts on no audit that nobody pays for, and on none that nobody is there to do", async () => {
    const market = await load();
    const { audits, modelId, client, first, second } = market;
    const unpaid = await quoteAudit(market, modelId, JOB);
    expect(unpaid).to.deep.include({ rateBps: 0n, stake: undefined });
    await audits.connect(client).fund(modelId, PAY);
    expect((await quoteAudit(market, modelId, JOB)).rateBps).to.equal(500n);
    for (const { provider, operator } of [first, second]) await audits.connect(operator).leave(modelId, provider);
    expect((await audits.quote(modelId, JOB)).possibleBooked).to.equal(false);
    expect(await quoteAudit(market, modelId, JOB)).to.deep.equal({ ...unpaid, stakeBooked: undefined });
  });

  it("counts on no booked audit of a model whose audits nobody can book", async () => {
    const market = await load();
    const { audits, providers, client, payToken, first, modelId } = market;
    expect((await quoteAudit(market, modelId, DECEIT)).stakeBooked).to.be.a("bigint");
    const tolerant = await registerModel(market, { profile: ModelProfile.Tolerance, graphCommitment: id("graph") });
    const { price, stake, maxDuration } = OFFER;
    await providers.connect(first.provider).setOffer(tolerant, payToken, price, stake, maxDuration);
    await refused(
      audits.connect(client).fund(tolerant, PAY),
      audits,
      "AuditOffice_NoExactBytes",
      tolerant,
      ModelProfile.Tolerance,
    );
    expect((await quoteAudit(market, tolerant, DECEIT)).stakeBooked).to.equal(undefined);
  });

  it("counts on no audit that does not fit into the challenge window of a new job", async () => {
    const market = await load();
    const { audits, client, deployer, modelId } = market;
    await audits.connect(client).fund(modelId, PAY);
    for (const [window, rate] of [
      [SURE_WINDOW, 500n],
      [SURE_WINDOW - 1n, 0n],
    ] as const) {
      await market.market.connect(deployer).setChallengeWindow(window);
      const { rateBps, stakeBooked } = await quoteAudit(market, modelId, JOB);
      expect(rateBps).to.equal(rate);
      expect(stakeBooked === undefined).to.equal(rate === 0n);
      expect((await audits.quote(modelId, JOB)).possibleBooked).to.equal(rate > 0n);
    }
  });

  it("counts on the lower rate while a change is under way", async () => {
    const market = await funded();
    const { audits, deployer, modelId } = market;
    const rate = async () => (await quoteAudit(market, modelId, JOB)).rateBps;
    await audits.connect(deployer).setAuditRate(1_000n);
    expect(await rate()).to.equal(500n);
    await drawAt(market, 1_000n);
    expect(await rate()).to.equal(1_000n);
    await audits.connect(deployer).setAuditRate(200n);
    expect(await rate()).to.equal(200n);
  });

  it("asks no stake where cheating costs what it brings", async () => {
    const { audits, modelId } = await load();
    const { possible, stake } = await audits.quote(modelId, { ...JOB, cheatCost: JOB.cost });
    expect([possible, stake]).to.deep.equal([true, 0n]);
    expect(await audits.rateFor({ ...JOB, cheatCost: JOB.cost }, 0n)).to.deep.equal([true, 0n]);
  });

  it("never asks too little: at the stake and rate it names, the honest provider earns no less than the cheat", async () => {
    const market = await load();
    const { audits } = market;
    const ONE = 10_000n;
    for (const gain of [0n, 7n, parseEther("3")]) {
      for (const stake of [1n, 999n, parseEther("0.7"), parseEther("12")]) {
        for (const honestBps of [1n, 4_321n, 10_000n]) {
          const job = { gain, fee: 11n, cost: parseEther("0.01"), cheatCost: 3n, honestBps };
          const { possible, rateBps } = await audits.rateFor(job, stake);
          const holds = (rate: bigint) => {
            const q = rate * honestBps;
            const cheat = (ONE * ONE - q) * (job.fee + gain) * ONE - q * 6_000n * stake - ONE ** 3n * job.cheatCost;
            return ONE ** 3n * (job.fee - job.cost) >= cheat;
          };
          expect(holds(possible ? rateBps : ONE)).to.equal(possible);
          if (possible && rateBps > 0n) expect(holds(rateBps - 1n)).to.equal(false);
        }
      }
    }
  });

  it("takes no share above one", async () => {
    const { audits, modelId, deployer } = await load();
    // The error is a library's.
    const library = AuditMath__factory.connect(ZeroAddress, deployer);
    await refused(audits.quote(modelId, { ...JOB, honestBps: 10_001n }), library, "AuditMath_NoShare", 10_001n);
  });

  it("has the finder's share that the court pays", async () => {
    const { disputes } = await load();
    expect(await disputes.FINDER_BPS()).to.equal(4_000n);
  });

  describe("an office is not deployed", () => {
    async function deployWith(changes: Partial<typeof AUDITS>) {
      const { authority, market, disputes, models, providers, staking, escrow, randomness, deployer } = await load();
      const parts = [authority, market, disputes, models, providers, staking, escrow, randomness] as const;
      return new AuditOffice__factory(deployer).deploy(...parts, { ...AUDITS, ...changes });
    }
    const office = async () => AuditOffice__factory.connect(ZeroAddress, (await load()).deployer);

    it("with pay that is no less than what a lie costs the auditor", async () => {
      const errors = await office();
      for (const auditPay of [TICKET, 0n]) {
        await refused(deployWith({ auditPay }), errors, "AuditOffice_PayNotBelowLock", auditPay, TICKET);
      }
    });

    for (const name of ["roundPeriod", "commitPeriod", "answerPeriod", "revealPeriod", "challengePeriod"] as const) {
      it(`without a ${name}`, async () => {
        const errors = await office();
        await refused(deployWith({ [name]: 0n }), errors, "AuditOffice_ZeroPeriod");
      });
    }

    it("with periods that fit in no challenge window, or a rate above its cap", async () => {
      const errors = await office();
      const longest = 604_800n;
      const { roundPeriod, commitPeriod, revealPeriod, challengePeriod } = AUDITS;
      const answerPeriod = longest - roundPeriod - commitPeriod - revealPeriod - challengePeriod;
      await deployWith({ answerPeriod });
      const tooLong = deployWith({ answerPeriod: answerPeriod + 1n });
      await refused(tooLong, errors, "AuditOffice_PeriodsTooLong", longest + 1n, longest);
      await refused(deployWith({ auditRateBps: 5_001n }), errors, "AuditOffice_RateAboveCap", 5_001n, 5_000n);
    });
  });

  describe("the audit rate", () => {
    it("is moved by the admin, within its cap", async () => {
      const { audits, deployer } = await load();
      await expect(audits.connect(deployer).setAuditRate(1_000n)).to.emit(audits, "AuditRateChanged").withArgs(1_000n);
      expect(await audits.auditRateBps()).to.equal(1_000n);
      const above = audits.connect(deployer).setAuditRate(5_001n);
      await refused(above, audits, "AuditOffice_RateAboveCap", 5_001n, 5_000n);
    });

    it("is moved by nobody else", async () => {
      const { audits, stranger } = await load();
      await refused(audits.setAuditRate(0n), audits, "AccessManagedUnauthorized", stranger);
    });
  });
});
