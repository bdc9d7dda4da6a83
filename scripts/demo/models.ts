import { readFileSync } from "node:fs";
import path from "node:path";

import { ChildRuntime, writeGolden } from "@assay/provider-worker";
import type { CourtModel, RuntimeName, Tensor } from "@assay/sdk";
import { fromFloat32Array, initHash, packBundle, prepareModel, toTypedArray } from "@assay/sdk";

import { signatureOf } from "../../tasks/support/signature.js";

const FOLDER = path.resolve(import.meta.dirname, "../../models");
const LIMITS = { timeoutMs: 60_000, memoryMb: 2048 };
/** Vectors that each worker must reproduce before it serves a model. */
const GOLDEN_VECTORS = 2;

export interface DemoModel {
  name: string;
  /** As `model:prepare` makes it: what is registered, served and judged. */
  prepared: CourtModel;
  golden: Uint8Array;
  workUnits: bigint;
  inputSignature: string;
  outputSignature: string;
  samples: { x: Tensor; label: number }[];
  /** Runs a sample with the registered file directly, without any market. */
  run(sample: number): Promise<Map<string, Tensor>>;
  stop(): void;
}

const MODELS = [
  { name: "digits", file: "digits_mlp_int8_static.onnx", workUnits: 64n * 64n + 64n * 32n + 32n * 10n },
  {
    name: "breast_cancer",
    file: "breast_cancer_mlp_int8_static.onnx",
    workUnits: 30n * 32n + 32n * 16n + 16n * 2n,
  },
];

/** No verifier judges a Softmax: the models end with their logits, of which the label is the largest. */
const PREPARATION = { dims: { N: 1 }, stripSoftmax: true, argMaxOfLogits: true };

interface ModelFile {
  name: string;
  file: string;
  workUnits: bigint;
  /** Whether sums of floats may be taken in any order. */
  tolerance?: boolean;
  runtime?: RuntimeName;
}

/** The repository's trained int8 models, as the proof court judges them, with their held-out samples. */
export async function loadModels(files: readonly ModelFile[] = MODELS): Promise<DemoModel[]> {
  await initHash();
  const runtime = new ChildRuntime(LIMITS);
  return Promise.all(
    files.map(async ({ name, file, workUnits, tolerance = false, runtime: by = "native" }) => {
      const samples = readSamples(name);
      const original = new Uint8Array(readFileSync(path.join(FOLDER, file)));
      const { model: prepared } = await prepareModel(original, { ...PREPARATION, tolerance, runtime: by }, runtime);
      const direct = await runtime.load(prepared.file);
      const vectors = await Promise.all(
        samples.slice(0, GOLDEN_VECTORS).map(async ({ x }) => {
          const inputs = new Map([["x", x]]);
          return { inputs, outputs: await direct.run(inputs) };
        }),
      );
      return {
        name,
        prepared,
        golden: writeGolden(vectors),
        workUnits,
        inputSignature: signatureOf(prepared.inputNames, prepared.graph.inputs),
        outputSignature: signatureOf(prepared.outputNames, prepared.graph.outputs),
        samples,
        run: (sample) => direct.run(new Map([["x", sampleOf(samples, sample)]])),
        stop: () => {
          direct.stop();
        },
      };
    }),
  );
}

/** The class a model chose. */
export function labelOf(outputs: ReadonlyMap<string, Tensor>): number {
  const label = outputs.get("label");
  if (label?.dtype !== "int64") throw new Error("the model gave no int64 label");
  return Number(toTypedArray({ ...label, dtype: "int64" })[0]);
}

/** Whether two sets of outputs are the same bits. */
export function sameTensors(a: ReadonlyMap<string, Tensor>, b: ReadonlyMap<string, Tensor>): boolean {
  return packBundle(a, [...a.keys()]).root === packBundle(b, [...a.keys()]).root;
}

function sampleOf(samples: DemoModel["samples"], index: number): Tensor {
  const sample = samples[index];
  if (!sample) throw new Error(`there is no sample ${index}`);
  return sample.x;
}

function readSamples(name: string): DemoModel["samples"] {
  const read = (extension: string) => readFileSync(path.join(FOLDER, `${name}.test.${extension}`));
  const { n, shape } = JSON.parse(read("meta.json").toString()) as { n: number; shape: number[] };
  const x = read("x.f32");
  const y = read("y.i32");
  const size = shape.reduce((a, b) => a * b, 1);
  return Array.from({ length: n }, (_, i) => {
    const values = Float32Array.from({ length: size }, (_, j) => x.readFloatLE(4 * (i * size + j)));
    return { x: fromFloat32Array(values, [1, ...shape]), label: y.readInt32LE(4 * i) };
  });
}
