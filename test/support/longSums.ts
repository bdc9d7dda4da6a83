import type { Accusation, CourtModel, Tensor } from "@assay/sdk";
import {
  accusationOf,
  commitTrace,
  contentHash,
  dtypeSize,
  fromFloat32Array,
  prepareModel,
  proofCalls,
  runTrace,
} from "@assay/sdk";

import { onnxFile } from "../../sdk/test/support/onnxModel.js";
import { Random } from "../../sdk/test/tensor/random.js";
import { inProcess } from "../../provider-worker/test/support/inProcessRuntime.js";
import { deployAssay } from "./fixture.js";
import { deliver, marketIn, openCase, postTrace } from "./proofs.js";

const PROFILE = { Exact: 1, Canonical: 2, Tolerance: 3 } as const;

/** A model of one node whose elements are sums that one transaction cannot judge, and what it reads. */
export interface LongSum {
  file: Uint8Array;
  x: Tensor;
  tolerance?: boolean;
  /** Of the node that is wrong; the first one that is no view, if nothing is said. */
  operator?: string;
}

function floats(random: Random, ...dims: number[]): Tensor {
  const count = dims.reduce((product, dim) => product * dim, 1);
  return fromFloat32Array(
    Float32Array.from({ length: count }, () => random.next() / 2 ** 31 - 1),
    dims,
  );
}

function bytes(random: Random, ...dims: number[]): Tensor {
  const count = dims.reduce((product, dim) => product * dim, 1);
  return { dtype: "uint8", dims, data: Uint8Array.from({ length: count }, () => random.below(256)) };
}

/** 32,768 products of bytes out of 1,024 pixels: with more of them in a filter, eight transactions could not open all. */
export function integers(): LongSum {
  const random = new Random(1);
  const file = onnxFile({
    nodes: [{ op: "ConvInteger", inputs: ["x", "w"], outputs: ["y"] }],
    inputs: { x: ["uint8", [1, 32, 32, 32]] },
    outputs: { y: undefined },
    constants: { w: bytes(random, 1, 32, 32, 32) },
    opset: 21,
  });
  return { file, x: bytes(random, 1, 32, 32, 32) };
}

/** The mean of 50,176 numbers, as the last pooling of a network for images of 224 by 224 would take it. */
export function pooling(): LongSum {
  const file = onnxFile({
    nodes: [{ op: "GlobalAveragePool", inputs: ["x"], outputs: ["y"] }],
    inputs: { x: ["float32", [1, 1, 224, 224]] },
    outputs: { y: undefined },
    opset: 21,
  });
  return { file, x: floats(new Random(2), 1, 1, 224, 224), tolerance: true };
}

/** The same of the numbers that cost most. */
export function infinities(): LongSum {
  const x = fromFloat32Array(new Float32Array(224 * 224).fill(Infinity), [1, 1, 224, 224]);
  return { ...pooling(), x };
}

/** 14,336 products, bit for bit: a row and a column that fill a transaction. */
export function product(): LongSum {
  const random = new Random(3);
  const file = onnxFile({
    nodes: [{ op: "MatMul", inputs: ["x", "w"], outputs: ["y"] }],
    inputs: { x: ["float32", [2, 14_336]] },
    outputs: { y: undefined },
    constants: { w: floats(random, 14_336, 2) },
    opset: 21,
  });
  return { file, x: floats(random, 2, 14_336) };
}

const prepared = new Map<string, Promise<CourtModel>>();

/** What the court has of a model. Prepared once: orders of long sums take seconds to find. */
function courtModel(file: Uint8Array, tolerance: boolean): Promise<CourtModel> {
  const key = `${contentHash(file)} ${String(tolerance)}`;
  const known = prepared.get(key) ?? prepareModel(file, { tolerance }, inProcess).then(({ model }) => model);
  prepared.set(key, known);
  return known;
}

/** 50,000 products of 255 and 255: half of them fit 31 bits, all of them do not. */
export function overflowing(): LongSum {
  const full = (...dims: number[]): Tensor => ({ dtype: "uint8", dims, data: new Uint8Array(50_000).fill(255) });
  const file = onnxFile({
    nodes: [{ op: "MatMulInteger", inputs: ["x", "w"], outputs: ["y"] }],
    inputs: { x: ["uint8", [1, 50_000]] },
    outputs: { y: undefined },
    constants: { w: full(50_000, 1) },
    opset: 21,
  });
  return { file, x: full(1, 50_000) };
}

/** A case against a provider of whose last node one bit of the first element is wrong, or none. */
export async function longCase({ file, x, tolerance = false, operator }: LongSum, isWrong: boolean) {
  const model = await courtModel(file, tolerance);
  const honest = await runTrace(model, new Map([["x", x]]), inProcess);
  const node = model.instructions.findIndex((each) =>
    operator ? each.operator === operator : each.operator !== "View",
  );
  const tensor = model.inputNames.length + node;
  const trace = honest.map((each, i) => (isWrong && i === tensor ? flipped(each) : each));
  const posted = commitTrace(model, trace);
  const given = { model, honest: posted, posted };
  const market = await marketIn(await deployAssay(), model, PROFILE[model.profile.kind]);
  const opened = await openCase(market, await deliver(market, given), given);
  await postTrace(market, given, opened);
  const accusation = accusationOf(model, posted, tensor, 0);
  return { market, caseId: opened.caseId, model, honest, trace, given, tensor, accusation };
}

/** Bit 30 of the first element, or 6 of a byte: more than rounding explains. */
function flipped(tensor: Tensor): Tensor {
  const data = new Uint8Array(tensor.data);
  const byte = Math.min(3, dtypeSize(tensor.dtype) - 1);
  data[byte] = (data[byte] ?? 0) ^ 0x40;
  return { ...tensor, data };
}

/** What is still to be sent to convict. */
export const callsFor = ({ market, caseId }: Awaited<ReturnType<typeof longCase>>, accusation: Accusation) =>
  proofCalls(market.court.connect(market.challenger), caseId, market.challenger.address, accusation);
