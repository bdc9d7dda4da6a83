import { expect } from "chai";
import { MaxUint256, ZeroAddress, ZeroHash } from "ethers";

import { PaymentEscrow__factory } from "../../sdk/src/typechain/index.js";
import { ethers, namedPeople, networkHelpers, refused } from "../support/fixture.js";
import { deployTokens, signPermit } from "../support/tokens.js";

const MAX = 2n ** 128n - 1n;
const DEPOSIT = 1_000n;

/** An escrow whose market is an account that the tests can call from, and a client with a deposit. */
export async function escrowWithDeposit() {
  const { deployer, guardian: controller, client, stranger, treasury } = await namedPeople();
  const { plain: token } = await deployTokens(deployer);
  const deployed = await new PaymentEscrow__factory(deployer).deploy(controller);
  await token.mint(client, 2n * DEPOSIT);
  await token.connect(client).approve(deployed, MaxUint256);
  const escrow = deployed.connect(client);
  await escrow.deposit(token, client, DEPOSIT);
  return { deployer, controller, client, stranger, treasury, token, escrow };
}

describe("PaymentEscrow", () => {
  const load = () => networkHelpers.loadFixture(escrowWithDeposit);

  describe("a deposit", () => {
    it("is credited to the account it is for", async () => {
      const { escrow, token, client, stranger } = await load();
      expect(await escrow.deposit.staticCall(token, stranger, 30n)).to.equal(30n);
      const deposit = escrow.deposit(token, stranger, 30n);
      await expect(deposit).to.emit(escrow, "Deposited").withArgs(token, stranger, client, 30n);
      await expect(deposit).to.changeTokenBalances(ethers, token, [client, escrow], [-30n, 30n]);
      expect(await escrow.balanceOf(token, stranger)).to.equal(30n);
      expect(await escrow.balanceOf(token, client)).to.equal(DEPOSIT);
    });

    it("for nobody or of nothing is refused", async () => {
      const { escrow, token, client } = await load();
      await refused(escrow.deposit(token, ZeroAddress, 1n), escrow, "PaymentEscrow_ZeroAddress");
      await refused(escrow.deposit(token, client, 0n), escrow, "PaymentEscrow_NothingReceived", token, 0n);
    });

    it("of a token that does not exist is refused", async () => {
      const { escrow, client, stranger } = await load();
      await expect(escrow.deposit(stranger, client, 1n)).to.be.revert(ethers);
      await expect(escrow.depositWithPermit(stranger, client, 1n, 0n, 27, ZeroHash, ZeroHash)).to.be.revert(ethers);
    });

    it("A21 without tokens or an allowance credits nothing", async () => {
      const { escrow, token, stranger } = await load();
      const unapproved = escrow.connect(stranger).deposit(token, stranger, 1n);
      await refused(unapproved, token, "ERC20InsufficientAllowance", escrow, 0n, 1n);
      await token.connect(stranger).approve(escrow, 1n);
      const unfunded = escrow.connect(stranger).deposit(token, stranger, 1n);
      await refused(unfunded, token, "ERC20InsufficientBalance", stranger, 0n, 1n);
      expect(await escrow.balanceOf(token, stranger)).to.equal(0n);
    });

    it("A26 may fill the whole range and never wraps", async () => {
      const { escrow, token, client, stranger } = await load();
      await token.mint(client, MAX);
      await escrow.deposit(token, stranger, MAX);
      expect(await escrow.balanceOf(token, stranger)).to.equal(MAX);
      for (const call of [() => escrow.deposit(token, stranger, 1n), () => escrow.transfer(token, stranger, 1n)]) {
        await expect(call()).to.be.revertedWithPanic(0x11);
      }
      await escrow.connect(stranger).withdraw(token, stranger, MAX);
      expect(await token.balanceOf(stranger)).to.equal(MAX);
    });

    it("B21 is what the caller paid, not what the escrow was given", async () => {
      const { escrow, token, client } = await load();
      await token.connect(client).transfer(escrow, 500n);
      await escrow.deposit(token, client, 1n);
      expect(await escrow.balanceOf(token, client)).to.equal(DEPOSIT + 1n);
    });

    it("with a permit needs no approval", async () => {
      const { escrow, token, stranger, treasury } = await load();
      await token.mint(stranger, 20n);
      const { v, r, s } = await signPermit(token, stranger, escrow, 20n, MaxUint256);
      const own = escrow.connect(stranger);
      expect(await own.depositWithPermit.staticCall(token, treasury, 20n, MaxUint256, v, r, s)).to.equal(20n);
      await expect(own.depositWithPermit(token, treasury, 20n, MaxUint256, v, r, s))
        .to.emit(escrow, "Deposited")
        .withArgs(token, treasury, stranger, 20n);
    });

    it("B16 goes through when somebody used its permit first", async () => {
      const { escrow, token, client, stranger } = await load();
      await token.mint(stranger, 20n);
      const { v, r, s } = await signPermit(token, stranger, escrow, 20n, MaxUint256);
      await token.connect(client).permit(stranger, escrow, 20n, MaxUint256, v, r, s);
      await escrow.connect(stranger).depositWithPermit(token, stranger, 20n, MaxUint256, v, r, s);
      expect(await escrow.balanceOf(token, stranger)).to.equal(20n);
    });

    it("B16 can spend a permit once", async () => {
      const { escrow, token, stranger } = await load();
      await token.mint(stranger, 40n);
      const { v, r, s } = await signPermit(token, stranger, escrow, 20n, MaxUint256);
      const deposit = () => escrow.connect(stranger).depositWithPermit(token, stranger, 20n, MaxUint256, v, r, s);
      await deposit();
      await refused(deposit(), token, "ERC20InsufficientAllowance", escrow, 0n, 20n);
    });

    it("with a permit of somebody else moves nothing", async () => {
      const { escrow, token, stranger, treasury } = await load();
      await token.mint(stranger, 20n);
      const { v, r, s } = await signPermit(token, stranger, escrow, 20n, MaxUint256);
      const call = escrow.connect(treasury).depositWithPermit(token, treasury, 20n, MaxUint256, v, r, s);
      await refused(call, token, "ERC20InsufficientAllowance", escrow, 0n, 20n);
      expect(await token.balanceOf(stranger)).to.equal(20n);
    });
  });

  describe("a withdrawal", () => {
    it("goes from the caller's balance to where the caller says", async () => {
      const { escrow, token, client, stranger } = await load();
      const withdrawal = escrow.withdraw(token, stranger, 400n);
      await expect(withdrawal).to.emit(escrow, "Withdrawn").withArgs(token, client, stranger, 400n);
      await expect(withdrawal).to.changeTokenBalances(ethers, token, [escrow, stranger], [-400n, 400n]);
      expect(await escrow.balanceOf(token, client)).to.equal(600n);
    });

    it("of nothing, to nobody or of more than is there is refused", async () => {
      const { escrow, token, client } = await load();
      await refused(escrow.withdraw(token, client, 0n), escrow, "PaymentEscrow_ZeroAmount");
      await refused(escrow.withdraw(token, ZeroAddress, 1n), escrow, "PaymentEscrow_ZeroAddress");
      const error = "PaymentEscrow_InsufficientBalance";
      await refused(escrow.withdraw(token, client, 1_001n), escrow, error, token, client, DEPOSIT, 1_001n);
    });

    it("cannot be made twice, nor from anybody else's balance", async () => {
      const { escrow, token, client, stranger } = await load();
      await escrow.withdraw(token, client, DEPOSIT);
      const error = "PaymentEscrow_InsufficientBalance";
      await refused(escrow.withdraw(token, client, 1n), escrow, error, token, client, 0n, 1n);
      const theirs = escrow.connect(stranger).withdraw(token, stranger, 1n);
      await refused(theirs, escrow, error, token, stranger, 0n, 1n);
    });
  });

  describe("a transfer", () => {
    it("moves a balance without moving tokens", async () => {
      const { escrow, token, client, stranger } = await load();
      const transfer = escrow.transfer(token, stranger, 300n);
      await expect(transfer).to.emit(escrow, "Transferred").withArgs(token, client, stranger, 300n);
      await expect(transfer).to.changeTokenBalances(ethers, token, [escrow, client, stranger], [0n, 0n, 0n]);
      expect(await escrow.balanceOf(token, client)).to.equal(700n);
      expect(await escrow.balanceOf(token, stranger)).to.equal(300n);
    });

    it("to oneself changes nothing", async () => {
      const { escrow, token, client } = await load();
      await escrow.transfer(token, client, DEPOSIT);
      expect(await escrow.balanceOf(token, client)).to.equal(DEPOSIT);
    });

    it("to nobody or of more than is there is refused", async () => {
      const { escrow, token, client, stranger } = await load();
      await refused(escrow.transfer(token, ZeroAddress, 1n), escrow, "PaymentEscrow_ZeroAddress");
      const error = "PaymentEscrow_InsufficientBalance";
      await refused(escrow.transfer(token, stranger, 1_001n), escrow, error, token, client, DEPOSIT, 1_001n);
    });
  });

  describe("a sweep", () => {
    it("lets anyone send an account's balance to that account, if the account allows it", async () => {
      const { escrow, token, client, stranger } = await load();
      await expect(escrow.allowSweep(true)).to.emit(escrow, "SweepAllowed").withArgs(client, true);
      expect(await escrow.sweepAllowed(client)).to.equal(true);
      expect(await escrow.connect(stranger).sweep.staticCall(token, client)).to.equal(DEPOSIT);
      const sweep = escrow.connect(stranger).sweep(token, client);
      await expect(sweep).to.emit(escrow, "Withdrawn").withArgs(token, client, client, DEPOSIT);
      await expect(sweep).to.changeTokenBalances(ethers, token, [escrow, client], [-DEPOSIT, DEPOSIT]);
      await refused(escrow.connect(stranger).sweep(token, client), escrow, "PaymentEscrow_ZeroAmount");
    });

    it("is refused before it is allowed and after it is taken back", async () => {
      const { escrow, token, client, stranger } = await load();
      const sweep = () => escrow.connect(stranger).sweep(token, client);
      await refused(sweep(), escrow, "PaymentEscrow_SweepNotAllowed", client);
      await escrow.allowSweep(true);
      await expect(escrow.allowSweep(false)).to.emit(escrow, "SweepAllowed").withArgs(client, false);
      await refused(sweep(), escrow, "PaymentEscrow_SweepNotAllowed", client);
    });
  });

  describe("a controller", () => {
    it("holds from a balance and credits another", async () => {
      const { escrow, controller, token, client, stranger } = await load();
      await escrow.connect(controller).hold(token, client, 600n);
      await escrow.connect(controller).credit(token, stranger, 600n);
      expect(await escrow.balanceOf(token, client)).to.equal(400n);
      expect(await escrow.balanceOf(token, stranger)).to.equal(600n);
    });

    it("numbers what it holds of an account in a token, whatever comes in between", async () => {
      const { escrow, token, client, controller } = await load();
      const own = escrow.connect(controller);
      for (const number of [1n, 2n, 3n]) {
        expect(await own.hold.staticCall(token, client, 10n)).to.equal(number);
        await own.hold(token, client, 10n);
        await own.credit(token, client, 10n);
        await escrow.connect(client).withdraw(token, client, 10n);
      }
      expect(await own.hold.staticCall(token, controller, 0n)).to.equal(1n);
    });

    it("holds no more than is there", async () => {
      const { escrow, controller, token, client } = await load();
      const call = escrow.connect(controller).hold(token, client, 1_001n);
      await refused(call, escrow, "PaymentEscrow_InsufficientBalance", token, client, DEPOSIT, 1_001n);
    });
  });
});
