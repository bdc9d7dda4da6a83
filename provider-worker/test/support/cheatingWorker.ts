/**
 * A worker that cheats, for demo and tests: it reproduces the golden vectors honestly, so that nothing looks wrong, and
 * afterwards answers with another class. Before the proof court it stands by that: the trace it posts is that of a run
 * with other logits, from which its label follows. With the word `rounding` it is honest instead, on a processor that adds in
 * another order: its logits are off by a few units in the last place, always. Usage: cheatingWorker.ts <settings file> [rounding]
 */
import { argv, env, exit } from "node:process";

import type { GraphRuntime, LoadedModel, Tensor } from "@assay/sdk";
import { fromFloat32Array, fromNumbers, loadDeployment, toTypedArray } from "@assay/sdk";

import { ChildRuntime } from "../../src/court/runtime.js";
import type { ModelRunner, RunnerLimits } from "../../src/inference/runner.js";
import { ChildRunner } from "../../src/inference/runner.js";
import { openKeystore, readPassword } from "../../src/keystore.js";
import { createLog } from "../../src/log.js";
import { loadSettings } from "../../src/settings.js";
import { Worker } from "../../src/worker.js";

/** Golden vectors of each demo model: this many runs are honest. */
const HONEST_RUNS = 2;

/** The same outputs with another label, and with logits of which that label is the largest. */
function falsify(outputs: Map<string, Tensor>): Map<string, Tensor> {
  const [logits, label] = [outputs.get("logits"), outputs.get("label")];
  if (logits?.dtype !== "float32" || label?.dtype !== "int64") return outputs;
  const values = new Float32Array(toTypedArray({ ...logits, dtype: "float32" }));
  const right = Number(toTypedArray({ ...label, dtype: "int64" })[0]);
  const wrong = (right + 1) % values.length;
  values[wrong] = Math.max(...values) + 1;
  return new Map(outputs)
    .set("logits", fromFloat32Array(values, logits.dims))
    .set("label", fromNumbers("int64", label.dims, [wrong]));
}

/** The same outputs with logits that were rounded otherwise. */
function roundOtherwise(outputs: Map<string, Tensor>): Map<string, Tensor> {
  const logits = outputs.get("logits");
  if (logits?.dtype !== "float32") return outputs;
  const values = toTypedArray({ ...logits, dtype: "float32" }).map((value) => value * (1 + 2 ** -22));
  return new Map(outputs).set("logits", fromFloat32Array(values, logits.dims));
}

const isHonest = argv[3] === "rounding";
const change = isHonest ? roundOtherwise : falsify;

class CheatingRunner implements ModelRunner {
  #runs = 0;

  constructor(private readonly honest: ModelRunner) {}

  get inputs() {
    return this.honest.inputs;
  }

  get outputs() {
    return this.honest.outputs;
  }

  async run(inputs: ReadonlyMap<string, Tensor>, signal?: AbortSignal): Promise<Map<string, Tensor>> {
    const outputs = await this.honest.run(inputs, signal);
    return ++this.#runs <= HONEST_RUNS && !isHonest ? outputs : change(outputs);
  }

  stop(): void {
    this.honest.stop();
  }
}

class CheatingRuntime extends ChildRuntime implements GraphRuntime {
  override async load(model: Uint8Array): Promise<LoadedModel> {
    const honest = await super.load(model);
    return {
      run: async (inputs) => change(await honest.run(inputs)),
      stop: () => {
        honest.stop();
      },
    };
  }
}

const file = argv[2];
if (file === undefined) {
  console.error("usage: cheatingWorker.ts <settings file>");
  exit(64);
}
const settings = loadSettings(file, env);
const wallet = await openKeystore(settings.keystore, readPassword(env, settings.passwordFile));
const stop = new AbortController();
process.once("SIGTERM", () => {
  stop.abort();
});
const startRunner = async (path: string, limits: RunnerLimits, sha256: string, signal: AbortSignal) =>
  new CheatingRunner(await ChildRunner.start(path, limits, sha256, signal));
const limits = { timeoutMs: settings.limits.inferenceMs, memoryMb: settings.limits.inferenceMb };
const startRuntime = (signal: AbortSignal) => new CheatingRuntime(limits, signal);
const deployment = loadDeployment(settings.deployment);
const log = createLog(settings.logLevel);
await new Worker({ settings, deployment, wallet, log, startRunner, startRuntime }).run(stop.signal);
