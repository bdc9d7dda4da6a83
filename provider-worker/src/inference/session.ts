import type { Tensor } from "@assay/sdk";
import { runtimeOf } from "@assay/sdk";
import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";

import type { Ort } from "./ort.js";
import { ortOf } from "./ort.js";
import { toOrt } from "./ortTensors.js";
import { SESSION_OPTIONS } from "./sessionOptions.js";

const QUIET = { logSeverityLevel: 4 } as const;

/** A model that is loaded by the runtime that its file names. */
export class Session {
  private constructor(
    private readonly ort: Ort,
    private readonly session: InferenceSession,
  ) {}

  static async open(model: Uint8Array): Promise<Session> {
    const runtime = runtimeOf(model);
    const ort = await ortOf(runtime);
    // A copy: onnxruntime-web writes into it.
    const options = { ...SESSION_OPTIONS[runtime], ...QUIET };
    return new Session(ort, await ort.InferenceSession.create(model, options));
  }

  get inputNames(): readonly string[] {
    return this.session.inputNames;
  }

  get outputNames(): readonly string[] {
    return this.session.outputNames;
  }

  /** Outputs in the order of the model. */
  async run(inputs: Iterable<readonly [string, Tensor]>): Promise<[string, OrtTensor][]> {
    const feeds = Object.fromEntries([...inputs].map(([name, tensor]) => [name, toOrt(tensor, this.ort)]));
    const results = await this.session.run(feeds, QUIET);
    return this.outputNames.map((name) => {
      const value = results[name];
      if (!value) throw new Error(`the model gave no output ${name}`);
      return [name, value];
    });
  }

  async release(): Promise<void> {
    await this.session.release();
  }
}
