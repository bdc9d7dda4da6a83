import type { InferenceSession } from "onnxruntime-node";

/**
 * Settings under which results are the same bits on every run and on most CPUs: one thread, no graph rewriting, and
 * exact u8 x s8 products on CPUs without VNNI (`session.x64quantprecision`).
 */
export const SESSION_OPTIONS: InferenceSession.SessionOptions = {
  executionProviders: ["cpu"],
  graphOptimizationLevel: "disabled",
  executionMode: "sequential",
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  extra: { session: { x64quantprecision: "1" } },
};
