/**
 * The operators' verifiers beside onnxruntime, with as many cases as wanted.
 *
 *   npm run test:verifiers -- --cases 20000 --seed 7
 */
import { spawnSync } from "node:child_process";
import path from "node:path";
import { parseArgs } from "node:util";

const { values: options } = parseArgs({
  options: { cases: { type: "string", default: "20000" }, seed: { type: "string", default: "1" } },
});

const root = path.join(import.meta.dirname, "..");
const hardhat = path.join(root, "node_modules/hardhat/dist/src/cli.js");
const { status } = spawnSync(
  process.execPath,
  [hardhat, "test", "mocha", "test/verifiers/differential.ts", "--no-compile"],
  {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, VERIFIER_CASES: options.cases, VERIFIER_SEED: options.seed },
  },
);
process.exitCode = status ?? 1;
