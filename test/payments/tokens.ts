import { expect } from "chai";
import { MaxUint256, ZeroHash } from "ethers";

import { PaymentEscrow__factory } from "../../sdk/src/typechain/index.js";
import { ethers, namedPeople, networkHelpers, refused } from "../support/fixture.js";
import { actAs, arm, asPlain, deployTokens } from "../support/tokens.js";

/** An escrow in which a client and a stranger hold 100 of every kind of token. */
async function escrowOfAllTokens() {
  const { deployer, guardian: controller, client, stranger } = await namedPeople();
  const tokens = await deployTokens(deployer);
  const escrow = await new PaymentEscrow__factory(deployer).deploy(controller);
  for (const kind of [tokens.noReturn, tokens.falseReturn, tokens.fee, tokens.blocklist]) {
    for (const account of [client, stranger]) {
      const token = await asPlain(kind, account);
      await token.mint(account, 200n);
      await token.approve(escrow, MaxUint256);
      await escrow.connect(account).deposit(token, account, 100n);
    }
  }
  return { ...tokens, controller, client, stranger, escrow: escrow.connect(client) };
}

describe("PaymentEscrow over tokens that misbehave", () => {
  const load = () => networkHelpers.loadFixture(escrowOfAllTokens);

  it("B06 takes and pays out a token whose transfers return nothing and that has no permit", async () => {
    const { escrow, client, noReturn } = await load();
    await escrow.depositWithPermit(noReturn, client, 50n, 0n, 27, ZeroHash, ZeroHash);
    expect(await escrow.balanceOf(noReturn, client)).to.equal(150n);
    await escrow.withdraw(noReturn, client, 150n);
    expect(await noReturn.balanceOf(client)).to.equal(200n);
  });

  it("B06 believes no transfer that says false", async () => {
    const { escrow, client, stranger, falseReturn } = await load();
    await escrow.allowSweep(true);
    await falseReturn.setFailing(true);
    for (const call of [
      () => escrow.deposit(falseReturn, client, 1n),
      () => escrow.withdraw(falseReturn, client, 100n),
      () => escrow.connect(stranger).sweep(falseReturn, client),
    ]) {
      await refused(call(), escrow, "SafeERC20FailedOperation", falseReturn);
    }
    expect(await escrow.balanceOf(falseReturn, client)).to.equal(100n);
    await falseReturn.setFailing(false);
    await escrow.withdraw(falseReturn, client, 100n);
    expect(await falseReturn.balanceOf(client)).to.equal(200n);
  });

  it("B07 credits what arrived of a token with a fee, so that everybody can leave", async () => {
    const { escrow, client, stranger, fee } = await load();
    for (const account of [client, stranger]) {
      expect(await escrow.balanceOf(fee, account)).to.equal(99n);
      await escrow.connect(account).withdraw(fee, account, 99n);
    }
    expect(await fee.balanceOf(escrow)).to.equal(0n);
  });

  it("B08 I14 keeps a blocked account's balance, which harms nobody else and may leave elsewhere", async () => {
    const { escrow, controller, client, stranger, blocklist } = await load();
    await blocklist.setBlocked(client, true);
    const blocked = escrow.withdraw(blocklist, client, 100n);
    await refused(blocked, blocklist, "BlocklistToken_Blocked", client);
    await escrow.connect(controller).hold(blocklist, client, 10n);
    await escrow.connect(controller).credit(blocklist, client, 10n);
    await escrow.connect(stranger).withdraw(blocklist, stranger, 100n);
    await escrow.withdraw(blocklist, stranger, 60n);
    await escrow.transfer(blocklist, stranger, 40n);
    expect(await escrow.balanceOf(blocklist, stranger)).to.equal(40n);
  });

  it("B08 keeps other tokens reachable when one blocks the escrow itself", async () => {
    const { escrow, client, blocklist, noReturn } = await load();
    await blocklist.setBlocked(escrow, true);
    await refused(escrow.withdraw(blocklist, client, 1n), blocklist, "BlocklistToken_Blocked", escrow);
    await expect(escrow.withdraw(noReturn, client, 100n)).not.to.be.revert(ethers);
  });

  describe("B05 with a token that calls back", () => {
    /** The token itself has deposited 100 and lets anyone sweep them. */
    async function reentered() {
      const { escrow, reentrant: token, client } = await load();
      await actAs(token, token, "approve", await escrow.getAddress(), MaxUint256);
      const self = await token.getAddress();
      await actAs(token, escrow, "deposit", self, self, 100n);
      await actAs(token, escrow, "allowSweep", true);
      return { token, escrow, self, client };
    }

    /** What moves tokens, and so may not be called in the middle of a transfer. */
    const GUARDED = {
      deposit: (self: string) => [self, self, 10n],
      depositWithPermit: (self: string) => [self, self, 10n, 0n, 27, ZeroHash, ZeroHash],
      withdraw: (self: string) => [self, self, 10n],
      sweep: (self: string) => [self, self],
    };

    for (const [outer, outerArgs] of Object.entries(GUARDED)) {
      for (const [inner, innerArgs] of Object.entries(GUARDED)) {
        it(`refuses ${inner} in the middle of ${outer}`, async () => {
          const { token, escrow, self } = await reentered();
          await arm(token, escrow, inner, ...innerArgs(self));
          const call = actAs(token, escrow, outer, ...outerArgs(self));
          await refused(call, escrow, "ReentrancyGuardReentrantCall");
          expect(await escrow.balanceOf(token, self)).to.equal(100n);
        });
      }

      it(`counts nothing twice when a balance moves in the middle of ${outer}`, async () => {
        const { token, escrow, self, client } = await reentered();
        const left = outer === "sweep" ? 0n : outer === "withdraw" ? 90n : 100n;
        await arm(token, escrow, "transfer", self, client.address, left);
        await actAs(token, escrow, outer, ...outerArgs(self));
        const credited = (await escrow.balanceOf(token, self)) + (await escrow.balanceOf(token, client));
        expect(credited).to.equal(await token.balanceOf(escrow));
        expect(await escrow.balanceOf(token, client)).to.equal(left);
      });
    }
  });
});
