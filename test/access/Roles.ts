import { anyValue } from "@nomicfoundation/hardhat-ethers-chai-matchers/withArgs";
import { expect } from "chai";

import type { Market, Signer } from "../support/fixture.js";
import { at, DAY, ethers, networkHelpers, now, openMarket, refused, requestJob, STATUS } from "../support/fixture.js";

const DELAY = 2n * DAY;
const EXPIRATION = 7n * DAY;
// Those of `RoleSetup`.
const ADMIN_ROLE = 0n;
const PARAMETERS_ROLE = 1n;
const GUARDIAN_ROLE = 2n;

type Name = "setProtocolFee" | "setChallengeWindow" | "setMinJobStake" | "setTreasury" | "unpause";

describe("Roles of the deployment", () => {
  const load = () => networkHelpers.loadFixture(openMarket);

  /** What the parameter role may change, to what. */
  const parameterCalls = ({ stranger }: Market): Record<Name, readonly unknown[]> => ({
    setProtocolFee: [500n],
    setChallengeWindow: [7200n],
    setMinJobStake: [0n],
    setTreasury: [stranger.address],
    unpause: [],
  });
  const encode = ({ market }: Market, name: Name, args: readonly unknown[]) =>
    market.interface.encodeFunctionData(name as "setProtocolFee", args as [bigint]);
  const send = ({ market }: Market, by: Signer, data: string) => by.sendTransaction({ to: market, data });

  /** Announces a call of the deployer's, and returns when it may be made. */
  async function announce(market: Market, target: { getAddress(): Promise<string> }, data: string): Promise<bigint> {
    const time = (await now()) + 10n;
    await at(time);
    await market.authority.connect(market.deployer).schedule(await target.getAddress(), data, 0n);
    return time + DELAY;
  }

  it("are held by deployer and guardian only, and the deployer's work after a delay", async () => {
    const { authority, deployer, guardian, treasury, stranger } = await load();
    expect(await authority.hasRole(ADMIN_ROLE, deployer)).to.deep.equal([true, DELAY]);
    expect(await authority.hasRole(PARAMETERS_ROLE, deployer)).to.deep.equal([true, DELAY]);
    expect(await authority.hasRole(GUARDIAN_ROLE, guardian)).to.deep.equal([true, 0n]);
    for (const role of [ADMIN_ROLE, PARAMETERS_ROLE]) {
      for (const account of [guardian, treasury, stranger]) {
        expect((await authority.hasRole(role, account))[0]).to.equal(false);
      }
    }
    expect((await authority.hasRole(GUARDIAN_ROLE, deployer))[0]).to.equal(false);
  });

  describe("parameters", () => {
    for (const name of ["setProtocolFee", "setChallengeWindow", "setMinJobStake", "setTreasury", "unpause"] as const) {
      it(`${name} works once it was announced for two days, once`, async () => {
        const market = await load();
        const { authority, deployer } = market;
        const data = encode(market, name, parameterCalls(market)[name]);
        const call = () => send(market, deployer, data);
        await refused(call(), authority, "AccessManagerNotScheduled", anyValue);
        const due = await announce(market, market.market, data);
        await at(due - 1n);
        await refused(call(), authority, "AccessManagerNotReady", anyValue);
        await at(due);
        await expect(call()).not.to.be.revert(ethers);
        await refused(call(), authority, "AccessManagerNotScheduled", anyValue);
      });
    }

    it("change nothing when the announcement is older than a week", async () => {
      const market = await load();
      const data = encode(market, "setProtocolFee", [0n]);
      const due = await announce(market, market.market, data);
      await at(due + EXPIRATION);
      await refused(send(market, market.deployer, data), market.authority, "AccessManagerExpired", anyValue);
      expect((await market.market.parameters()).protocolFeeBps).to.equal(250n);
    });

    it("can be neither announced nor set by anybody else", async () => {
      const market = await load();
      const { authority, guardian, stranger, treasury } = market;
      for (const [name, args] of Object.entries(parameterCalls(market))) {
        const data = encode(market, name as Name, args);
        for (const caller of [guardian, stranger, treasury]) {
          await refused(send(market, caller, data), market.market, "AccessManagedUnauthorized", caller);
          const announced = authority.connect(caller).schedule(market.market, data, 0n);
          await refused(
            announced,
            authority,
            "AccessManagerUnauthorizedCall",
            caller,
            market.market,
            data.slice(0, 10),
          );
        }
      }
    });

    it("stay within their bounds after any delay", async () => {
      const market = await load();
      const data = encode(market, "setProtocolFee", [501n]);
      await at(await announce(market, market.market, data));
      await refused(send(market, market.deployer, data), market.market, "InferenceMarket_FeeAboveCap", 501n, 500n);
    });
  });

  describe("the guardian", () => {
    it("pauses new jobs at once", async () => {
      const market = await load();
      await expect(market.market.connect(market.guardian).pause())
        .to.emit(market.market, "PauseChanged")
        .withArgs(true);
      await refused(requestJob(market), market.market, "InferenceMarket_Paused");
    });

    it("is the only one who pauses", async () => {
      const market = await load();
      for (const caller of [market.deployer, market.stranger, market.treasury]) {
        const call = market.market.connect(caller).pause();
        await refused(call, market.market, "AccessManagedUnauthorized", caller);
      }
    });

    it("can be removed by the admin after the delay", async () => {
      const market = await load();
      const { authority, deployer, guardian } = market;
      const revoke = authority.interface.encodeFunctionData("revokeRole", [GUARDIAN_ROLE, guardian.address]);
      const early = authority.connect(deployer).revokeRole(GUARDIAN_ROLE, guardian);
      await refused(early, authority, "AccessManagerNotScheduled", anyValue);
      await at(await announce(market, authority, revoke));
      await authority.connect(deployer).revokeRole(GUARDIAN_ROLE, guardian);
      const call = market.market.connect(guardian).pause();
      await refused(call, market.market, "AccessManagedUnauthorized", guardian);
    });
  });

  describe("I04 C21 the deployer", () => {
    it("cannot link again", async () => {
      const { escrow, staking, models, providers, market, disputes, deployer, stranger, jury, court } = await load();
      const own = { escrow: escrow.connect(deployer), staking: staking.connect(deployer) };
      for (const ledger of Object.values(own)) {
        await refused(ledger.setControllers([jury]), ledger, "Controlled_AlreadyLinked");
      }
      const registry = models.connect(deployer).linkProviders(stranger);
      await refused(registry, models, "ModelRegistry_AlreadyLinked", providers);
      const link = market.connect(deployer).linkDisputes(stranger);
      await refused(link, market, "InferenceMarket_AlreadyLinked", disputes);
      for (const [i, arbiter] of [court, court, court, jury].entries()) {
        const call = disputes.connect(deployer).setArbiter(i + 1, stranger);
        await refused(call, disputes, "DisputeManager_ArbiterAlreadySet", i + 1, arbiter);
      }
    });

    it("gives itself no role without the delay", async () => {
      const { authority, deployer } = await load();
      for (const role of [GUARDIAN_ROLE, PARAMETERS_ROLE, ADMIN_ROLE]) {
        const call = authority.connect(deployer).grantRole(role, deployer, 0n);
        await refused(call, authority, "AccessManagerNotScheduled", anyValue);
      }
    });

    it("takes no deposit and no stake, not even through the manager after the delay", async () => {
      const market = await load();
      const { authority, escrow, staking, deployer, client, provider, payToken } = market;
      const attempts = [
        [escrow, escrow.interface.encodeFunctionData("hold", [await payToken.getAddress(), client.address, 1n])],
        [escrow, escrow.interface.encodeFunctionData("credit", [await payToken.getAddress(), deployer.address, 1n])],
        [staking, staking.interface.encodeFunctionData("lock", [provider.address, 1n])],
        [staking, staking.interface.encodeFunctionData("slash", [provider.address, 0n, 0n, deployer.address])],
      ] as const;
      const manager = authority.connect(deployer);
      for (const [ledger, data] of attempts) {
        await refused(manager.execute(ledger, data), authority, "AccessManagerNotScheduled", anyValue);
        await at(await announce(market, ledger, data));
        await refused(manager.execute(ledger, data), ledger, "Controlled_NotController", authority);
      }
    });

    it("hands the parameters to another manager only after the delay, and moves nothing with it", async () => {
      const market = await load();
      const { authority, deployer, stranger } = market;
      const manager = authority.connect(deployer);
      const another = await market.jury.getAddress();
      const early = manager.updateAuthority(market.market, another);
      await refused(early, authority, "AccessManagerNotScheduled", anyValue);
      const update = authority.interface.encodeFunctionData("updateAuthority", [market.market.target, another]);
      await at(await announce(market, authority, update));
      await manager.updateAuthority(market.market, another);
      expect(await market.market.authority()).to.equal(another);
      const direct = market.market.connect(stranger).setAuthority(another);
      await refused(direct, market.market, "AccessManagedUnauthorized", stranger);
      const { id } = await requestJob(market);
      expect(await market.market.statusOf(id)).to.equal(STATUS.requested);
    });
  });

  it("reach no function of the market but the parameters and the pause", async () => {
    const { authority, market } = await load();
    const restricted: Record<string, bigint> = {
      pause: GUARDIAN_ROLE,
      unpause: PARAMETERS_ROLE,
      setProtocolFee: PARAMETERS_ROLE,
      setChallengeWindow: PARAMETERS_ROLE,
      setMinJobStake: PARAMETERS_ROLE,
      setTreasury: PARAMETERS_ROLE,
    };
    const names: string[] = [];
    market.interface.forEachFunction(({ name }) => names.push(name));
    expect(names).to.include.members(Object.keys(restricted));
    for (const name of names) {
      const { selector } = market.interface.getFunction(name as "pause");
      expect(await authority.getTargetFunctionRole(market, selector), name).to.equal(restricted[name] ?? ADMIN_ROLE);
    }
  });
});
