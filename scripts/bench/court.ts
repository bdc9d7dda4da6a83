import type { ContractTransactionResponse } from "ethers";
import { Operator } from "@assay/sdk";

import { at, networkHelpers } from "../../test/support/fixture.js";
import { callsFor, infinities, integers, longCase, pooling, product } from "../../test/support/longSums.js";
import {
  accusationsOf,
  accuse,
  answer,
  deliver,
  demand,
  evidenceOf,
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

/** A fixed clock: a time that is part of calldata costs what its bytes cost. */
const START = 2_000_000_000n;
const SAMPLE = 3;
const LONG_SUMS = {
  "ConvInteger, 32,768 products out of 1,024 pixels": integers,
  "MatMul bit for bit, 14,336 products": product,
  "GlobalAveragePool in any order, 50,176 numbers": pooling,
  "the same, of infinities": infinities,
};

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

/** What it takes to convict by a sum that one transaction cannot judge. */
export interface LongSumRow {
  name: string;
  transactions: number;
  /** Of the dearest transaction. */
  most: bigint;
  total: bigint;
}

/** Sums as large as their leaves let them be, each of which is proven wrong over several transactions. */
export async function measureLongSums(): Promise<LongSumRow[]> {
  const rows: LongSumRow[] = [];
  for (const [name, make] of Object.entries(LONG_SUMS)) {
    const opened = await longCase(make(), true);
    const { challenger, court } = opened.market;
    const calls = (await callsFor(opened, opened.accusation)) ?? [];
    const used: bigint[] = [];
    for (const { data } of calls) {
      const sent = await challenger.sendTransaction({ to: await court.getAddress(), data });
      used.push((await sent.wait())?.gasUsed ?? 0n);
    }
    const most = used.reduce((a, b) => (a > b ? a : b), 0n);
    rows.push({ name, transactions: used.length, most, total: used.reduce((a, b) => a + b, 0n) });
  }
  return rows;
}

async function firstProduct(): Promise<number> {
  const { model } = await run(SAMPLE);
  const node = model.nodes.findIndex(({ operator }) => operator === Operator.QLinearMatMul);
  return model.inputNames.length + node;
}
