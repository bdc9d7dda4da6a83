import assert from "node:assert/strict";

import type { Accusation, CourtModel, Part, Shown, TraceCommitment } from "@assay/sdk";
import { answerDemand, nextStep, partKey, toHex } from "@assay/sdk";

/** Plays a case to its end: each round all that is asked for is shown, its leaves as `falsify` makes them. */
export function playCase(
  model: CourtModel,
  own: TraceCommitment,
  posted: TraceCommitment,
  falsify = (leaf: Uint8Array): Uint8Array => leaf,
): { rounds: Part[][]; accusation: Accusation | undefined } {
  const seen = new Set<string>();
  const rounds: Part[][] = [];
  const answer = (part: Part) => {
    const committed = posted.tensors[part.tensor];
    return committed && seen.has(partKey(part)) ? answerDemand(committed, part) : undefined;
  };
  const shown: Shown = {
    children: (part) => {
      const answered = answer(part);
      return answered?.kind === "children" ? answered.children : undefined;
    },
    leaf: (part) => {
      const answered = answer(part);
      return answered?.kind === "leaf" ? toHex(falsify(answered.leaf)) : undefined;
    },
  };
  const roots = posted.tensors.map(({ header }) => header.merkleRoot);
  for (;;) {
    const step = nextStep(model, own, roots, shown);
    if (step.kind !== "demand") return { rounds, accusation: step.kind === "accuse" ? step.accusation : undefined };
    rounds.push([...step.parts]);
    for (const part of step.parts) {
      assert.ok(!seen.has(partKey(part)), `${partKey(part)} is asked for twice`);
      seen.add(partKey(part));
    }
  }
}
