import type { BundleFile, Difference } from "@assay/sdk";
import { textOf } from "@assay/sdk";

import type { CourtRun } from "../court/courtRuns.js";
import type { ChainEvent } from "../jobs/journal.js";
import type { Place } from "../jobs/taskPool.js";
import type { RoleContext } from "./role.js";
import { requestOf } from "./role.js";

/**
 * What a delivered result is worth that is not this machine's. Only one that is provably wrong is challenged: whoever
 * challenges one that differs in what the court leaves open loses its bond. The output is fetched only where nothing can
 * be told without it; throws while it cannot be had.
 */
export async function differenceOfResult(
  context: RoleContext,
  event: ChainEvent,
  { model, trace }: CourtRun,
  place: Place,
  signal: AbortSignal,
): Promise<Difference> {
  const { judge, log } = context;
  const own = trace.tensors.map(({ tensor }) => tensor);
  const isExact = model.profile.kind !== "Tolerance";
  if (isExact && (await judge.difference(model, own, undefined, signal)) === "wrong") return "wrong";
  const claimed = await deliveredOutput(context, event, place, signal);
  const found = await judge.difference(model, own, claimed, signal);
  if (found !== "wrong") log.info({ job: event.key, found }, "a result of other bytes that nobody can prove wrong");
  return found;
}

/** The tensors of a delivered result, from where its provider says or from its store. */
export async function deliveredOutput(
  { journal, executor }: RoleContext,
  { key, args }: ChainEvent,
  place: Place,
  signal: AbortSignal,
): Promise<BundleFile["tensors"]> {
  const delivered = { commitment: String(args.outputCommitment), uri: textOf(args, "outputUri") };
  const { tensors } = await executor.output(requestOf(journal, key).terms, delivered, place, signal);
  return tensors;
}
