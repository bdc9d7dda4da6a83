import type { Tensor } from "@assay/sdk";
import { commitBundle, parseSafetensors, serialiseSafetensors } from "@assay/sdk";

import { WorkerError } from "../errors.js";
import type { ModelRunner } from "../inference/runner.js";

/** One input of a model with the outputs that every honest provider gets. */
export interface GoldenVector {
  inputs: ReadonlyMap<string, Tensor>;
  outputs: ReadonlyMap<string, Tensor>;
}

/** Golden vectors as one safetensors file: tensors `<index>/input/<name>` and `<index>/output/<name>`. */
export function writeGolden(vectors: readonly GoldenVector[]): Uint8Array {
  const tensors = new Map<string, Tensor>();
  for (const [i, { inputs, outputs }] of vectors.entries()) {
    for (const [name, tensor] of inputs) tensors.set(`${i}/input/${name}`, tensor);
    for (const [name, tensor] of outputs) tensors.set(`${i}/output/${name}`, tensor);
  }
  return serialiseSafetensors(tensors);
}

/** Reads what `writeGolden` wrote. */
export function readGolden(bytes: Uint8Array): GoldenVector[] {
  const vectors: { inputs: Map<string, Tensor>; outputs: Map<string, Tensor> }[] = [];
  for (const [key, tensor] of parseSafetensors(bytes).tensors) {
    const [, index, kind, name] = /^(\d{1,6})\/(input|output)\/(.+)$/.exec(key) ?? [];
    if (!index || !kind || !name) throw new WorkerError(`${JSON.stringify(key)} is no name of a golden tensor`);
    const vector = (vectors[Number(index)] ??= { inputs: new Map(), outputs: new Map() });
    (kind === "input" ? vector.inputs : vector.outputs).set(name, tensor);
  }
  if (vectors.length === 0) throw new WorkerError("the golden vectors are empty");
  // Array.from also visits the numbers that the file leaves out.
  return Array.from(vectors, (vector: GoldenVector | undefined, i) => {
    if (!vector?.inputs.size || !vector.outputs.size) throw new WorkerError(`golden vector ${i} is not complete`);
    return vector;
  });
}

/** Whether others may get this vector where the runner has other bytes. */
export type Explains = (vector: GoldenVector) => Promise<boolean>;

/**
 * Throws unless the runner reproduces every vector to the bit, because what it commits to must equal what others find;
 * or unless what others find is explained, where honest ones have other bytes.
 */
export async function requireGolden(
  runner: ModelRunner,
  vectors: readonly GoldenVector[],
  explains: Explains = () => Promise.resolve(false),
): Promise<void> {
  for (const [i, vector] of vectors.entries()) {
    const { inputs, outputs } = vector;
    const expected = commitBundle(outputs, runner.outputs).root;
    const found = commitBundle(await runner.run(inputs), runner.outputs).root;
    if (found !== expected && !(await explains(vector))) {
      throw new WorkerError(
        `golden vector ${i} gives ${found}, not ${expected}: this machine must not serve the model`,
      );
    }
  }
}
