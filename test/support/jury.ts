import { id, parseEther } from "ethers";

import type { Market, ProviderKeys, Terms } from "./fixture.js";
import { networkHelpers, requestJob, submitJob } from "./fixture.js";

export const RULING = { upheld: 1n, rejected: 2n, inconclusive: 3n };
export const BOND = parseEther("10");
export const JUROR_LOCK = parseEther("1");
export const HOUR = 3600;
export const WRONG = id("wrong");
export const RIGHT = id("right");

export interface Juror extends ProviderKeys {
  salt: string;
}

/** A delivered job under challenge. */
export async function challengedJob(market: Market, output = WRONG) {
  const terms = await requestJob(market);
  await submitJob(market, terms, output);
  await market.disputes.connect(market.challenger).challenge(terms, output);
  return { terms, output, caseId: await market.disputes.lastCaseId() };
}

/** A delivered job under challenge, its jury drawn. */
export async function drawnCase(market: Market, output = WRONG) {
  const { terms, caseId } = await challengedJob(market, output);
  const { jury } = market;
  const [opened] = await jury.queryFilter(jury.filters.JuryCaseOpened(caseId));
  if (!opened) throw new Error("no jury case was opened");
  await networkHelpers.mine(3);
  await jury.draw(caseId, [...opened.args.pool], [...opened.args.weights]);
  const { jurors } = await jury.juryCaseOf(caseId);
  const seats = jurors.map((address, i): Juror => {
    const keys = market.keys.find(({ provider }) => provider.address === address);
    if (!keys) throw new Error(`juror ${address} is no provider`);
    return { ...keys, salt: id(`salt ${String(i)}`) };
  });
  return { terms, output, caseId, seats };
}

export async function commit(market: Market, caseId: bigint, juror: Juror, found: string) {
  const commitment = await market.jury.commitmentOf(caseId, juror.provider, found, juror.salt);
  return market.jury.connect(juror.operator).commitVote(caseId, juror.provider, commitment);
}

export async function reveal(market: Market, caseId: bigint, juror: Juror, found: string) {
  return market.jury.connect(juror.operator).revealVote(caseId, juror.provider, found, juror.salt);
}

/** Lets the jurors vote for what they found, in order; who has nothing stays silent. */
export async function vote(market: Market, caseId: bigint, seats: Juror[], found: (string | undefined)[]) {
  for (const [i, juror] of seats.entries()) if (found[i]) await commit(market, caseId, juror, found[i]);
  await networkHelpers.time.increase(HOUR + 1);
  for (const [i, juror] of seats.entries()) if (found[i]) await reveal(market, caseId, juror, found[i]);
  await networkHelpers.time.increase(HOUR + 1);
  await market.jury.close(caseId);
}

export async function resolve(market: Market, caseId: bigint, terms: Terms, output: string) {
  await market.disputes.resolve(caseId, terms, output);
  await market.jury.payJurors(caseId);
  return (await market.disputes.caseOf(caseId)).ruling;
}
