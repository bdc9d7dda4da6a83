import { readFileSync } from "node:fs";

import type { CourtModel, GraphRuntime, RuntimeName, Tensor } from "@assay/sdk";
import { initHash, prepareModel, RUNTIMES } from "@assay/sdk";

import { Random } from "../../sdk/test/tensor/random.js";
import { inProcess, inProcessBy } from "../../provider-worker/test/support/inProcessRuntime.js";
import { modelFile, samples } from "../../provider-worker/test/support/models.js";
import type { Network } from "./networks.js";
import { decomposedBlock, exactNetwork, floatNetwork, longRows, transformerBlock, uniform } from "./networks.js";

/** A model as the court sees it, and what it may read. */
export interface Subject {
  readonly name: string;
  readonly model: CourtModel;
  readonly inputs: readonly Tensor[];
  /** By which honest providers may run it: bit for bit only that which its file names. */
  readonly runtimes: readonly GraphRuntime[];
}

const INPUTS = 20;

const nameOf = (name: string, tolerance: boolean, runtime: RuntimeName): string =>
  `${name}${tolerance ? ", any order" : ""}${runtime === "wasm" ? ", wasm" : ""}`;

/** A trained model of the repository with samples of its data. */
const trained = (name: string, data: string, tolerance = false, runtime: RuntimeName = "native") => ({
  name: nameOf(name, tolerance, runtime),
  prepare: async () => {
    const options = { dims: { N: 1 }, stripSoftmax: true, argMaxOfLogits: true, tolerance, runtime };
    const { model } = await prepareModel(new Uint8Array(readFileSync(modelFile(`${name}.onnx`))), options, inProcess);
    return { model, inputs: samples(data).x.slice(0, INPUTS) };
  },
});

/** A network with random weights, on random numbers. */
const random = (
  name: string,
  make: (runtime: RuntimeName) => Network,
  tolerance = false,
  runtime: RuntimeName = "native",
) => ({
  name: nameOf(name, tolerance, runtime),
  prepare: () => prepareNetwork(make(runtime), tolerance, runtime),
});

/** A network as the court sees it, and random numbers that it may read. */
export async function prepareNetwork({ file, dims }: Network, tolerance = false, runtime: RuntimeName = "native") {
  await initHash();
  const { model } = await prepareModel(file, { tolerance, runtime }, inProcess);
  const seeded = new Random(12);
  return { model, inputs: Array.from({ length: INPUTS }, () => uniform(seeded, ...dims)) };
}

/** Every trained model of the repository that the court judges, and networks that have its other operators. */
const SUBJECTS = [
  trained("breast_cancer_mlp_int8_static", "breast_cancer"),
  trained("digits_mlp_int8_static", "digits"),
  trained("digits_cnn_int8_static", "digits_cnn"),
  random("operators of integers", exactNetwork),
  trained("breast_cancer_mlp_fp32", "breast_cancer"),
  trained("digits_mlp_fp32", "digits"),
  trained("digits_cnn_fp32", "digits_cnn"),
  random("sums of float32", floatNetwork),
  trained("breast_cancer_mlp_fp32", "breast_cancer", false, "wasm"),
  trained("digits_mlp_fp32", "digits", false, "wasm"),
  trained("digits_cnn_fp32", "digits_cnn", false, "wasm"),
  random("sums of float32", floatNetwork, false, "wasm"),
  random("sums of float32, uneven", (runtime) => floatNetwork(runtime, true), false, "wasm"),
  trained("breast_cancer_mlp_fp32", "breast_cancer", true),
  trained("digits_mlp_fp32", "digits", true),
  trained("digits_cnn_fp32", "digits_cnn", true),
  random("sums of float32", floatNetwork, true),
  random("transformer block", transformerBlock, true),
  random("transformer block, single operators", decomposedBlock, true),
  random("long rows", longRows, true),
] as const;

export const SUBJECT_NAMES: readonly string[] = SUBJECTS.map(({ name }) => name);

/** Prepares one of them. */
export async function subject(name: string): Promise<Subject> {
  const found = SUBJECTS.find((each) => each.name === name);
  if (!found) throw new Error(`there is no subject ${name}`);
  await initHash();
  const { model, inputs } = await found.prepare();
  const runtimes = model.profile.kind === "Canonical" ? [inProcess] : RUNTIMES.map(inProcessBy);
  return { name, model, inputs, runtimes };
}
