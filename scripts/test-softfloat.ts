/**
 * The comparison of SoftFloat32 with its oracle, with as many cases as one likes.
 *
 *   npm run test:softfloat                                 100,000 cases of every operation
 *   npm run test:softfloat -- --cases 1000000 --seed 7     more, and other ones
 *   npm run test:softfloat -- --operation fma              one operation
 */
import { parseArgs } from "node:util";

import { network } from "hardhat";

import { SoftFloat32Harness__factory } from "../sdk/src/typechain/index.js";
import { describeMismatch, judge, OPERATIONS } from "../test/disputes/verifiers/support/operations.js";

const SHOWN = 10;

const { values: options } = parseArgs({
  options: {
    cases: { type: "string", default: "100000" },
    seed: { type: "string", default: "1" },
    operation: { type: "string" },
  },
});

function positive(name: "cases" | "seed"): number {
  const value = Number(options[name]);
  if (!Number.isSafeInteger(value) || value <= 0) throw new Error(`--${name} takes a positive integer`);
  return value;
}

const [cases, seed] = [positive("cases"), positive("seed")];
const chosen = OPERATIONS.filter(({ name }) => options.operation === undefined || name === options.operation);
if (chosen.length === 0) throw new Error(`--operation is one of ${OPERATIONS.map(({ name }) => name).join(", ")}`);

const { ethers } = await network.create();
const [signer] = await ethers.getSigners();
const harness = await new SoftFloat32Harness__factory(signer).deploy();

for (const operation of chosen) {
  const start = performance.now();
  const verdict = await judge(harness, operation, cases, seed);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${operation.name}: ${verdict.cases} cases, ${verdict.mismatches.length} mismatches, ${seconds} s`);
  for (const mismatch of verdict.mismatches.slice(0, SHOWN)) console.log(`  ${describeMismatch(mismatch)}`);
  if (verdict.mismatches.length > 0) process.exitCode = 1;
}
