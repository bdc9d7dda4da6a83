import { parentPort, workerData } from "node:worker_threads";

import type { TraceCommitment } from "@assay/sdk";
import { AssayError, differenceOf, initHash, MerkleTree, Search, shownIn, TensorError } from "@assay/sdk";

import type { JudgeAnswer, JudgeTask, PlainTrace, SearchQuestion } from "./judge.js";

// A thread of its own: of a stranger's model, comparing takes seconds or hours.

const task = workerData as JudgeTask;

function answer(act: () => JudgeAnswer): void {
  parentPort?.postMessage(refusalOf(act));
}

function refusalOf(act: () => JudgeAnswer): JudgeAnswer {
  try {
    return act();
  } catch (error) {
    if (error instanceof TensorError) return { kind: "refused", message: error.message, code: error.code };
    if (error instanceof AssayError) return { kind: "refused", message: error.message };
    throw error;
  }
}

function revive({ tensors, ...roots }: PlainTrace): TraceCommitment {
  return {
    ...roots,
    tensors: tensors.map(({ levels, ...rest }) => ({ ...rest, tree: MerkleTree.fromLevels(levels) })),
  };
}

await initHash();
if (task.kind === "difference") {
  const { model, own, claimed } = task;
  answer(() => ({ kind: "difference", difference: differenceOf(model, own, claimed) }));
} else {
  const search = new Search(task.model, revive(task.run), task.roots);
  parentPort?.on("message", ({ demands, outputs }: SearchQuestion) => {
    answer(() => ({ kind: "step", step: search.next(shownIn(demands), outputs) }));
  });
}
