import { readEvents } from "./events.js";
import type { Session } from "./session.js";
import type { Token } from "./token.js";

/** The tokens that the market has met: of stake, of deposits and of offers. */
export async function knownTokens(session: Session, fromBlock: number): Promise<Token[]> {
  const { escrow, providers } = session.contracts;
  const deposits = await readEvents(escrow, escrow.filters.Deposited(), fromBlock);
  const offers = await readEvents(providers, providers.filters.OfferSet(), fromBlock);
  const stake = await session.stakeToken();
  const addresses = new Set([stake.address, ...[...deposits, ...offers].map(({ args }) => args.token)]);
  return Promise.all([...addresses].map((address) => session.tokenAt(address)));
}
