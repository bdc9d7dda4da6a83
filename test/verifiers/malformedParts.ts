import { expect } from "chai";

import { ABSENT_HEADER, halved } from "../../sdk/src/court/index.js";
import { initHash } from "../../sdk/src/tensor/index.js";
import { Random } from "../../sdk/test/tensor/random.js";
import { FLOAT_DOT, TOLERANCE_DOT } from "./cases/floatDot.js";
import { INTEGER_DOT } from "./cases/integerDot.js";
import type { RawClaim } from "./support/abi.js";
import type { Generator } from "./support/cases.js";
import { claimOf } from "./support/cases.js";
import type { Verifier } from "./support/judge.js";
import { deployVerifier } from "./support/judge.js";
import type { Change } from "./support/malformed.js";
import { ALWAYS, describeClaim } from "./support/malformed.js";

const CASES = 3;

const FAMILIES: Readonly<Record<string, Readonly<Record<string, Generator>>>> = {
  IntegerDot: INTEGER_DOT,
  FloatDot: FLOAT_DOT,
  ToleranceDot: TOLERANCE_DOT,
};

/** A sum in two parts that meet in one step. */
interface Parts {
  readonly first: RawClaim;
  readonly last: RawClaim;
  readonly step: number;
}

async function partsOf(generate: Generator, random: Random): Promise<Parts | undefined> {
  const made = await generate(random);
  const headers = made.tensors.map((tensor) => tensor?.header ?? ABSENT_HEADER);
  const step = halved(made.node, headers, [{ from: 0 }])?.[0]?.to;
  if (step === undefined) return undefined;
  return { first: claimOf(made, 0, { from: 0, to: step }), last: claimOf(made, 0, { from: step }), step };
}

const accumulated = (verifier: Verifier, claim: RawClaim, to: number): Promise<string | undefined> =>
  (verifier.getFunction("accumulate")(claim, 0, to, "0x") as Promise<string>).catch(() => undefined);
const judged = (verifier: Verifier, claim: RawClaim, from: number, sum: string): Promise<boolean | undefined> =>
  (verifier.getFunction("contradictsAfter")(claim, from, sum) as Promise<boolean>).catch(() => undefined);

for (const [family, operators] of Object.entries(FAMILIES)) {
  describe(`${family}, malformed parts of sums`, function () {
    this.timeout(0);
    const deployed = deployVerifier(family);
    const sums = new Map<string, Parts[]>();

    before(async () => {
      await initHash();
      const random = new Random(6);
      for (const [operator, generate] of Object.entries(operators)) {
        const found: Parts[] = [];
        for (let tries = 0; tries < 100 && found.length < CASES; tries++) {
          const parts = await partsOf(generate, random);
          if (parts) found.push(parts);
        }
        if (found.length > 0) sums.set(operator, found);
      }
    });

    it("judges every sum as long as nothing is changed", async () => {
      const verifier = await deployed;
      expect(sums.size).to.be.greaterThan(3);
      for (const { first, last, step } of [...sums.values()].flat()) {
        const sum = await accumulated(verifier, first, step);
        expect(await judged(verifier, last, step, sum ?? ""), describeClaim(last)).to.equal(false);
      }
    });

    for (const [what, changes] of Object.entries(ALWAYS)) {
      it(`convicts nobody by ${what} in both parts, or in the last`, async () => {
        const verifier = await deployed;
        for (const parts of [...sums.values()].flat()) {
          for (const change of changes) expect(await verdictsOn(verifier, parts, change)).to.deep.equal([]);
        }
      });
    }
  });
}

/** What was judged of a change, which should have been nothing. */
async function verdictsOn(verifier: Verifier, { first, last, step }: Parts, change: Change): Promise<string[]> {
  const [changedFirst, changedLast] = [change(first), change(last)];
  if (!changedLast) return [];
  const honest = (await accumulated(verifier, first, step)) ?? "";
  const changed = changedFirst && (await accumulated(verifier, changedFirst, step));
  const found: string[] = [];
  for (const sum of changed === undefined ? [honest] : [honest, changed]) {
    const verdict = await judged(verifier, changedLast, step, sum);
    if (verdict !== undefined) found.push(`${verdict}: ${describeClaim(changedLast)}`);
  }
  return found;
}
