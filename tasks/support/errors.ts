import { AssayError, ContractRevertError, decodeRevert, jobIdText, PreparationError, TensorError } from "@assay/sdk";
import { isError } from "ethers";
import { HardhatPluginError } from "hardhat/plugins";

import { AUDIT_PHASES, JOB_STATUSES, PHASES } from "./names.js";
import { printable } from "./printable.js";

/** What a user can mend: Hardhat shows the message without a stack. */
export class UserError extends HardhatPluginError {
  constructor(message: string | readonly string[], cause?: Error) {
    super("assay", [message].flat().map(printable).join("\n"), cause);
  }
}

/** The error as a user should meet it; what nobody foresaw keeps its stack. */
export function presentable(error: unknown): unknown {
  const decoded = decodeRevert(error);
  const message = foreseen(decoded);
  return message === undefined ? decoded : new UserError(message, decoded instanceof Error ? decoded : undefined);
}

/** The way out of refusals for which a task has one, and the SDK none. */
const HINTS: Readonly<Record<string, string>> = {
  AuditOffice_AlreadyRecorded: "ask for the next seed with audit:seed once its time has come",
  AuditOffice_RoundTooEarly: "ask again then: the time is in seconds since 1970",
  AuditOffice_SeedNotReady: "wait for a few blocks, then audit:seed",
  AccessManagerAlreadyScheduled: "it is scheduled: run the task again once its delay is over",
  DisputeManager_AlreadyResolved: "nothing is left to do but jury:pay",
  DisputeManager_NoArbiter: "results of this model cannot be challenged",
  DisputeManager_NotSigned: "only the provider of the job, or its operator when it was requested, can have signed",
  DisputeManager_SameResult: "this is what was delivered: nothing is wrong with signing it",
  DisputeManager_UnknownCase: "see dispute:list",
  ERC20InsufficientBalance: "the account holds fewer tokens than needed",
  InferenceMarket_FeeAboveCap: "give a lower fee; both are in basis points",
  InferenceMarket_NothingEarned: "the job is not paid, or its earnings were collected: see job:show",
  InferenceMarket_WindowOutOfBounds: "give seconds between min and max",
  JuryArbiter_AlreadyEnrolled: "nothing is left to do",
  JuryArbiter_AlreadyPaid: "nothing is left to do",
  JuryArbiter_NoOffer: "make an offer for the model first: provider:offer",
  JuryArbiter_NotEnrolled: "nothing is left to do",
  JuryArbiter_NotResolved: "resolve the case first: dispute:resolve",
  JuryArbiter_SeedNotReady: "wait for that block and two more",
  ModelRegistry_NotOwner: "choose the owner with --account",
  ModelRegistry_RoyaltyAboveCap: "give a lower royalty; both are in basis points",
  ModelRegistry_UnknownModel: "see model:list",
  ProofCourt_NotDemanded: "see dispute:explain",
  ProofCourt_OutputMismatch: "this run gives another output than was delivered: post the run of the delivery",
  ProofCourt_TraceAlreadyPosted: "nothing is left to do",
  PaymentEscrow_SweepNotAllowed: "only its owner can allow it: escrow:allow-sweep",
  PaymentEscrow_ZeroAmount: "give an amount above zero",
  ProviderRegistry_AlreadyRegistered: "change it with provider:operator, provider:payout or provider:endpoint",
  ProviderRegistry_DurationOutOfBounds: "give a --max-duration of 1 to cap seconds",
  ProviderRegistry_NotAllowed: "choose the provider or its operator with --account",
  ProviderStaking_InsufficientBonded: "unbond no more than is bonded: see stake:show",
  ProviderStaking_NothingToWithdraw: "unbond first, then wait: nextAt is in seconds since 1970",
  ProviderStaking_ZeroAmount: "give an amount above zero",
};

function foreseen(error: unknown): string | readonly string[] | undefined {
  if (error instanceof PreparationError) return error.lines;
  if (error instanceof ContractRevertError) return withHint(error);
  if (error instanceof AssayError || error instanceof TensorError) return error.message;
  // By name: importing the worker for its classes would make every task start slower.
  if (error instanceof Error && ["WorkerError", "InferenceError"].includes(error.name)) return error.message;
  if (isError(error, "INSUFFICIENT_FUNDS")) return "the account cannot pay for the transaction: fund it first";
  if (isError(error, "CALL_EXCEPTION")) return `the contract refused: ${error.shortMessage}`;
  if (error instanceof Error && error.name === "ProviderError") return `the node refused: ${error.message}`;
  if (isError(error, "INVALID_ARGUMENT")) return `${error.argument} is ${String(error.value)}: ${error.shortMessage}`;
  return undefined;
}

/** Refusals that are clearer in words of their own. */
const SENTENCES: Readonly<Record<string, (values: Readonly<Record<string, unknown>>) => string>> = {
  InferenceMarket_WrongStatus: ({ jobId, current, expected }) =>
    `job ${jobIdText(BigInt(String(jobId)))} is ${nameOf(JOB_STATUSES, current)}, and this takes one that is ` +
    `${nameOf(JOB_STATUSES, expected)}: see job:show ${jobIdText(BigInt(String(jobId)))}`,
  JuryArbiter_WrongPhase: ({ caseId, current, expected }) =>
    `the jury of case ${String(caseId)} is in phase ${nameOf(PHASES, current)}, and this takes one in phase ` +
    `${nameOf(PHASES, expected)}: see jury:show ${String(caseId)}`,
  AuditOffice_WrongPhase: ({ jobId, current, expected }) =>
    `the audit of job ${jobIdText(BigInt(String(jobId)))} is in phase ${nameOf(AUDIT_PHASES, current)}, and this takes ` +
    `one in phase ${nameOf(AUDIT_PHASES, expected)}: see audit:status`,
};

function nameOf(names: readonly string[], index: unknown): string {
  return names[Number(index)] ?? String(index);
}

function withHint({ error, message, values }: ContractRevertError): string {
  const hint = HINTS[error];
  return SENTENCES[error]?.(values) ?? (hint && message.endsWith(")") ? `${message}: ${hint}` : message);
}
