import { expect } from "chai";
import { AbiCoder } from "ethers";

import { ABSENT_HEADER, partsOfSum } from "../../sdk/src/court/index.js";
import type { Layout, TensorCommitment } from "../../sdk/src/tensor/index.js";
import { commitTensor, elementCount, initHash, toFloat32Array } from "../../sdk/src/tensor/index.js";
import { Random } from "../../sdk/test/tensor/random.js";
import { FLOAT_DOT, TOLERANCE_DOT } from "./cases/floatDot.js";
import { INTEGER_DOT } from "./cases/integerDot.js";
import type { Case, Generator } from "./support/cases.js";
import { claimOf } from "./support/cases.js";
import type { Verifier } from "./support/judge.js";
import { edgesOf, withOutput } from "./support/edges.js";
import { deployVerifier } from "./support/judge.js";
import { bytesAt, withElement } from "./support/values.js";

const CASES = 10;
/** Most of them are not taken in sequence, and whole. */
const REDUCTIONS = 80;
const ELEMENTS = 4;

const FAMILIES: Readonly<Record<string, Readonly<Record<string, Generator>>>> = {
  IntegerDot: INTEGER_DOT,
  FloatDot: FLOAT_DOT,
  ToleranceDot: TOLERANCE_DOT,
};
/** Whose sums one transaction takes or none. */
const INDIVISIBLE = ["AVERAGE_POOL", "BATCH_NORMALIZATION", "TOLERANCE_BATCH_NORMALIZATION"];

/** The same element with some bits of it changed. */
function changed(random: Random, made: Case, element: number): Case {
  const { tensor, header } = made.tensors.at(-1) as TensorCommitment;
  const bytes = Uint8Array.from(bytesAt(tensor, element));
  const at = random.below(bytes.length);
  bytes[at] = (bytes[at] ?? 0) ^ (1 + random.below(255));
  const output = commitTensor(withElement(tensor, element, bytes), header.layout as Layout);
  return { ...made, tensors: made.tensors.with(-1, output) };
}

const headersOf = ({ tensors }: Case) => tensors.map((tensor) => tensor?.header ?? ABSENT_HEADER);

/** What the verifier says of an element at once. */
async function atOnce(verifier: Verifier, made: Case, element: number): Promise<boolean> {
  return (await verifier.getFunction("contradicts")(claimOf(made, element))) as boolean;
}

/** What it says of the element in parts of at most so many terms, and how many they are. */
async function inParts(verifier: Verifier, made: Case, element: number, mostTerms: number) {
  const { parts, verdicts } = await allInParts(verifier, [made], element, mostTerms);
  return { parts, verdict: verdicts[0] };
}

/** The same of cases that differ in the claimed output only, which no part but the last looks at. */
async function allInParts(verifier: Verifier, cases: readonly [Case, ...Case[]], element: number, mostTerms: number) {
  const [made] = cases;
  const parts = partsOfSum(made.node, headersOf(made), element, ({ terms }) => terms <= mostTerms);
  let sum = "0x";
  for (const { from, to } of parts) {
    if (to === undefined) {
      const last = (each: Case) =>
        verifier.getFunction("contradictsAfter")(claimOf(each, element, { from }), from, sum) as Promise<boolean>;
      return { parts: parts.length, verdicts: await Promise.all(cases.map(last)) };
    }
    sum = (await verifier.getFunction("accumulate")(claimOf(made, element, { from, to }), from, to, sum)) as string;
  }
  throw new Error("no part is the last");
}

for (const [family, operators] of Object.entries(FAMILIES)) {
  describe(`${family}, sums in parts`, function () {
    this.timeout(0);
    const deployed = deployVerifier(family);
    before(initHash);

    for (const [operator, generate] of Object.entries(operators)) {
      if (INDIVISIBLE.includes(operator)) continue;
      it(`${operator}: parts of any size say what the whole says, right or wrong`, async () => {
        const random = new Random(5);
        const verifier = await deployed;
        const seen = { divided: 0, stands: 0, contradicted: 0 };
        for (let i = 0; i < (operator.startsWith("REDUCE") ? REDUCTIONS : CASES); i++) {
          const made = await generate(random);
          const count = elementCount((made.tensors.at(-1) as TensorCommitment).tensor.dims);
          for (let j = 0; j < ELEMENTS; j++) {
            const element = random.below(count);
            for (const each of [made, changed(random, made, element)]) {
              const whole = await atOnce(verifier, each, element);
              const { parts, verdict } = await inParts(verifier, each, element, 1 + random.below(40));
              expect(verdict, `case ${i} element ${element} in ${parts} parts`).to.equal(whole);
              if (parts > 1) seen.divided++;
              if (whole) seen.contradicted++;
              else seen.stands++;
            }
          }
        }
        for (const [what, times] of Object.entries(seen)) expect(times, what).to.be.greaterThan(5);
      });
    }
  });
}

describe("ToleranceDot, the bound in parts", function () {
  this.timeout(0);
  before(initHash);

  for (const [operator, generate] of Object.entries(TOLERANCE_DOT)) {
    if (INDIVISIBLE.includes(operator)) continue;
    it(`${operator}: the last number on either side stands, and the next one contradicts`, async () => {
      const random = new Random(7);
      const verifier = await deployVerifier("ToleranceDot");
      let divided = 0;
      for (let i = 0; i < CASES; i++) {
        const made = await generate(random);
        for (const [element, edges] of edgesOf(made)) {
          for (const { last, next } of edges) {
            const claimed = [withOutput(made, element, last), withOutput(made, element, next)] as const;
            const { parts, verdicts } = await allInParts(verifier, claimed, element, 1 + random.below(12));
            expect(verdicts, `case ${i} element ${element}`).to.deep.equal([false, true]);
            if (parts > 1) divided++;
          }
        }
      }
      expect(divided).to.be.greaterThan(5);
    });
  }
});

describe("ToleranceDot, the most that a sum may hold", function () {
  this.timeout(0);
  before(initHash);

  /** Each product is below 2^175, and no sum has 2^24 of them. */
  const FULLEST_BIN = 2n ** 199n - 1n;
  const MOST_TERMS = 2 ** 24 - 1;
  const EMPTY = [0n, 0n, 0n, 0n];
  const FULL = EMPTY.map(() => FULLEST_BIN);

  /** The verdict on a claim whose steps were all added up before, to these bins. */
  async function judged(positive: readonly bigint[], negative: readonly bigint[], terms: number): Promise<boolean> {
    const verifier = await deployVerifier("ToleranceDot");
    const made = await withoutBias();
    const from = made.tensors[0]?.tensor.dims.at(-1) ?? 0;
    const sum = AbiCoder.defaultAbiCoder().encode(
      ["uint256[8]", "uint256", "uint256"],
      [[...positive, ...negative], 0, terms],
    );
    return (await verifier.getFunction("contradictsAfter")(claimOf(made, 0, { from }), from, sum)) as boolean;
  }

  /** A matrix product of finite numbers, to which nothing is added. */
  async function withoutBias(): Promise<Case> {
    const random = new Random(11);
    for (;;) {
      const made = await TOLERANCE_DOT.TOLERANCE_MATMUL?.(random);
      const output = made?.tensors.at(-1);
      if (made && !made.tensors[2] && output && Number.isFinite(toFloat32Array(output.tensor)[0])) return made;
    }
  }

  it("is judged without an overflow: fullest bins that cancel leave room for any number, alone for none", async () => {
    expect(await judged(FULL, FULL, MOST_TERMS)).to.equal(false);
    expect(await judged(FULL, EMPTY, 1)).to.equal(true);
    expect(await judged(EMPTY, FULL, 1)).to.equal(true);
  });

  it("is refused with one term more", async () => {
    const verifier = await deployVerifier("ToleranceDot");
    await expect(judged(EMPTY, EMPTY, MOST_TERMS + 1)).to.be.revertedWithCustomError(
      verifier,
      "ExactAccumulator_TooManyTerms",
    );
  });
});
