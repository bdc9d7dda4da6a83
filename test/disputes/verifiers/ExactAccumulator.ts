import { expect } from "chai";
import { network } from "hardhat";

import { Random } from "../../../sdk/test/tensor/random.js";
import { ExactAccumulatorHarness__factory } from "../../../sdk/src/typechain/index.js";
import type { AccumulatorStructOutput } from "../../../sdk/src/typechain/contracts/mocks/ExactAccumulatorHarness.js";
import type { ExactSums, Factors } from "./support/dot.js";
import { exactSums, isWithin, KINDS, ORDERS, randomFactors, toWords } from "./support/dot.js";
import { INFINITY, isFinite32, NAN, ONE, roundExact, SIGN, toBits } from "./support/float32.js";
import { EDGES } from "./support/vectors.js";

const LARGEST = INFINITY - 1;
const NEGATIVE_INFINITY = INFINITY + SIGN;

const { ethers } = await network.create();

describe("ExactAccumulator", () => {
  const deployed = ethers.getSigners().then(async ([signer]) => new ExactAccumulatorHarness__factory(signer).deploy());

  /** What Solidity says to each of `ys` as the sum of `n` products. */
  async function verdicts({ a, b }: Factors, ys: readonly number[], n = a.length): Promise<boolean[]> {
    return (await deployed).within(toWords(a), toWords(b), [...ys], n);
  }

  function sumsOf({ bins }: AccumulatorStructOutput): ExactSums {
    const [positive, negative] = [bins.slice(0, 4), bins.slice(4)].map((half) =>
      half.reduce((total, bin, i) => total + (bin << BigInt(128 * i)), 0n),
    ) as [bigint, bigint];
    return { sum: positive - negative, magnitudes: positive + negative };
  }

  for (const kind of KINDS) {
    describe(`numbers ${kind.name}`, () => {
      it("add up exactly", async () => {
        const random = new Random(7);
        for (const length of [1, 8, 100, 999]) {
          const factors = randomFactors(random, kind, length);
          const acc = await (await deployed).accumulate(toWords(factors.a), toWords(factors.b));
          expect(sumsOf(acc)).to.deep.equal(exactSums(factors));
          expect(acc.special).to.equal(0n);
        }
      });

      it("give no order of summation a result out of bounds, and nobody one that is four bounds away", async () => {
        const random = new Random(8);
        for (const length of [1, 2, 33, 300, 1152]) {
          const factors = randomFactors(random, kind, length);
          const sums = exactSums(factors);
          const honest = ORDERS.map(({ compute }) => compute(factors));
          expect(honest.every(isFinite32)).to.equal(true);
          expect(await verdicts(factors, honest), `honest, ${length}`).to.not.include(false);

          const n = BigInt(length);
          const bound = (n * (sums.magnitudes + 2n ** 172n)) / (2n ** 24n - n) + 1n;
          const wrong = [sums.sum + 4n * bound, sums.sum - 4n * bound].map((y) => roundExact(y, -298));
          expect(await verdicts(factors, wrong), `wrong, ${length}`).to.deep.equal([false, false]);
        }
      });

      it("have the bound where rational arithmetic has it", async () => {
        const random = new Random(9);
        let accepted = 0;
        let refused = 0;
        for (const length of [1, 5, 64, 500]) {
          const factors = randomFactors(random, kind, length);
          const sums = exactSums(factors);
          const n = BigInt(length);
          const bound = (n * (sums.magnitudes + 2n ** 172n)) / (2n ** 24n - n);
          const near = [-1n, 1n].flatMap((side) => {
            const edge = roundExact(sums.sum + side * bound, -298);
            return [-2, -1, 0, 1, 2].map((step) => Math.max(0, (edge & 0x7fffffff) + step) + (edge & SIGN ? SIGN : 0));
          });
          const expected = near.map((y) => isWithin(y, sums, length));
          expect(await verdicts(factors, near)).to.deep.equal(expected);
          accepted += expected.filter((within) => within).length;
          refused += expected.filter((within) => !within).length;
        }
        expect(accepted).to.be.greaterThan(0);
        expect(refused).to.be.greaterThan(0);
      });
    });
  }

  it("adds products of every class of finite numbers exactly", async () => {
    const finite = EDGES.filter(isFinite32);
    for (const x of finite) {
      const factors = { a: finite.map(() => x), b: finite };
      const acc = await (await deployed).accumulate(toWords(factors.a), toWords(factors.b));
      expect(sumsOf(acc), x.toString(16)).to.deep.equal(exactSums(factors));
    }
  });

  it("comes to the same in parts", async () => {
    const harness = await deployed;
    const random = new Random(10);
    const factors = randomFactors(random, { name: "", fields: [0, 254], cancels: false }, 640);
    const [a, b] = [[...factors.a], [...factors.b]];
    a[3] = INFINITY;
    b[3] = ONE;
    a[600] = NAN;
    const [x, y] = [toWords(a), toWords(b)];
    const whole = await harness.accumulate(x, y);
    const [first, second] = [
      await harness.accumulate(x.slice(0, 31), y.slice(0, 31)),
      await harness.accumulate(x.slice(31), y.slice(31)),
    ].map(plain) as [Plain, Plain];
    expect(plain(await harness.merge(first, second))).to.deep.equal(plain(whole));
    expect(plain(await harness.merge(second, first))).to.deep.equal(plain(whole));
  });

  it("takes a bias as a product with one", async () => {
    const harness = await deployed;
    const bias = toBits(-0.3);
    const { a, b } = { a: [toBits(1.5), toBits(2)], b: [toBits(0.25), toBits(7)] };
    const acc = plain(await harness.accumulate(toWords(a), toWords(b)));
    expect(sumsOf(await harness.addProduct(acc, bias, ONE))).to.deep.equal(
      exactSums({ a: [...a, bias], b: [...b, ONE] }),
    );
  });

  it("does not take an underflow for a fraud", async () => {
    const tiny = 1; // 2^-149, whose square is rounded to zero
    const factors = { a: [tiny, tiny], b: [tiny, tiny] };
    expect(await verdicts(factors, [0, SIGN, tiny, 2 * tiny])).to.deep.equal([true, true, true, false]);
  });

  it("refuses 2^24 products or more, where no bound exists", async () => {
    const harness = await deployed;
    expect(await harness.within([], [], [0], 2 ** 24 - 1)).to.deep.equal([true]);
    await expect(harness.within([], [], [0], 2 ** 24))
      .to.be.revertedWithCustomError(harness, "ExactAccumulator_TooManyTerms")
      .withArgs(2 ** 24);
  });

  describe("where something is not finite", () => {
    const YS = [INFINITY, NEGATIVE_INFINITY, NAN, 0, LARGEST];
    const cases: { name: string; a: number[]; b: number[]; within: boolean[] }[] = [
      { name: "a NaN leaves only NaN", a: [NAN, ONE], b: [ONE, ONE], within: [false, false, true, false, false] },
      {
        name: "infinity times zero leaves only NaN",
        a: [0, ONE],
        b: [INFINITY, ONE],
        within: [false, false, true, false, false],
      },
      {
        name: "infinities of both signs leave only NaN",
        a: [INFINITY, NEGATIVE_INFINITY],
        b: [ONE, ONE],
        within: [false, false, true, false, false],
      },
      {
        name: "one infinity leaves only itself",
        a: [ONE, INFINITY, ONE],
        b: [ONE, ONE, ONE],
        within: [true, false, false, false, false],
      },
      {
        name: "the sign of an infinity is that of its product",
        a: [INFINITY, ONE],
        b: [ONE + SIGN, ONE],
        within: [false, true, false, false, false],
      },
      {
        name: "an infinity beside finite products that may overflow can also end as NaN",
        a: [INFINITY, LARGEST],
        b: [ONE, toBits(-4)],
        within: [true, false, true, false, false],
      },
      {
        name: "finite products that cannot overflow leave no infinity and no NaN",
        a: [ONE, ONE],
        b: [ONE, ONE + SIGN],
        within: [false, false, false, true, false],
      },
      {
        name: "finite products that may overflow on the way can end as any infinity or NaN",
        a: [LARGEST, LARGEST],
        b: [toBits(2), toBits(-2)],
        within: [true, true, true, true, false],
      },
    ];
    for (const { name, a, b, within } of cases) {
      it(name, async () => {
        expect(await verdicts({ a, b }, YS)).to.deep.equal(within);
      });
    }

    it("overflow begins earlier by what products that underflow may add", async () => {
      // 2^-149 less than the limit for n = 2, then twice that.
      const limit = 2n ** (128n + 149n) - 2n ** (105n + 149n) - 2n ** (103n + 149n) + 2n ** (80n + 149n);
      const [reached, missed] = [limit - 1n, limit - 2n].map(toNumbers) as [number[], number[]];
      expect(await verdicts({ a: reached, b: reached.map(() => ONE) }, [INFINITY], 2)).to.deep.equal([true]);
      expect(await verdicts({ a: missed, b: missed.map(() => ONE) }, [INFINITY], 2)).to.deep.equal([false]);
    });

    it("overflow begins where a sum that is as far up as rounding allows is rounded to infinity", async () => {
      // (1 - 2 u) (2^128 - 2^103) = 2^128 - 2^105 - 2^103 + 2^80, and the largest number is 2^128 - 2^104.
      const most = LARGEST - 2;
      const rest = toBits(2 ** 103);
      expect(await verdicts({ a: [most, rest], b: [ONE, ONE] }, [INFINITY, NAN])).to.deep.equal([false, false]);
      expect(await verdicts({ a: [most, rest + 1], b: [ONE, ONE] }, [INFINITY, NAN])).to.deep.equal([true, true]);
    });
  });
});

/** Numbers that add up to this many 2^-149: its digits in the base 2^24. */
function toNumbers(units: bigint): number[] {
  const numbers: number[] = [];
  for (let place = 0; units >> BigInt(24 * place) > 0n; place++) {
    numbers.push(roundExact((units >> BigInt(24 * place)) & 0xffffffn, 24 * place - 149));
  }
  return numbers;
}

interface Plain {
  bins: [bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint];
  special: bigint;
}

/** A result as an argument. */
function plain({ bins, special }: AccumulatorStructOutput): Plain {
  return { bins: [...bins] as Plain["bins"], special };
}
