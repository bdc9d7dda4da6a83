import type { RuntimeName } from "@assay/sdk";
import type { InferenceSession } from "onnxruntime-node";

/** One thread and no graph rewriting: results are the same bits on every run. */
const DETERMINISTIC = {
  graphOptimizationLevel: "disabled",
  executionMode: "sequential",
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
} as const;

/**
 * Settings that results depend on. `native` has exact u8 x s8 products on CPUs without VNNI too
 * (`session.x64quantprecision`); `wasm` needs nothing of the kind.
 */
export const SESSION_OPTIONS: Readonly<Record<RuntimeName, InferenceSession.SessionOptions>> = {
  native: { executionProviders: ["cpu"], ...DETERMINISTIC, extra: { session: { x64quantprecision: "1" } } },
  wasm: { executionProviders: ["wasm"], ...DETERMINISTIC },
};

/** sha-256 of the kernels of `wasm`. Another file of the same version would be another runtime. */
export const WASM_SHA256 = "0x3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2";
