import { Shown } from "./report.js";

/** Names of what contracts number, in their order. */
export const PROFILES = ["None", "Exact", "Canonical", "Tolerance", "Jury"];
/** `None` of a job that was requested. */
const SETTLED = "Settled";
export const JOB_STATUSES = [SETTLED, "Requested", "Expired", "Submitted", "Finalisable", "Disputed"];
export const RULINGS = ["None", "Upheld", "Rejected", "Inconclusive"];
export const PHASES = ["None", "Draw", "Commit", "Reveal", "Count", "Closed"];
export const VOTES = ["None", "Agrees", "Differs", "Abstains"];

export function named(names: readonly string[], value: bigint): Shown {
  const name = names[Number(value)] ?? value.toString();
  return new Shown(name, name);
}
