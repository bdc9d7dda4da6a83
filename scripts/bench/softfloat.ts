import { network } from "hardhat";

import { Random } from "../../sdk/test/tensor/random.js";
import { SoftFloat32Bench__factory } from "../../sdk/src/typechain/index.js";
import { fma, toBits } from "../../test/disputes/verifiers/support/float32.js";

/** Gas of one operation, or of one multiply-add of a dot product. */
export interface SoftFloatRow {
  path: string;
  gas: number;
}

const SAMPLES = 512;
const LENGTHS = [64, 576, 1152, 4096];

/** Normally distributed operands, as those of a network's layers nearly are; seeded, so that figures repeat. */
function gaussian(random: Random): number {
  const uniform = (): number => (random.next() + 1) / 2 ** 32;
  return toBits(Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()));
}

function row(random: Random, length: number): number[] {
  return Array.from({ length }, () => gaussian(random));
}

/** Eight numbers to a word, the first one leftmost. */
function toWords(numbers: readonly number[]): bigint[] {
  const words: bigint[] = [];
  for (let i = 0; i < numbers.length; i += 8) {
    words.push(numbers.slice(i, i + 8).reduce((word, bits) => (word << 32n) | BigInt(bits), 0n));
  }
  return words;
}

export async function measureSoftFloat(): Promise<SoftFloatRow[]> {
  const { ethers } = await network.create();
  const [signer] = await ethers.getSigners();
  const bench = await new SoftFloat32Bench__factory(signer).deploy();
  const random = new Random(32);
  const [a, b] = [row(random, SAMPLES), row(random, SAMPLES)];
  const rows: SoftFloatRow[] = [];
  const each = ({ gas }: { gas: bigint }): number => Math.round(Number(gas) / SAMPLES);

  rows.push({ path: "add", gas: each(await bench.add(a, b)) });
  rows.push({ path: "mul", gas: each(await bench.mul(a, b)) });
  rows.push({ path: "fma", gas: each(await bench.fma(a, b)) });
  rows.push({ path: "div", gas: each(await bench.div(a, b)) });
  rows.push({ path: "sqrt", gas: each(await bench.sqrt(a)) });
  for (const length of LENGTHS) {
    const [x, y] = [row(random, length), row(random, length)];
    const claimed = x.reduce((sum, bits, i) => fma(bits, y[i] ?? 0, sum), 0);
    const [xs, ys] = [toWords(x), toWords(y)];
    const fused = await bench.fusedDot(xs, ys);
    if (Number(fused.sum) !== claimed) throw new Error(`the dot product of ${length} is wrong`);
    const exact = await bench.exactDot(xs, ys, claimed);
    if (!exact.isWithin) throw new Error(`the exact check refuses an honest dot product of ${length}`);
    rows.push({ path: `dot of ${length}, fused multiply-add in order`, gas: Number(fused.gas) });
    rows.push({ path: `dot of ${length}, multiply and add in order`, gas: Number((await bench.separateDot(xs, ys)).gas) });
    rows.push({ path: `dot of ${length}, any order, exact check`, gas: Number(exact.gas) });
  }
  return rows;
}
