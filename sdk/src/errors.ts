import type { ErrorDescription } from "ethers";
import { Interface } from "ethers";

import * as factories from "./typechain/index.js";

/** Whatever the SDK refuses to do; the message says what to change. */
export class AssayError extends Error {
  override name = "AssayError";
}

/** A contract refused a call. */
export class ContractRevertError extends AssayError {
  override name = "ContractRevertError";

  constructor(
    /** Such as `InferenceMarket_PriceAboveMax`. */
    readonly error: string,
    /** The values the contract reported, by name. */
    readonly values: Readonly<Record<string, unknown>>,
    options?: ErrorOptions,
  ) {
    const shown = Object.entries(values).map(([name, value]) => `${name} ${String(value)}`);
    const hint = HINTS[error];
    super(`${error}(${shown.join(", ")})${hint ? `: ${hint}` : ""}`, options);
  }
}

/** A call needs more gas than the node, or a block of its chain, allows. */
export class GasLimitError extends AssayError {
  override name = "GasLimitError";
}

/** The way out of the refusals users meet most. */
const HINTS: Readonly<Record<string, string>> = {
  InferenceMarket_Paused: "new jobs are paused; exits still work",
  InferenceMarket_PriceAboveMax: "the offer costs more than maxPrice: raise it or ask another provider",
  InferenceMarket_StakeBelowMin: "the offer locks too little stake: lower minStake or ask another provider",
  InferenceMarket_DeadlineTooLate: "the provider takes longer than deliverBy allows",
  InferenceMarket_OutputMismatch: "the job has another output: read it from its events",
  InferenceMarket_WrongStatus: "the job is not where this call needs it: see statusOf",
  InferenceMarket_NotProvider: "only the job's provider or its operator key may do this",
  PaymentEscrow_InsufficientBalance: "deposit into the escrow first",
  ProviderStaking_InsufficientFree: "the provider's stake is locked by other jobs: wait, or deposit more",
  ProviderStaking_StillLocked: "finalise and collect the jobs that lock the stake first",
  ProviderRegistry_NoOffer: "the provider has no offer for this model and token",
  ProviderRegistry_Draining: "the provider takes no new jobs",
  ProviderRegistry_PriceAboveCap:
    "results of such a model are not proven exactly, so its jobs have a cap: lower the price",
  ProviderRegistry_PriceWithinCap: "the offer costs no more than the cap: only its provider takes it back",
  ProviderRegistry_NotRegistered: "register the provider first",
  ModelRegistry_Deprecated: "the model takes no new jobs: use the version that replaces it",
  ModelRegistry_NoGraph: "results of such a model are judged by its graph: register its commitment, or profile Jury",
  JuryArbiter_TooFewJurors: "no jury can be drawn for this model now; nothing was charged",
  ProofCourt_NoGraph: "the model has no graph commitment: its results cannot be judged by proof; nothing was charged",
  ProofCourt_Over: "the case is decided: carry the ruling out with resolve",
  ProofCourt_NotOver: "carry the ruling out with resolve first",
  ProofCourt_NotProvider: "only the provider of the case or its operator key posts the trace",
  ProofCourt_NoTrace: "the provider has not posted its trace yet; without one in time it is convicted",
  ProofCourt_TraceMismatch: "bring the facts of this case's own trace: traceFactsOf, of the roots in its TracePosted",
  ProofCourt_TooLate: "an answer would come too late in this case",
  ProofCourt_AlreadyDemanded: "this part was asked for: its answer is in the events",
  ProofCourt_AlreadyAnswered: "this part was shown: see the events",
  ProofCourt_NotOverdue: "the provider may still answer: wait until the deadline has passed",
  ProofCourt_NoContradiction: "the element follows from its operands",
  ProofCourt_OtherTrace: "the provider showed another trace's root in an audit: only that trace is taken",
  AuditOffice_NotDrawn: "the seed did not draw this job, and nobody booked an audit of it",
  AuditOffice_NotYourTurn: "another auditor may take it first: wait until turnAt",
  AuditOffice_TooLate: "the audit could not end in time to challenge the result",
  AuditOffice_FundEmpty: "nobody pays for audits of this model: fund it, or book an audit of the job",
  AuditOffice_NoExactBytes: "honest results of such a model differ: only Exact and Canonical ones are audited",
  AuditOffice_NoTicketFree: "all tickets stand behind open audits: enrol more, or wait for those to close",
  AuditOffice_TooNew: "tickets count for jobs whose seed is asked for after the enrolment",
  AuditOffice_CommitmentMismatch: "open it with the output, trace root and salt that it was made of",
  DisputeManager_NotYetRuled: "the arbiter has not decided yet",
};

const INTERFACES = Object.values(factories).flatMap((factory) =>
  "abi" in factory ? [new Interface(factory.abi as ConstructorParameters<typeof Interface>[0])] : [],
);

/** Turns an ethers error that carries revert data into a `ContractRevertError`; any other error comes back as it is. */
export function decodeRevert(error: unknown): unknown {
  const data = revertData(error);
  if (data === undefined) return error;
  for (const contract of INTERFACES) {
    const found: ErrorDescription | null = contract.parseError(data);
    if (!found) continue;
    const values = Object.fromEntries(found.fragment.inputs.map((input, i) => [input.name, found.args[i] as unknown]));
    return new ContractRevertError(found.name, values, { cause: error });
  }
  return error;
}

/** Runs a call and decodes its revert. */
export async function withDecodedRevert<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw decodeRevert(error);
  }
}

/** As Besu, Erigon, go-ethereum, Nethermind, Reth, anvil and Hardhat say it. */
const LACK_OF_GAS =
  /out of ?gas|OOG\b|gas required exceeds|exceeds? (the )?(block|transaction|tx|rpc|call)?\s*gas\s*(limit|cap|allowance)|(gas limit|intrinsic gas) (is )?too high/i;

/**
 * Whether a node refused to send, call or estimate for want of gas. A revert that says nothing counts: so ends whatever
 * calls something that runs out of gas.
 */
export function lacksGas(error: unknown): boolean {
  if (error instanceof GasLimitError) return true;
  if (decodeRevert(error) instanceof ContractRevertError) return false;
  return nested(error).some(
    ({ message, data }) =>
      typeof message === "string" && (LACK_OF_GAS.test(message) || (data === "0x" && /revert/i.test(message))),
  );
}

function revertData(error: unknown): string | undefined {
  for (const { data } of nested(error)) if (typeof data === "string" && /^0x[0-9a-f]{8,}$/i.test(data)) return data;
  return undefined;
}

/** Nodes put what they have to say in different places of their JSON-RPC error. */
function nested(error: unknown): { message?: unknown; data?: unknown }[] {
  const found: { message?: unknown; data?: unknown }[] = [];
  for (let at: unknown = error, depth = 0; typeof at === "object" && at !== null && depth < 6; depth++) {
    const next = at as { message?: unknown; data?: unknown; error?: unknown; info?: unknown; cause?: unknown };
    found.push(next);
    at = next.error ?? next.info ?? next.cause ?? (typeof next.data === "object" ? next.data : undefined);
  }
  return found;
}
