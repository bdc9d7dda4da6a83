import { AbiCoder, id, keccak256 } from "ethers";

import { HOUR } from "./assemble.js";
import { challengedJob } from "./court.js";
import type { Market, ProviderKeys, Terms } from "./fixture.js";
import { at, networkHelpers, now } from "./fixture.js";

/** What the provider delivered in every job of `challengedJob`, and something else. */
export const DELIVERED = id("output");
export const OTHER = id("other output");

export const PHASE = { none: 0n, draw: 1n, commit: 2n, reveal: 3n, count: 4n, closed: 5n };
export const VOTE = { none: 0n, agrees: 1n, differs: 2n, abstains: 3n };

export interface Juror extends ProviderKeys {
  salt: string;
}

export interface OpenedCase {
  terms: Terms;
  output: string;
  caseId: bigint;
  pool: string[];
  weights: bigint[];
}

/** A challenged job before a jury that is not drawn yet. */
export async function openedCase(market: Market): Promise<OpenedCase> {
  const challenged = await challengedJob(market);
  const { jury } = market;
  const [opened] = await jury.queryFilter(jury.filters.JuryCaseOpened(challenged.caseId));
  if (!opened) throw new Error("no jury case was opened");
  return { ...challenged, pool: [...opened.args.pool], weights: [...opened.args.weights] };
}

/** Lets the block of the seed go by. */
export async function awaitSeed(): Promise<void> {
  await networkHelpers.mine(2);
}

export async function drawnCase(market: Market) {
  const opened = await openedCase(market);
  await awaitSeed();
  await market.jury.draw(opened.caseId, opened.pool, opened.weights);
  return { ...opened, seats: await seatsOf(market, opened.caseId) };
}

/** The jurors of a case, in the order they were drawn. */
export async function seatsOf(market: Market, caseId: bigint): Promise<Juror[]> {
  const { jurors } = await market.jury.juryCaseOf(caseId);
  return jurors.map((address, i) => {
    const keys = market.keys.find(({ provider }) => provider.address === address);
    if (!keys) throw new Error(`juror ${address} is no provider`);
    return { ...keys, salt: id(`salt ${String(i)}`) };
  });
}

export async function commit(market: Market, caseId: bigint, juror: Juror, found: string) {
  const commitment = await market.jury.commitmentOf(caseId, juror.provider, found, juror.salt);
  return market.jury.connect(juror.operator).commitVote(caseId, juror.provider, commitment);
}

export async function reveal(market: Market, caseId: bigint, juror: Juror, found: string) {
  return market.jury.connect(juror.operator).revealVote(caseId, juror.provider, found, juror.salt);
}

/** Lets the jurors vote for what they found, in order, and closes the case. Who found nothing stays silent. */
export async function vote(market: Market, caseId: bigint, seats: Juror[], found: (string | undefined)[]) {
  const votes = seats.flatMap((juror, i) => (found[i] === undefined ? [] : [{ juror, found: found[i] }]));
  for (const { juror, found: output } of votes) await commit(market, caseId, juror, output);
  if (votes.length < seats.length) await pass(HOUR + 1n);
  for (const { juror, found: output } of votes) await reveal(market, caseId, juror, output);
  if (votes.length < seats.length) await pass(HOUR + 1n);
  return market.jury.close(caseId);
}

async function pass(seconds: bigint): Promise<void> {
  await at((await now()) + seconds);
  await networkHelpers.mine();
}

/** Who sits on a jury: the draw once more, in another language. */
export function expectedJury(seed: string, caseId: bigint, pool: string[], weights: bigint[], size: number): string[] {
  const left = pool.map((juror, i) => ({ juror, weight: weights[i] ?? 0n }));
  const jurors: string[] = [];
  for (let nonce = 0n; left.length > 0 && jurors.length < size; nonce++) {
    const total = left.reduce((sum, { weight }) => sum + weight, 0n);
    const words = AbiCoder.defaultAbiCoder().encode(["bytes32", "uint256", "uint256"], [seed, caseId, nonce]);
    let point = BigInt(keccak256(words)) % total;
    const picked = left.findIndex(({ weight }) => {
      if (point < weight) return true;
      point -= weight;
      return false;
    });
    for (const { juror } of left.splice(picked, 1)) jurors.push(juror);
  }
  return jurors;
}
