import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import type { Tensor } from "@assay/sdk";
import { fromFloat32Array } from "@assay/sdk";

/** A file of the repository's trained models. */
export const modelFile = (name: string): string => fileURLToPath(new URL(`../../../models/${name}`, import.meta.url));

/** Test samples of a data set, one tensor each with a batch dimension of one. */
export function samples(name: string): { x: Tensor[]; labels: number[] } {
  const meta = JSON.parse(readFileSync(modelFile(`${name}.test.meta.json`), "utf8")) as { n: number; shape: number[] };
  const all = readFloats(modelFile(`${name}.test.x.f32`));
  const size = meta.shape.reduce((a, b) => a * b, 1);
  const labels = readFileSync(modelFile(`${name}.test.y.i32`));
  return {
    x: Array.from({ length: meta.n }, (_, i) =>
      fromFloat32Array(all.slice(i * size, (i + 1) * size), [1, ...meta.shape]),
    ),
    labels: Array.from({ length: meta.n }, (_, i) => labels.readInt32LE(4 * i)),
  };
}

function readFloats(path: string): Float32Array {
  const bytes = readFileSync(path);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}
