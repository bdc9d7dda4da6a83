import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";

import type { Tensor, TensorCommitment, TensorErrorCode, TraceCommitment, TraceOutline } from "@assay/sdk";
import { AssayError, MerkleTree, TensorError } from "@assay/sdk";

import { WorkerError } from "../errors.js";

/** What the thread gets. */
export interface CommitTask {
  readonly outline: TraceOutline;
  readonly trace: readonly Tensor[];
}

/** What it answers: trees as their levels, since a class does not pass between threads. */
export type Committed =
  | (Omit<TraceCommitment, "tensors"> & {
      readonly kind: "committed";
      readonly tensors: readonly (Omit<TensorCommitment, "tree"> & { readonly levels: readonly Uint8Array[] })[];
    })
  | { readonly kind: "refused"; readonly message: string; readonly code?: TensorErrorCode };

const THREAD = fileURLToPath(
  new URL(import.meta.url.endsWith(".ts") ? "./commitThread.ts" : "./commitThread.js", import.meta.url),
);

/** Commits to a trace as `commitTrace` does, in a thread of its own, so that everything else goes on meanwhile. */
export async function commitInThread(
  { tensors, inputNames, outputNames, outputs }: TraceOutline,
  trace: readonly Tensor[],
  signal: AbortSignal,
): Promise<TraceCommitment> {
  signal.throwIfAborted();
  const task: CommitTask = { outline: { tensors, inputNames, outputNames, outputs }, trace };
  const thread = new Worker(THREAD, { workerData: task, env: {} });
  const stop = () => void thread.terminate();
  signal.addEventListener("abort", stop, { once: true });
  try {
    return revive(await answerOf(thread, signal));
  } finally {
    signal.removeEventListener("abort", stop);
    await thread.terminate();
  }
}

function answerOf(thread: Worker, signal: AbortSignal): Promise<Committed> {
  return new Promise((resolve, reject) => {
    thread.once("message", resolve);
    thread.once("error", (error: Error) => {
      reject(new WorkerError(`the thread that commits to a trace failed: ${error.message}`, true, { cause: error }));
    });
    thread.once("exit", () => {
      reject(signal.aborted ? (signal.reason as Error) : new WorkerError("the thread that commits ended early", true));
    });
  });
}

function revive(committed: Committed): TraceCommitment {
  if (committed.kind === "refused") {
    const { code, message } = committed;
    throw code === undefined ? new AssayError(message) : new TensorError(code, message);
  }
  const { traceRoot, inputRoot, outputRoot, tensors } = committed;
  const withTree = tensors.map(({ levels, ...rest }) => ({ ...rest, tree: MerkleTree.fromLevels(levels) }));
  return { tensors: withTree, traceRoot, inputRoot, outputRoot };
}
