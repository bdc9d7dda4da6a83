import { expect } from "chai";
import { ZeroAddress } from "ethers";

import { PaymentEscrow__factory, ProviderStaking__factory } from "../../sdk/src/typechain/index.js";
import { POOL_LOCK, UNBONDING_PERIOD } from "../support/assemble.js";
import type { Market, Signer } from "../support/fixture.js";
import { ethers, networkHelpers, openMarket, refused } from "../support/fixture.js";

/** The ledgers, each as deployed over a market's address. */
const LEDGERS = {
  PaymentEscrow: (market: Market, over: string | Signer) => new PaymentEscrow__factory(market.deployer).deploy(over),
  ProviderStaking: (market: Market, over: string | Signer) =>
    new ProviderStaking__factory(market.deployer).deploy(market.stakeToken, over, UNBONDING_PERIOD),
};

/** What moves other people's money, as a caller tries it. */
const CONTROLLER_CALLS = {
  hold: ({ escrow, payToken, client }: Market, caller: Signer) => escrow.connect(caller).hold(payToken, client, 1n),
  credit: ({ escrow, payToken }: Market, caller: Signer) => escrow.connect(caller).credit(payToken, caller, 1n),
  lock: ({ staking, provider }: Market, caller: Signer) => staking.connect(caller).lock(provider, 1n),
  release: ({ staking, provider }: Market, caller: Signer) => staking.connect(caller).release(provider, 1n),
  slash: ({ staking, provider }: Market, caller: Signer) => staking.connect(caller).slash(provider, 1n, 1n, caller),
};

describe("Controlled", () => {
  const load = () => networkHelpers.loadFixture(openMarket);

  for (const [name, deploy] of Object.entries(LEDGERS)) {
    describe(name, () => {
      it("cannot be deployed without a market", async () => {
        const market = await load();
        await refused(deploy(market, ZeroAddress), market.escrow, "Controlled_ZeroMarket");
      });

      it("obeys its market from the start and nobody else", async () => {
        const market = await load();
        const ledger = await deploy(market, market.client);
        expect(await ledger.MARKET()).to.equal(market.client);
        expect(await ledger.isController(market.client)).to.equal(true);
        for (const account of [market.deployer, market.stranger, ledger, market.disputes, ZeroAddress]) {
          expect(await ledger.isController(account)).to.equal(false);
        }
      });

      it("takes the names of its other controllers once", async () => {
        const market = await load();
        const ledger = await deploy(market, market.client);
        const named = [await market.disputes.getAddress(), await market.jury.getAddress()];
        await expect(ledger.setControllers(named)).to.emit(ledger, "ControllersSet").withArgs(named);
        for (const controller of named) expect(await ledger.isController(controller)).to.equal(true);
        await refused(ledger.setControllers([market.market]), ledger, "Controlled_AlreadyLinked");
        expect(await ledger.isController(market.market)).to.equal(false);
      });

      it("can be closed to all but the market for good", async () => {
        const market = await load();
        const ledger = await deploy(market, market.client);
        await ledger.setControllers([]);
        await refused(ledger.setControllers([market.disputes]), ledger, "Controlled_AlreadyLinked");
      });

      it("takes them from the deployer only, the market neither", async () => {
        const market = await load();
        const ledger = await deploy(market, market.client);
        for (const caller of [market.stranger, market.client]) {
          const call = ledger.connect(caller).setControllers([market.disputes]);
          await refused(call, ledger, "Controlled_NotDeployer", caller);
        }
      });

      it("refuses a controller without code, and stays open for the right ones", async () => {
        const market = await load();
        const ledger = await deploy(market, market.client);
        const call = ledger.setControllers([market.disputes, market.stranger]);
        await refused(call, ledger, "Controlled_NoCode", market.stranger);
        expect(await ledger.isController(market.disputes)).to.equal(false);
        await expect(ledger.setControllers([market.disputes])).to.emit(ledger, "ControllersSet");
      });
    });
  }

  for (const [name, call] of Object.entries(CONTROLLER_CALLS)) {
    it(`C21 lets no person call ${name}, whatever their role`, async () => {
      const market = await load();
      const { deployer, guardian, treasury, client, provider, operator, challenger, stranger } = market;
      const ledger = name === "hold" || name === "credit" ? market.escrow : market.staking;
      for (const caller of [deployer, guardian, treasury, client, provider, operator, challenger, stranger]) {
        await refused(call(market, caller), ledger, "Controlled_NotController", caller);
      }
    });
  }

  it("names market, disputes and court in the escrow, market, disputes and jury in the staking", async () => {
    const { escrow, staking, market, disputes, jury, court } = await load();
    const obeyed = async (ledger: typeof escrow | typeof staking) =>
      Promise.all([market, disputes, jury, court].map((account) => ledger.isController(account)));
    expect(await obeyed(escrow)).to.deep.equal([true, true, false, true]);
    expect(await obeyed(staking)).to.deep.equal([true, true, true, false]);
  });

  it("lets the controllers move what they should", async () => {
    const { escrow, staking, market, disputes, payToken, client, provider } = await load();
    for (const contract of [market, disputes]) {
      const address = await contract.getAddress();
      await networkHelpers.setBalance(address, 10n ** 18n);
      const controller = await ethers.getImpersonatedSigner(address);
      await escrow.connect(controller).hold(payToken, client, 5n);
      await escrow.connect(controller).credit(payToken, provider, 5n);
      await staking.connect(controller).lock(provider, 7n);
      await staking.connect(controller).release(provider, 7n);
    }
    expect(await escrow.balanceOf(payToken, provider)).to.equal(10n);
    expect(await staking.lockedOf(provider)).to.equal(POOL_LOCK);
  });
});
