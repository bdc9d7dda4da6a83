import { expect } from "chai";
import { MaxUint256, ZeroAddress } from "ethers";

import { ProviderStaking__factory } from "../../sdk/src/typechain/index.js";
import { UNBONDING_PERIOD } from "../support/assemble.js";
import { at, DAY, ethers, namedPeople, networkHelpers, now, refused } from "../support/fixture.js";
import { deployTokens, signPermit } from "../support/tokens.js";

const REQUIRED = 17n * DAY;
const MAX = 2n ** 128n - 1n;
const MAX_ENTRIES = 8;
const STAKE = 100n;

/** A ledger whose market is an account that the tests can call from, and a provider with a stake. */
async function stakedProvider() {
  const { deployer, client: controller, challenger: provider, stranger, treasury } = await namedPeople();
  const { plain: token } = await deployTokens(deployer);
  const deployed = await new ProviderStaking__factory(deployer).deploy(token, controller, UNBONDING_PERIOD);
  for (const account of [provider, stranger]) {
    await token.mint(account, MAX / 2n);
    await token.connect(account).approve(deployed, MaxUint256);
  }
  const staking = deployed.connect(provider);
  await staking.deposit(provider, STAKE);
  return { deployer, controller, provider, stranger, treasury, token, staking };
}

type Ledger = Awaited<ReturnType<typeof stakedProvider>>;

/** Starts to unbond at a second that the test knows, and returns when that is due. */
async function unbond({ staking }: Ledger, amount: bigint): Promise<bigint> {
  const time = (await now()) + 100n;
  await at(time);
  await staking.requestUnbonding(amount);
  return time + UNBONDING_PERIOD;
}

describe("ProviderStaking", () => {
  const load = () => networkHelpers.loadFixture(stakedProvider);

  /** Bonded, unbonding, locked, free and slashable stake of the provider. */
  async function books({ staking, provider }: Ledger) {
    return {
      bonded: await staking.bondedOf(provider),
      unbonding: await staking.unbondingOf(provider),
      locked: await staking.lockedOf(provider),
      free: await staking.freeOf(provider),
      slashable: await staking.slashableOf(provider),
    };
  }

  describe("set up", () => {
    it("needs a token", async () => {
      const { deployer, controller, staking } = await load();
      const deployed = new ProviderStaking__factory(deployer).deploy(ZeroAddress, controller, UNBONDING_PERIOD);
      await refused(deployed, staking, "ProviderStaking_ZeroAddress");
    });

    it("A01 binds stake for longer than any job, window and resolution together", async () => {
      const { deployer, controller, token, staking } = await load();
      const factory = new ProviderStaking__factory(deployer);
      for (const period of [0n, REQUIRED]) {
        const deployed = factory.deploy(token, controller, period);
        await refused(deployed, staking, "ProviderStaking_UnbondingTooShort", period, REQUIRED);
      }
      const shortest = await factory.deploy(token, controller, REQUIRED + 1n);
      expect(await shortest.UNBONDING_PERIOD()).to.equal(REQUIRED + 1n);
      expect(await shortest.STAKE_TOKEN()).to.equal(token);
    });
  });

  describe("a deposit", () => {
    it("bonds stake", async () => {
      const ledger = await load();
      const { staking, provider, token } = ledger;
      const deposit = staking.deposit(provider, 50n);
      await expect(deposit)
        .to.emit(staking, "StakeDeposited")
        .withArgs(provider, provider, 50n, STAKE + 50n);
      await expect(deposit).to.changeTokenBalances(ethers, token, [provider, staking], [-50n, 50n]);
      const bonded = STAKE + 50n;
      expect(await books(ledger)).to.deep.equal({ bonded, unbonding: 0n, locked: 0n, free: bonded, slashable: bonded });
    });

    it("A18 by somebody else adds to the stake and changes nothing that is under way", async () => {
      const ledger = await load();
      const { staking, provider, stranger, controller } = ledger;
      await staking.connect(controller).lock(provider, 60n);
      const due = await unbond(ledger, 30n);
      await expect(staking.connect(stranger).deposit(provider, 5n))
        .to.emit(staking, "StakeDeposited")
        .withArgs(provider, stranger, 5n, 75n);
      expect(await books(ledger)).to.deep.equal({
        bonded: 75n,
        unbonding: 30n,
        locked: 60n,
        free: 15n,
        slashable: 105n,
      });
      await at(due);
      await expect(staking.withdraw(provider)).to.emit(staking, "StakeWithdrawn").withArgs(provider, provider, 30n);
    });

    it("for nobody or of nothing is refused", async () => {
      const { staking, provider } = await load();
      await refused(staking.deposit(ZeroAddress, 1n), staking, "ProviderStaking_ZeroAddress");
      await refused(staking.deposit(provider, 0n), staking, "ProviderStaking_ZeroAmount");
    });

    it("A26 may fill the whole range and never wraps", async () => {
      const ledger = await load();
      const { staking, provider, stranger, token } = ledger;
      await token.mint(provider, MAX);
      await staking.deposit(provider, MAX - STAKE);
      expect((await books(ledger)).bonded).to.equal(MAX);
      await expect(staking.connect(stranger).deposit(provider, 1n)).to.be.revertedWithPanic(0x11);
    });

    it("with a permit needs no approval", async () => {
      const { staking, deployer, provider, token } = await load();
      await token.mint(deployer, 20n);
      const { v, r, s } = await signPermit(token, deployer, staking, 20n, MaxUint256);
      await expect(staking.connect(deployer).depositWithPermit(provider, 20n, MaxUint256, v, r, s))
        .to.emit(staking, "StakeDeposited")
        .withArgs(provider, deployer, 20n, STAKE + 20n);
    });

    it("B16 goes through when somebody used its permit first", async () => {
      const { staking, deployer, stranger, token } = await load();
      await token.mint(deployer, 20n);
      const { v, r, s } = await signPermit(token, deployer, staking, 20n, MaxUint256);
      await token.connect(stranger).permit(deployer, staking, 20n, MaxUint256, v, r, s);
      await staking.connect(deployer).depositWithPermit(deployer, 20n, MaxUint256, v, r, s);
      expect(await staking.bondedOf(deployer)).to.equal(20n);
    });

    it("with a permit of somebody else, or an expired one, moves nothing", async () => {
      const { staking, deployer, treasury, token } = await load();
      await token.mint(deployer, 20n);
      await token.mint(treasury, 20n);
      for (const deadline of [MaxUint256, 1n]) {
        const { v, r, s } = await signPermit(token, deployer, staking, 20n, deadline);
        const caller = deadline === 1n ? deployer : treasury;
        const call = staking.connect(caller).depositWithPermit(caller, 20n, deadline, v, r, s);
        await refused(call, token, "ERC20InsufficientAllowance", staking, 0n, 20n);
      }
    });
  });

  describe("unbonding", () => {
    it("takes stake out of use at once, and out of reach of a slash only at the end", async () => {
      const ledger = await load();
      const { staking, provider } = ledger;
      const time = (await now()) + 100n;
      await at(time);
      await expect(staking.requestUnbonding(40n))
        .to.emit(staking, "UnbondingRequested")
        .withArgs(provider, 40n, time + UNBONDING_PERIOD, 60n);
      expect(await books(ledger)).to.deep.equal({
        bonded: 60n,
        unbonding: 40n,
        locked: 0n,
        free: 60n,
        slashable: 100n,
      });
    });

    it("of nothing, or of more than is bonded, is refused", async () => {
      const { staking, provider, stranger } = await load();
      await refused(staking.requestUnbonding(0n), staking, "ProviderStaking_ZeroAmount");
      const error = "ProviderStaking_InsufficientBonded";
      await refused(staking.requestUnbonding(STAKE + 1n), staking, error, provider, STAKE, STAKE + 1n);
      await refused(staking.connect(stranger).requestUnbonding(1n), staking, error, stranger, 0n, 1n);
    });

    for (const [when, seconds, due] of [
      ["one second early", -1n, false],
      ["when it is due", 0n, true],
      ["one second later", 1n, true],
    ] as const) {
      it(`${due ? "pays out" : "pays nothing"} ${when}`, async () => {
        const ledger = await load();
        const { staking, provider, stranger, token } = ledger;
        const dueAt = await unbond(ledger, 40n);
        await at(dueAt + seconds);
        const call = staking.withdraw(stranger);
        if (!due) return refused(call, staking, "ProviderStaking_NothingToWithdraw", provider, dueAt);
        await expect(call).to.emit(staking, "StakeWithdrawn").withArgs(provider, stranger, 40n);
        await expect(call).to.changeTokenBalances(ethers, token, [staking, stranger], [-40n, 40n]);
        await refused(staking.withdraw(stranger), staking, "ProviderStaking_NothingToWithdraw", provider, 0n);
      });
    }

    it("pays what is due and keeps the rest in order", async () => {
      const ledger = await load();
      const { staking, provider } = ledger;
      await unbond(ledger, 10n);
      const second = await unbond(ledger, 20n);
      const third = await unbond(ledger, 30n);
      await at(second);
      await expect(staking.withdraw(provider)).to.emit(staking, "StakeWithdrawn").withArgs(provider, provider, 30n);
      expect((await books(ledger)).unbonding).to.equal(30n);
      await refused(staking.withdraw(provider), staking, "ProviderStaking_NothingToWithdraw", provider, third);
      await at(third);
      await expect(staking.withdraw(provider)).to.emit(staking, "StakeWithdrawn").withArgs(provider, provider, 30n);
    });

    it("A22 pays out the last unit", async () => {
      const ledger = await load();
      await at(await unbond(ledger, STAKE));
      await ledger.staking.withdraw(ledger.provider);
      expect((await books(ledger)).slashable).to.equal(0n);
      expect(await ledger.token.balanceOf(ledger.staking)).to.equal(0n);
    });

    it("is paid to somebody", async () => {
      const { staking } = await load();
      await refused(staking.withdraw(ZeroAddress), staking, "ProviderStaking_ZeroAddress");
    });

    it("A17 has room for a few requests, which only the provider can fill and time empties", async () => {
      const ledger = await load();
      const { staking, provider } = ledger;
      let due = 0n;
      for (let i = 0; i < MAX_ENTRIES; i++) due = await unbond(ledger, 1n);
      await refused(staking.requestUnbonding(1n), staking, "UnbondingQueue_Full", BigInt(MAX_ENTRIES));
      await at(due);
      await staking.withdraw(provider);
      await staking.requestUnbonding(1n);
      expect((await books(ledger)).unbonding).to.equal(1n);
    });
  });

  describe("a lock", () => {
    it("takes free stake, and no more than that", async () => {
      const ledger = await load();
      const { staking, provider, controller } = ledger;
      const court = staking.connect(controller);
      await court.lock(provider, 70n);
      await refused(court.lock(provider, 31n), staking, "ProviderStaking_InsufficientFree", provider, 30n, 31n);
      await court.lock(provider, 30n);
      await court.lock(provider, 0n);
      expect(await books(ledger)).to.deep.equal({
        bonded: 100n,
        unbonding: 0n,
        locked: 100n,
        free: 0n,
        slashable: 100n,
      });
      await court.release(provider, 100n);
      expect((await books(ledger)).free).to.equal(100n);
    });

    it("A14 cannot be backed by stake that is on its way out", async () => {
      const ledger = await load();
      const { staking, provider, controller } = ledger;
      await unbond(ledger, 60n);
      const call = staking.connect(controller).lock(provider, 41n);
      await refused(call, staking, "ProviderStaking_InsufficientFree", provider, 40n, 41n);
    });

    it("keeps stake that it needs from leaving, and only that", async () => {
      const ledger = await load();
      const { staking, provider, controller } = ledger;
      await staking.connect(controller).lock(provider, 70n);
      await unbond(ledger, 30n);
      const due = await unbond(ledger, 1n);
      expect((await books(ledger)).free).to.equal(0n);
      await at(due);
      await refused(staking.withdraw(provider), staking, "ProviderStaking_StillLocked", provider, 70n, 69n);
      await staking.connect(controller).release(provider, 1n);
      await staking.withdraw(provider);
      expect(await books(ledger)).to.deep.equal({ bonded: 69n, unbonding: 0n, locked: 69n, free: 0n, slashable: 69n });
    });

    it("ends once: more than is locked is never released", async () => {
      const { staking, provider, controller } = await load();
      await staking.connect(controller).lock(provider, 10n);
      await staking.connect(controller).release(provider, 10n);
      await expect(staking.connect(controller).release(provider, 1n)).to.be.revertedWithPanic(0x11);
    });
  });

  describe("a slash", () => {
    it("ends the lock and sends what it takes", async () => {
      const ledger = await load();
      const { staking, provider, controller, treasury, token } = ledger;
      await staking.connect(controller).lock(provider, 70n);
      const slash = staking.connect(controller).slash(provider, 40n, 25n, treasury);
      await expect(slash).to.emit(staking, "StakeSlashed").withArgs(provider, treasury, 25n, 40n);
      await expect(slash).to.changeTokenBalances(ethers, token, [staking, treasury], [-25n, 25n]);
      expect(await books(ledger)).to.deep.equal({ bonded: 75n, unbonding: 0n, locked: 30n, free: 45n, slashable: 75n });
    });

    it("may take nothing and still ends the lock", async () => {
      const ledger = await load();
      const { staking, provider, controller, treasury } = ledger;
      await staking.connect(controller).lock(provider, 70n);
      await staking.connect(controller).slash(provider, 70n, 0n, treasury);
      expect(await books(ledger)).to.deep.equal({
        bonded: 100n,
        unbonding: 0n,
        locked: 0n,
        free: 100n,
        slashable: 100n,
      });
    });

    it("takes no more than the lock, and ends no lock that is not there", async () => {
      const { staking, provider, controller, treasury } = await load();
      const court = staking.connect(controller);
      await court.lock(provider, 10n);
      const error = "ProviderStaking_SlashAboveLock";
      await refused(court.slash(provider, 10n, 11n, treasury), staking, error, 11n, 10n);
      await expect(court.slash(provider, 11n, 10n, treasury)).to.be.revertedWithPanic(0x11);
    });

    it("A04 takes bonded stake first, then what is leaving, newest first", async () => {
      const ledger = await load();
      const { staking, provider, controller, treasury } = ledger;
      await staking.connect(controller).lock(provider, 100n);
      const first = await unbond(ledger, 40n);
      await unbond(ledger, 30n);
      await unbond(ledger, 20n);
      await staking.connect(controller).slash(provider, 60n, 55n, treasury);
      expect(await books(ledger)).to.deep.equal({ bonded: 0n, unbonding: 45n, locked: 40n, free: 0n, slashable: 45n });
      await staking.connect(controller).release(provider, 40n);
      await at(first);
      await expect(staking.withdraw(provider)).to.emit(staking, "StakeWithdrawn").withArgs(provider, provider, 40n);
      expect((await books(ledger)).unbonding).to.equal(5n);
    });

    it("A13 can take everything to the last unit", async () => {
      const ledger = await load();
      const { staking, provider, controller, treasury, token } = ledger;
      await staking.connect(controller).lock(provider, 100n);
      const due = await unbond(ledger, 99n);
      await staking.connect(controller).slash(provider, 100n, 100n, treasury);
      expect(await books(ledger)).to.deep.equal({ bonded: 0n, unbonding: 0n, locked: 0n, free: 0n, slashable: 0n });
      expect(await token.balanceOf(treasury)).to.equal(STAKE);
      await at(due - 1n);
      await refused(staking.withdraw(provider), staking, "ProviderStaking_NothingToWithdraw", provider, 0n);
    });
  });
});
