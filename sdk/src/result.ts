import type { Signer, TypedDataDomain } from "ethers";
import { verifyTypedData } from "ethers";

import { AssayError } from "./errors.js";

/** EIP-712 type of a result that a provider answers for; see `IDisputeManager.resultDigest`. */
const TYPES = {
  Result: [
    { name: "jobId", type: "uint256" },
    { name: "outputCommitment", type: "bytes32" },
  ],
};

/** Where results are signed for: the chain, and the address of its `DisputeManager`. */
export interface ResultDomain {
  chainId: bigint;
  disputes: string;
}

/** A result and whoever answers for it with a signature (65 bytes, hex). */
export interface SignedResult {
  jobId: bigint;
  outputCommitment: string;
  signature: string;
}

/** Signs a result. Whoever signs two for one job loses the job's stake to anyone who shows the second. */
export async function signResult(
  signer: Pick<Signer, "signTypedData">,
  domain: ResultDomain,
  result: Omit<SignedResult, "signature">,
): Promise<SignedResult> {
  const { jobId, outputCommitment } = result;
  const signature = await signer.signTypedData(domainOf(domain), TYPES, { jobId, outputCommitment });
  return { jobId, outputCommitment, signature };
}

/** The address whose key signed a result. */
export function signerOfResult(domain: ResultDomain, { jobId, outputCommitment, signature }: SignedResult): string {
  try {
    return verifyTypedData(domainOf(domain), TYPES, { jobId, outputCommitment }, signature);
  } catch (error) {
    throw new AssayError(`${signature} is no signature: it answers for nothing`, { cause: error });
  }
}

function domainOf({ chainId, disputes }: ResultDomain): TypedDataDomain {
  return { name: "Assay", version: "1", chainId, verifyingContract: disputes };
}
