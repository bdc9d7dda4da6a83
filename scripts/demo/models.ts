import { readFileSync } from "node:fs";
import path from "node:path";

import { ChildRunner, writeGolden } from "@assay/provider-worker";
import type { Tensor } from "@assay/sdk";
import { fromFloat32Array, packBundle, toTypedArray } from "@assay/sdk";

const FOLDER = path.resolve(import.meta.dirname, "../../models");
const LIMITS = { timeoutMs: 60_000, memoryMb: 2048 };
/** Vectors that each worker must reproduce before it serves a model. */
const GOLDEN_VECTORS = 2;

export interface DemoModel {
  name: string;
  file: Buffer;
  golden: Uint8Array;
  workUnits: bigint;
  inputSignature: string;
  outputSignature: string;
  samples: { x: Tensor; label: number }[];
  /** Runs a sample with the same file directly, without any market. */
  run(sample: number): Promise<Map<string, Tensor>>;
  stop(): void;
}

const MODELS = [
  { name: "digits", file: "digits_mlp_fp32.onnx", workUnits: 64n * 64n + 64n * 32n + 32n * 10n, classes: 10 },
  {
    name: "breast_cancer",
    file: "breast_cancer_mlp_fp32.onnx",
    workUnits: 30n * 32n + 32n * 16n + 16n * 2n,
    classes: 2,
  },
];

/** The repository's trained models with their held-out samples. */
export async function loadModels(): Promise<DemoModel[]> {
  return Promise.all(
    MODELS.map(async ({ name, file, workUnits, classes }) => {
      const samples = readSamples(name);
      const direct = await ChildRunner.start(path.join(FOLDER, file), LIMITS);
      const vectors = await Promise.all(
        samples.slice(0, GOLDEN_VECTORS).map(async ({ x }) => {
          const inputs = new Map([["x", x]]);
          return { inputs, outputs: await direct.run(inputs) };
        }),
      );
      return {
        name,
        file: readFileSync(path.join(FOLDER, file)),
        golden: writeGolden(vectors),
        workUnits,
        inputSignature: `x:float32[1,${samples[0]?.x.dims[1] ?? 0}]`,
        outputSignature: `probabilities:float32[1,${classes}];label:int64[1]`,
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
