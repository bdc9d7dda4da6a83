import { parentPort, workerData } from "node:worker_threads";

import { AssayError, commitTrace, initHash, TensorError } from "@assay/sdk";

import type { Committed, CommitTask } from "./commit.js";

// A thread of its own: hashing a large trace takes seconds.

const { outline, trace } = workerData as CommitTask;

function commit(): Committed {
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
const committed = commit();
parentPort?.postMessage(committed, buffersOf(committed));
