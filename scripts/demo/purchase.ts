import type { AssayClient, JobTerms } from "@assay/sdk";
import { packBundle } from "@assay/sdk";

import type { DemoMarket } from "./market.js";
import { JOB_STAKE, PRICE } from "./market.js";
import type { DemoModel } from "./models.js";
import { labelOf, sameTensors } from "./models.js";

const FAR = 2n ** 48n - 1n;

/** One sample of one model, to be sent to one provider. */
export interface Order {
  model: DemoModel;
  modelId: bigint;
  sample: number;
  provider: string;
}

/** What came back for an order. */
export interface Purchase extends Order {
  terms: JobTerms;
  output: string;
  label: number;
  /** Whether the market's tensors are bit for bit those of the direct run. */
  matchesDirect: boolean;
}

/** Buys one inference as any client would: upload, request, wait, download, verify. */
export async function buy(client: AssayClient, market: DemoMarket, order: Order): Promise<Purchase> {
  const { model, modelId, sample, provider } = order;
  const x = model.samples[sample]?.x;
  if (!x) throw new Error(`${model.name} has no sample ${sample}`);
  const input = packBundle(new Map([["x", x]]), ["x"]);
  await client.upload(provider, input);
  const terms = await client.request({
    provider,
    modelId,
    inputCommitment: input.root,
    token: market.payTokenAddress,
    maxPrice: PRICE,
    minStake: JOB_STAKE,
    deliverBy: FAR,
    inputUri: "",
  });
  const delivery = await client.waitForDelivery(terms);
  const { tensors } = await client.result(terms, delivery);
  const direct = await model.run(sample);
  return {
    ...order,
    terms,
    output: delivery.outputCommitment,
    label: labelOf(tensors),
    matchesDirect: sameTensors(tensors, direct),
  };
}

/** Buys all orders, a few at a time, and reports after each. */
export async function buyAll(
  orders: readonly Order[],
  atOnce: number,
  purchase: (order: Order) => Promise<Purchase>,
  onDone: (done: number) => void,
): Promise<Purchase[]> {
  const purchases: Purchase[] = [];
  const waiting = [...orders];
  const lane = async () => {
    for (let order = waiting.shift(); order; order = waiting.shift()) {
      purchases.push(await purchase(order));
      onDone(purchases.length);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return purchases;
}
