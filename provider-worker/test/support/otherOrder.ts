import { readFileSync } from "node:fs";

import type { CourtModel, Numeric, Tensor, TraceTensor } from "@assay/sdk";
import { evaluate, initHash, operandsOf, prepareModel } from "@assay/sdk";

import { inProcess } from "./inProcessRuntime.js";
import { modelFile } from "./models.js";

/** Orders of summation that onnxruntime does not have. */
export const ORDERS: readonly Numeric[] = [
  { mode: 0, fused: true, block: 7, biasFirst: true },
  { mode: 0, fused: false, block: 0, biasFirst: false },
  { mode: 0, fused: false, block: 5, biasFirst: false },
];

/** A trained model of profile Tolerance, and its runs on processors that add in other orders. */
export async function inAnyOrder(name: string) {
  await initHash();
  const bytes = new Uint8Array(readFileSync(modelFile(`${name}.onnx`)));
  const options = { dims: { N: 1 }, stripSoftmax: true, argMaxOfLogits: true };
  const { model } = await prepareModel(bytes, { ...options, tolerance: true }, inProcess);
  const { model: ordered } = await prepareModel(bytes, options, inProcess);
  return {
    model,
    /** Goes on from the tensors given; `change` may falsify each. */
    run(x: Tensor, numeric: Numeric, change: (tensor: Tensor, at: number) => Tensor = (tensor) => tensor): Tensor[] {
      const trace = [x];
      for (const [node, instruction] of ordered.instructions.entries()) {
        const meta = ordered.tensors[trace.length] as TraceTensor;
        const tensor = evaluate(instruction, operandsOf(ordered, trace, node), meta, numeric);
        trace.push(change(tensor, trace.length));
      }
      return trace;
    },
  };
}

export const outputsOf = (model: CourtModel, trace: readonly Tensor[]): Map<string, Tensor> =>
  new Map(model.outputNames.map((name, i) => [name, trace[model.outputs[i] ?? -1] as Tensor]));
