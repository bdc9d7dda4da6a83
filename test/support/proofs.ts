import { readFileSync } from "node:fs";
import path from "node:path";

import type {
  Accusation,
  Claim,
  CourtModel,
  DifferingLeaf,
  Hex,
  Part,
  PostedTrace,
  Tensor,
  TraceCommitment,
} from "@assay/sdk";
import {
  accusations,
  answerDemand,
  claimAbout,
  commitTrace,
  Evidence,
  firstDivergent,
  fromFloat32Array,
  initHash,
  MerkleTree,
  nodesTree,
  prepareModel,
  proveLeaf,
  runTrace,
  toHex,
  traceFactsOf,
} from "@assay/sdk";
import type { ContractTransactionResponse, TransactionResponse } from "ethers";
import { parseEther } from "ethers";

import { IndexMaps__factory } from "../../sdk/src/typechain/index.js";
import { inProcess } from "../../provider-worker/test/support/inProcessRuntime.js";
import { deployAssay, fundStakeBalance, OFFER, populate, registerModel, requestOf, termsOf } from "./fixture.js";
import type { Assay, Terms } from "./fixture.js";
import { DEFENCE_GAS, GAS_VALUE } from "./assemble.js";

const MODELS = path.resolve(import.meta.dirname, "../../models");
const EXACT = 1;

let prepared: ReturnType<typeof prepareDigits> | undefined;

/** The int8 digits model as the court sees it, and real samples of what it reads. Prepared once. */
export function preparedDigits(): ReturnType<typeof prepareDigits> {
  prepared ??= prepareDigits();
  return prepared;
}

/** The int8 digits model as the court sees it, and a real sample of what it reads. */
async function prepareDigits(): Promise<{ model: CourtModel; sample: (index: number) => Tensor }> {
  await initHash();
  const bytes = new Uint8Array(readFileSync(path.join(MODELS, "digits_mlp_int8_static.onnx")));
  const options = { dims: { N: 1 }, stripSoftmax: true, argMaxOfLogits: true };
  const { model } = await prepareModel(bytes, options, inProcess);
  const data = readFileSync(path.join(MODELS, "digits.test.x.f32"));
  const all = new Float32Array(new Uint8Array(data).buffer);
  return { model, sample: (index) => fromFloat32Array(all.slice(64 * index, 64 * (index + 1)), [1, 64]) };
}

/** An open market with a model that the proof court judges. */
export async function provenMarket() {
  return marketOf((await preparedDigits()).model, EXACT);
}

/** An open market with this model, judged by the proof court under this profile. */
export async function marketOf(model: CourtModel, profile: number) {
  return marketIn(await deployAssay(), model, profile);
}

/** The same in a given deployment. */
export async function marketIn(assay: Assay, model: CourtModel, profile: number) {
  const market = await populate(assay);
  const modelId = await registerModel(market, { profile, graphCommitment: model.commitment });
  await market.providers
    .connect(market.provider)
    .setOffer(modelId, market.payToken, OFFER.price, OFFER.stake, OFFER.maxDuration);
  await fundStakeBalance(market, market.stranger, parseEther("100"));
  return { ...market, modelId, provenModel: modelId };
}

export type ProvenMarket = Awaited<ReturnType<typeof provenMarket>>;

/** A trace that may have been tampered with, and what it should have been. */
export interface Run {
  model: CourtModel;
  honest: TraceCommitment;
  posted: TraceCommitment;
}

/** One byte of one tensor, changed in these bits: the lowest if nothing is said. */
export interface Tampering {
  tensor: number;
  byte: number;
  by?: number;
}

/** Runs the model on a sample and changes bytes of its tensors afterwards, if told to. */
export async function run(sample: number, ...tamperings: readonly (Tampering | undefined)[]): Promise<Run> {
  const { model, sample: x } = await preparedDigits();
  return runOf(model, x(sample), ...tamperings);
}

/** The same with any model that has one input x. */
export async function runOf(
  model: CourtModel,
  x: Tensor,
  ...tamperings: readonly (Tampering | undefined)[]
): Promise<Run> {
  const trace = await runTrace(model, new Map([["x", x]]), inProcess);
  const honest = commitTrace(model, trace);
  const changed = trace.map((tensor, i) =>
    tamperings.reduce((now, each) => (i === each?.tensor ? flip(now, each) : now), tensor),
  );
  return { model, honest, posted: commitTrace(model, changed) };
}

function flip(tensor: Tensor, { byte, by = 1 }: Tampering): Tensor {
  const data = new Uint8Array(tensor.data);
  data[byte] = (data[byte] ?? 0) ^ by;
  return { ...tensor, data };
}

/** A job on the run's input whose provider delivered the run's output. */
export async function deliver(market: ProvenMarket, { posted }: Run): Promise<Terms> {
  const sent = await market.market
    .connect(market.client)
    .request(requestOf(market, { inputCommitment: posted.inputRoot }));
  const terms = termsOf(market, (await sent.wait())?.logs ?? []);
  await market.market.connect(market.operator).submit(terms, posted.outputRoot, "");
  return terms;
}

export const rootsOf = ({ posted }: Run): Hex[] => posted.tensors.map(({ header }) => header.merkleRoot);

/** Challenges a delivered job; returns the case and the facts it was opened with. */
export async function openCase(market: ProvenMarket, terms: Terms, { posted }: Run) {
  await market.disputes.connect(market.challenger).challenge(terms, posted.outputRoot);
  const caseId = await market.disputes.lastCaseId();
  const [opened] = await market.court.queryFilter(market.court.filters.CourtCaseOpened(caseId));
  if (!opened) throw new Error("no case was opened");
  return { caseId, facts: opened.args.facts };
}

/** The provider commits to its trace. */
export async function postTrace(market: ProvenMarket, given: Run, opened: Awaited<ReturnType<typeof openCase>>) {
  const { caseId, facts } = opened;
  return market.court
    .connect(market.operator)
    .postTrace(caseId, [...facts] as never, given.model.graph as never, rootsOf(given));
}

/** Anyone asks for a part of a tensor. */
export async function demand(market: ProvenMarket, given: Run, caseId: bigint, part: Part) {
  return market.court.connect(market.challenger).demand(...demandWords(given, caseId, part));
}

/** The same call among others. */
export const demandData = ({ court }: ProvenMarket, given: Run, caseId: bigint, part: Part): string =>
  court.interface.encodeFunctionData("demand", [...demandWords(given, caseId, part)]);

function demandWords(given: Run, caseId: bigint, part: Part) {
  const { model, honest } = given;
  const nodeIndex = part.tensor - model.inputNames.length;
  const header = honest.tensors[part.tensor]?.header;
  const meta = { ...header, merkleRoot: `0x${"00".repeat(32)}` };
  const proof = nodesTree(model.nodes).proof(nodeIndex);
  const facts = traceFactsOf(model.graph, rootsOf(given));
  return [caseId, facts, part, model.nodes[nodeIndex] as never, proof, meta as never] as const;
}

/** What demands of these parts cost: one and a half times the gas of their answers, by the words that these show. */
export function demandFees(given: Run, ...parts: readonly Part[]): bigint {
  const gas = parts.map((part) => DEFENCE_GAS.answer + wordsOf(given, part) * DEFENCE_GAS.word);
  return gas.reduce((sum, each) => sum + (each * GAS_VALUE * 3n) / 2n, 0n);
}

function wordsOf({ posted }: Run, part: Part): bigint {
  const committed = posted.tensors[part.tensor];
  if (!committed) throw new Error("no such tensor");
  const shown = answerDemand(committed, part);
  return BigInt(shown.kind === "leaf" ? shown.leaf.length / 32 : shown.children.length);
}

/** The provider shows a part of what it committed to. */
export async function answer(market: ProvenMarket, given: Run, caseId: bigint, part: Part) {
  const data = answerData(market, given, caseId, part);
  return market.operator.sendTransaction({ to: await market.court.getAddress(), data });
}

/** The same call among others. */
export function answerData({ court }: ProvenMarket, given: Run, caseId: bigint, part: Part): string {
  const committed = given.posted.tensors[part.tensor];
  if (!committed) throw new Error("no such tensor");
  const shown = answerDemand(committed, part);
  const root = committed.header.merkleRoot;
  const roots = rootsOf(given);
  const facts = traceFactsOf(given.model.graph, roots);
  const traceProof = MerkleTree.fromHashes(roots).proof(part.tensor);
  const proofs: [Hex[], string, Hex[]] = [[...shown.proof], root, traceProof];
  return shown.kind === "leaf"
    ? court.interface.encodeFunctionData("revealLeaf", [caseId, facts, part, shown.leaf, ...proofs])
    : court.interface.encodeFunctionData("revealChildren", [caseId, facts, part, [...shown.children], ...proofs]);
}

/** Told of every demand and answer. */
type OnSent = (part: Part, demanded: ContractTransactionResponse, answered: TransactionResponse) => Promise<void>;

/** Leads a case from the posted trace to the leaf that differs, by demands and answers. */
export async function digDown(market: ProvenMarket, given: Run, caseId: bigint, onSent?: OnSent) {
  const tensor = firstDivergent(given.honest, rootsOf(given));
  if (tensor === undefined) throw new Error("the trace is honest");
  const own = given.honest.tensors[tensor];
  if (!own) throw new Error("no such tensor");
  const evidence = new Evidence(tensor, own);
  for (;;) {
    const next = evidence.next();
    if ("found" in next) return { tensor, evidence, found: next.found };
    const demanded = await demand(market, given, caseId, next.ask);
    const answered = await answer(market, given, caseId, next.ask);
    await onSent?.(next.ask, demanded, answered);
    const shown = answerDemand(given.posted.tensors[tensor] ?? own, next.ask);
    if (shown.kind === "leaf") evidence.addLeaf(next.ask.index, toHex(shown.leaf));
    else evidence.addChildren(next.ask, shown.children);
  }
}

/** What follows from one leaf that the provider showed. */
export function evidenceOf(given: Run, part: Part) {
  const [own, shown] = [given.honest.tensors[part.tensor], given.posted.tensors[part.tensor]];
  if (!own || !shown) throw new Error("no such tensor");
  const { leaf } = proveLeaf(shown, part.index);
  const evidence = new Evidence(part.tensor, own);
  evidence.addLeaf(part.index, toHex(leaf));
  const next = evidence.next();
  if (!("found" in next)) throw new Error("the leaf does not differ");
  return { tensor: part.tensor, evidence, found: next.found };
}

/** A claim about an element of an honest tensor. */
export function honestClaim({ model, honest }: Run, tensor: number, element: number): Claim {
  return claimAbout(model, honest, tensor, element);
}

/** What the verifier of the claim's operator says. */
export async function judge(market: ProvenMarket, claim: Claim): Promise<boolean> {
  const verifier = await market.court.verifierOf(claim.node.operator >> 8);
  return IndexMaps__factory.connect(verifier, market.stranger).contradicts(claim as never);
}

export function accusationsOf(
  given: Run,
  dug: { tensor: number; evidence: Evidence; found: DifferingLeaf },
): Accusation[] {
  const posted: PostedTrace = { ...given, roots: rootsOf(given), tensor: dug.tensor };
  return [...accusations(posted, dug.found, dug.evidence.honestLeaf(dug.found.index))];
}

export async function accuse(market: ProvenMarket, caseId: bigint, { kind, claim, provenance }: Accusation) {
  const court = market.court.connect(market.challenger);
  return kind === "fraud"
    ? court.proveFraud(caseId, claim as never, provenance as never)
    : court.proveMalformedLeaf(caseId, claim as never, provenance as never);
}
