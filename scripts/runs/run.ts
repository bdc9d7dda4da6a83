/**
 * Runs what `npm run compare:runs -- --write FOLDER` wrote on this machine, and adds the runs to the folder by a name.
 * Stands alone, so that it also runs where the rest of the repository does not (an emulated processor, say):
 *
 *   node scripts/runs/run.ts FOLDER "Apple M3"
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

import { expose, initHash, parseSafetensors, readModel, serialiseSafetensors, type Tensor } from "@assay/sdk";

import { localRuntime } from "../../provider-worker/dist/court/localRuntime.js";

const [, , root, name] = process.argv;
if (root === undefined || name === undefined)
  throw new Error('say: node scripts/runs/run.ts FOLDER "NAME OF THIS MACHINE"');

const read = (file: string) => new Uint8Array(readFileSync(file));

/** The graph that a worker on this machine computes from the file, or why it would refuse the model. */
async function graphOf(file: Uint8Array, profile: string | undefined): Promise<string> {
  const sums = profile === "Tolerance" ? "Tolerance" : "Canonical";
  return readModel(file, localRuntime, sums).then(
    ({ commitment }) => commitment,
    (error: unknown) => `refused: ${error instanceof Error ? error.message : String(error)}`,
  );
}

await initHash();
for (const model of readdirSync(root)) {
  const folder = path.join(root, model);
  const file = read(path.join(folder, "model.onnx"));
  const { tensors, metadata } = parseSafetensors(read(path.join(folder, "inputs.safetensors")));
  const loaded = await localRuntime.load(expose(file));
  const found = new Map<string, Tensor>();
  for (const [key, tensor] of tensors) {
    const [sample = "", input = ""] = key.split("/");
    for (const [output, value] of await loaded.run(new Map([[input, tensor]]))) found.set(`${sample}/${output}`, value);
  }
  loaded.stop();
  const graph = await graphOf(file, metadata.get("profile"));
  writeFileSync(path.join(folder, `${name}.safetensors`), serialiseSafetensors(found, new Map([["graph", graph]])));
  console.error(`${model}: ${graph}`);
}
