import { readFileSync } from "node:fs";
import path from "node:path";

import { expect } from "chai";
import { parseEther, ZeroAddress } from "ethers";
import { config } from "hardhat";

import AssayModule from "../../ignition/modules/Assay.js";
import LocalModule from "../../ignition/modules/Local.js";
import {
  AccessManager__factory,
  DisputeManager__factory,
  InferenceMarket__factory,
  ProofCourt__factory,
  ProviderStaking__factory,
  ValueCaps__factory,
} from "../../sdk/src/typechain/index.js";
import { at, ethers, ignition, networkHelpers, now, refused } from "../support/fixture.js";

const ADMIN = 0n;
const PARAMETERS = 1n;
const GUARDIAN = 2n;
const DELAY = 600n;

/** A deployment whose admin and guardian are given, or are the deployer. */
async function deployWith(people: { admin?: string; guardian?: string } = {}) {
  const [deployer, stranger] = await ethers.getSigners();
  if (!deployer || !stranger) throw new Error("the test chain has too few accounts");
  const deployed = await ignition.deploy(LocalModule, {
    parameters: { Assay: { ...people, parameterDelay: DELAY } },
  });
  return {
    deployer,
    stranger,
    authority: AccessManager__factory.connect(await deployed.authority.getAddress(), deployer),
    market: InferenceMarket__factory.connect(await deployed.market.getAddress(), deployer),
    staking: ProviderStaking__factory.connect(await deployed.staking.getAddress(), deployer),
    disputes: DisputeManager__factory.connect(await deployed.disputes.getAddress(), deployer),
    court: ProofCourt__factory.connect(await deployed.court.getAddress(), deployer),
    jury: await deployed.jury.getAddress(),
    stakeToken: await deployed.stakeToken.getAddress(),
    valueCaps: ValueCaps__factory.connect(await deployed.valueCaps.getAddress(), deployer),
    payToken: await deployed.payToken.getAddress(),
    setup: await ethers.getContractAt("RoleSetup", await roleSetupOf(await deployed.authority.getAddress())),
  };
}

/** The contract that was the first admin: the first one granted the role. */
async function roleSetupOf(authority: string): Promise<string> {
  const manager = AccessManager__factory.connect(authority, ethers.provider);
  const [first] = await manager.queryFilter(manager.filters.RoleGranted(ADMIN));
  return first?.args.account ?? ZeroAddress;
}

async function deployWithAdmin() {
  const [, , admin, guardian] = await ethers.getSigners();
  if (!admin || !guardian) throw new Error("the test chain has too few accounts");
  return { ...(await deployWith({ admin: admin.address, guardian: guardian.address })), admin, guardian };
}

async function deployByDefault() {
  return deployWith();
}

describe("The Ignition module", () => {
  it("makes the deployer admin and guardian by default, the admin with the delay", async () => {
    const { authority, deployer } = await networkHelpers.loadFixture(deployByDefault);
    expect(await authority.hasRole(ADMIN, deployer)).to.deep.equal([true, DELAY]);
    expect(await authority.hasRole(PARAMETERS, deployer)).to.deep.equal([true, DELAY]);
    expect(await authority.hasRole(GUARDIAN, deployer)).to.deep.equal([true, 0n]);
  });

  it("leaves no role to the deployer when admin and guardian are others", async () => {
    const { authority, deployer, admin, guardian } = await networkHelpers.loadFixture(deployWithAdmin);
    expect(await authority.hasRole(ADMIN, admin)).to.deep.equal([true, DELAY]);
    expect(await authority.hasRole(PARAMETERS, admin)).to.deep.equal([true, DELAY]);
    expect(await authority.hasRole(GUARDIAN, guardian)).to.deep.equal([true, 0n]);
    for (const role of [ADMIN, PARAMETERS, GUARDIAN]) {
      expect(await authority.hasRole(role, deployer)).to.deep.equal([false, 0n]);
    }
  });

  it("leaves no admin besides the one named", async () => {
    const { authority, admin } = await networkHelpers.loadFixture(deployWithAdmin);
    const granted = await authority.queryFilter(authority.filters.RoleGranted(ADMIN));
    const admins = [];
    for (const { args } of granted)
      if ((await authority.hasRole(ADMIN, args.account)).isMember) admins.push(args.account);
    expect(admins).to.deep.equal([admin.address]);
  });

  it("leaves the setup contract without power, whoever calls it", async () => {
    const { setup, authority, market, valueCaps, deployer, stranger } =
      await networkHelpers.loadFixture(deployWithAdmin);
    const give = [authority, market, valueCaps, deployer, deployer, 0] as const;
    await refused(setup.connect(stranger).setUp(...give), setup, "RoleSetup_NotDeployer", stranger.address);
    const account = await setup.getAddress();
    await refused(
      setup.connect(deployer).setUp(...give),
      authority,
      "AccessManagerUnauthorizedAccount",
      account,
      ADMIN,
    );
  });

  it("refuses an admin or a guardian that is nobody", async () => {
    const [deployer] = await ethers.getSigners();
    if (!deployer) throw new Error("the test chain has no account");
    const setup = await ethers.deployContract("RoleSetup", deployer);
    const manager = await ethers.deployContract("AccessManager", [setup]);
    for (const people of [
      [ZeroAddress, deployer],
      [deployer, ZeroAddress],
    ] as const) {
      await refused(setup.setUp(manager, deployer, deployer, ...people, 0), setup, "RoleSetup_ZeroAddress");
    }
  });

  it("lets the admin move a parameter once the delay is over, and not a second before", async () => {
    const { authority, market, admin } = await networkHelpers.loadFixture(deployWithAdmin);
    const change = market.interface.encodeFunctionData("setProtocolFee", [100n]);
    await authority.connect(admin).schedule(market, change, 0n);
    const readyAt = (await now()) + DELAY;
    const id = await authority.hashOperation(admin, market, change);
    await at(readyAt - 1n);
    await refused(market.connect(admin).setProtocolFee(100n), authority, "AccessManagerNotReady", id);
    await at(readyAt);
    await market.connect(admin).setProtocolFee(100n);
    expect((await market.parameters()).protocolFeeBps).to.equal(100n);
  });

  it("lets the guardian pause at once, and the deployer neither pause nor unpause", async () => {
    const { market, deployer, guardian } = await networkHelpers.loadFixture(deployWithAdmin);
    const nobody = [market, "AccessManagedUnauthorized", deployer.address] as const;
    await refused(market.connect(deployer).pause(), ...nobody);
    await market.connect(guardian).pause();
    expect((await market.parameters()).paused).to.equal(true);
    await refused(market.connect(deployer).unpause(), ...nobody);
  });

  it("deploys the system over the stake token that it is deployed with", async () => {
    const { staking, stakeToken } = await networkHelpers.loadFixture(deployByDefault);
    expect(await staking.STAKE_TOKEN()).to.equal(stakeToken);
  });

  it("lets the proof court judge all that can be proven and the jury the rest", async () => {
    const { disputes, court, jury } = await networkHelpers.loadFixture(deployByDefault);
    const arbiters = await Promise.all([1, 2, 3, 4].map((profile) => disputes.arbiterOf(profile)));
    expect(arbiters).to.deep.equal([...Array.from({ length: 3 }, () => court.target), jury]);
  });

  it("gives the court a verifier of its own for each family of operators, and for no other", async () => {
    const { court } = await networkHelpers.loadFixture(deployByDefault);
    const named = await court.queryFilter(court.filters.VerifierSet());
    expect(named.map(({ args }) => args.family)).to.deep.equal([1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n]);
    expect(new Set(named.map(({ args }) => args.verifier)).size).to.equal(8);
    for (const { args } of named) expect(await court.verifierOf(args.family)).to.equal(args.verifier);
    expect(await court.verifierOf(9)).to.equal(ZeroAddress);
  });

  it("caps jobs that are not proven exactly, in the tokens it deploys", async () => {
    const { valueCaps, stakeToken, payToken } = await networkHelpers.loadFixture(deployByDefault);
    for (const profile of [3, 4]) {
      for (const token of [stakeToken, payToken]) {
        expect(await valueCaps.capOf(profile, token)).to.equal(parseEther("1000"));
      }
    }
  });

  it("takes the example parameters of a public network, once the addresses are filled in", async () => {
    const file = path.join(config.paths.ignition, "parameters/mainnet-example.json");
    const example = JSON.parse(readFileSync(file, "utf8"), bigints) as {
      Assay: Record<string, bigint | number | string>;
    };
    const [deployer] = await ethers.getSigners();
    if (!deployer) throw new Error("the test chain has no account");
    const token = await ethers.deployContract("DevToken", ["Stake", "STK"]);
    const people = { admin: deployer.address, guardian: deployer.address, treasury: deployer.address };
    const parameters = { Assay: { ...example.Assay, ...people, stakeToken: await token.getAddress() } };
    const { market, valueCaps } = await ignition.deploy(AssayModule, { parameters });
    const capsAt = ValueCaps__factory.connect(await valueCaps.getAddress(), deployer);
    const caps = example.Assay.valueCaps as unknown as { profile: number; token: string; cap: bigint }[];
    for (const { profile, token: payToken, cap } of caps) {
      expect(await capsAt.capOf(profile, payToken)).to.equal(cap);
    }
    const { protocolFeeBps, challengeWindow, minJobStake } = await InferenceMarket__factory.connect(
      await market.getAddress(),
      deployer,
    ).parameters();
    expect({ protocolFeeBps, challengeWindow, minJobStake }).to.deep.equal({
      protocolFeeBps: BigInt(String(example.Assay.protocolFeeBps)),
      challengeWindow: BigInt(String(example.Assay.challengeWindow)),
      minJobStake: example.Assay.minJobStake,
    });
  });
});

/** Ignition writes large numbers as "123n". */
function bigints(_: string, value: unknown): unknown {
  return typeof value === "string" && /^\d+n$/.test(value) ? BigInt(value.slice(0, -1)) : value;
}
