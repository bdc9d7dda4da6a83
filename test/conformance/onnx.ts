import { expect } from "chai";

import { isInstalled, nodeTests, SKIPPED } from "./nodeTests.js";
import { totals } from "./report.js";
import type { Result } from "./run.js";
import { runTests } from "./run.js";

/** Of each node; `npm run test:conformance` takes more. */
const ELEMENTS = 4;
/** Tests of libonnx-testdata 1.12 that can be judged: fewer would be operators lost. */
const JUDGED = 455;

describe("The ONNX project's node tests", function () {
  this.timeout(0);
  let results: Result[] = [];

  before(async function () {
    if (!isInstalled()) {
      console.log(`      ${SKIPPED}`);
      this.skip();
    }
    results = await runTests(nodeTests(), ELEMENTS);
  });

  it("convict no honest element, convict every changed one, and crash nothing", () => {
    expect(results.flatMap(({ name, failures }) => failures.map((failure) => `${name}: ${failure}`))).to.deep.equal([]);
  });

  it("give the outputs that are expected, wherever the court judges them", () => {
    expect(results.filter(({ unexpected }) => unexpected.length > 0).map(({ name }) => name)).to.deep.equal([]);
  });

  it("are judged, or refused with the node and the reason", () => {
    expect(totals(results).judged).to.be.at.least(JUDGED);
    const silent = results.filter(({ runs, problems }) => runs.length === 0 && problems.length === 0);
    expect(silent.map(({ name }) => name)).to.deep.equal([]);
  });
});
