import { parentPort } from "node:worker_threads";

import { AssayError, commitTrace, initHash, TensorError } from "@assay/sdk";

import type { Committed, CommitTask } from "./commit.js";

// A thread of its own, for as long as the worker runs: hashing a large trace takes seconds.

function commit({ outline, trace }: CommitTask): Committed {
  try {
    const { tensors, ...roots } = commitTrace(outline, trace);
    return {
      kind: "committed",
      ...roots,
      tensors: tensors.map(({ tree, ...rest }) => ({ ...rest, levels: tree.levels })),
    };
  } catch (error) {
    if (error instanceof TensorError) return { kind: "refused", message: error.message, code: error.code };
    if (error instanceof AssayError) return { kind: "refused", message: error.message };
    throw error;
  }
}

/** Everything large is handed over, not copied. A row-major tensor is its own leaves. */
function buffersOf(committed: Committed): ArrayBuffer[] {
  if (committed.kind === "refused") return [];
  const parts = committed.tensors.flatMap(({ levels, leaves, tensor }) => [...levels, leaves, tensor.data]);
  return [...new Set(parts.map(({ buffer }) => buffer))].filter((buffer) => buffer instanceof ArrayBuffer);
}

await initHash();
parentPort?.on("message", (task: CommitTask) => {
  const committed = commit(task);
  parentPort?.postMessage(committed, buffersOf(committed));
});
