import { network } from "hardhat";

import { Random } from "../../sdk/test/tensor/random.js";
import { SoftFloat32Bench__factory, type SoftFloat32Bench } from "../../sdk/src/typechain/index.js";
import { toWords } from "../../test/disputes/verifiers/support/dot.js";
import { fma, toBits } from "../../test/disputes/verifiers/support/float32.js";

/** Gas of one operation on average, or of a whole dot product of `products` products. */
export interface SoftFloatRow {
  path: string;
  gas: number;
  products: number;
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

export async function measureSoftFloat(): Promise<SoftFloatRow[]> {
  const { ethers } = await network.create();
  const [signer] = await ethers.getSigners();
  const bench = await new SoftFloat32Bench__factory(signer).deploy();
  const random = new Random(32);
  const [a, b] = [row(random, SAMPLES), row(random, SAMPLES)];
  const operations = [
    { path: "add", result: await bench.add(a, b) },
    { path: "mul", result: await bench.mul(a, b) },
    { path: "fma", result: await bench.fma(a, b) },
    { path: "div", result: await bench.div(a, b) },
    { path: "sqrt", result: await bench.sqrt(a) },
  ];
  const rows = operations.map(({ path, result }) => ({
    path,
    gas: Math.round(Number(result.gas) / SAMPLES),
    products: 0,
  }));
  for (const length of LENGTHS) rows.push(...(await dots(bench, row(random, length), row(random, length))));
  return rows;
}

/** As they lie in a leaf: the first byte of each is the lowest. */
const toBytes = (numbers: readonly number[]): Uint8Array => new Uint8Array(Uint32Array.from(numbers).buffer);

async function dots(bench: SoftFloat32Bench, a: readonly number[], b: readonly number[]): Promise<SoftFloatRow[]> {
  const products = a.length;
  const [x, y] = [toWords(a), toWords(b)];
  const [inA, inB] = [toBytes(a), toBytes(b)];
  const fused = await bench.dot(inA, inB, true);
  const separate = await bench.dot(inA, inB, false);
  const honest = a.reduce((sum, bits, i) => fma(bits, b[i] ?? 0, sum), 0);
  if (Number(fused.sum) !== honest) throw new Error(`the dot product of ${products} is wrong`);
  const exact = await bench.exactDot(x, y, honest);
  if (!exact.isWithin) throw new Error(`the exact check refuses an honest dot product of ${products}`);
  return [
    { path: `dot of ${products}: fused multiply-add in order`, gas: Number(fused.gas), products },
    { path: `dot of ${products}: multiply and add in order`, gas: Number(separate.gas), products },
    { path: `dot of ${products}: any order, exact check`, gas: Number(exact.gas), products },
  ];
}
