import { expect } from "chai";
import { MaxUint256 } from "ethers";

import type { DevToken, ProviderStaking } from "../../sdk/src/typechain/index.js";
import { ProviderStaking__factory } from "../../sdk/src/typechain/index.js";
import { UNBONDING_PERIOD } from "../support/assemble.js";
import { ethers, namedPeople, networkHelpers, refused } from "../support/fixture.js";
import { actAs, arm, asPlain, deployTokens } from "../support/tokens.js";

/** Every kind of token with a ledger of its own, over a market that the tests can call from. */
async function ledgers() {
  const { deployer, client: controller, challenger: provider, stranger } = await namedPeople();
  const tokens = await deployTokens(deployer);
  const deploy = (token: { getAddress(): Promise<string> }) =>
    new ProviderStaking__factory(deployer).deploy(token.getAddress(), controller, UNBONDING_PERIOD);
  return { deployer, controller, provider, stranger, tokens, deploy };
}

describe("ProviderStaking over tokens that misbehave", () => {
  const load = () => networkHelpers.loadFixture(ledgers);

  async function staked(
    token: DevToken,
    staking: ProviderStaking,
    provider: Awaited<ReturnType<typeof load>>["provider"],
  ) {
    await token.mint(provider, 200n);
    await token.connect(provider).approve(staking, MaxUint256);
    await staking.connect(provider).deposit(provider, 100n);
  }

  it("B06 takes, slashes and pays out a token whose transfers return nothing", async () => {
    const { tokens, deploy, controller, provider, stranger } = await load();
    const staking = await deploy(tokens.noReturn);
    await staked(await asPlain(tokens.noReturn, provider), staking, provider);
    await staking.connect(controller).lock(provider, 100n);
    await staking.connect(controller).slash(provider, 100n, 30n, stranger);
    await staking.connect(provider).requestUnbonding(70n);
    await networkHelpers.time.increase(UNBONDING_PERIOD);
    await staking.connect(provider).withdraw(provider);
    expect(await tokens.noReturn.balanceOf(stranger)).to.equal(30n);
    expect(await tokens.noReturn.balanceOf(provider)).to.equal(170n);
    expect(await tokens.noReturn.balanceOf(staking)).to.equal(0n);
  });

  it("B06 believes no transfer that says false", async () => {
    const { tokens, deploy, controller, provider, stranger } = await load();
    const staking = await deploy(tokens.falseReturn);
    await staked(await asPlain(tokens.falseReturn, provider), staking, provider);
    await staking.connect(controller).lock(provider, 50n);
    await staking.connect(provider).requestUnbonding(50n);
    await networkHelpers.time.increase(UNBONDING_PERIOD);
    await tokens.falseReturn.setFailing(true);
    for (const call of [
      () => staking.connect(provider).deposit(provider, 1n),
      () => staking.connect(provider).withdraw(provider),
      () => staking.connect(controller).slash(provider, 50n, 50n, stranger),
    ]) {
      await refused(call(), staking, "SafeERC20FailedOperation", tokens.falseReturn);
    }
    expect(await staking.slashableOf(provider)).to.equal(100n);
    expect(await staking.lockedOf(provider)).to.equal(50n);
    await tokens.falseReturn.setFailing(false);
    await expect(staking.connect(provider).withdraw(provider)).not.to.be.revert(ethers);
  });

  it("B07 bonds what arrived of a token with a fee", async () => {
    const { tokens, deploy, provider } = await load();
    const staking = await deploy(tokens.fee);
    await staked(await asPlain(tokens.fee, provider), staking, provider);
    expect(await staking.bondedOf(provider)).to.equal(99n);
    expect(await tokens.fee.balanceOf(staking)).to.equal(99n);
  });

  it("B08 lets a blocked provider withdraw to another account, and nobody else notices", async () => {
    const { tokens, deploy, controller, provider, stranger } = await load();
    const staking = await deploy(tokens.blocklist);
    for (const account of [provider, stranger]) {
      await staked(await asPlain(tokens.blocklist, account), staking, account);
      await staking.connect(account).requestUnbonding(50n);
    }
    await staking.connect(controller).lock(provider, 50n);
    await networkHelpers.time.increase(UNBONDING_PERIOD);
    await tokens.blocklist.setBlocked(provider, true);
    const blocked = staking.connect(provider).withdraw(provider);
    await refused(blocked, tokens.blocklist, "BlocklistToken_Blocked", provider);
    await staking.connect(controller).slash(provider, 50n, 50n, controller);
    await staking.connect(stranger).withdraw(stranger);
    await staking.connect(provider).withdraw(controller);
    expect(await tokens.blocklist.balanceOf(controller)).to.equal(100n);
  });

  describe("B05 with a token that calls back", () => {
    /** The token itself has staked 100 and has 50 ready to leave. */
    async function reentered() {
      const { tokens, deploy, controller } = await load();
      const token = tokens.reentrant;
      const staking = await deploy(token);
      await actAs(token, token, "approve", await staking.getAddress(), MaxUint256);
      const self = await token.getAddress();
      await actAs(token, staking, "deposit", self, 100n);
      await actAs(token, staking, "requestUnbonding", 50n);
      await networkHelpers.time.increase(UNBONDING_PERIOD);
      return { token, staking, self, controller };
    }

    /** What it calls in the middle of a transfer, by what it may not do there. */
    const GUARDED = { deposit: (self: string) => [self, 1n], withdraw: (self: string) => [self] };

    for (const [inner, args] of Object.entries(GUARDED)) {
      for (const [outer, outerArgs] of Object.entries(GUARDED)) {
        it(`refuses ${inner} in the middle of ${outer}`, async () => {
          const { token, staking, self } = await reentered();
          await arm(token, staking, inner, ...args(self));
          const call = actAs(token, staking, outer, ...outerArgs(self));
          await refused(call, staking, "ReentrancyGuardReentrantCall");
          expect(await staking.slashableOf(self)).to.equal(100n);
        });
      }

      it(`refuses ${inner} in the middle of a slash`, async () => {
        const { token, staking, self, controller } = await reentered();
        await staking.connect(controller).lock(self, 50n);
        await arm(token, staking, inner, ...args(self));
        const call = staking.connect(controller).slash(self, 50n, 50n, controller);
        await refused(call, staking, "ReentrancyGuardReentrantCall");
      });
    }

    it("counts a deposit once when unbonding is requested in the middle of it", async () => {
      const { token, staking, self } = await reentered();
      await arm(token, staking, "requestUnbonding", 50n);
      await actAs(token, staking, "deposit", self, 7n);
      expect(await staking.bondedOf(self)).to.equal(7n);
      expect(await staking.unbondingOf(self)).to.equal(100n);
      expect(await token.balanceOf(staking)).to.equal(107n);
    });
  });
});
