import type { Tensor } from "@assay/sdk";

import type { InferenceError } from "../errors.js";

/** What the parent asks of an inference child. */
export type Request =
  | { id: number; kind: "load"; path: string; sha256: string | undefined; outputBytes: number }
  | { id: number; kind: "run"; inputs: [string, Tensor][] };

/** What the child answers. */
export type Response =
  | { id: number; kind: "loaded"; sha256: string; inputs: string[]; outputs: string[] }
  | { id: number; kind: "ran"; outputs: [string, Tensor][] }
  | { id: number; kind: "failed"; reason: InferenceError["reason"]; message: string };
