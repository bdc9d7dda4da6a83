import { expect } from "chai";

import { initHash } from "../../sdk/src/tensor/index.js";
import { ELEMENTWISE, QUANTIZATION } from "./cases/arithmetic.js";
import { FLOAT_DOT, FLOAT_DOT_WASM, TOLERANCE_DOT } from "./cases/floatDot.js";
import { FUNCTION_BOUNDS } from "./cases/functions.js";
import { INDEX_MAPS } from "./cases/indexMaps.js";
import { INTEGER_DOT } from "./cases/integerDot.js";
import { SELECTION } from "./cases/selection.js";
import type { Generator } from "./support/cases.js";
import { compare, deployVerifier } from "./support/judge.js";

/** For each case a model is prepared and sums of floats are tried, which takes a hundred times as long. */
const PREPARED = ["FloatDot", "ToleranceDot", "FunctionBounds"];
const casesOf = (family: string): number =>
  Number(process.env.VERIFIER_CASES ?? (PREPARED.includes(family) ? 300 : 2000));
const SEED = Number(process.env.VERIFIER_SEED ?? 1);

const FAMILIES: readonly [family: string, operators: Readonly<Record<string, Generator>>, runtime?: string][] = [
  ["IndexMaps", INDEX_MAPS],
  ["Selection", SELECTION],
  ["Elementwise", ELEMENTWISE],
  ["Quantization", QUANTIZATION],
  ["IntegerDot", INTEGER_DOT],
  ["FloatDot", FLOAT_DOT],
  ["FloatDot", FLOAT_DOT_WASM, "onnxruntime-web"],
  ["ToleranceDot", TOLERANCE_DOT],
  ["FunctionBounds", FUNCTION_BOUNDS],
];

for (const [family, operators, runtime = "onnxruntime"] of FAMILIES) {
  describe(`${family}, beside ${runtime}`, function () {
    this.timeout(0);
    const verifier = deployVerifier(family);
    before(initHash);

    const cases = casesOf(family);
    for (const [operator, generate] of Object.entries(operators)) {
      it(`${operator}: ${cases} honest elements stand, and none with a byte changed that is not right as well`, async () => {
        const { claims, convicted, missed } = await compare(await verifier, generate, cases, SEED);
        expect(claims).to.be.at.least(cases);
        expect(convicted.slice(0, 3), `${convicted.length} honest elements convicted`).to.deep.equal([]);
        expect(missed.slice(0, 3), `${missed.length} wrong verdicts on changed elements`).to.deep.equal([]);
      });
    }
  });
}
