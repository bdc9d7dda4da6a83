import { expect } from "chai";
import { network } from "hardhat";

import { SoftFloat32Harness__factory } from "../../../sdk/src/typechain/index.js";
import { INFINITY, NAN, SIGN } from "./support/float32.js";
import { describeMismatch, judge, OPERATIONS } from "./support/operations.js";

/** `npm run test:softfloat` runs as many as one likes. */
const CASES = 10_000;

const { ethers } = await network.create();

describe("SoftFloat32", () => {
  const deployed = ethers.getSigners().then(async ([signer]) => new SoftFloat32Harness__factory(signer).deploy());

  for (const operation of OPERATIONS) {
    it(`${operation.name} gives the right bits, edges and hard cases included`, async () => {
      const { cases, mismatches } = await judge(await deployed, operation, CASES, 1);
      expect(cases).to.be.greaterThan(CASES * 0.9);
      expect(mismatches.slice(0, 5).map(describeMismatch)).to.deep.equal([]);
    });
  }

  it("tells NaN, infinity and finite numbers apart", async () => {
    const harness = await deployed;
    const classes: [bits: number, nan: boolean, infinite: boolean][] = [
      [0, false, false],
      [1, false, false],
      [INFINITY - 1, false, false],
      [INFINITY, false, true],
      [INFINITY + 1, true, false],
      [NAN, true, false],
      [0x7fffffff, true, false],
    ];
    for (const [magnitude, nan, infinite] of classes) {
      for (const bits of [magnitude, magnitude + SIGN]) {
        expect(await harness.isNaN(bits), `isNaN ${bits.toString(16)}`).to.equal(nan);
        expect(await harness.isInf(bits), `isInf ${bits.toString(16)}`).to.equal(infinite);
        expect(await harness.isFinite(bits), `isFinite ${bits.toString(16)}`).to.equal(!nan && !infinite);
      }
    }
  });

  it("has no integer for an infinity or a NaN", async () => {
    const harness = await deployed;
    for (const bits of [INFINITY, INFINITY + SIGN, NAN]) {
      await expect(harness.toIntRne(bits)).to.be.revertedWithCustomError(harness, "SoftFloat32_NotFinite");
    }
  });
});
