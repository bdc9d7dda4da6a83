import { ChildRuntime } from "@assay/provider-worker";
import type { CourtModel, Tensor, TraceCommitment } from "@assay/sdk";
import { commitTrace, initHash, jobIdText, ModelProfile, readModel, runTrace, serialiseSafetensors } from "@assay/sdk";

import type { CourtCase } from "./courtCase.js";
import { UserError } from "./errors.js";
import { readBytes } from "./files.js";
import { RUN_LIMITS } from "./manifest.js";
import { required } from "./parse.js";
import type { Session } from "./session.js";
import { readInputs, readTensors } from "./tensors.js";

/** What a task learns a run from: a trace that was saved, or the input to run the model on. */
export interface RunArguments {
  file?: string;
  input?: string;
  trace?: string;
}

/** The registered model as the court sees it; no other file will do. */
export async function caseModel(session: Session, { facts }: CourtCase, file: string | undefined): Promise<CourtModel> {
  const { models } = session.contracts;
  const { profile } = await models.factsOf(facts.modelId);
  const model = await readCourtModel(file, profile === ModelProfile.Tolerance);
  const committed = await models.graphOf(facts.modelId);
  if (model.commitment === committed) return model;
  throw new UserError(`--file is not model ${facts.modelId}: its graph is ${model.commitment}, not ${committed}`);
}

export async function readCourtModel(file: string | undefined, tolerance = false): Promise<CourtModel> {
  await initHash();
  const bytes = readBytes("--file", required("--file", file));
  return readModel(bytes, new ChildRuntime(RUN_LIMITS), tolerance ? "Tolerance" : "Canonical");
}

/** One's own run of the job: read from a file, or made on this machine. */
export async function caseRun(
  session: Session,
  found: CourtCase,
  model: CourtModel,
  given: RunArguments,
): Promise<TraceCommitment> {
  const { facts } = found;
  const trace = commitTrace(model, await tensorsOf(session, facts.modelId, model, given));
  if (trace.inputRoot === facts.inputCommitment) return trace;
  const option = given.trace === undefined ? "--input" : "--trace";
  throw new UserError(`${option} is not of job ${jobIdText(facts.jobId)}, whose input is ${facts.inputCommitment}`);
}

/** A trace as `court:run` saves it: tensor i has the name i. */
export function packTrace(trace: readonly Tensor[]): Uint8Array {
  return serialiseSafetensors(new Map(trace.map((tensor, i) => [String(i), tensor])));
}

async function tensorsOf(session: Session, modelId: bigint, model: CourtModel, given: RunArguments) {
  if (given.trace !== undefined) return readTrace(given.trace, model.tensors.length);
  if (given.input === undefined) throw new UserError("--input or --trace is missing: see --help");
  const { inputSignature } = await session.contracts.models.specOf(modelId);
  const { tensors } = readInputs("--input", given.input, inputSignature);
  return runTrace(model, tensors, new ChildRuntime(RUN_LIMITS));
}

function readTrace(file: string, count: number): Tensor[] {
  const tensors = readTensors("--trace", file);
  return Array.from({ length: count }, (_, i) => {
    const tensor = tensors.get(String(i));
    if (!tensor) throw new UserError(`--trace is ${JSON.stringify(file)}: it has no tensor ${i} of ${count}`);
    return tensor;
  });
}
