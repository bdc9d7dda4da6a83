import type { Tensor } from "@assay/sdk";
import { parseSafetensors, serialiseSafetensors } from "@assay/sdk";

import { WorkerError } from "../errors.js";
import type { ModelRunner } from "../inference/runner.js";

/** One input of a model with the outputs that every honest provider gets. */
export interface GoldenVector {
  inputs: ReadonlyMap<string, Tensor>;
  outputs: ReadonlyMap<string, Tensor>;
}

/** Every machine that wants to run a model runs all of them first: whoever publishes more is refused everywhere. */
export const MAX_GOLDEN_VECTORS = 32;
export const MAX_GOLDEN_BYTES = 64_000_000;

/**
 * Golden vectors as one safetensors file: tensors `<index>/input/<name>` and `<index>/output/<name>`. Throws where
 * `readGolden` would.
 */
export function writeGolden(vectors: readonly GoldenVector[]): Uint8Array {
  if (vectors.length > MAX_GOLDEN_VECTORS) throw tooMany(vectors.length - 1);
  const tensors = new Map<string, Tensor>();
  for (const [i, { inputs, outputs }] of vectors.entries()) {
    for (const [name, tensor] of inputs) tensors.set(`${i}/input/${name}`, tensor);
    for (const [name, tensor] of outputs) tensors.set(`${i}/output/${name}`, tensor);
  }
  const bytes = serialiseSafetensors(tensors);
  if (bytes.length > MAX_GOLDEN_BYTES) throw tooLarge(bytes.length);
  return bytes;
}

/** Reads what `writeGolden` wrote. Throws on more than `MAX_GOLDEN_VECTORS` or `MAX_GOLDEN_BYTES`. */
export function readGolden(bytes: Uint8Array): GoldenVector[] {
  if (bytes.length > MAX_GOLDEN_BYTES) throw tooLarge(bytes.length);
  const vectors: { inputs: Map<string, Tensor>; outputs: Map<string, Tensor> }[] = [];
  for (const [key, tensor] of parseSafetensors(bytes).tensors) {
    const [, index, kind, name] = /^(\d{1,6})\/(input|output)\/(.+)$/.exec(key) ?? [];
    if (!index || !kind || !name) throw new WorkerError(`${JSON.stringify(key)} is no name of a golden tensor`);
    if (Number(index) >= MAX_GOLDEN_VECTORS) throw tooMany(Number(index));
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

/** What tensors of these names, in this order, commit to. */
export type RootOf = (tensors: ReadonlyMap<string, Tensor>, names: readonly string[]) => Promise<string>;

/** Whether others may get this vector where the runner has other bytes. */
export type Explains = (vector: GoldenVector) => Promise<boolean>;

/**
 * Throws unless the runner reproduces every vector to the bit, because what it commits to must equal what others find;
 * or unless what others find is explained, where honest ones have other bytes.
 */
export async function requireGolden(
  runner: ModelRunner,
  vectors: readonly GoldenVector[],
  signal: AbortSignal,
  rootOf: RootOf,
  explains: Explains = () => Promise.resolve(false),
): Promise<void> {
  for (const [i, vector] of vectors.entries()) {
    const { inputs, outputs } = vector;
    const expected = await rootOf(outputs, runner.outputs);
    const found = await rootOf(await runner.run(inputs, signal), runner.outputs);
    if (found !== expected && !(await explains(vector))) {
      throw new WorkerError(
        `golden vector ${i} gives ${found}, not ${expected}: this machine must not serve the model`,
      );
    }
  }
}

function tooMany(last: number): WorkerError {
  return new WorkerError(`there is a golden vector ${last}: the last may be ${MAX_GOLDEN_VECTORS - 1}`);
}

function tooLarge(bytes: number): WorkerError {
  return new WorkerError(`the golden vectors have ${bytes} bytes, more than ${MAX_GOLDEN_BYTES}`);
}
