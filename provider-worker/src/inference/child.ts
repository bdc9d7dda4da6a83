import type { Tensor } from "@assay/sdk";
import { dtypeFromOrt, makeTensor, toTypedArray } from "@assay/sdk";
import * as ort from "onnxruntime-node";

import { InferenceError } from "../errors.js";
import type { Request, Response } from "./protocol.js";
import { requireSelfContained } from "./selfContained.js";
import { SESSION_OPTIONS } from "./sessionOptions.js";

let session: ort.InferenceSession | undefined;

async function answer(request: Request): Promise<Response> {
  const { id } = request;
  try {
    if (request.kind === "load") {
      await requireSelfContained(request.path);
      session = await ort.InferenceSession.create(request.path, SESSION_OPTIONS);
      return { id, kind: "loaded", inputs: [...session.inputNames], outputs: [...session.outputNames] };
    }
    if (!session) throw new Error("no model is loaded");
    const feeds = Object.fromEntries(request.inputs.map(([name, tensor]) => [name, toOrt(tensor)]));
    const results = await session.run(feeds);
    const outputs = session.outputNames.map((name): [string, Tensor] => {
      const value = results[name];
      if (!value) throw new Error(`the model gave no output ${name}`);
      return [name, fromOrt(value)];
    });
    return { id, kind: "ran", outputs };
  } catch (error) {
    const reason = error instanceof InferenceError ? error.reason : "rejected";
    return { id, kind: "failed", reason, message: error instanceof Error ? error.message : String(error) };
  }
}

function toOrt(tensor: Tensor): ort.Tensor {
  return new ort.Tensor(tensor.dtype, toTypedArray(tensor) as never, [...tensor.dims]);
}

function fromOrt(value: ort.Tensor): Tensor {
  const data = value.data;
  if (!ArrayBuffer.isView(data)) throw new Error(`an output of type ${value.type} cannot be committed to`);
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return makeTensor(dtypeFromOrt(value.type), value.dims, bytes.slice());
}

process.on("message", (request: Request) => {
  void answer(request).then((response) => process.send?.(response));
});
// The terminal and service managers signal the whole group: when to stop is the parent's decision.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => undefined);
// A child never outlives its parent.
process.on("disconnect", () => process.exit(0));
