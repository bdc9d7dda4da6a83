import { createRequire } from "node:module";
import path from "node:path";

import hardhatToolbox from "@nomicfoundation/hardhat-toolbox-mocha-ethers";
import { defineConfig } from "hardhat/config";

import { tasks } from "./tasks/index.js";

const require = createRequire(import.meta.url);
const { version } = require("solc/package.json") as { version: string };

// The compiler is the one in node_modules: nothing is downloaded. SOLC_PATH may name a native one.
const compiler = {
  version,
  path: process.env.SOLC_PATH ?? require.resolve("solc/soljson.js"),
  settings: { optimizer: { enabled: true, runs: 100_000 }, viaIR: true, evmVersion: "cancun" },
};
/** Contracts that would be longer than a chain takes them (EIP-170) if they were made for as many calls. */
const overrides = {
  "contracts/disputes/arbiters/ProofCourt.sol": {
    ...compiler,
    settings: { ...compiler.settings, optimizer: { enabled: true, runs: 1_000 } },
  },
};
const coverage = process.argv.includes("--coverage");
/** Lines that report themselves take several times the gas, and fill blocks until none pays for the next. */
const instrumented = {
  type: "edr-simulated",
  allowUnlimitedContractSize: true,
  blockGasLimit: 2n ** 40n,
  initialBaseFeePerGas: 0n,
  transactionGasCap: false,
} as const;
// A cache of their own lets the Solidity tests be compiled beside the contracts.
const solidityTests = process.argv.includes("--no-contracts") || process.argv.includes("solidity");

export default defineConfig({
  plugins: [hardhatToolbox],
  tasks,
  solidity: {
    // Only `test solidity` needs the Solidity tests, which take longer to compile than the contracts.
    splitTestsCompilation: true,
    npmFilesToBuild: ["@openzeppelin/contracts/access/manager/AccessManager.sol"],
    profiles: {
      default: { compilers: [compiler], overrides },
      production: { compilers: [compiler], overrides, isolated: false },
    },
  },
  paths: {
    tests: { mocha: "test", solidity: "test/solidity" },
    artifacts: coverage ? "artifacts/coverage" : "artifacts/default",
    cache: coverage ? "cache/coverage" : solidityTests ? "cache/tests" : "cache/default",
  },
  networks: {
    ...(coverage ? { default: instrumented } : {}),
    localhost: { type: "http", chainType: "l1", url: process.env.ASSAY_RPC_URL ?? "http://127.0.0.1:8545" },
  },
  typechain: { outDir: path.join(import.meta.dirname, "sdk/src/typechain") },
  ignition: { requiredConfirmations: 1, blockPollingInterval: 250 },
  test: {
    solidity: {
      fsPermissions: { writeFile: ["cache/campaign.log"] },
      fuzz: { runs: 1000 },
      invariant: { runs: 128, depth: 200, failOnRevert: true, shrinkRunLimit: 200 },
    },
  },
});
