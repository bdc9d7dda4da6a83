import type { TensorMeta } from "@assay/sdk";
import { dtypeSize } from "@assay/sdk";
import type { TransactionResponse } from "ethers";

import { at, networkHelpers } from "../../test/support/fixture.js";
import { callsFor, infinities, integers, longCase, pooling, product } from "../../test/support/longSums.js";
import { convolutions } from "../../test/support/networks.js";
import type { Run } from "../../test/support/proofs.js";
import {
  accusationsOf,
  accuse,
  deliver,
  digDown,
  marketOf,
  openCase,
  postTrace,
  runOf,
} from "../../test/support/proofs.js";
import { prepareNetwork, subject } from "../../test/support/subjects.js";

/** Gas of one step of a dispute. */
export interface Step {
  name: string;
  gas: bigint;
}

/** A fixed clock: a time that is part of calldata costs what its bytes cost. */
const START = 2_000_000_000n;
const SAMPLE = 3;
/** Bits of the last byte of an element that are wrong. */
const WRONG = 64;
const LONG_SUMS = {
  "ConvInteger, 32,768 products out of 1,024 pixels": integers,
  "MatMul bit for bit, 14,336 products": product,
  "GlobalAveragePool in any order, 50,176 numbers": pooling,
  "the same, of infinities": infinities,
};

/** A whole dispute, from the challenge to the last payment. */
export interface Dispute {
  model: string;
  profile: string;
  /** Place of the node whose output is wrong, and its operator. */
  node: string;
  steps: Step[];
  total: bigint;
}

/** Models whose sums are judged wrong, one after the other; of each operator the dearest dispute is shown. */
const DISPUTED = [
  { name: "digits_mlp_int8_static", operators: ["QLinearMatMul"], of: () => subject("digits_mlp_int8_static") },
  {
    name: "digits_cnn_int8_static",
    operators: ["QLinearConv", "QLinearMatMul"],
    of: () => subject("digits_cnn_int8_static"),
  },
  { name: "digits_cnn_fp32", operators: ["Conv", "MatMul"], of: () => subject("digits_cnn_fp32") },
  {
    name: "1,152 products in any order",
    operators: ["ToleranceConv"],
    of: () => prepareNetwork(convolutions(2, 8), true),
  },
  { name: "1,152 products bit for bit", operators: ["Conv"], of: () => prepareNetwork(convolutions(2, 8)) },
] as const;
const PROFILE = { Exact: 1, Canonical: 2, Tolerance: 3 } as const;
/** Seconds between the disputes of the table. */
const APART = 10_000_000n;

/** What disputes over one wrong byte cost: for each model and operator, that over the node with which it costs most. */
export async function measureDisputes(): Promise<Dispute[]> {
  const dearest: Dispute[] = [];
  let start = START;
  for (const { name, operators, of } of DISPUTED) {
    const { model, inputs } = await of();
    for (const operator of operators) {
      const all: Dispute[] = [];
      for (const [node, { operator: each }] of model.instructions.entries()) {
        if (each !== operator) continue;
        const tensor = model.inputNames.length + node;
        const byte = lastByteInside(model.tensors[tensor] ?? fail("no such tensor"));
        const given = await runOf(model, inputs[SAMPLE] ?? fail("no sample"), { tensor, byte, by: WRONG });
        const steps = await measureDispute(given, (start += APART));
        const total = steps.reduce((sum, { gas }) => sum + gas, 0n);
        all.push({ model: name, profile: model.profile.kind, node: `${node} ${operator}`, steps, total });
      }
      dearest.push(all.reduce((a, b) => (b.total > a.total ? b : a)));
    }
  }
  return dearest;
}

async function measureDispute(given: Run, start: bigint): Promise<Step[]> {
  const market = await marketOf(given.model, PROFILE[given.model.profile.kind]);
  await convictTheSilent(market, given);
  await at(start);
  const steps: Step[] = [];
  const step = async (name: string, sent: TransactionResponse | Promise<TransactionResponse>) => {
    const receipt = await (await sent).wait();
    steps.push({ name, gas: receipt?.gasUsed ?? 0n });
  };
  const terms = await deliver(market, given);
  const opened = await openCase(market, terms, given);
  const [challenged] = await market.court.queryFilter(market.court.filters.CourtCaseOpened(opened.caseId));
  steps.push({ name: "challenge", gas: (await challenged?.getTransactionReceipt())?.gasUsed ?? 0n });
  await step("post the trace", postTrace(market, given, opened));
  const { interface: calls } = market.court;
  const ruling = [calls.encodeFunctionData("resolve", [opened.caseId, terms])];
  const dug = await digDown(market, given, opened.caseId, async (part, demanded, answered) => {
    const what = part.level === 0 ? ["demand a leaf", "show the leaf"] : ["demand hashes", "show the hashes"];
    await step(what[0] ?? "", demanded);
    await step(what[1] ?? "", answered);
    ruling.push(calls.encodeFunctionData("payDemandFee", [opened.caseId, part]));
  });
  await step(
    "prove the fraud",
    accuse(market, opened.caseId, accusationsOf(given, dug)[0] ?? fail("nothing to accuse")),
  );
  await step("resolve and return the fees", market.court.multicall(ruling));
  return steps;
}

/** A case before the one that is measured, which is not the first of its market: nor are most. */
async function convictTheSilent(market: Awaited<ReturnType<typeof marketOf>>, given: Run): Promise<void> {
  const terms = await deliver(market, given);
  const { caseId } = await openCase(market, terms, given);
  await networkHelpers.time.increase(await market.court.REPLY_PERIOD());
  await market.disputes.resolve(caseId, terms);
}

/** Of the element in the middle of a tensor, which takes a whole window. */
function lastByteInside({ dtype, dims }: TensorMeta): number {
  const element = dims.reduce((sum, length) => sum * length + Math.floor(length / 2), 0);
  return (element + 1) * dtypeSize(dtype) - 1;
}

function fail(why: string): never {
  throw new Error(why);
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
