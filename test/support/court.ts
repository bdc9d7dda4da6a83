import { SilentArbiter__factory } from "../../sdk/src/typechain/index.js";
import type { Variation } from "./assemble.js";
import { assemble, LONGEST_ARBITER } from "./assemble.js";
import type { Market } from "./fixture.js";
import { populate, requestJob, submitJob } from "./fixture.js";

/** How a `SilentArbiter` answers. */
export const MOOD = {
  calm: 0,
  reverting: 1,
  burning: 2,
  empty: 3,
  short: 4,
  unknownRuling: 5,
  unknownFinder: 6,
  flooding: 7,
};

async function arbiterMarket(variation: Variation) {
  const market = await populate(await assemble(variation));
  const arbiter = await new SilentArbiter__factory(market.deployer).deploy(LONGEST_ARBITER);
  await market.disputes.connect(market.deployer).setArbiter(4, arbiter);
  return { ...market, arbiter };
}

/** An open market whose model is judged by an arbiter that says what it is told to. */
export async function marketWithArbiter() {
  return arbiterMarket({});
}

/** The same, with jobs that may have no stake. */
export async function unstakedMarketWithArbiter() {
  return arbiterMarket({ minJobStake: 0n });
}

export type ArbiterMarket = Awaited<ReturnType<typeof marketWithArbiter>>;

/** A delivered job that the challenger has brought to court. */
export async function challengedJob(market: Market, changes: Record<string, unknown> = {}) {
  const terms = await requestJob(market, changes);
  const output = await submitJob(market, terms);
  await market.disputes.connect(market.challenger).challenge(terms, output);
  return { terms, output, caseId: await market.disputes.lastCaseId() };
}
