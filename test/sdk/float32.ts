import { expect } from "chai";

import { fma, fromBits } from "../../sdk/src/graph/float32.js";
import { fma as exactFma, toBits } from "../disputes/verifiers/support/float32.js";
import { Random } from "../../sdk/test/tensor/random.js";

const EDGES = [
  0, 0x80000000, 1, 0x80000001, 0x007fffff, 0x00800000, 0x3f800000, 0xbf800000, 0x3f800001, 0x7f7fffff, 0xff7fffff,
  0x7f800000, 0xff800000, 0x7fc00000, 0x33800000, 0x4b7fffff,
];

describe("fma of the SDK", () => {
  const check = (a: number, b: number, c: number) => {
    const found = toBits(fma(fromBits(a), fromBits(b), fromBits(c)));
    expect(found, [a, b, c].map((bits) => bits.toString(16)).join()).to.equal(exactFma(a, b, c));
  };

  it("rounds once, as exact integers do", () => {
    const random = new Random(5);
    for (let i = 0; i < 20_000; i++) check(random.next(), random.next(), random.next());
    // Sums whose exponents are close, so that each bit counts.
    for (let i = 0; i < 20_000; i++) {
      const near = () => ((random.next() & 0x807fffff) | ((120 + random.below(14)) << 23)) >>> 0;
      check(near(), near(), near());
    }
  });

  it("knows zeros, subnormals, infinities and what is no number", () => {
    for (const a of EDGES) for (const b of EDGES) for (const c of EDGES) check(a, b, c);
  });

  it("does not round twice where a sum in a double lies between two floats", () => {
    // (1 + 2^-12)^2 + 2^-60: the product ends in 2^-24, a tie that the last summand decides.
    expect(fma(1 + 2 ** -12, 1 + 2 ** -12, 2 ** -60)).to.equal(1 + 2 ** -11 + 2 ** -23);
    expect(fma(1 + 2 ** -12, 1 + 2 ** -12, -(2 ** -60))).to.equal(1 + 2 ** -11);
  });
});
