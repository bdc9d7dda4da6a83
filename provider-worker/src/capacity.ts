import type { AssayContracts } from "@assay/sdk";

import { answerableWithin } from "./roles/answerable.js";
import type { TracedModels } from "./court/traceFile.js";
import type { WorkerSettings } from "./settings.js";

/** Whether the stake behind the offers of one model is for more jobs at once than the worker takes on, or could answer for. */
export interface Capacity {
  readonly isFit: boolean;
  readonly what: string;
  readonly remedy: string;
}

type Contracts = Pick<AssayContracts, "court" | "providers" | "staking">;

/** Of every model with an offer that locks stake, as far as a worker on this machine has traced a sample of it. */
export async function capacitiesOf(
  { provider, limits }: Pick<WorkerSettings, "provider" | "limits">,
  traced: TracedModels,
  { court, providers, staking }: Contracts,
): Promise<Capacity[]> {
  const models = Object.entries(traced);
  if (models.length === 0) return [];
  const [replyPeriod, bonded] = await Promise.all([court.REPLY_PERIOD(), staking.bondedOf(provider)]);
  const found: Capacity[] = [];
  for (const [modelId, { seconds, tokens }] of models) {
    const offers = await Promise.all(tokens.map((token) => providers.offerOf(provider, modelId, token)));
    const stakes = offers.filter(({ maxDuration }) => maxDuration > 0n).map(({ stake }) => stake);
    const stake = stakes.filter((each) => each > 0n).reduce((a, b) => (b < a || a === 0n ? b : a), 0n);
    if (stake === 0n) continue;
    const answerable = BigInt(answerableWithin(Number(replyPeriod), seconds));
    const each = `${seconds.toFixed(2)} s each, in half of ${replyPeriod} s`;
    found.push(capacityOf(modelId, { bonded, stake, answerable, each, most: limits.openResults }));
  }
  return found;
}

interface Numbers {
  readonly bonded: bigint;
  /** The least that a job locks. */
  readonly stake: bigint;
  readonly answerable: bigint;
  /** How that follows. */
  readonly each: string;
  /** `limits.openResults`. */
  readonly most: number | undefined;
}

function capacityOf(modelId: string, { bonded, stake, answerable, each, most }: Numbers): Capacity {
  const jobs = bonded / stake;
  const taken = most === undefined ? answerable : BigInt(most);
  const staked = `stake for ${jobs} jobs of model ${modelId} at once`;
  if (taken > answerable && jobs > answerable)
    return {
      isFit: false,
      what: `${staked}, ${taken} taken by limits.openResults, ${answerable} could be traced in time (${each})`,
      remedy: `a flood of challenges costs the stake of the others: lower limits.openResults to ${answerable}`,
    };
  if (jobs <= taken) return { isFit: true, what: `${staked}, ${taken} could be taken on (${each})`, remedy: "" };
  return {
    isFit: false,
    what: `${staked}, ${taken} are taken on${most === undefined ? ` (${each})` : " by limits.openResults"}`,
    remedy:
      taken === 0n
        ? "not one could be traced in time: remove the offer"
        : `the others wait: raise the offer's stake to ${(bonded + taken - 1n) / taken}, or unbond ${bonded - taken * stake}`,
  };
}
