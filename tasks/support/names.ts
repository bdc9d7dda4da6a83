import { Shown } from "./report.js";

/** Names of what contracts number, in their order. */
export const PROFILES = ["None", "Exact", "Canonical", "Tolerance", "Jury"];
/** `None` of a job that was requested. */
const SETTLED = "Settled";
/** What the court cannot convict in a model of profile Tolerance. */
export const LETS_PASS =
  "errors that rounding explains: a decision between two that are close can be turned, and behind sums of 4,096 " +
  "products or more TF32 and bfloat16 pass for float32";
export const JOB_STATUSES = [SETTLED, "Requested", "Expired", "Submitted", "Finalisable", "Disputed"];
export const RULINGS = ["None", "Upheld", "Rejected", "Inconclusive"];
export const PHASES = ["None", "Draw", "Commit", "Reveal", "Count", "Closed"];
export const VOTES = ["None", "Agrees", "Differs", "Abstains"];
export const AUDIT_PHASES = ["None", "Answer", "Reveal", "Wait", "Due", "Closed"];
export const FINDINGS = ["None", "Agrees", "Differs", "Unanswered"];

export function named(names: readonly string[], value: bigint): Shown {
  const name = names[Number(value)] ?? value.toString();
  return new Shown(name, name);
}
