import { buildModule } from "@nomicfoundation/hardhat-ignition/modules";

import { assay } from "./Assay.js";
import DevTokens from "./DevTokens.js";

const TOLERANCE = 3;
const JURY = 4;

/** The system and tokens that anyone can mint, for development chains: under the same names as `Assay.ts` gives. */
export default buildModule("Assay", (m) => {
  const { stakeToken, payToken } = m.useModule(DevTokens);
  const caps = [stakeToken, payToken].flatMap((token) =>
    [TOLERANCE, JURY].map((profile) => ({ profile, token, cap: 1000n * 10n ** 18n })),
  );
  return { ...assay(m, stakeToken, caps), stakeToken, payToken };
});
