import type { Tensor } from "@assay/sdk";
import { fromFloat32Array, toTypedArray } from "@assay/sdk";

import type { ModelRunner } from "../../src/inference/runner.js";

export const floats = (...values: number[]): Tensor => fromFloat32Array(new Float32Array(values), [values.length]);

/** A model that adds one to each number, or whatever `compute` says. */
export class FakeRunner implements ModelRunner {
  readonly inputs = ["x"];
  readonly outputs = ["y"];
  stopped = false;
  runs = 0;

  constructor(private readonly compute: (x: number) => number = (x) => x + 1) {}

  run(inputs: ReadonlyMap<string, Tensor>): Promise<Map<string, Tensor>> {
    this.runs++;
    const x = inputs.get("x");
    if (x?.dtype !== "float32") return Promise.reject(new Error("no x"));
    const values = toTypedArray({ ...x, dtype: "float32" });
    return Promise.resolve(new Map([["y", floats(...[...values].map((value) => this.compute(value)))]]));
  }

  stop(): void {
    this.stopped = true;
  }
}
