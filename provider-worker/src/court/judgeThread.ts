import { parentPort, workerData } from "node:worker_threads";

import type { Accusation, Step, TraceCommitment } from "@assay/sdk";
import { AssayError, differenceOf, initHash, MerkleTree, Search, shownIn, TensorError } from "@assay/sdk";

import type { JudgeAnswer, JudgeTask, PlainStep, PlainTrace, SearchQuestion } from "./judge.js";

// A thread of its own: of a stranger's model, comparing takes seconds or hours.

const task = workerData as JudgeTask;

function answer(act: () => JudgeAnswer): void {
  parentPort?.postMessage(refusalOf(act));
}

function refusalOf(act: () => JudgeAnswer): JudgeAnswer {
  try {
    return act();
  } catch (error) {
    if (error instanceof TensorError || error instanceof AssayError) return { kind: "refused", message: error.message };
    throw error;
  }
}

function revive({ tensors, ...roots }: PlainTrace): TraceCommitment {
  return {
    ...roots,
    tensors: tensors.map(({ levels, ...rest }) => ({ ...rest, tree: MerkleTree.fromLevels(levels) })),
  };
}

/** No function passes between threads. */
function plain(step: Step): PlainStep {
  if (step.kind !== "accuse") return step;
  const forms: Omit<Accusation, "smaller">[] = [];
  for (let form: Accusation | undefined = step.accusation; form; form = form.smaller?.()) {
    const { kind, claim, provenance, parts } = form;
    forms.push({ kind, claim, provenance, parts });
  }
  return { kind: "accuse", forms };
}

await initHash();
if (task.kind === "difference") {
  const { model, own, claimed } = task;
  answer(() => ({ kind: "difference", difference: differenceOf(model, own, claimed) }));
} else {
  const search = new Search(task.model, revive(task.run), task.roots);
  parentPort?.on("message", ({ demands, outputs }: SearchQuestion) => {
    answer(() => ({ kind: "step", step: plain(search.next(shownIn(demands), outputs)) }));
  });
}
