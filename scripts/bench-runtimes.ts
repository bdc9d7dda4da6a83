/**
 * The runtimes native and wasm beside each other: how long a run takes, and how many elements of its trace differ.
 *
 *   npm run bench:runtimes
 */
import { readFileSync } from "node:fs";
import path from "node:path";

import type { PrepareOptions, RuntimeName, Tensor } from "@assay/sdk";
import { canonicaliseNaN, dtypeSize, elementCount, initHash, prepareModel, RUNTIMES, runTrace } from "@assay/sdk";
import Table from "cli-table3";

import { inProcess, inProcessBy } from "../provider-worker/test/support/inProcessRuntime.js";
import { Random } from "../sdk/test/tensor/random.js";
import { convolutions, exactNetwork, floatNetwork, type Network, uniform } from "../test/support/networks.js";

const RUNS = 200;
const SAMPLES = 20;
const TRAINED: PrepareOptions = { dims: { N: 1 }, stripSoftmax: true, argMaxOfLogits: true };

const trained = (name: string, dims: readonly number[]) => ({
  name,
  options: TRAINED,
  network: (): Network => ({
    file: new Uint8Array(readFileSync(path.resolve(import.meta.dirname, `../models/${name}.onnx`))),
    dims,
  }),
});

const NETWORKS: readonly { name: string; options?: PrepareOptions; network: () => Network }[] = [
  trained("breast_cancer_mlp_fp32", [1, 30]),
  trained("digits_mlp_fp32", [1, 64]),
  trained("digits_cnn_fp32", [1, 1, 8, 8]),
  { name: "sums of float32", network: () => floatNetwork("wasm") },
  { name: "three 3x3 convolutions of 128 channels, 16x16", network: () => convolutions(3, 16) },
  trained("digits_mlp_int8_static", [1, 64]),
  trained("digits_cnn_int8_static", [1, 1, 8, 8]),
  { name: "operators of integers", network: exactNetwork },
];

/** Milliseconds of a step, and what it gives. */
async function timed<T>(step: () => Promise<T>): Promise<[ms: number, result: T]> {
  const began = performance.now();
  const result = await step();
  return [performance.now() - began, result];
}

/** The middle one of many runs. */
async function runTime(file: Uint8Array, x: Tensor, runtime: RuntimeName): Promise<number> {
  const loaded = await inProcessBy(runtime).load(file);
  const times: number[] = [];
  for (let i = 0; i < RUNS; i++) times.push((await timed(() => loaded.run(new Map([["x", x]]))))[0]);
  loaded.stop();
  return times.sort((a, b) => a - b)[RUNS / 2] ?? 0;
}

function differing(a: Tensor, b: Tensor): number {
  const size = dtypeSize(a.dtype);
  const [left, right] = [a, b].map((tensor) => Buffer.from(canonicaliseNaN(tensor).data));
  return Array.from({ length: elementCount(a.dims) }, (_, i) => i * size).filter(
    (at) => left?.compare(right ?? Buffer.of(), at, at + size, at, at + size) !== 0,
  ).length;
}

async function compare({ name, network, options = {} }: (typeof NETWORKS)[number]) {
  const { file, dims } = network();
  const random = new Random(3);
  const inputs = Array.from({ length: SAMPLES }, () => uniform(random, ...dims));
  const prepared = new Map<RuntimeName, number>();
  const runs = new Map<RuntimeName, number>();
  const { model } = await prepareModel(file, options, inProcess);
  for (const runtime of RUNTIMES) {
    prepared.set(runtime, (await timed(() => prepareModel(file, { ...options, runtime }, inProcess)))[0]);
    runs.set(runtime, await runTime(model.file, inputs[0] as Tensor, runtime));
  }
  let [all, different] = [0, 0];
  for (const x of inputs) {
    const [native, wasm] = [
      await runTrace(model, new Map([["x", x]]), inProcessBy("native")),
      await runTrace(model, new Map([["x", x]]), inProcessBy("wasm")),
    ];
    for (const [i, tensor] of native.slice(model.inputNames.length).entries()) {
      all += elementCount(tensor.dims);
      different += differing(tensor, wasm[i + model.inputNames.length] as Tensor);
    }
  }
  const sums = model.nodes.filter(({ operator }) => operator >> 8 === 6).length;
  const ms = (of: ReadonlyMap<RuntimeName, number>, runtime: RuntimeName) => (of.get(runtime) ?? 0).toFixed(2);
  const times = (runs.get("wasm") ?? 0) / (runs.get("native") ?? 1);
  return [
    name,
    `${model.nodes.length}, ${sums}`,
    ms(runs, "native"),
    ms(runs, "wasm"),
    times.toFixed(1),
    ms(prepared, "native"),
    ms(prepared, "wasm"),
    `${((100 * different) / all).toFixed(1)} %`,
  ];
}

await initHash();
const head = ["model", "nodes, sums", "run native", "run wasm", "times", "prepare native", "prepare wasm", "differ"];
const table = new Table({ head, style: { head: [], border: [] } });
for (const each of NETWORKS) table.push(await compare(each));
console.log(table.toString());
