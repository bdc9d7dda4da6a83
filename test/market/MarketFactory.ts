import { expect } from "chai";
import { getCreateAddress, ZeroAddress } from "ethers";

import { InferenceMarket__factory, MarketFactory__factory } from "../../sdk/src/typechain/index.js";
import type { Signer } from "../support/fixture.js";
import { DAY, deployAssay, ethers, networkHelpers, refused } from "../support/fixture.js";

/** A factory that has not deployed yet, beside a system that it can deploy a market for. */
async function newFactory() {
  const assay = await deployAssay();
  const factory = await new MarketFactory__factory(assay.deployer).deploy();
  return { ...assay, factory };
}

describe("MarketFactory", () => {
  const load = () => networkHelpers.loadFixture(newFactory);

  async function deploy(assay: Awaited<ReturnType<typeof load>>, by: Signer, changes: Record<string, unknown> = {}) {
    const { authority, models, providers, staking, escrow, treasury, factory } = assay;
    const initial = { protocolFeeBps: 250n, challengeWindow: 60n, minJobStake: 1n, treasury: treasury.address };
    const parameters = { ...initial, ...changes };
    return factory.connect(by).deploy(authority, models, providers, staking, escrow, parameters);
  }

  it("knows where the market will be, and deploys it there", async () => {
    const assay = await load();
    const { factory, deployer } = assay;
    const expected = getCreateAddress({ from: await factory.getAddress(), nonce: 1 });
    expect(await factory.market()).to.equal(expected);
    expect(await ethers.provider.getCode(expected)).to.equal("0x");
    await deploy(assay, deployer);
    const market = InferenceMarket__factory.connect(expected, deployer);
    expect(await market.authority()).to.equal(assay.authority);
    expect(await market.ESCROW()).to.equal(assay.escrow);
    expect(await market.disputes()).to.equal(ZeroAddress);
  });

  it("D01 deploys for its own deployer only", async () => {
    const assay = await load();
    const { factory, stranger, guardian } = assay;
    for (const caller of [stranger, guardian]) {
      await refused(deploy(assay, caller), factory, "MarketFactory_NotDeployer", caller);
    }
  });

  it("deploys once", async () => {
    const assay = await load();
    await deploy(assay, assay.deployer);
    const again = deploy(assay, assay.deployer);
    await refused(again, assay.factory, "MarketFactory_AlreadyDeployed", await assay.factory.market());
  });

  for (const [what, changes, error, values] of [
    ["a fee above the cap", { protocolFeeBps: 501n }, "FeeAboveCap", [501n, 500n]],
    ["a window too short to challenge in", { challengeWindow: 59n }, "WindowOutOfBounds", [59n, 60n, 7n * DAY]],
    ["no treasury", { treasury: ZeroAddress }, "ZeroAddress", []],
  ] as const) {
    it(`refuses ${what}, and keeps the address for the next try`, async () => {
      const assay = await load();
      const { deployer, factory, market } = assay;
      await refused(deploy(assay, deployer, changes), market, `InferenceMarket_${error}`, ...values);
      await deploy(assay, deployer);
      expect(await ethers.provider.getCode(await factory.market())).not.to.equal("0x");
    });
  }

  it("makes its deployer the one who names the court, once", async () => {
    const assay = await load();
    await deploy(assay, assay.deployer);
    const market = InferenceMarket__factory.connect(await assay.factory.market(), assay.deployer);
    const { disputes, stranger } = assay;
    const byStranger = market.connect(stranger).linkDisputes(disputes);
    await refused(byStranger, market, "InferenceMarket_NotDeployer", stranger);
    await refused(market.linkDisputes(ZeroAddress), market, "InferenceMarket_ZeroAddress");
    await expect(market.linkDisputes(disputes)).to.emit(market, "DisputesLinked").withArgs(disputes);
    await refused(market.linkDisputes(stranger), market, "InferenceMarket_AlreadyLinked", disputes);
  });
});
