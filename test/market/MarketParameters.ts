import { expect } from "chai";
import { id, parseEther, ZeroAddress } from "ethers";

import { assemble } from "../support/assemble.js";
import type { Market, Signer } from "../support/fixture.js";
import {
  afterPhase,
  DAY,
  ethers,
  networkHelpers,
  OFFER,
  populate,
  refused,
  requestJob,
  STATUS,
  submitJob,
  WINDOW,
} from "../support/fixture.js";

const OUTPUT = id("output");

/** A market whose deployer may change parameters at once. */
async function openToDeployer() {
  return populate(await assemble({ juryJudges: true }));
}

/** What a person may change, to what, and what `parameters` shows then. */
const SETTERS = {
  setProtocolFee: {
    call: ({ market }: Market, by: Signer) => market.connect(by).setProtocolFee(500n),
    event: ["ProtocolFeeChanged", 500n],
    shown: (found: Parameters) => found.protocolFeeBps,
  },
  setChallengeWindow: {
    call: ({ market }: Market, by: Signer) => market.connect(by).setChallengeWindow(60n),
    event: ["ChallengeWindowChanged", 60n],
    shown: (found: Parameters) => found.challengeWindow,
  },
  setMinJobStake: {
    call: ({ market }: Market, by: Signer) => market.connect(by).setMinJobStake(2n ** 128n - 1n),
    event: ["MinJobStakeChanged", 2n ** 128n - 1n],
    shown: (found: Parameters) => found.minJobStake,
  },
  pause: {
    call: ({ market }: Market, by: Signer) => market.connect(by).pause(),
    event: ["PauseChanged", true],
    shown: (found: Parameters) => found.paused,
  },
  unpause: {
    call: ({ market }: Market, by: Signer) => market.connect(by).unpause(),
    event: ["PauseChanged", false],
    shown: (found: Parameters) => found.paused,
  },
} as const;

type Parameters = Awaited<ReturnType<Market["market"]["parameters"]>>;

describe("MarketParameters", () => {
  const load = () => networkHelpers.loadFixture(openToDeployer);

  it("begin as deployed", async () => {
    const { market, treasury } = await load();
    expect(await market.parameters()).to.deep.equal([false, 250n, WINDOW, parseEther("1")]);
    expect(await market.treasury()).to.equal(treasury.address);
  });

  for (const [name, { call, event, shown }] of Object.entries(SETTERS)) {
    it(`${name} changes what it says, and no other parameter`, async () => {
      const market = await load();
      const before = await market.market.parameters();
      const [emitted, value] = event;
      await expect(call(market, market.deployer)).to.emit(market.market, emitted).withArgs(value);
      const after = await market.market.parameters();
      expect(shown(after)).to.equal(value);
      const changed = before.filter((old, i) => old !== after[i]);
      expect(changed).to.have.length(name === "unpause" ? 0 : 1);
    });

    it(`lets nobody without the role call ${name}`, async () => {
      const market = await load();
      for (const caller of [market.stranger, market.client, market.provider, market.treasury]) {
        await refused(call(market, caller), market.market, "AccessManagedUnauthorized", caller);
      }
    });
  }

  it("setTreasury changes who gets fees, and lets nobody without the role call it", async () => {
    const { market, deployer, stranger } = await load();
    await refused(market.setTreasury(stranger), market, "AccessManagedUnauthorized", stranger);
    const own = market.connect(deployer);
    await expect(own.setTreasury(stranger)).to.emit(market, "TreasuryChanged").withArgs(stranger);
    expect(await market.treasury()).to.equal(stranger);
    await refused(own.setTreasury(ZeroAddress), market, "InferenceMarket_ZeroAddress");
  });

  it("are bounded, whoever sets them", async () => {
    const { market, deployer } = await load();
    const own = market.connect(deployer);
    await refused(own.setProtocolFee(501n), market, "InferenceMarket_FeeAboveCap", 501n, 500n);
    for (const window of [0n, 59n, 7n * DAY + 1n]) {
      const call = own.setChallengeWindow(window);
      await refused(call, market, "InferenceMarket_WindowOutOfBounds", window, 60n, 7n * DAY);
    }
    for (const window of [60n, 7n * DAY]) await expect(own.setChallengeWindow(window)).not.to.be.revert(ethers);
    await expect(own.setProtocolFee(0n)).not.to.be.revert(ethers);
  });

  it("stop new jobs while paused", async () => {
    const market = await load();
    await market.market.connect(market.deployer).pause();
    await refused(requestJob(market), market.market, "InferenceMarket_Paused");
    await market.market.connect(market.deployer).unpause();
    const { id } = await requestJob(market);
    expect(await market.market.statusOf(id)).to.equal(STATUS.requested);
  });

  it("I15 A24 leave running jobs their fee, window and stake", async () => {
    const market = await load();
    const { deployer, escrow, payToken, treasury } = market;
    const old = await requestJob(market);
    const own = market.market.connect(deployer);
    await own.setProtocolFee(500n);
    await own.setChallengeWindow(60n);
    await own.setMinJobStake(parseEther("500"));
    const refusedNow = requestJob(market);
    await refused(refusedNow, market.market, "InferenceMarket_StakeBelowMin", OFFER.stake, parseEther("500"));
    await own.setMinJobStake(0n);
    const recent = await requestJob(market);
    expect([recent.protocolFeeBps, recent.challengeWindow]).to.deep.equal([500n, 60n]);

    await submitJob(market, recent, OUTPUT);
    await submitJob(market, old, OUTPUT);
    await afterPhase(market, recent);
    await market.market.finalise(recent);
    expect(await market.market.statusOf(old.id)).to.equal(STATUS.submitted);
    await afterPhase(market, old);
    await market.market.finalise(old);
    await market.market.collect({ ...old });
    expect(await escrow.balanceOf(payToken, treasury)).to.equal((OFFER.price * 250n) / 10_000n);
    await market.market.collect({ ...recent });
    expect(await escrow.balanceOf(payToken, treasury)).to.equal((OFFER.price * 750n) / 10_000n);
  });

  it("send fees to the treasury of the day they are collected", async () => {
    const market = await load();
    const { deployer, stranger, treasury, escrow, payToken } = market;
    const terms = await requestJob(market);
    await submitJob(market, terms, OUTPUT);
    await afterPhase(market, terms);
    await market.market.finalise(terms);
    await market.market.connect(deployer).setTreasury(stranger);
    await market.market.collect({ ...terms });
    expect(await escrow.balanceOf(payToken, treasury)).to.equal(0n);
    expect(await escrow.balanceOf(payToken, stranger)).to.equal((OFFER.price * 250n) / 10_000n);
  });
});
