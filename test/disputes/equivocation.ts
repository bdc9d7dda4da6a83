import { signerOfResult, signResult } from "@assay/sdk";
import { expect } from "chai";
import { concat, id, recoverAddress, Wallet } from "ethers";

import { RULING } from "../support/assemble.js";
import { expectAllSettled, expectBooksExact } from "../support/books.js";
import { challengedCase, tracedCase } from "../support/cases.js";
import { challengedJob, marketWithArbiter } from "../support/court.js";
import type { Market, Signer, Terms } from "../support/fixture.js";
import {
  afterPhase,
  networkHelpers,
  OFFER,
  openMarket,
  PREPAID,
  refused,
  requestJob,
  STATUS,
  submitJob,
} from "../support/fixture.js";
import { drawnCase, vote } from "../support/jury.js";
import { provenMarket, run } from "../support/proofs.js";

const DELIVERED = id("output");
const OTHER = id("other output");
const FINDERS_SHARE = (OFFER.stake * 40n) / 100n;
/** Signs a result as the SDK does for workers. */
async function sign({ disputes }: Pick<Market, "disputes">, signer: Signer | Wallet, jobId: bigint, output = OTHER) {
  const { chainId } = await disputes.eip712Domain();
  const domain = { chainId, disputes: await disputes.getAddress() };
  return (await signResult(signer, domain, { jobId, outputCommitment: output })).signature;
}

describe("A provider that signs two results for one job", () => {
  const load = () => networkHelpers.loadFixture(openMarket);

  async function delivered(market: Market) {
    const terms = await requestJob(market);
    await submitJob(market, terms, DELIVERED);
    return terms;
  }

  const proven = async (market: Market, terms: Terms, signer: Signer) =>
    market.disputes.proveEquivocation(terms, DELIVERED, OTHER, await sign(market, signer, terms.id));

  for (const role of ["operator", "provider"] as const) {
    it(`is convicted in one transaction, by anyone and without a bond, if its ${role} signed`, async () => {
      const market = await load();
      const { disputes, escrow, staking, stakeToken, payToken, client, provider, stranger, treasury } = market;
      const terms = await delivered(market);
      const had = await staking.slashableOf(provider);
      const sent = proven(market, terms, market[role]);
      await expect(sent)
        .to.emit(disputes, "EquivocationProven")
        .withArgs(1n, terms.id, stranger, DELIVERED, OTHER)
        .to.emit(market.market, "JobRefunded");
      expect((await disputes.caseOf(1)).ruling).to.equal(RULING.upheld);
      expect(await market.market.statusOf(terms.id)).to.equal(STATUS.settled);
      expect(await escrow.balanceOf(payToken, client)).to.equal(PREPAID);
      expect(await staking.slashableOf(provider)).to.equal(had - OFFER.stake);
      expect(await escrow.balanceOf(stakeToken, stranger)).to.equal(FINDERS_SHARE);
      expect(await escrow.balanceOf(stakeToken, treasury)).to.equal(OFFER.stake - FINDERS_SHARE);
      await expectAllSettled(market);
    });
  }

  it("is convicted once", async () => {
    const market = await load();
    const { disputes } = market;
    const terms = await delivered(market);
    await proven(market, terms, market.operator);
    await refused(
      proven(market, terms, market.operator),
      disputes,
      "DisputeManager_AlreadyResolved",
      1n,
      RULING.upheld,
    );
    await refused(disputes.resolve(1, terms), disputes, "DisputeManager_AlreadyResolved", 1n, RULING.upheld);
    const challenge = disputes.connect(market.challenger).challenge(terms, DELIVERED);
    await expect(challenge).to.be.revertedWithCustomError(market.market, "InferenceMarket_WrongStatus");
  });

  it("is convicted in the last second of the window, and paid from the next on", async () => {
    const market = await load();
    const [first, second] = [await delivered(market), await delivered(market)];
    const signatures = [
      await sign(market, market.operator, first.id),
      await sign(market, market.operator, second.id),
    ] as const;
    await afterPhase(market, first, 0n);
    await market.disputes.proveEquivocation(first, DELIVERED, OTHER, signatures[0]);
    await afterPhase(market, second, 1n);
    const late = market.disputes.proveEquivocation(second, DELIVERED, OTHER, signatures[1]);
    await expect(late).to.be.revertedWithCustomError(market.market, "InferenceMarket_WrongStatus");
    await market.market.finalise(second);
  });

  it("is not convicted by what it delivered, signed once more", async () => {
    const market = await load();
    const { disputes } = market;
    const terms = await delivered(market);
    const signature = await sign(market, market.operator, terms.id, DELIVERED);
    await refused(
      disputes.proveEquivocation(terms, DELIVERED, DELIVERED, signature),
      disputes,
      "DisputeManager_SameResult",
      terms.id,
      DELIVERED,
    );
  });

  it("is not convicted by what it delivered, passed off as the other of two: before a challenge and after", async () => {
    const market = await load();
    const { disputes } = market;
    const terms = await delivered(market);
    const signature = await sign(market, market.operator, terms.id, DELIVERED);
    const inverted = () => disputes.proveEquivocation(terms, OTHER, DELIVERED, signature);
    await expect(inverted()).to.be.revertedWithCustomError(market.market, "InferenceMarket_OutputMismatch");
    await disputes.connect(market.challenger).challenge(terms, DELIVERED);
    await refused(inverted(), disputes, "DisputeManager_OtherOutput", terms.id, OTHER);
  });

  it("is not convicted by what others signed, nor by its signature under another job, chain or contract", async () => {
    const market = await load();
    const { disputes, operator, stranger } = market;
    const [terms, another] = [await delivered(market), await delivered(market)];
    const { chainId, verifyingContract } = await disputes.eip712Domain();
    const value = { jobId: terms.id, outputCommitment: OTHER };
    const elsewhere = { chainId: chainId + 1n, disputes: verifyingContract };
    const other = { chainId, disputes: stranger.address };
    const signatures = [
      await sign(market, stranger, terms.id),
      await sign(market, operator, another.id),
      (await signResult(operator, elsewhere, value)).signature,
      (await signResult(operator, other, value)).signature,
      "0x",
    ];
    for (const signature of signatures) {
      const call = disputes.proveEquivocation(terms, DELIVERED, OTHER, signature);
      await refused(call, disputes, "DisputeManager_NotSigned", terms.id, OTHER);
    }
  });

  it("is not convicted before it delivered, nor by terms of a job that never was", async () => {
    const market = await load();
    const { disputes, operator } = market;
    const terms = await requestJob(market);
    const signature = await sign(market, operator, terms.id);
    for (const given of [terms, { ...terms, price: 1n }]) {
      const call = disputes.proveEquivocation(given, DELIVERED, OTHER, signature);
      if (given === terms) {
        await expect(call).to.be.revertedWithCustomError(market.market, "InferenceMarket_WrongStatus");
      } else {
        await expect(call).to.be.revertedWithCustomError(disputes, "DisputeManager_NotSigned");
      }
    }
  });

  it("is convicted after it changed its key: the key of the job's terms counts", async () => {
    const market = await load();
    const { providers, provider, operator, stranger, disputes } = market;
    const terms = await delivered(market);
    const signature = await sign(market, operator, terms.id);
    await providers.connect(provider).setOperator(market.people.at(-1)?.address ?? "");
    await disputes.connect(stranger).proveEquivocation(terms, DELIVERED, OTHER, signature);
    expect((await disputes.caseOf(1)).ruling).to.equal(RULING.upheld);
  });

  it("is convicted though its key became an account with code since, which signs for nobody (EIP-7702)", async () => {
    const market = await load();
    const { disputes, providers, provider, stakeToken } = market;
    const key = new Wallet(id("operator"));
    await providers.connect(provider).setOperator(key);
    const terms = await requestJob(market);
    await market.market.connect(provider).submit(terms, DELIVERED, "");
    const signature = await sign(market, key, terms.id);
    await networkHelpers.setCode(key.address, concat(["0xef0100", await stakeToken.getAddress()]));
    await disputes.proveEquivocation(terms, DELIVERED, OTHER, signature);
    expect((await disputes.caseOf(1)).ruling).to.equal(RULING.upheld);
  });

  it("ends a case before an arbiter: who challenged has the bond back, and is the finder whoever proves", async () => {
    const market = await networkHelpers.loadFixture(marketWithArbiter);
    const { disputes, escrow, stakeToken, challenger, stranger } = market;
    const had = await escrow.balanceOf(stakeToken, challenger);
    const { terms, caseId } = await challengedJob(market);
    await market.arbiter.rule(RULING.rejected, challenger);
    await proven(market, terms, market.operator);
    expect((await disputes.caseOf(caseId)).ruling).to.equal(RULING.upheld);
    expect(await escrow.balanceOf(stakeToken, challenger)).to.equal(had + FINDERS_SHARE);
    expect(await escrow.balanceOf(stakeToken, stranger)).to.equal(0n);
    const again = disputes.resolve(caseId, terms);
    await refused(again, disputes, "DisputeManager_AlreadyResolved", caseId, RULING.upheld);
    await expectBooksExact(market);
  });

  it("does not take the finder's share itself once it is found out", async () => {
    const market = await networkHelpers.loadFixture(marketWithArbiter);
    const { disputes, escrow, stakeToken, provider, stranger } = market;
    const { terms, caseId } = await challengedJob(market);
    await market.arbiter.rule(RULING.upheld, stranger);
    const signature = await sign(market, market.operator, terms.id);
    const own = () => disputes.connect(provider).proveEquivocation(terms, DELIVERED, OTHER, signature);
    await refused(own(), disputes, "DisputeManager_AlreadyUpheld", caseId);
    await disputes.resolve(caseId, terms);
    expect(await escrow.balanceOf(stakeToken, stranger)).to.equal(FINDERS_SHARE);
    expect(await escrow.balanceOf(stakeToken, provider)).to.equal(0n);
  });

  it("ends a case before a jury, whose jurors vote to the end, free their deposits and share the arbiter's part", async () => {
    const market = await load();
    const { terms, caseId, seats } = await drawnCase(market);
    await proven(market, terms, market.operator);
    await vote(market, caseId, seats, [DELIVERED, DELIVERED, DELIVERED]);
    await market.jury.payJurors(caseId);
    await expectAllSettled(market);
  });

  it("ends a case before the proof court; fees of demands go back", async function () {
    this.timeout(120_000);
    const market = await networkHelpers.loadFixture(provenMarket);
    const given = await run(3);
    const { terms, caseId } = await tracedCase(market, given);
    const signature = await sign(market, market.operator, terms.id);
    await market.disputes.proveEquivocation(terms, given.posted.outputRoot, OTHER, signature);
    await expectAllSettled(market);
    const next = await challengedCase(market, given);
    expect(next.caseId).to.equal(caseId + 1n);
  });

  it("gains nothing by convicting itself: it loses what the finder does not get", async () => {
    const market = await load();
    const { disputes, escrow, staking, stakeToken, provider, operator } = market;
    const wealth = async () => (await escrow.balanceOf(stakeToken, provider)) + (await staking.slashableOf(provider));
    const had = await wealth();
    const terms = await delivered(market);
    const signature = await sign(market, operator, terms.id);
    await disputes.connect(provider).proveEquivocation(terms, DELIVERED, OTHER, signature);
    expect(await wealth()).to.equal(had - OFFER.stake + FINDERS_SHARE);
  });

  it("signs what the contract says it signs, under the domain that the contract describes", async () => {
    const { disputes, operator } = await load();
    const { name, version, chainId, verifyingContract } = await disputes.eip712Domain();
    expect([name, version, verifyingContract]).to.deep.equal(["Assay", "1", await disputes.getAddress()]);
    const signature = await sign({ disputes }, operator, 7n);
    expect(recoverAddress(await disputes.resultDigest(7n, OTHER), signature)).to.equal(operator.address);
    const signed = { jobId: 7n, outputCommitment: OTHER, signature };
    expect(signerOfResult({ chainId, disputes: verifyingContract }, signed)).to.equal(operator.address);
    expect(await disputes.RESULT_TYPEHASH()).to.equal(id("Result(uint256 jobId,bytes32 outputCommitment)"));
  });
});
