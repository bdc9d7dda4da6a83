import { AbiCoder, keccak256, type BigNumberish } from "ethers";

import { ContractRevertError, decodeRevert, GasLimitError, lacksGas } from "../errors.js";
import type { Hex } from "../tensor/bytes.js";
import { IPartialVerifier__factory, type IPartialVerifier, type ProofCourt } from "../typechain/index.js";
import type { Accusation } from "./accusation.js";

/** What was added up before a step of a long sum (`IProofCourt.PartialSum`). */
export interface PartialSum {
  readonly next: number;
  readonly state: Hex;
}

/** A call of the court. */
export interface ProofCall {
  readonly name: "accumulate" | "proveFraud" | "proveFraudOfSum" | "proveMalformedLeaf";
  readonly data: string;
}

const NOTHING: PartialSum = { next: 0, state: "0x" };

/**
 * The calls that convict, in order, of which the last one does; undefined if the court would see no contradiction. Parts
 * of a sum that `prover` has added up in the case already are left out, so that it goes on where it was interrupted.
 */
export async function proofCalls(
  court: ProofCourt,
  caseId: BigNumberish,
  prover: string,
  accusation: Accusation,
): Promise<readonly ProofCall[] | undefined> {
  if (accusation.parts.length > 0) return callsOfSum(court, caseId, prover, accusation);
  const { kind, claim, provenance } = accusation;
  const name = kind === "fraud" ? "proveFraud" : "proveMalformedLeaf";
  const words = [caseId, claim as never, provenance as never] as const;
  if (!(await convicts(() => court[name].staticCall(...words)))) return undefined;
  return [{ name, data: court.interface.encodeFunctionData(name as "proveFraud", [...words]) }];
}

/**
 * Proves an accusation by `attempt`, and while the node has not the gas for one of its calls, by the same in parts half
 * as long, of which `onCut` is told. A part ends where a longer one did, or within it: what was added up stays.
 */
export async function inPartsThatFit<T>(
  accusation: Accusation,
  attempt: (accusation: Accusation) => Promise<T>,
  onCut: (smaller: Accusation, error: unknown) => void = () => undefined,
): Promise<T> {
  for (let tried = accusation; ;) {
    try {
      return await attempt(tried);
    } catch (error) {
      if (!lacksGas(error)) throw error;
      const smaller = tried.smaller?.();
      if (!smaller) throw new GasLimitError(outgrown(tried, error), { cause: error });
      onCut(smaller, error);
      tried = smaller;
    }
  }
}

function outgrown({ parts }: Accusation, error: unknown): string {
  const cannot = parts.length > 0 ? "even for the shortest parts of this sum" : "for this proof, which is in one piece";
  return `the node has not enough gas ${cannot}: raise its gas limit for calls, or ask another node (it says: ${
    error instanceof Error ? error.message : String(error)
  })`;
}

async function callsOfSum(
  court: ProofCourt,
  caseId: BigNumberish,
  prover: string,
  { claim, provenance, parts }: Accusation,
): Promise<readonly ProofCall[] | undefined> {
  const family = claim.node.operator >> 8;
  const verifier = IPartialVerifier__factory.connect(await court.verifierOf(family), court.runner);
  const sums = await sumsOf(verifier, parts);
  const last = sums.at(-1) ?? NOTHING;
  if (!(await verifier.contradictsAfter(claim as never, last.next, last.state))) return undefined;

  const kept = await court.sumOf(caseId, prover, provenance.nodeIndex, claim.element);
  const done = sums.findIndex((sum) => hashOf(sum) === kept);
  const calls = parts.map((part, i): ProofCall => {
    const words = [caseId, part.claim as never, provenance as never, sums[i] ?? NOTHING, part.to] as const;
    return { name: "accumulate", data: court.interface.encodeFunctionData("accumulate", [...words]) };
  });
  const words = [caseId, claim as never, provenance as never, last] as const;
  const data = court.interface.encodeFunctionData("proveFraudOfSum", [...words]);
  return [...calls.slice(Math.max(done, 0)), { name: "proveFraudOfSum", data }];
}

/** Before the first part, and after each. The verifier computes them: nothing has to be sent for that. */
async function sumsOf(verifier: IPartialVerifier, parts: Accusation["parts"]): Promise<PartialSum[]> {
  const sums = [NOTHING];
  for (const { claim, from, to } of parts) {
    const state = await verifier.accumulate(claim as never, from, to, sums.at(-1)?.state ?? "0x");
    sums.push({ next: to, state: state as Hex });
  }
  return sums;
}

function hashOf({ next, state }: PartialSum): string {
  return keccak256(AbiCoder.defaultAbiCoder().encode(["tuple(uint256 next, bytes state)"], [{ next, state }]));
}

async function convicts(call: () => Promise<unknown>): Promise<boolean> {
  try {
    await call();
    return true;
  } catch (error) {
    const decoded = decodeRevert(error);
    if (decoded instanceof ContractRevertError && decoded.error === "ProofCourt_NoContradiction") return false;
    throw decoded;
  }
}
