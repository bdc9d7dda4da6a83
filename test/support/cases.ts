import type { Part, TensorCommitment } from "@assay/sdk";
import { bundleRoot, hashHeader, MerkleTree } from "@assay/sdk";

import { COURT_PERIOD, RULING } from "./assemble.js";
import { expectAllSettled } from "./books.js";
import type { Terms } from "./fixture.js";
import { at, networkHelpers } from "./fixture.js";
import type { ProvenMarket, Run } from "./proofs.js";
import { deliver, openCase, postTrace } from "./proofs.js";

/** A delivered run under challenge. */
export async function challengedCase(market: ProvenMarket, given: Run) {
  const terms = await deliver(market, given);
  return { terms, ...(await openCase(market, terms, given)) };
}

/** The same, its trace posted. */
export async function tracedCase(market: ProvenMarket, given: Run) {
  const opened = await challengedCase(market, given);
  await postTrace(market, given, opened);
  return opened;
}

/** The last second in which a case is open that nobody touches any more. */
export async function quietUntil(market: ProvenMarket, caseId: bigint): Promise<bigint> {
  const { movedAt, windowEnd } = await market.court.courtCaseOf(caseId);
  const quiet = movedAt + COURT_PERIOD;
  return quiet > windowEnd ? quiet : windowEnd;
}

/** Passes time until nothing more can happen in a case. */
export async function waitForRuling(market: ProvenMarket, caseId: bigint): Promise<void> {
  await at((await quietUntil(market, caseId)) + 1n);
  await networkHelpers.mine();
}

/** What the court says at a time to come. */
export async function rulingAt(market: ProvenMarket, caseId: bigint, time: bigint): Promise<bigint> {
  await at(time);
  await networkHelpers.mine();
  return (await market.court.rulingOf(caseId)).ruling;
}

/** Carries a ruling out to the last fee, all by a stranger, and expects nothing to be left under way. */
export async function settle(market: ProvenMarket, terms: Terms, caseId: bigint, parts: Part[] = []): Promise<bigint> {
  const { disputes, court } = market;
  await disputes.resolve(caseId, terms);
  for (const part of parts) await court.payDemandFee(caseId, part);
  const { ruling } = await disputes.caseOf(caseId);
  if (ruling !== RULING.upheld) await market.market.collect({ ...terms });
  await expectAllSettled(market);
  return ruling;
}

/** A run whose provider commits to other leaves of one tensor, all of one length, well-formed or not. */
export function forge(given: Run, tensor: number, leaves: readonly Uint8Array[]): Run {
  const { model, posted } = given;
  const tensors = posted.tensors.map((own, i) => (i === tensor ? withLeaves(own, leaves) : own));
  const outputs = model.outputNames.map((name, i) => ({ name, root: tensors[model.outputs[i] ?? -1]?.root ?? "" }));
  const traceRoot = MerkleTree.fromHashes(tensors.map(({ header }) => header.merkleRoot)).root;
  return { ...given, posted: { ...posted, tensors, traceRoot, outputRoot: bundleRoot(outputs) } };
}

function withLeaves(own: TensorCommitment, leaves: readonly Uint8Array[]): TensorCommitment {
  const tree = MerkleTree.fromLeaves(leaves);
  const header = { ...own.header, merkleRoot: tree.root };
  const bytes = new Uint8Array(leaves.flatMap((leaf) => [...leaf]));
  return { ...own, header, tree, root: hashHeader(header), leaves: bytes, leafBytes: leaves[0]?.length ?? 0 };
}
