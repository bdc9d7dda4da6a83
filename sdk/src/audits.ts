import type { BytesLike } from "ethers";
import { AbiCoder, id, keccak256 } from "ethers";

import type { AssayContracts } from "./contracts.js";
import { withDecodedRevert } from "./errors.js";
import type { JobTerms } from "./terms.js";

/** First word of what an auditor commits to. */
export const AUDIT_TAG = id("assay.audit.commitment.v1");

/** Where an audit stands. */
export const AuditPhase = { None: 0n, Answer: 1n, Reveal: 2n, Wait: 3n, Due: 4n, Closed: 5n } as const;
/** What an auditor's reveal amounts to. */
export const AuditFinding = { None: 0n, Agrees: 1n, Differs: 2n, Unanswered: 3n } as const;

const BASIS_POINTS = 10_000n;
const COMMITMENT_TYPES = ["bytes32", "uint256", "address", "uint256", "address", "bytes32", "bytes32", "bytes32"];

/** What an auditor binds itself to before it sees the provider's trace. */
export interface AuditStatement {
  chainId: bigint;
  /** Address of the audit office. */
  audits: string;
  jobId: bigint;
  auditor: string;
  /** The output it found. */
  outputCommitment: BytesLike;
  /** The root over all tensors of its run: `TraceCommitment.traceRoot`. */
  traceRoot: BytesLike;
  salt: BytesLike;
}

/** `AuditOffice.commitmentOf`: binds a statement to chain, contract, job and auditor. */
export function auditCommitment(statement: AuditStatement): string {
  const { chainId, audits, jobId, auditor, outputCommitment, traceRoot, salt } = statement;
  const words = [AUDIT_TAG, chainId, audits, jobId, auditor, outputCommitment, traceRoot, salt];
  return keccak256(AbiCoder.defaultAbiCoder().encode(COMMITMENT_TYPES, words));
}

/** `AuditOffice.isDrawn`: whether a round's seed draws a job at the round's rate. */
export function isDrawn({ id: jobId }: Pick<JobTerms, "id">, seed: string, rateBps: bigint): boolean {
  const words = AbiCoder.defaultAbiCoder().encode(["bytes32", "uint256"], [seed, jobId]);
  return BigInt(keccak256(words)) % BASIS_POINTS < rateBps;
}

/** What decides when an auditor may take a job. */
export interface TurnFacts {
  jobId: bigint;
  seed: string;
  auditor: string;
  tickets: number;
  /** When the seed was recorded, seconds since 1970. */
  recordedAt: bigint;
  commitPeriod: bigint;
}

/** `AuditOffice.turnOf`: the earliest of the lots of an auditor's tickets. */
export function auditTurn({ jobId, seed, auditor, tickets, recordedAt, commitPeriod }: TurnFacts): bigint {
  let least = 2n ** 64n - 1n;
  for (let ticket = 0; ticket < tickets; ticket++) {
    const types = ["bytes32", "uint256", "address", "uint256"];
    const words = AbiCoder.defaultAbiCoder().encode(types, [seed, jobId, auditor, ticket]);
    const lot = BigInt.asUintN(64, BigInt(keccak256(words)));
    if (lot < least) least = lot;
  }
  return recordedAt + ((least * (commitPeriod / 2n)) >> 64n);
}

/** What a client knows of its job, amounts in units of one token. */
export interface Exposure {
  /** What a wrong answer is worth to whoever gives it. */
  gain: bigint;
  /** Price of the job. */
  fee: bigint;
  /** What the honest computation costs. */
  cost: bigint;
  /** What cheating costs. */
  cheatCost: bigint;
  /** Chance that the auditor of a drawn job is honest and there in time, in basis points. */
  honestBps: bigint;
}

/** What makes honesty pay. A stake is undefined where none is enough. */
export interface AuditQuote {
  /** Rate at which new jobs of the model are audited. */
  rateBps: bigint;
  /** Least stake behind the job at that rate. */
  stake: bigint | undefined;
  /** Least stake behind the job if its audit is booked; undefined, too, where no booked audit could take place. */
  stakeBooked: bigint | undefined;
}

/** Asks the audit office which stake a job of a model needs, at the present audit rate and with an audit booked. */
export async function quoteAudit(
  { audits }: Pick<AssayContracts, "audits">,
  modelId: bigint,
  exposure: Exposure,
): Promise<AuditQuote> {
  const found = await withDecodedRevert(() => audits.quote(modelId, exposure));
  return {
    rateBps: found.rateBps,
    stake: found.possible ? found.stake : undefined,
    stakeBooked: found.possibleBooked ? found.stakeBooked : undefined,
  };
}

/** The round that is for a job submitted at this time; undefined while nobody has asked for its seed. */
export async function roundFor(
  { audits }: Pick<AssayContracts, "audits">,
  submittedAt: bigint,
): Promise<bigint | undefined> {
  const askedAt = async (round: bigint) => (await audits.roundOf(round)).askedAt;
  let [low, high] = [1n, (await audits.lastRound()) + 1n];
  const none = high;
  while (low < high) {
    const middle = (low + high) / 2n;
    if ((await askedAt(middle)) > submittedAt) high = middle;
    else low = middle + 1n;
  }
  return low === none ? undefined : low;
}
