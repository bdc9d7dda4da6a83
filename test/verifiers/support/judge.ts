import { AbiCoder, hexlify, toBeHex } from "ethers";

import type { TensorCommitment } from "../../../sdk/src/tensor/index.js";
import { elementCount, locateElement } from "../../../sdk/src/tensor/index.js";
import { Random } from "../../../sdk/test/tensor/random.js";
import type { RawClaim } from "./abi.js";
import { encodeBatch, encodeClaim, firstLeafAt } from "./abi.js";
import type { Case, Generator } from "./cases.js";
import { claimOf } from "./cases.js";
import { GAS, judgingChain } from "./chain.js";
import { bytesAt } from "./values.js";

export const Verdict = { Stands: 0, Contradicted: 1, NotJudged: 2 } as const;

/** Claims of one call. Hardhat's chain keeps what each step of a call did until it ends: of 250 that is gigabytes. */
const BATCH = 60;
const CLAIMS_PER_CASE = 20;

const { ethers } = await judgingChain();
const harness = await (await ethers.deployContract("VerifierHarness")).waitForDeployment();

export type Verifier = Awaited<ReturnType<typeof ethers.deployContract>>;

let lastDeployment: Promise<unknown> = Promise.resolve();
/** One after the other: each takes the next nonce of the same account. */
export function deployVerifier(name: string): Promise<Verifier> {
  const deployed = lastDeployment.then(async () => (await ethers.deployContract(name)).waitForDeployment());
  lastDeployment = deployed.catch(() => undefined);
  return deployed;
}

export interface Outcome {
  claims: number;
  /** Honest elements that did not stand. */
  convicted: string[];
  /** Changed elements that got the wrong verdict. */
  missed: string[];
}

/** Verdicts on `count` honest claims and on the same with one byte of the output element changed. */
export async function compare(verifier: Verifier, generate: Generator, count: number, seed: number): Promise<Outcome> {
  const random = new Random(seed);
  const outcome: Outcome = { claims: 0, convicted: [], missed: [] };
  while (outcome.claims < count) {
    const batch: Probe[] = [];
    while (batch.length < BATCH && outcome.claims + batch.length < count) {
      const made = await generate(random);
      for (const element of pickElements(random, made)) batch.push(probeOf(random, made, element));
    }
    await judgeBatch(verifier, batch, outcome);
  }
  return outcome;
}

/** What the verifier says of each claim. */
export async function verdicts(verifier: Verifier, claims: readonly RawClaim[]): Promise<number[]> {
  return (await judge(verifier, claims))[0];
}

/** Gas of each claim: what the call itself takes, without calldata. */
export async function gasOf(verifier: Verifier, claims: readonly RawClaim[]): Promise<number[]> {
  return (await judge(verifier, claims))[1];
}

/** What the verifier refuses each claim with; undefined where it judges it. */
export async function refusals(verifier: Verifier, claims: readonly RawClaim[]): Promise<(string | undefined)[]> {
  const calls = claims.map((claim) => encodeClaim(claim));
  const answer = await callHarness(verifier, "refusals(address,bytes[])", calls);
  const [refused, reasons] = AbiCoder.defaultAbiCoder().decode(["bool[]", "bytes[]"], answer) as unknown as [
    boolean[],
    string[],
  ];
  return reasons.map((reason, i) => (refused[i] ? reason : undefined));
}

async function judge(verifier: Verifier, claims: readonly RawClaim[]): Promise<[number[], number[]]> {
  return twoLists(await callHarness(verifier, "judge(address,bytes[])", claims.map(encodeClaim)));
}

/** An `eth_call` past the general encoder, which takes seconds for megabytes. */
async function callHarness(
  verifier: Verifier,
  signature: string,
  calls: readonly Uint8Array[],
  changes?: readonly { place: number; mask: number }[],
): Promise<string> {
  const data = encodeBatch(signature, await verifier.getAddress(), calls, changes);
  const request = { to: await harness.getAddress(), data: `0x${Buffer.from(data).toString("hex")}`, gas: toBeHex(GAS) };
  return String(await ethers.provider.send("eth_call", [request, "latest"]));
}

function twoLists(answer: string): [number[], number[]] {
  const [first, second] = AbiCoder.defaultAbiCoder().decode(["uint256[]", "uint256[]"], answer) as unknown as [
    bigint[],
    bigint[],
  ];
  return [first.map(Number), second.map(Number)];
}

interface Probe {
  call: Uint8Array;
  /** Byte of the call that is changed, and how. */
  place: number;
  mask: number;
  expected: number;
  what: string;
}

function pickElements(random: Random, { tensors }: Case): number[] {
  const output = tensors.at(-1) as TensorCommitment;
  const count = elementCount(output.tensor.dims);
  if (count <= CLAIMS_PER_CASE) return [...Array(count).keys()];
  return Array.from({ length: CLAIMS_PER_CASE }, () => random.below(count));
}

function probeOf(random: Random, made: Case, element: number): Probe {
  const output = made.tensors.at(-1) as TensorCommitment;
  const call = encodeClaim(claimOf(made, element));
  const changed = Uint8Array.from(bytesAt(output.tensor, element));
  const byte = random.below(changed.length);
  const mask = random.below(3) === 0 ? 0x80 : 1 + random.below(255);
  changed[byte] = (changed[byte] ?? 0) ^ mask;
  const isRight =
    made.stands?.(element, changed) ??
    (made.alsoRight?.(element) ?? []).some((right) => hexlify(right) === hexlify(changed));
  return {
    call,
    place: firstLeafAt(call) + locateElement(output.header, element).byteOffset + byte,
    mask,
    expected: isRight ? Verdict.Stands : Verdict.Contradicted,
    what: describeProbe(made, element),
  };
}

async function judgeBatch(verifier: Verifier, batch: readonly Probe[], outcome: Outcome): Promise<void> {
  const calls = batch.map(({ call }) => call);
  const signature = "judgeTwice(address,bytes[],uint256[],bytes1[])";
  const [honest, changed] = twoLists(await callHarness(verifier, signature, calls, batch));
  batch.forEach(({ expected, what, mask }, i) => {
    outcome.claims++;
    if (honest[i] !== Verdict.Stands) outcome.convicted.push(`${what}: verdict ${honest[i]}`);
    if (changed[i] !== expected) outcome.missed.push(`${what} ^ ${mask}: verdict ${changed[i]}`);
  });
}

function describeProbe({ node, tensors }: Case, element: number): string {
  const shapes = tensors.map((each) =>
    each ? `${each.tensor.dtype}[${each.tensor.dims.join()}]@${each.header.layout}` : "absent",
  );
  const output = tensors.at(-1) as TensorCommitment;
  return `0x${node.operator.toString(16)} ${shapes.join(" ")} element ${element} = ${hexlify(bytesAt(output.tensor, element))} attributes ${node.attributes}`;
}
