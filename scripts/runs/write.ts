import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";

import type { CourtModel, Tensor } from "@assay/sdk";
import { fromFloat32Array, prepareModel, runTrace, serialiseSafetensors } from "@assay/sdk";

import { inProcess } from "../../provider-worker/test/support/inProcessRuntime.js";
import { onnxFile } from "../../sdk/test/support/onnxModel.js";
import { Random } from "../../sdk/test/tensor/random.js";
import { node } from "../../test/support/networks.js";
import { subject, SUBJECT_NAMES as CAMPAIGN_NAMES, type Subject } from "../../test/support/subjects.js";

const WIDE = "long sums of float32, any order";
const [CHANNELS, SIDE, LENGTH] = [128, 14, 4096] as const;

export const SUBJECT_NAMES: readonly string[] = [...CAMPAIGN_NAMES, WIDE];

export const folderOf = (root: string, name: string): string => path.join(root, name.replace(/[^a-z0-9_]+/g, "-"));
export const native = "this machine.safetensors";

/** A subject of the soundness campaign, or the one with sums as long as those of large networks. */
export async function subjectOf(name: string): Promise<Subject> {
  return name === WIDE ? wide() : subject(name);
}

/** A convolution of K = 1,152 and a product of K = 4,096, on normally distributed numbers. */
async function wide(): Promise<Subject> {
  const random = new Random(21);
  const file = onnxFile({
    nodes: [
      node("Conv", ["x", "w", "b"], "conv", { pads: [1, 1, 1, 1] }),
      node("Relu", ["conv"], "active"),
      node("GlobalAveragePool", ["active"], "means"),
      node("Flatten", ["means"], "flat"),
      node("MatMul", ["flat", "up"], "raised"),
      node("Relu", ["raised"], "long"),
      node("MatMul", ["long", "down"], "y"),
    ],
    inputs: { x: ["float32", [1, CHANNELS, SIDE, SIDE]] },
    outputs: { y: undefined },
    constants: {
      w: normal(random, CHANNELS, CHANNELS, 3, 3),
      b: normal(random, CHANNELS),
      up: normal(random, CHANNELS, LENGTH),
      down: normal(random, LENGTH, 64),
    },
    opset: 17,
  });
  const { model } = await prepareModel(file, { tolerance: true }, inProcess);
  const inputs = Array.from({ length: 3 }, () => normal(random, 1, CHANNELS, SIDE, SIDE));
  return { name: WIDE, model, inputs, runtimes: [inProcess] };
}

/** Close enough to normal: the sum of twelve even ones. */
function normal(random: Random, ...dims: number[]): Tensor {
  const one = () => Array.from({ length: 12 }, () => random.next() / 2 ** 32).reduce((sum, each) => sum + each, -6);
  return fromFloat32Array(Float32Array.from({ length: dims.reduce((product, dim) => product * dim, 1) }, one), dims);
}

/** Tensors of a model's run that onnxruntime gives; the others are computed from them. */
export function named(model: CourtModel, trace: readonly Tensor[], sample: number): [string, Tensor][] {
  return model.tensors.flatMap(({ name }, i): [string, Tensor][] => {
    const tensor = trace[i];
    return name === undefined || !tensor ? [] : [[`${sample}/${name}`, tensor]];
  });
}

/** The model, its inputs and profile, and the runs of this machine. */
export async function writeRuns(root: string, name: string): Promise<void> {
  const { model, inputs } = await subjectOf(name);
  const folder = folderOf(root, name);
  const runs = new Map<string, Tensor>();
  for (const [i, x] of inputs.entries()) {
    for (const [key, tensor] of named(model, await runTrace(model, new Map([["x", x]]), inProcess), i)) {
      runs.set(key, tensor);
    }
  }
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, "model.onnx"), model.file);
  const given = new Map(inputs.map((x, i): [string, Tensor] => [`${i}/x`, x]));
  await writeFile(
    path.join(folder, "inputs.safetensors"),
    serialiseSafetensors(given, new Map([["profile", model.profile.kind]])),
  );
  await writeFile(path.join(folder, native), serialiseSafetensors(runs, new Map([["graph", model.commitment]])));
}
