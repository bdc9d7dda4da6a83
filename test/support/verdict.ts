import { expect } from "chai";
import type { CourtModel, Tensor } from "@assay/sdk";
import { accusationOf, commitTrace } from "@assay/sdk";

import { RULING } from "./assemble.js";
import { networkHelpers } from "./fixture.js";
import type { ProvenMarket } from "./proofs.js";
import { accuse, deliver, openCase, postTrace } from "./proofs.js";

export const PROFILES = { Exact: 1, Canonical: 2, Tolerance: 3 } as const;

/** What the court says of one element of a run that a provider delivered; the market is left as it was. */
export async function verdict(
  market: ProvenMarket,
  model: CourtModel,
  trace: readonly Tensor[],
  tensor: number,
  element: number,
): Promise<string> {
  const before = await networkHelpers.takeSnapshot();
  const posted = commitTrace(model, trace);
  const given = { model, honest: posted, posted };
  const terms = await deliver(market, given);
  const opened = await openCase(market, terms, given);
  await postTrace(market, given, opened);
  const said = await accuse(market, opened.caseId, accusationOf(model, posted, tensor, element)).then(
    () => "convicted",
    (error: unknown) => errorName(error),
  );
  const [ruling, finder] = await market.court.rulingOf(opened.caseId);
  expect([ruling, finder === market.challenger.address]).to.deep.equal(
    said === "convicted" ? [RULING.upheld, true] : [RULING.none, false],
  );
  await before.restore();
  return said;
}

export function errorName(error: unknown): string {
  return /ProofCourt_\w+|Claims_\w+/.exec(String(error))?.[0] ?? String(error);
}
