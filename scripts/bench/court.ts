import type { ContractTransactionResponse } from "ethers";
import { elementCount, Operator } from "@assay/sdk";

import { at, networkHelpers } from "../../test/support/fixture.js";
import type { ProvenMarket, Run } from "../../test/support/proofs.js";
import {
  accusationsOf,
  accuse,
  answer,
  deliver,
  demand,
  evidenceOf,
  honestClaim,
  judge,
  openCase,
  postTrace,
  provenMarket,
  run,
} from "../../test/support/proofs.js";

/** Gas of one step of a dispute. */
export interface Step {
  name: string;
  gas: bigint;
}

/** How many claims were tried on verifiers, and how many convicted. */
export interface Tally {
  tried: number;
  convicted: number;
}

/** A fixed clock: a time that is part of calldata costs what its bytes cost. */
const START = 2_000_000_000n;
const SAMPLE = 3;

/** A whole dispute over one wrong byte of a matrix product, from the challenge to the last payment. */
export async function measureDispute(): Promise<Step[]> {
  const market = await networkHelpers.loadFixture(provenMarket);
  await at(START);
  const given = await run(SAMPLE, { tensor: await firstProduct(), byte: 0 });
  const steps: Step[] = [];
  const step = async (name: string, sent: Promise<ContractTransactionResponse>) => {
    const receipt = await (await sent).wait();
    steps.push({ name, gas: receipt?.gasUsed ?? 0n });
  };
  const terms = await deliver(market, given);
  const opened = await openCase(market, terms, given);
  const [challenged] = await market.court.queryFilter(market.court.filters.CourtCaseOpened(opened.caseId));
  steps.push({ name: "challenge", gas: (await challenged?.getTransactionReceipt())?.gasUsed ?? 0n });
  await step("post the trace", postTrace(market, given, opened));
  const part = { tensor: await firstProduct(), level: 0, index: 0 };
  await step("demand a leaf", demand(market, given, opened.caseId, part));
  await step("show the leaf", answer(market, given, opened.caseId, part));
  const [accusation] = accusationsOf(given, evidenceOf(given, part));
  if (!accusation) throw new Error("nothing to accuse");
  await step("prove the fraud", accuse(market, opened.caseId, accusation));
  await step("resolve", market.disputes.resolve(opened.caseId, terms));
  await step("pay the fee back", market.court.payDemandFee(opened.caseId, part));
  await step("forward the reward", market.court.forwardReward(opened.caseId));
  return steps;
}

/** Changes one random byte of a random tensor of real runs and asks the verifiers; every change must convict. */
export async function tryMutations(count: number, onDone: (done: number) => void): Promise<Tally> {
  const market = await networkHelpers.loadFixture(provenMarket);
  const random = mulberry32(1);
  let convicted = 0;
  for (let tried = 0; tried < count; tried++) {
    const honest = await run(tried % 100);
    const tensors = honest.model.tensors.length - honest.model.inputNames.length;
    const tensor = honest.model.inputNames.length + Math.floor(random() * tensors);
    const bytes = honest.honest.tensors[tensor]?.tensor.data.length ?? 0;
    const given = await run(tried % 100, { tensor, byte: Math.floor(random() * bytes) });
    if (await isConvicted(market, given, tensor)) convicted++;
    onDone(tried + 1);
  }
  return { tried: count, convicted };
}

/** Accuses random elements of honest runs; none may convict. */
export async function tryHonest(count: number, onDone: (done: number) => void): Promise<Tally> {
  const market = await networkHelpers.loadFixture(provenMarket);
  const random = mulberry32(2);
  let convicted = 0;
  for (let tried = 0; tried < count; tried++) {
    const given = await run(tried % 100);
    const nodes = given.model.nodes.length;
    const tensor = given.model.inputNames.length + Math.floor(random() * nodes);
    const elements = elementCount(given.honest.tensors[tensor]?.tensor.dims ?? []);
    const claim = honestClaim(given, tensor, Math.floor(random() * elements));
    if (await judge(market, claim)) convicted++;
    onDone(tried + 1);
  }
  return { tried: count, convicted };
}

async function isConvicted(market: ProvenMarket, given: Run, tensor: number): Promise<boolean> {
  const leaves = given.posted.tensors[tensor]?.header.nLeaves ?? 0;
  for (let index = 0; index < leaves; index++) {
    const own = given.honest.tensors[tensor];
    const shown = given.posted.tensors[tensor];
    if (own && shown && own.tree.nodes(0)[index] === shown.tree.nodes(0)[index]) continue;
    for (const { kind, claim } of accusationsOf(given, evidenceOf(given, { tensor, level: 0, index }))) {
      if (kind === "malformedLeaf" || (await judge(market, claim))) return true;
    }
    return false;
  }
  return false;
}

async function firstProduct(): Promise<number> {
  const { model } = await run(SAMPLE);
  const node = model.nodes.findIndex(({ operator }) => operator === Operator.QLinearMatMul);
  return model.inputNames.length + node;
}

/** A small random generator with a seed, so that a run can be repeated. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
