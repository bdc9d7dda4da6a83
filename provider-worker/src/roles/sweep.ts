import type { RoleContext } from "./role.js";

/** Pushes what an account earned out of the escrow, if it allows that. */
export async function sweep({ contracts, submitter }: RoleContext, token: string, account: string): Promise<void> {
  const { escrow } = contracts;
  const stillWanted = async () => (await escrow.sweepAllowed(account)) && (await escrow.balanceOf(token, account)) > 0n;
  if (!(await stillWanted())) return;
  const data = escrow.interface.encodeFunctionData("sweep", [token, account]);
  await submitter.send({ purpose: `sweep ${token} ${account}`, to: await escrow.getAddress(), data, stillWanted });
}
