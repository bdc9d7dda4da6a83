import { buildModule } from "@nomicfoundation/hardhat-ignition/modules";

/** Tokens anyone can mint, for development chains only. */
export default buildModule("DevTokens", (m) => ({
  stakeToken: m.contract("DevToken", ["Assay Stake", "ASSAY"], { id: "stakeToken" }),
  payToken: m.contract("DevToken", ["Test Dollar", "TUSD"], { id: "payToken" }),
}));
