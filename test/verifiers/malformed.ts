import { expect } from "chai";

import { initHash } from "../../sdk/src/tensor/index.js";
import { Random } from "../../sdk/test/tensor/random.js";
import { FAMILIES } from "./cases/index.js";
import type { RawClaim } from "./support/abi.js";
import type { Case, Generator } from "./support/cases.js";
import { claimOf } from "./support/cases.js";
import { deployVerifier, Verdict, verdicts } from "./support/judge.js";
import { ALWAYS, describeClaim, SHAPES, withNode } from "./support/malformed.js";

const CASES = 12;

async function casesOf(generate: Generator, seed: number): Promise<Case[]> {
  const random = new Random(seed);
  const cases: Case[] = [];
  while (cases.length < CASES) cases.push(await generate(random));
  return cases;
}

for (const [family, operators] of Object.entries(FAMILIES)) {
  describe(`${family}, malformed claims`, function () {
    this.timeout(0);
    const verifier = deployVerifier(family);
    const claims = new Map<string, RawClaim[]>();

    before(async () => {
      await initHash();
      for (const [operator, generate] of Object.entries(operators)) {
        claims.set(
          operator,
          (await casesOf(generate, 5)).map((made) => claimOf(made, 0)),
        );
      }
    });

    it("judges every claim as long as nothing is changed", async () => {
      for (const honest of claims.values()) {
        expect(new Set(await verdicts(await verifier, honest))).to.deep.equal(new Set([Verdict.Stands]));
      }
    });

    it("convicts nobody by attributes of another operator", async () => {
      for (const [operator, honest] of claims) {
        const others = [...claims].flatMap(([other, [first]]) => (other === operator || !first ? [] : [first.node]));
        const changed = honest.flatMap((claim) =>
          others
            .filter(({ attributes }) => attributes.length !== claim.node.attributes.length)
            .map(({ attributes }) => withNode(claim, { attributes })),
        );
        const judged = (await verdicts(await verifier, changed)).filter((verdict) => verdict !== Verdict.NotJudged);
        expect(judged, operator).to.deep.equal([]);
      }
    });

    const everything = { ...ALWAYS, "shapes that do not fit": SHAPES };
    for (const [what, changes] of Object.entries(everything)) {
      it(`convicts nobody by ${what}`, async () => {
        for (const [operator, honest] of claims) {
          if (changes === SHAPES && /^(VIEW|ADD|SUB|MUL|DIV|(TOLERANCE_)?REDUCE|SOFTMAX|LAYER|BLOCK)/.test(operator))
            continue;
          const changed = honest.flatMap((claim) => changes.flatMap((change) => change(claim) ?? []));
          const found = await verdicts(await verifier, changed);
          const judged = changed.filter((_, i) => found[i] !== Verdict.NotJudged);
          expect(
            judged.map(describeClaim).slice(0, 2),
            `${operator}: ${judged.length} of ${found.length} judged`,
          ).to.deep.equal([]);
        }
      });
    }
  });
}
