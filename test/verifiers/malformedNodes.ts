import { expect } from "chai";

import type { TensorHeader } from "../../sdk/src/tensor/index.js";
import { initHash, Layout } from "../../sdk/src/tensor/index.js";
import { Random } from "../../sdk/test/tensor/random.js";
import { FAMILIES } from "./cases/index.js";
import type { RawClaim } from "./support/abi.js";
import { claimOf } from "./support/cases.js";
import { deployVerifier, refusals } from "./support/judge.js";
import { describeClaim, withHeader, withNode } from "./support/malformed.js";

/** Selector of `Panic(uint256)`. */
const PANIC = "0x4e487b71";
/** The decoder's own refusal of an array that is longer than memory can be. */
const TOO_LONG = "41";
const CASES = 4;
const WORDS = [0n, 1n, 2n, 9n, 2n ** 31n, 2n ** 32n - 1n];

/** The node with each word of its attributes replaced. */
function* withAttributes(claim: RawClaim): Generator<RawClaim> {
  const { attributes } = claim.node;
  for (let at = 2; at < attributes.length; at += 64) {
    for (const word of WORDS) {
      const changed = attributes.slice(0, at) + word.toString(16).padStart(64, "0") + attributes.slice(at + 64);
      yield withNode(claim, { attributes: changed as `0x${string}` });
    }
  }
}

/** The node about tensors of other shapes. */
function* withShapes(claim: RawClaim): Generator<RawClaim> {
  for (const [at, { rank, dims, layout }] of claim.headers.entries()) {
    const changes: Partial<TensorHeader>[] = [{ rank: 8 }];
    if (layout === Layout.RowMajor && rank > 0) changes.push({ rank: rank - 1 });
    for (let axis = 0; axis < rank; axis++) {
      for (const dim of [0, 1, (dims[axis] ?? 0) + 1, 2 ** 32 - 1]) changes.push({ dims: dims.with(axis, dim) });
    }
    for (const change of changes) yield withHeader(claim, at, () => change);
  }
}

for (const [family, operators] of Object.entries(FAMILIES)) {
  describe(`${family}, nodes that no model has`, function () {
    this.timeout(0);
    const deployed = deployVerifier(family);
    before(initHash);

    for (const [operator, generate] of Object.entries(operators)) {
      it(`${operator}: are judged, or refused by name`, async () => {
        const random = new Random(13);
        const verifier = await deployed;
        for (let i = 0; i < CASES; i++) {
          const claim = claimOf(await generate(random), 0);
          const changed = [...withAttributes(claim), ...withShapes(claim)];
          const found = await refusals(verifier, changed);
          const panics = changed.filter((_, j) => found[j]?.startsWith(PANIC) && !found[j].endsWith(TOO_LONG));
          expect(panics.map(describeClaim).slice(0, 2), `${panics.length} of ${changed.length}`).to.deep.equal([]);
        }
      });
    }
  });
}
