import { expect } from "chai";
import { ZeroHash } from "ethers";

import { BlockhashRandomness__factory } from "../../sdk/src/typechain/index.js";
import { ethers, namedPeople, networkHelpers } from "../support/fixture.js";

const DELAY = 2n;
const MEMORY = 256n;

describe("BlockhashRandomness", () => {
  async function deployed() {
    const { deployer } = await namedPeople();
    return new BlockhashRandomness__factory(deployer).deploy();
  }
  const load = () => networkHelpers.loadFixture(deployed);

  it("C18 knows no seed before its block, then its hash for 256 blocks, then says that it was missed", async () => {
    const randomness = await load();
    const current = BigInt(await ethers.provider.getBlockNumber());
    expect(await randomness.DELAY_BLOCKS()).to.equal(DELAY);
    const requestId = current + DELAY;
    expect(await randomness.requestSeed.staticCall()).to.equal(requestId);
    for (const known of [current, current + 1n, requestId]) {
      await mineUntil(known);
      expect(await randomness.seedOf(requestId), String(known)).to.deep.equal([ZeroHash, false]);
    }
    for (const known of [requestId + 1n, requestId + MEMORY]) {
      await mineUntil(known);
      const block = await ethers.provider.getBlock(Number(requestId));
      expect(await randomness.seedOf(requestId), String(known)).to.deep.equal([block?.hash, false]);
    }
    await mineUntil(requestId + MEMORY + 1n);
    expect(await randomness.seedOf(requestId)).to.deep.equal([ZeroHash, true]);
  });

  async function mineUntil(number: bigint): Promise<void> {
    const missing = number - BigInt(await ethers.provider.getBlockNumber());
    if (missing > 0n) await networkHelpers.mine(missing);
  }
});
