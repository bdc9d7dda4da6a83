import { buildModule } from "@nomicfoundation/hardhat-ignition/modules";

import { assay } from "./Assay.js";
import DevTokens from "./DevTokens.js";

/** The system and tokens that anyone can mint, for development chains: under the same names as `Assay.ts` gives. */
export default buildModule("Assay", (m) => {
  const { stakeToken, payToken } = m.useModule(DevTokens);
  return { ...assay(m, stakeToken), stakeToken, payToken };
});
