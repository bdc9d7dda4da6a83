import type { BytesLike, Log, Result } from "ethers";
import { AbiCoder, id, keccak256, toBeHex } from "ethers";

import { AssayError } from "./errors.js";
import {
  AuditOffice__factory,
  DisputeManager__factory,
  InferenceMarket__factory,
  JuryArbiter__factory,
  ProofCourt__factory,
  ProviderRegistry__factory,
} from "./typechain/index.js";

/** The terms of a job as the market fixed them; see `contracts/types/JobTypes.sol`. Times in seconds since 1970. */
export interface JobTerms {
  /** keccak256(abi.encode(terms)): not one of the terms, but what the job is known by. */
  id: bigint;
  nonce: bigint;
  client: string;
  provider: string;
  operator: string;
  modelId: bigint;
  inputCommitment: string;
  token: string;
  price: bigint;
  stake: bigint;
  executionDeadline: bigint;
  challengeWindow: bigint;
  protocolFeeBps: bigint;
}

/** How results of a model are judged; see `IModelRegistry.Profile`. */
export const ModelProfile = { Exact: 1n, Canonical: 2n, Tolerance: 3n, Jury: 4n } as const;

/** What a job is now, as `statusOf` says. `None` is one that is settled, or that never was: `outcomeOf` tells. */
export const JobStatus = {
  None: 0n,
  Requested: 1n,
  Expired: 2n,
  Submitted: 3n,
  Finalisable: 4n,
  Disputed: 5n,
} as const;
export type JobStatus = (typeof JobStatus)[keyof typeof JobStatus];

/** What an arbiter decided. */
export const Ruling = { None: 0n, Upheld: 1n, Rejected: 2n, Inconclusive: 3n } as const;

/** How far a case before the proof court is. */
export const CourtStage = { None: 0n, Opened: 1n, Traced: 2n, Silent: 3n, Disproven: 4n } as const;

const market = InferenceMarket__factory.createInterface();
const TERMS_TYPE = market.getFunction("expire").inputs[0];
if (!TERMS_TYPE) throw new AssayError("InferenceMarket.expire takes no terms: rebuild the typed contracts");
const VOTE_TYPES = ["bytes32", "uint256", "address", "uint256", "uint8", "address", "bytes32", "bytes32"];
/** First word of what a juror commits to. */
export const VOTE_TAG = id("assay.jury.vote.v1");

/** Text out of a decoded event or call result; empty if what is on chain is not UTF-8, which ethers throws on. */
export function textOf(values: object, name: string): string {
  try {
    return String((values as Record<string, unknown>)[name]);
  } catch {
    return "";
  }
}

/** Terms out of a decoded event argument or call result. */
export function toTerms(value: Result): JobTerms {
  const terms = value.toObject() as unknown as Omit<JobTerms, "id">;
  return { id: jobIdOf(terms), ...terms };
}

/** A job's id: keccak256(abi.encode(terms)), as the market takes it. */
export function jobIdOf(terms: Omit<JobTerms, "id">): bigint {
  return BigInt(keccak256(AbiCoder.defaultAbiCoder().encode([TERMS_TYPE as never], [terms])));
}

/** A job's id as people and machines write it: 0x and 64 digits. */
export function jobIdText(id: bigint): string {
  return toBeHex(id, 32);
}

/** The terms of the job that a transaction requested, from its logs; those of the last if it requested several. */
export function requestedTerms(logs: readonly Log[], marketAddress: string): JobTerms {
  for (const log of [...logs].reverse()) {
    if (log.address.toLowerCase() !== marketAddress.toLowerCase()) continue;
    const parsed = market.parseLog(log);
    if (parsed?.name === "JobRequested") return toTerms(parsed.args.getValue("terms") as Result);
  }
  throw new AssayError("the transaction requested no job of this market");
}

export interface Vote {
  chainId: bigint;
  jury: string;
  caseId: bigint;
  round: number;
  juror: string;
  outputCommitment: BytesLike;
  salt: BytesLike;
}

/** `JuryArbiter.commitmentOf`: binds a vote to chain, contract, case, round and juror. */
export function voteCommitment(vote: Vote): string {
  const { chainId, jury, caseId, round, juror, outputCommitment, salt } = vote;
  return keccak256(
    AbiCoder.defaultAbiCoder().encode(VOTE_TYPES, [
      VOTE_TAG,
      chainId,
      jury,
      caseId,
      round,
      juror,
      outputCommitment,
      salt,
    ]),
  );
}

/** Interfaces to parse logs with. */
export const INTERFACES = {
  market,
  disputes: DisputeManager__factory.createInterface(),
  jury: JuryArbiter__factory.createInterface(),
  court: ProofCourt__factory.createInterface(),
  audits: AuditOffice__factory.createInterface(),
  providers: ProviderRegistry__factory.createInterface(),
} as const;

/** Terms out of plain JSON, amounts and ids as decimal strings. */
export function parseTerms(value: unknown): JobTerms {
  const plain = value as Record<keyof JobTerms, string>;
  const terms = {
    nonce: BigInt(plain.nonce),
    client: plain.client,
    provider: plain.provider,
    operator: plain.operator,
    modelId: BigInt(plain.modelId),
    inputCommitment: plain.inputCommitment,
    token: plain.token,
    price: BigInt(plain.price),
    stake: BigInt(plain.stake),
    executionDeadline: BigInt(plain.executionDeadline),
    challengeWindow: BigInt(plain.challengeWindow),
    protocolFeeBps: BigInt(plain.protocolFeeBps),
  };
  return { id: jobIdOf(terms), ...terms };
}
