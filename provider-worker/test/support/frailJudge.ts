import { parentPort, workerData } from "node:worker_threads";

import type { JudgeTask } from "../../src/court/judge.js";

// A thread that does with a comparison what the name of the first output says, as one would that a stranger's model harms.

const { model } = workerData as JudgeTask;
const [name] = model.outputNames;
if (name === "exit") process.exit(0);
if (name === "throw") throw new Error("an error in the thread");
if (name === "refuse") parentPort?.postMessage({ kind: "refused", message: "bool element 0 is 2" });
else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
