import { parentPort } from "node:worker_threads";

import type { CheckAnswer, CheckTask } from "../../src/content/checker.js";

// A thread that does with a check what the name of its file says, as one would that an upload could harm.

parentPort?.on("message", ({ source }: CheckTask) => {
  const name = String(source);
  if (name.endsWith("exit")) process.exit(0);
  if (name.endsWith("throw")) throw new Error("an error in the thread");
  if (name.endsWith("hang")) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  const answer: CheckAnswer = { kind: "file", sha256: name, bytes: undefined };
  parentPort?.postMessage(answer);
});
